"""The page of duty: the roster of a week, who is away, the officers' phones, the calendar."""

from __future__ import annotations

import json
import re
import urllib.request
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from playwright.sync_api import Dialog, Page, expect

Open = Callable[..., Page]
# weeks and years that no other test looks at
WEEK = "2031-03-03"
NEXT_WEEK = "2031-03-10"
YEAR = 2032


def agree(page: Page, asked: list[str]) -> None:
    """Says yes to whatever is asked, and keeps the words."""

    def answer(dialog: Dialog) -> None:
        asked.append(dialog.message)
        dialog.accept()

    page.on("dialog", answer)


def choose_year(page: Page, year: int) -> None:
    """Turns the calendar to a year."""
    while (shown := int(re.sub(r"\D", "", page.locator("#year").inner_text()))) != year:
        page.locator("#year-after" if shown < year else "#year-before").click()
        expect(page.locator("#year")).not_to_contain_text(str(shown))


def test_a_week_is_planned_copied_and_cleared(open_as: Open) -> None:
    page = open_as("duty_chief", f"/duty?week={WEEK}&lang=zh", refusals=True)
    asked: list[str] = []
    agree(page, asked)
    expect(page.locator("#roster")).to_contain_text("这一周还没有排班")
    expect(page.locator("#gaps")).to_contain_text("整周")
    page.locator("#add-shift").click()
    form = page.locator("#dialog")
    form.locator("[name=person]").fill("夜班甲")
    form.locator("[name=phone]").fill("8123")
    form.locator("[name=ends_at]").fill(f"{WEEK}T08:00")  # before it begins
    form.get_by_role("button", name="保存").click()
    expect(form.get_by_role("alert")).to_have_text("结束时间：班次结束须晚于开始")
    expect(form.locator("[name=ends_at]")).to_be_focused()
    expect(form.locator("[name=person]")).to_have_value("夜班甲")
    form.locator("[name=ends_at]").fill("2031-03-04T08:00")
    form.get_by_role("button", name="保存").click()
    shift = page.locator("#roster .shift")
    expect(shift).to_have_count(1)
    expect(shift).to_contain_text("18:00–次日 08:00")
    expect(page.locator("#gaps")).to_contain_text("周一 00:00–18:00、周二 08:00–周日 24:00")
    expect(page.locator("#add-shift")).to_be_focused()
    shift.click()
    form.locator("[name=person]").fill("夜班乙")
    form.get_by_role("button", name="保存").click()
    expect(shift).to_contain_text("夜班乙")
    expect(shift).to_be_focused()
    page.locator("#copy-week").click()
    expect(page.locator("#week")).to_have_value(NEXT_WEEK)
    expect(shift).to_contain_text("夜班乙")
    assert len(asked) == 1
    assert "1 个班次" in asked[0]
    page.locator("#week-before").click()
    expect(page.locator("#week")).to_have_value(WEEK)
    page.locator("#copy-week").click()
    expect(page.locator("#messages")).to_contain_text("无需复制")
    address = str(page.locator("#export").get_attribute("href"))
    assert page.request.get(f"{page.url.split('/duty')[0]}{address}").body()[:2] == b"PK"
    for week in (WEEK, NEXT_WEEK):
        page.locator("#week").fill(week)
        expect(page.locator("#week")).to_have_value(week)
        expect(shift).to_have_count(1)
        shift.click()
        form.get_by_role("button", name="删除").click()
        expect(shift).to_have_count(0)
    assert len(asked) == 3


def test_who_is_on_duty_is_marked_and_a_reader_changes_nothing(open_as: Open) -> None:
    page = open_as("planner", "/duty?lang=en")
    expect(page.locator(".on-duty").first).to_contain_text("On duty now")
    expect(page.locator("#add-shift")).to_have_count(0)
    expect(page.locator("#roster button")).to_have_count(0)
    page.locator("#street").select_option(index=1)
    name = page.locator("#street option:checked").inner_text()
    heads = page.locator("#roster tbody th")
    expect(heads).to_have_count(2)
    expect(heads.nth(1)).to_contain_text(name)
    expect(page.locator("#tabs")).not_to_contain_text("Phones")
    page.locator("#tab-roster").press("ArrowRight")
    expect(page.locator("#tab-absences")).to_be_focused()
    expect(page.locator("#absences")).to_be_visible()
    expect(page.locator("#add-absence")).to_have_count(0)


def test_an_absence_with_a_stand_in(open_as: Open) -> None:
    page = open_as("squad_leader", "/duty?lang=zh#absences", refusals=True)
    asked: list[str] = []
    agree(page, asked)
    rows = page.locator("#absences tbody tr[data-absence]")
    before = rows.count()
    page.locator("#add-absence").click()
    form = page.locator("#dialog")
    form.locator("[name=officer]").select_option(index=2)
    officer = str(form.locator("[name=officer]").input_value())
    form.locator("[name=stand_in]").select_option(officer)
    form.locator("[name=from_day]").fill("2031-05-06")
    form.locator("[name=to_day]").fill("2031-05-08")
    form.locator("[name=kind]").select_option("training")
    form.locator("[name=note]").fill("培训三天")
    form.get_by_role("button", name="保存").click()
    expect(form.get_by_role("alert")).to_contain_text("不能由本人代岗")
    expect(form.locator("[name=note]")).to_have_value("培训三天")
    form.locator("[name=stand_in]").select_option(index=3)
    form.get_by_role("button", name="保存").click()
    expect(rows).to_have_count(before + 1)
    added = rows.filter(has_text="培训三天")
    expect(added).to_contain_text("即将开始")
    added.get_by_role("button").click()
    expect(rows).to_have_count(before)
    assert "2031年5月6日" in asked[0]
    expect(page.locator("#add-absence")).to_be_focused()
    # of the roster a squad changes its own street, not the district's shifts
    page.locator("#tab-roster").click()
    expect(page.locator("#street option")).to_have_count(2)
    posts = page.locator("#roster tbody tr")
    expect(posts).to_have_count(2)
    expect(posts.first.locator(".shift").first).to_be_visible()
    expect(posts.first.locator("button")).to_have_count(0)
    expect(posts.last.locator("button").first).to_be_visible()
    page.locator(".skip").press("Enter")
    expect(page.locator("#roster")).to_be_visible()
    expect(page).to_have_url(re.compile("#roster$"))


def test_a_phone_gets_its_token_once_on_a_phone(open_as: Open, served: str) -> None:
    page = open_as("squad_leader", "/duty?lang=zh#devices", size=(390, 844), phone=True)
    asked: list[str] = []
    agree(page, asked)
    without = page.locator("#without li button")
    lacking = without.count()
    assert re.match(rf"{lacking} / \d+ 名队员没有", page.locator("#without-count").inner_text())
    without.first.click()
    form = page.locator("#dialog")
    form.locator("[name=kind]").select_option("osmand")
    form.locator("[name=label]").fill("备用机")
    form.get_by_role("button", name="保存").click()
    box = page.locator("#token")
    expect(box).to_be_focused()
    expect(box.locator("[data-setting=address]")).to_have_text(f"{served}/api/positions/osmand")
    token = box.locator("[data-setting=identifier]").inner_text()
    expect(without).to_have_count(lacking - 1)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    # what is shown is what the app needs; of a time to come nothing is kept
    later = int(datetime.now(UTC).timestamp()) + 86_400
    sent = f"{served}/api/positions/osmand?id={token}&lat=24.9&lon=118.58&timestamp={later}"
    with urllib.request.urlopen(sent, timeout=20) as answer:  # noqa: S310 - loopback
        assert json.loads(answer.read()) == {"status": "future"}
    page.locator("#token-done").click()
    expect(box).to_be_hidden()
    row = page.locator("#devices tr[data-device]", has_text="备用机")
    row.get_by_role("button").click()
    expect(row).to_have_count(0)
    assert "备用机" in asked[0]
    page.locator("#off").check()
    expect(row).to_contain_text("已停用")
    expect(row.get_by_role("button")).to_have_count(0)


def test_days_and_hours_of_a_year(open_as: Open) -> None:
    page = open_as("duty_chief", "/duty?lang=zh#calendar", refusals=True)
    agree(page, [])
    choose_year(page, YEAR)
    expect(page.locator("#year-unknown")).to_contain_text("暂定")
    day = page.locator(f"[data-calendar='{YEAR}-05-01']")  # a Saturday
    day.focus()
    day.press("ArrowRight")
    sunday = page.locator(f"[data-calendar='{YEAR}-05-02']")
    expect(sunday).to_be_focused()
    expect(page.locator("#day-words")).to_contain_text("周末休息")
    sunday.press("Enter")
    form = page.locator("#dialog")
    form.locator("[name=kind]").select_option("off")
    form.locator("[name=note]").fill("劳动节")
    form.locator("[name=last]").fill(f"{YEAR}-05-01")
    form.get_by_role("button", name="保存").click()
    expect(form.get_by_role("alert")).to_contain_text("不早于所选日期")
    form.locator("[name=last]").fill(f"{YEAR}-05-04")
    form.get_by_role("button", name="保存").click()
    set_days = page.locator("#months .day.off")
    expect(set_days).to_have_count(3)
    expect(set_days.first).to_contain_text("休")
    expect(sunday).to_be_focused()
    expect(page.locator("#day-words")).to_contain_text("劳动节")
    expect(page.locator("#year-unknown")).to_be_hidden()
    sunday.click()
    form.locator("[name=kind]").select_option("")
    form.locator("[name=last]").fill(f"{YEAR}-05-04")
    form.get_by_role("button", name="保存").click()
    expect(set_days).to_have_count(0)
    page.locator("#add-hours").click()
    form.locator("[name=valid_from]").fill("2033-01-01")
    form.locator("[name=periods]").fill("8点到12点")
    form.get_by_role("button", name="保存").click()
    expect(form.get_by_role("alert")).to_contain_text("时段请写成")
    form.locator("[name=periods]").fill("09:00-12:00；11:30-18:00")
    form.get_by_role("button", name="保存").click()
    expect(form.get_by_role("alert")).to_contain_text("互不重叠")
    form.locator("[name=periods]").fill("09:00-12:00；13：30～18:00")
    form.get_by_role("button", name="保存").click()
    row = page.locator("#hours li", has_text="09:00–12:00、13:30–18:00")
    expect(row).to_be_visible()
    row.get_by_role("button", name="删除").click()
    expect(row).to_have_count(0)


@pytest.mark.parametrize("tab", ["roster", "calendar"])
def test_a_narrow_screen(open_as: Open, tab: str) -> None:
    page = open_as("duty_chief", f"/duty?lang=en#{tab}", size=(390, 844), phone=True)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_what_nobody_answers_for_is_listed_with_all_there_are(open_as: Open) -> None:
    page = open_as("duty_chief", "/duty#unanswered")
    view = page.locator("#view-unanswered")
    expect(view.locator("h2")).to_have_count(3)
    found, classes = page.evaluate("""() => Promise.all(["/api/responsibility/gaps", "/api/classes"]
      .map((path) => fetch(path).then((answer) => answer.json())))""")
    expect(view.locator("h2").first).to_have_text(
        f"没有责任单位的案件类别：{len(found['classes'])} / {len(classes['items'])}"
    )
    for one in found["classes"]:
        expect(view).to_contain_text(one["code"])
    if found["classes"]:
        view.locator("a", has_text="用表格补齐").first.click()
        expect(page.locator("#table h2")).to_have_text("案件分类")
