"""The console: what arrives is shown at once, done once, and nobody overwrites anybody."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser

from tests.browser.desk_page import DeskPage

Open = Callable[..., DeskPage]


@pytest.fixture
def open_page(
    browser: Browser, served: str, demo_accounts: dict[str, dict[str, str]]
) -> Iterator[Open]:
    """Opens a page as the account named (None: a visitor)."""
    opened: list[DeskPage] = []

    def open_one(path: str, who: str | None = "dispatcher", **options: Any) -> DeskPage:
        page = DeskPage(browser, served, path, demo_accounts[who] if who else None, **options)
        opened.append(page)
        return page

    yield open_one
    for page in opened:
        page.close()


def somewhere(page: DeskPage) -> dict[str, Any]:
    """A position that lies in a grid of the district."""
    item = next(one for one in page.api("/api/incidents?limit=200")["items"] if one["grid"])
    return {"lon": item["lon"], "lat": item["lat"], "crs": "wgs84", "class": item["class"]["code"]}


def report(page: DeskPage, **fields: Any) -> dict[str, Any]:
    """A report of the hotline over the API."""
    body = {**somewhere(page), "source": "hotline", "description": "测试来件", **fields}
    made: dict[str, Any] = page.api("/api/incidents", "POST", body)
    return made


def row(item: dict[str, Any]) -> str:
    return f"#row-{item['id']}"


def test_what_is_reported_elsewhere_arrives_within_two_seconds(open_page: Open) -> None:
    desk, other = open_page("/dispatch"), open_page("/dispatch", "duty_chief")
    desk.find("#live[data-state='live']").wait_for()
    before = desk.find("#row-list li, #row-list .row").count()
    start = time.monotonic()
    made = report(other)
    desk.find(row(made)).or_(desk.find("#new-pill:not([hidden])")).first.wait_for()
    assert time.monotonic() - start < 2.0
    if desk.find("#new-pill:not([hidden])").count():
        desk.find("#new-pill").click()
    desk.find(row(made)).wait_for()
    assert desk.find("#row-list li, #row-list .row").count() >= before
    # open and ended ones are told apart by more than colour
    assert "is-open" in (desk.find(row(made)).get_attribute("class") or "")


def test_actions_with_the_keyboard_and_the_forms(open_page: Open) -> None:
    desk = open_page("/dispatch")
    made = report(desk)
    desk.go(f"/dispatch#tab=verify&incident={made['id']}")
    desk.find("#case-actions [data-action='verify']").click()
    desk.find("#case-head .tag", has_text="已核实").wait_for()
    desk.find("#case-actions [data-action='file']").click()
    form = desk.find("#case-form:not([hidden]) button[type=submit]")
    form.or_(desk.find("#case-head .tag", has_text="已立案")).first.wait_for()
    if form.count():
        form.click()
    desk.find("#case-head .tag", has_text="已立案").wait_for()
    assert desk.api(f"/api/incidents/{made['id']}")["due_at"]
    # the deadline is there with its words
    assert desk.text(".case-due")


def test_a_stale_edit_is_told_what_changed(open_page: Open) -> None:
    first, second = open_page("/dispatch"), open_page("/dispatch", "duty_chief")
    second.excuse("status of 409")
    made = report(first)
    for page in (first, second):
        page.go(f"/dispatch#incident={made['id']}")
        page.find("#case-actions [data-action='verify']").wait_for()
    second.find("#case-actions .more").click()
    second.find("#case-actions [data-action='decline']").click()
    second.find("#case-form textarea[name=reason]").fill("不属于职责范围")
    first.find("#case-actions [data-action='verify']").click()
    first.find("#case-head .tag", has_text="已核实").wait_for()
    # who is still writing is warned at once, and nothing typed is lost
    second.find("#form-note.refusal").wait_for()
    assert second.find("#case-form textarea[name=reason]").input_value() == "不属于职责范围"
    second.find("#case-form button[type=submit]").click()
    second.find("#form-note.refusal").wait_for()
    assert second.api(f"/api/incidents/{made['id']}")["state"] == "verified"


def test_several_are_dispatched_at_once(open_page: Open) -> None:
    desk = open_page("/dispatch")
    made = [report(desk) for _ in range(3)]
    for one in made:
        desk.api(f"/api/incidents/{one['id']}/verify", "POST", {})
        desk.api(f"/api/incidents/{one['id']}/file", "POST", {})
    desk.go("/dispatch#tab=dispatch")
    for one in made:
        desk.find(f"{row(one)} > input[type=checkbox]").check()
    desk.find("#bulk:not([hidden])").wait_for()
    desk.find("#bulk-go").click()
    desk.find("dialog#outcome[open]").wait_for()
    assert "3" in desk.text("#outcome h2")
    states = {desk.api(f"/api/incidents/{one['id']}")["state"] for one in made}
    assert states == {"dispatched"}


def test_a_lost_connection_comes_back_without_a_gap(open_page: Open) -> None:
    desk, other = open_page("/dispatch"), open_page("/dispatch", "duty_chief")
    desk.find("#live[data-state='live']").wait_for()
    desk.excuse("ERR_INTERNET_DISCONNECTED", "ERR_NETWORK", "ERR_CONNECTION")
    desk.context.set_offline(True)
    made = report(other, urgent=True)
    time.sleep(0.5)
    desk.context.set_offline(False)
    desk.find(row(made)).or_(desk.find("#new-pill:not([hidden])")).first.wait_for(timeout=30_000)


def test_the_sheet_to_print_has_the_case(open_page: Open) -> None:
    desk = open_page("/dispatch")
    made = report(desk, description="打印内容")
    desk.go(f"/dispatch#incident={made['id']}")
    # in braces: what evaluates to a function is called at once
    desk.page.evaluate("() => { window.print = () => { window.printed = true; }; }")
    desk.find("#case-print").click()
    desk.until("() => window.printed")
    assert "打印内容" in (desk.find("#print-sheet").text_content() or "")
    assert made["code"] in (desk.find("#print-sheet").text_content() or "")


def test_who_may_not_dispatch_sees_no_such_button(open_page: Open) -> None:
    desk = open_page("/dispatch", "viewer")
    assert desk.find("#report-button:visible").count() == 0
    item = desk.api("/api/incidents?open=true&limit=1")["items"][0]
    desk.go(f"/dispatch#incident={item['id']}")
    desk.find("#case-body .section, #case-body section, #case-body details").first.wait_for()
    assert desk.find("#case-actions [data-action]").count() == 0
