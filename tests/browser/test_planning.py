"""The page of demonstration communities in a browser: sliders, map and table; comparison; a round
from its recording to its printout."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Browser, Page, expect


@pytest.fixture
def open_planning(open_as: Callable[..., Page]) -> Callable[..., Page]:
    def open_page(name: str = "planner", lang: str = "zh", hash_: str = "") -> Page:
        path = f"/planning?lang={lang}{hash_}"
        return open_as(name, path, lang=lang, size=(1440, 900), refusals=True)

    return open_page


def test_moving_a_slider_ranks_anew_and_stays_in_the_address(
    open_planning: Callable[..., Page],
) -> None:
    page = open_planning()
    rows = page.locator("#ranking tbody tr")
    before = rows.evaluate_all("all => all.map((e) => e.dataset.code)")
    assert page.locator("#ranking tbody tr.chosen").count() == 3
    # what it says of how sure the choice is, by what was answered: who stands fast changes by day
    with page.expect_response(lambda one: "/api/planning/ranking" in one.url) as asked:
        page.reload()
    page.wait_for_selector("body.ready")
    items = asked.value.json()["items"]
    standing = {one["community"]["name"]: one["standing"] for one in items if one["chosen"]}
    assert len(standing) == 3
    near = {one["community"]["name"] for one in items
            if not one["chosen"] and one["top_share"] >= 0.2}  # fmt: skip
    summary = page.locator("#ranking-summary")
    for names, words in (
        ({name for name, how in standing.items() if how == "always"}, "权重和数据随机变动"),
        ({name for name, how in standing.items() if how in ("fragile", "seldom")}, "结论脆弱"),
        (near, "差距不大"),
    ):
        sentence = summary.locator("p", has_text=words)
        expect(sentence).to_have_count(1 if names else 0)
        if names:
            assert set(sentence.inner_text().split("：")[0].split("、")) == names
    # everything on size: the three largest come first, in another order than the best
    for slider in page.locator(".weight input").all():
        wanted = "3" if slider.get_attribute("id") == "weight-buildings" else "0"
        slider.evaluate(
            "(e, value) => { e.value = value; e.dispatchEvent(new Event('input')); }", wanted
        )
    expect(page.locator(".weight output").nth(0)).to_have_text("—")
    page.wait_for_function("location.hash.includes('buildings%3A3')")
    after = rows.evaluate_all("all => all.map((e) => e.dataset.code)")
    assert sorted(after) == sorted(before)
    assert after != before
    page.reload()
    page.wait_for_selector("body.ready")
    assert rows.evaluate_all("all => all.map((e) => e.dataset.code)") == after


def test_all_weights_at_zero_are_told(
    open_planning: Callable[..., Page],
) -> None:
    page = open_planning(lang="en")
    with page.expect_response(lambda one: "/api/planning/ranking" in one.url and one.status == 400):
        for slider in page.locator(".weight input").all():
            slider.evaluate("(e) => { e.value = '0'; e.dispatchEvent(new Event('input')); }")
    expect(page.locator("#messages")).to_contain_text("all weights are zero")


def test_communities_stand_side_by_side_in_words(open_planning: Callable[..., Page]) -> None:
    page = open_planning(lang="en")
    rows = page.locator("#ranking tbody tr")
    for place in (0, 1, rows.count() - 1):
        rows.nth(place).locator("input").check()
    panel = page.locator("#compare")
    expect(panel.locator(".profile")).to_have_count(3)
    expect(panel.locator(".profile .strengths").first).to_contain_text("better than the average")
    expect(panel.locator(".trend path").first).to_be_visible()
    expect(panel.locator(".figures-table")).to_contain_text("90 % interval")
    assert re.search(r"\d+ / \d+", panel.locator(".figures-table").inner_text())
    # a figure opens the rows it counted: as many as its denominator
    cell = panel.locator(".figures-table tr", has_text="Closed in time").locator("td").first
    of = re.search(r"(\d+) / (\d+)", cell.inner_text())
    assert of is not None
    cell.locator("a").click()
    expect(page.locator("#behind")).to_be_visible()
    expect(page.locator("#behind-count")).to_contain_text(f"{of[2]} rows: the denominator")
    expect(page.locator("#behind-count")).to_contain_text(f"{of[1]} of them in the numerator")
    if page.locator("#behind-more").is_visible():
        page.click("#behind-more")
    expect(page.locator("#behind tbody tr")).to_have_count(min(int(of[2]), 200))


def test_a_round_is_recorded_decided_replayed_and_printed(
    open_planning: Callable[..., Page],
) -> None:
    page = open_planning()
    page.fill("#record-name", "浏览器轮次")
    page.click("#record-button")
    expect(page.locator(".round-head h2")).to_have_text("浏览器轮次", timeout=90_000)
    page.click("text=登记一次核查")
    page.fill("#form-visits [name=visitors]", "股室二人")
    page.fill("#form-visits [name=findings]", "窗口醒目，责任书齐全")
    page.click("#form-visits button")
    expect(page.locator("section.visits")).to_contain_text("窗口醒目")
    page.click("#decide summary")
    code = page.locator("#decide .tick input:not(:checked)").first.get_attribute("value")
    other = page.locator(f"#decide .tick input[value='{code}']")
    other.check()
    expect(page.locator("#decide .override")).to_be_visible()
    other.uncheck()
    expect(page.locator("#decide .override")).to_have_count(0)
    kept_code = page.locator("#decide .tick input:checked").first.get_attribute("value")
    kept = page.locator(f"#decide .tick input[value='{kept_code}']")
    kept.uncheck()
    expect(page.locator("#decide .override")).to_be_visible()
    kept.check()
    expect(page.locator("#decide .override")).to_have_count(0)
    for reason in page.locator("#decide textarea").all():
        reason.fill("排名稳居前列")
    page.fill("#decide [name=approval]", "泉鲤城管〔2026〕88号")
    page.click("#decide form button")
    expect(page.locator(".decision")).to_contain_text("泉鲤城管〔2026〕88号")
    page.click("#replay")
    expect(page.locator("#messages")).to_contain_text("逐位一致", timeout=30_000)
    page.evaluate("() => { window.print = () => { document.body.dataset.printed = 'yes'; }; }")
    page.click("#print-round")
    page.wait_for_selector("body[data-printed]", timeout=60_000)
    sheet = page.locator(".round-sheet").inner_text()
    for words in (
        "浏览器轮次",
        "结论与稳定性",
        "窗口醒目",
        "排名稳居前列",
        "校验码",
        "n=",
        # what a head of a section asks: by which seed, who else was visited, what to be careful of
        "随机种子 1",
        "已核查",
        "谨慎说明",
        "向平均回落",
        "定案入选；数字为名次",
    ):
        assert words in sheet, words
    pdf = page.pdf(prefer_css_page_size=True)
    assert 2 <= len(re.findall(rb"/Type\s*/Page\b", pdf)) <= 5
    with page.expect_download() as waiting:
        page.click("#round-snapshot")
    assert waiting.value.suggested_filename.startswith("round-")


def test_siting_and_review_answer_on_the_page(open_planning: Callable[..., Page]) -> None:
    page = open_planning(lang="en", hash_="#siting")
    page.fill("#siting-stations", "2")
    page.click("#siting-run")
    expect(page.locator(".siting-answer tbody tr")).to_have_count(2, timeout=90_000)
    expect(page.locator(".siting-answer")).to_contain_text("along streets")
    page.click("#tab-review")
    page.locator("#review-who input").first.check()
    # the demo has walks and cases on both sides of a day 60 days ago
    page.evaluate(
        "() => { document.getElementById('review-at').value ="
        " new Date(Date.now() - 60 * 864e5).toISOString().slice(0, 10); }"
    )
    page.click(".review-form button")
    expect(page.locator(".review-table tbody tr").first).to_be_visible(timeout=30_000)
    expect(page.locator("#review-answer")).to_contain_text("permutations")
    expect(page.locator("#review-answer")).to_contain_text("no weight in the choice")
    form = page.locator(".proposals .note-form").first
    form.locator("summary").click()
    body = form.locator("textarea")
    expect(body).to_have_value(re.compile("What was done and what others can take over"))
    body.fill(f"{body.input_value()} the market opens earlier")
    form.locator("button").click()
    kept = page.locator("#experience article").first
    expect(kept).to_contain_text("the market opens earlier")
    expect(kept).to_contain_text("drafted from the review of")


def test_a_viewer_may_not_open_the_page(
    browser: Browser, served: str, demo_accounts: dict[str, dict[str, str]]
) -> None:
    context = browser.new_context()
    headers = {"Authorization": f"Bearer {demo_accounts['viewer']['token']}"}
    assert context.request.get(f"{served}/planning", headers=headers).status == 403
    context.close()
