"""The pages of communities: what a resident sees, what who works there does."""

from __future__ import annotations

import io
import json
import re
import urllib.request
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from openpyxl import load_workbook
from playwright.sync_api import Browser, expect

from tests.browser.desk_page import DeskPage

Accounts = dict[str, dict[str, str]]
Open = Callable[..., DeskPage]


def ask(address: str, account: dict[str, str], path: str, body: Any = None) -> Any:
    """Get as ``account``, or post ``body``."""
    request = urllib.request.Request(  # noqa: S310 - loopback
        f"{address}{path}", json.dumps(body).encode() if body is not None else None,
        {"Content-Type": "application/json", "Authorization": f"Bearer {account['token']}"},
    )  # fmt: skip
    with urllib.request.urlopen(request, timeout=20) as answer:  # noqa: S310
        return json.loads(answer.read() or b"null")


@pytest.fixture
def visit(browser: Browser, served: str, demo_accounts: Accounts) -> Iterator[Open]:
    """Opens a page, signed in where an account is named; it must end without errors."""
    opened: list[DeskPage] = []

    def make(path: str, who: str | None = None, **options: Any) -> DeskPage:
        account = demo_accounts[who] if who else None
        page = DeskPage(browser, served, path, account, **options)
        opened.append(page)
        return page

    yield make
    for page in opened:
        page.close()


@pytest.fixture
def own(served: str, demo_accounts: Accounts) -> str:
    """The community of the demo's community worker."""
    items = ask(served, demo_accounts["community_worker"], "/api/communities")["items"]
    assert len(items) == 1
    return str(items[0]["community"]["code"])


@pytest.mark.parametrize(
    ("lang", "post", "save"), [("zh", "城市管理服务岗", "保存"), ("en", "service post", "Save")]
)
def test_a_resident_reads_the_notice_and_signs_up(
    visit: Open, served: str, demo_accounts: Accounts, own: str, lang: str, post: str, save: str
) -> None:
    starts = (datetime.now(UTC) + timedelta(days=5)).isoformat()
    title = f"清洁家园 {lang}"
    ask(served, demo_accounts["community_worker"], "/api/activities",
        {"kind": "volunteering", "title": title, "community": own, "starts_at": starts,
         "signup_limit": 5})  # fmt: skip
    page = visit(f"/communities/{own}", lang=lang, size=(390, 844))
    notice = page.find("#notice-sheet").inner_text()
    told = ask(served, demo_accounts["viewer"], f"/api/posts/{own}")
    assert post in notice
    assert told["phone"] in notice
    assert page.page.locator("#tabs").is_hidden()
    assert page.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.until("() => document.querySelector('#notice-sheet footer img').naturalWidth > 0")
    page.find("#coming li", title).locator("button").click()
    page.find("#dialog [name=name]").fill("周八")
    page.find("#dialog [name=phone]").fill("13500000000")
    page.find("#dialog [name=people]").fill("2")
    page.find("#dialog button", save).click()
    page.page.wait_for_selector(".message")
    assert re.search(r"[2-9A-Z]{10}", page.find(".message").inner_text())
    left = "剩余名额 3 / 5" if lang == "zh" else "3 of 5 places left"
    page.find("#coming li", title).filter(has_text=left).wait_for()
    # on paper the notice stands alone
    page.page.emulate_media(media="print")
    assert page.find("#notice-sheet").is_visible()
    assert page.find(".figures-top").is_hidden()
    assert page.find("#coming").is_hidden()


def test_a_worker_keeps_the_notice_and_what_is_done(
    visit: Open, served: str, demo_accounts: Accounts, own: str
) -> None:
    page = visit(f"/communities/{own}", "community_worker")
    page.page.wait_for_selector("#work[data-shown=activities]")
    page.find("#edit-post").click()
    page.find("#dialog [name=phone]").fill("0595-9999999")
    page.find("#dialog [name=opening]").fill("1-5 09:00-17:00\n6 09:00-12:00")
    page.find("#dialog button", "保存").click()
    page.find("#notice-sheet .phone", "0595-9999999").wait_for()
    assert "周一至周五 09:00–17:00" in page.find("#notice-sheet").inner_text()
    # what is wrong is said in the form, and nothing is lost
    page.find("#edit-post").click()
    page.find("#dialog [name=opening]").fill("每天")
    page.find("#dialog button", "保存").click()
    page.find("#dialog .problem", "每天").wait_for()
    page.find("#dialog button", "取消").click()

    page.find("#add-activity").click()
    page.find("#dialog [name=title]").fill("浏览器登记的活动")
    page.find("#dialog [name=state]").select_option("done")
    page.find("#dialog [name=day]").fill(f"{datetime.now(UTC) - timedelta(days=2):%Y-%m-%d}")
    page.find("#dialog [name=households]").fill("7")
    page.find("#dialog [name=materials]").fill("宣传图册×30；展板")
    # where it was: a tap on the small map, told in words before it is saved
    page.find("#dialog .where button", "在地图上点选").click()
    page.find("#dialog .map canvas").first.click(position={"x": 280, "y": 120})
    page.find("#dialog .placed", "›").wait_for()
    page.find("#dialog button", "保存").click()
    row = page.find("#work li", "浏览器登记的活动")
    row.wait_for()
    items = ask(served, demo_accounts["community_worker"], f"/api/activities?community={own}")
    made = next(one for one in items["items"] if one["title"] == "浏览器登记的活动")
    assert 118 < made["lon"] < 119
    assert "入户 7" in row.inner_text()
    assert "参与居民" not in row.inner_text()  # nobody counted them

    page.find("#tab-opinions").click()
    page.page.wait_for_selector("#work[data-shown=opinions]")
    page.find("#add-opinion").click()
    page.find("#dialog [name=words]").fill("希望增加垃圾桶（浏览器）")
    page.find("#dialog button", "保存").click()
    said = page.find("#work li", "希望增加垃圾桶（浏览器）")
    said.locator("button", has_text="答复").click()
    page.find("#dialog [name=answer]").fill("本周增设")
    page.find("#dialog [name=adopted]").select_option("true")
    page.find("#dialog button", "保存").click()
    page.find("#work li .answer", "本周增设").first.wait_for()
    assert "已采纳" in said.inner_text()
    # the form lets choose any class; one click takes the one on the button
    said.locator("button", has_text="其他类别").click()
    assert page.find("#dialog [name=class]").input_value() == "C-03-98"
    page.find("#dialog button", "取消").click()
    said.locator("button", has_text="转为案件：垃圾箱").click()
    said.locator("a.button").wait_for()
    code = said.locator("a.button").inner_text()

    page.find("#tab-orders").click()
    page.page.wait_for_selector("#work[data-shown=orders]")
    order = page.find("#work li[data-order]", code)
    order.locator("button", has_text="受理").click()
    order.locator("button", has_text="派单").click()
    page.find("#dialog button", "保存").click()
    order.locator(".tag", has_text="已派遣").wait_for()
    page.find("#add-meeting").click()
    page.find("#dialog [name=title]").fill("浏览器会议")
    page.find("#dialog button", "保存").click()
    page.find("#work h3", "浏览器会议").wait_for()
    order.locator("button", has_text="提交会议").click()
    order.locator(".tag", has_text="已列入会议").wait_for()
    meeting = page.find("[data-meeting]", "浏览器会议")
    meeting.locator("button", has_text="议定").first.click()
    page.find("#dialog [name=decision]").fill("一周内增设")
    page.find("#dialog [name=follower]").fill("社区书记")
    page.find("#dialog button", "保存").click()
    meeting.locator(".answer", has_text="一周内增设").wait_for()
    told = ask(served, demo_accounts["community_worker"], f"/api/communities/{own}/meetings")
    item = next(one for one in told["items"] if one["title"] == "浏览器会议")["items"][0]
    assert (item["follower"], item["incident"]["code"]) == ("社区书记", code)


def test_a_resident_answers_a_survey_by_qr_code(
    visit: Open, served: str, demo_accounts: Accounts, own: str
) -> None:
    before = ask(served, demo_accounts["planner"], "/api/survey-rounds/MYD-2")["responses"]
    page = visit(f"/survey/MYD-2?community={own}", lang="en", size=(390, 844))
    page.find("button", "Send").click()
    page.page.wait_for_selector(".question.wrong")  # a required one is missing: nothing is sent
    for key, value in (("overall", "4"), ("known", "true"), ("worst", "parking")):
        page.find(f'[name={key}][value="{value}"]').check()
    page.find("button", "Send").click()
    page.page.wait_for_selector(".done")
    told = ask(served, demo_accounts["planner"], "/api/survey-rounds/MYD-2")["responses"]
    assert told == before + 1


def test_a_planner_builds_a_survey_and_asks_it(
    visit: Open, served: str, demo_accounts: Accounts
) -> None:
    page = visit("/surveys", "planner", lang="en")
    page.find("#add-survey").click()
    page.find("#dialog [name=code]").fill("BROWSER")
    page.find("#dialog [name=title]").fill("浏览器问卷")
    page.find("#dialog [name=state]").select_option("released")
    for text, kind in (("满意吗？", "scale"), ("废电池属于？", "quiz")):
        page.find("#add-question").click()
        row = page.find(".question-row").last
        row.locator("input.field").fill(text)
        row.locator("select").select_option(kind)
    page.find(".question-row").last.locator("textarea").fill("有害垃圾\n其他垃圾")
    page.excuse("status of 400")
    page.find("#dialog button", "Save").click()
    page.find("#dialog .problem", "right answer").wait_for()  # none is marked: told, nothing lost
    page.find(".question-row").last.locator("textarea").fill("*有害垃圾\n其他垃圾")
    page.find("#dialog button", "Save").click()
    survey = page.find("[data-survey=BROWSER]")
    survey.wait_for()
    survey.locator("button", has_text="Open a round").click()
    page.find("#dialog [name=code]").fill("BROWSER-1")
    page.find("#dialog [name=name]").fill("第一轮")
    page.find("#dialog button", "Save").click()
    page.find("[data-round=BROWSER-1]").wait_for()
    told = ask(served, demo_accounts["planner"], "/api/surveys/BROWSER")["items"]
    assert [one["version"] for one in told] == [1]
    assert [one["type"] for one in told[0]["questions"]] == ["scale", "quiz"]
    # saved without other questions it stays the version it was
    survey.locator("button", has_text="Change").click()
    page.find("#dialog [name=intro]").fill("两分钟")
    page.find("#dialog button", "Save").click()
    page.page.wait_for_selector("#dialog:not([open])", state="attached")
    told = ask(served, demo_accounts["planner"], "/api/surveys/BROWSER")["items"]
    assert [(one["version"], one["intro"]) for one in told] == [(1, "两分钟")]


def test_sheets_go_out_and_come_back(visit: Open) -> None:
    page = visit("/communities", "planner", lang="en")
    with page.page.expect_download() as waiting:
        page.find("#sheet-out").click()
    book = load_workbook(io.BytesIO(waiting.value.path().read_bytes()))
    sheet = book.worksheets[0]
    at = {str(cell.value): cell.column for cell in sheet[1]}
    staffed = next(row for row in range(2, 12) if sheet.cell(row, at["state"]).value == "staffed")
    sheet.cell(staffed, at["phone"]).value = "0595-1357924"

    def bring() -> None:
        out = io.BytesIO()
        book.save(out)
        file = {"name": "posts.xlsx", "mimeType": "application/zip", "buffer": out.getvalue()}
        page.page.set_input_files("#file", [file])  # type: ignore[list-item]

    bring()
    page.find("#brought", "1 rows would be written (1 of them changes), 9 stay").wait_for()
    page.find("#apply").click()
    page.find(".message", "1 rows taken in").wait_for()
    sheet.cell(staffed, at["hours"]).value = "all day"
    page.excuse("status of 400")
    bring()
    page.find("#brought li", "'all day' is not like").wait_for()
    assert page.find("#apply").count() == 0
    # members' names are for those who may read them
    page.find("#sheet").select_option("party-members")
    assert page.find("#sheet-names").count() == 0


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_all_communities_and_their_month(visit: Open, lang: str) -> None:
    page = visit("/communities", "planner", lang=lang)
    rows = page.find("#table tbody tr")
    count = rows.count()
    assert count == 10
    assert page.find("#table .post-state.vacant").count() == 1
    assert page.find("#table .post-state.none").count() == 1
    few = page.find("#table td.few")
    assert few.count() > 0
    assert "0%" not in few.first.inner_text()  # too few is not zero
    page.find("#gaps").check()
    assert 0 < rows.count() < count
    page.find("#table thead button").nth(1).click()
    assert rows.first.locator(".post-state.none").count() == 1  # what lacks most comes first

    month = visit("/activities", "planner", lang=lang)
    name = month.find("#month-name").inner_text()
    assert month.find("#month li a").count() > 0
    assert month.find("#map .maplibregl-marker").count() > 0
    month.find("#before").click()
    month.until(f"() => document.getElementById('month-name').textContent !== {json.dumps(name)}")
    month.find("#month li a").first.wait_for()


def test_the_list_behind_a_figure(visit: Open, served: str, demo_accounts: Accounts) -> None:
    asked = "state=done&counted=households"
    page = visit(f"/lists?of=activities&{asked}", "planner", lang="en")
    items = ask(served, demo_accounts["planner"], f"/api/activities?{asked}&limit=1000")["items"]
    assert page.find("#list-note").inner_text() == f"{len(items)} in all"
    total = sum(one["households"] for one in items)
    assert f"Households visited: {total:,} (counted in {len(items)} of {len(items)})" in (
        page.find("#rows .sums").inner_text()
    )
    page.find("#ask-kind").select_option("waste_sorting")
    own = sum(one["kind"]["code"] == "waste_sorting" for one in items)
    page.until(f"() => document.getElementById('list-note').textContent === '{own} in all'")
    expect(page.page).to_have_url(re.compile("kind=waste_sorting"))
    # from a party branch to the activities that it took part in
    page.page.goto(f"{served}/lists?of=branches&lang=en")
    page.find("#rows tbody tr").first.wait_for()
    held = page.find("#rows tbody tr td:last-child a").first
    count = held.inner_text()
    held.click()
    page.page.wait_for_url("**/lists?of=activities**")
    page.until(f"() => document.getElementById('list-note').textContent === '{count} in all'")


def test_a_community_that_is_none(visit: Open) -> None:
    page = visit("/communities/000")
    page.excuse("status of 404")
    assert "没有这个社区" in page.find("#notice").inner_text()
