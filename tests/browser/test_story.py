"""From a resident's report to a checked, closed case, as the people in it see it on their pages."""

from __future__ import annotations

import io
import time
from pathlib import Path

import psycopg
from PIL import Image
from playwright.sync_api import Browser

from tests.browser.desk_page import DeskPage
from tests.conftest import Database

WORDS = "巷口垃圾堆成山，三天没人清"


def picture(path: Path) -> Path:
    out = io.BytesIO()
    Image.new("RGB", (800, 600), "seagreen").save(out, "JPEG")
    path.write_bytes(out.getvalue())
    return path


def press(page: DeskPage, action: str) -> None:
    """The button of an action, unfolding the rarer ones for it."""
    button = page.find(f"#case-actions [data-action='{action}']")
    more = page.find("#case-actions .more")
    button.or_(more).first.wait_for()
    if not button.count():
        more.click()
    button.click()


def submit(page: DeskPage) -> None:
    page.find("#case-form button[type=submit]").click()
    page.find("#case-form").wait_for(state="hidden")


def in_state(page: DeskPage, words: str) -> None:
    page.find("#case-head .tag", has_text=words).first.wait_for()


def test_from_a_report_to_a_closed_case(
    browser: Browser,
    served: str,
    demo_accounts: dict[str, dict[str, str]],
    demo_database: Database,
    tmp_path: Path,
) -> None:
    def page(path: str, who: str | None, **options: object) -> DeskPage:
        return DeskPage(browser, served, path, demo_accounts[who] if who else None, **options)

    desk = page("/dispatch", "dispatcher")
    desk.find("#live[data-state='live']").wait_for()
    item = next(one for one in desk.api("/api/incidents?limit=200")["items"] if one["grid"])

    # a resident reports on a phone, from where the problem is
    resident = page(
        "/public", None, size=(390, 844), phone=True, permissions=["geolocation"],
        geolocation={"longitude": item["lon"], "latitude": item["lat"]},
    )  # fmt: skip
    resident.page.get_by_role("button", name="市容环境", exact=True).click()
    resident.find(".kind-list button", has_text="暴露垃圾").click()
    resident.find("button", has_text="我在这里").click()
    resident.find(".placed", has_text=item["community"]["name"]).wait_for()
    resident.find("textarea[name=description]").fill(WORDS)
    resident.find("input[type=file]").set_input_files(picture(tmp_path / "before.jpg"))
    resident.find("input[name=phone]").fill("13800000000")
    start = time.monotonic()
    resident.find("button.primary", has_text="提交").click()
    follow = resident.text(".big-code")

    # it stands on the dispatcher's open page within two seconds
    number = int(resident.text(".done .note").rsplit("-", 1)[1])
    row = desk.find(f"#row-{number}")
    row.or_(desk.find("#new-pill:not([hidden])")).first.wait_for()
    assert time.monotonic() - start < 2.0 + 1.0  # a second of it for sending the photo
    if desk.find("#new-pill:not([hidden])").count():
        desk.find("#new-pill").click()
    row.click()
    desk.find("#case-body", has_text=WORDS).wait_for()
    desk.find("#case-body .thumbnails img").first.wait_for()
    press(desk, "verify")
    in_state(desk, "已核实")
    press(desk, "file")
    desk.find("#case-form button[type=submit]").or_(
        desk.find("#case-head .tag", has_text="已立案")
    ).first.wait_for()
    if desk.find("#case-form:not([hidden])").count():
        submit(desk)
    in_state(desk, "已立案")

    # the duty chief whistles for two units; both answer, one of them late
    units = [name.removeprefix("unit-") for name in demo_accounts if name.startswith("unit-")][:2]
    chief = page(f"/dispatch#incident={number}", "duty_chief")
    press(chief, "whistle")
    for unit in units:
        chief.find(f"#case-form input[name=units][value='{unit}']").check()
    chief.find("#case-form textarea[name=reason]").fill("两家单位联合清理")
    submit(chief)
    chief.find("#case-body", has_text="未报到").first.wait_for()
    handlers = [page(f"/dispatch#incident={number}", f"unit-{unit}") for unit in units]
    press(handlers[0], "report_in")
    if handlers[0].find("#case-form:not([hidden])").count():
        submit(handlers[0])
    with psycopg.connect(demo_database.address) as connection:
        # three hours pass
        connection.execute(
            "UPDATE whistle SET called_at = called_at - interval '3 hours', "
            "report_in_by = report_in_by - interval '3 hours' WHERE incident_id = %s",
            [number],
        )
    press(handlers[1], "report_in")
    if handlers[1].find("#case-form:not([hidden])").count():
        submit(handlers[1])
    handlers[1].find("#case-body", has_text="均已报到").first.wait_for()
    called = desk.api(f"/api/incidents/{number}")["whistles"][0]["units"]
    assert len(called) == 2
    assert all(one["reported_in_at"] for one in called)
    assert max(one["delay_s"] for one in called) > 120 * 60

    # dispatched to the first, accepted, resolved with a photo
    desk.api(f"/api/incidents/{number}/dispatch", "POST", {"unit": units[0]})
    handler = handlers[0]
    press(handler, "accept")
    in_state(handler, "已接单")
    press(handler, "resolve")
    handler.find("#case-form input[type=file]").set_input_files(picture(tmp_path / "after.jpg"))
    handler.find("#case-form .uploads", has_text="已上传").wait_for()
    submit(handler)
    in_state(handler, "已处置")

    # the dispatcher's page has followed by itself; result checked, closed
    in_state(desk, "已处置")
    press(desk, "check")
    if desk.find("#case-form:not([hidden])").count():
        submit(desk)
    in_state(desk, "已核查")
    press(desk, "close")
    if desk.find("#case-form:not([hidden])").count():
        submit(desk)
    in_state(desk, "已结案")

    # the resident sees it, with the photo of the result, and rates it
    resident.find("button", has_text="查看进度").click()
    resident.find(".state-line", has_text="已结案").wait_for()
    assert resident.find(".steps li:not(.ahead)").count() == 7
    resident.find("#follow .thumbs img").wait_for()
    resident.find(".stars button").nth(4).click()
    resident.find("button", has_text="提交评价").click()
    resident.find("#follow", has_text="★★★★★").first.wait_for()
    assert follow in resident.text("#follow")
    for one in (desk, resident, chief, *handlers):
        one.close()
