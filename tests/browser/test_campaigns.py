"""The page of campaigns: what it says of the demo's campaigns is what was planted."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect


@pytest.fixture
def open_campaigns(open_as: Callable[..., Page]) -> Callable[..., Page]:
    def open_page(name: str, *, lang: str = "zh", hash: str = "") -> Page:
        return open_as(name, f"/campaigns?lang={lang}{hash}", lang=lang, size=(1560, 900))

    return open_page


def test_it_says_of_each_campaign_what_was_measured(
    open_campaigns: Callable[..., Page], served: str
) -> None:
    """Against the API: what the demo's year says depends on the day it ends with. That what is
    measured is what was planted is told by the tests of the demo."""
    page = open_campaigns("viewer")
    listed = page.request.get(f"{served}/api/campaigns").json()["items"]
    planted = [one for one in listed if one["state"] == "ended"]
    assert len(planted) == 6
    assert page.locator("[data-campaign]").count() == len(listed)
    claimed = 0
    for one in planted:
        found = page.request.get(f"{served}/api/campaigns/{one['code']}/effect").json()
        page.locator(f".campaign-row[data-campaign='{one['code']}']").click()
        expect(page.locator("#detail h2")).to_have_text(one["name"])
        expect(page.locator("#detail .facts")).not_to_contain_text("E-0")
        verdict = page.locator("#effect")
        if found["effect"]:
            claimed += 1
            expect(verdict).to_have_attribute("data-verdict", "effect")
            expect(verdict).to_contain_text("可以认为整治有效")
            expect(page.locator(".effect-chart .dot").nth(20)).to_be_attached()
        else:
            expect(verdict).not_to_have_attribute("data-verdict", "effect")
        for warning in found["warnings"]:
            expect(page.locator(f"[data-warning={warning['code']}]")).to_have_count(1)
    assert 0 < claimed < 6
    # nobody who only looks is offered a change
    assert page.locator("#new, .campaign-actions button, .inline-form").count() == 0


def test_a_planner_sets_one_up_from_a_weak_spot_and_works_on_it(
    open_campaigns: Callable[..., Page], served: str
) -> None:
    page = open_campaigns("planner", lang="en")
    page.locator("#tab-weak").click()
    page.locator("#weak .campaign-row button").first.click()
    expect(page.locator("#picked")).to_have_text(re.compile(r"^[1-9]\d* grids picked"))
    page.fill("[name=code]", "BROWSER-C1")
    page.select_option("[name=lead]", "JDZD")
    page.get_by_role("button", name="Save").click()
    expect(page.locator("#detail h2")).to_contain_text(" in ")
    # it has just begun: told so, not guessed
    expect(page.locator("[data-warning=not_begun], [data-warning=running]")).to_have_count(1)
    expect(page.locator("#effect b")).to_have_text("Not measurable yet")
    page.fill("[name=title]", "Visit every shop")
    page.locator(".inline-form").first.get_by_role("button", name="Add").click()
    task = page.locator(".tasks li", has_text="Visit every shop")
    expect(task).to_be_visible()
    task.locator("input[type=checkbox]").check()
    expect(page.locator(".tasks li.done")).to_have_count(1)
    answer = page.request.get(f"{served}/api/campaigns/BROWSER-C1").json()
    assert (answer["tasks"], answer["tasks_done"], answer["state"]) == (1, 1, "running")
    page.on("dialog", lambda dialog: dialog.accept())
    page.get_by_role("button", name="Cancel it").click()
    expect(page.locator("#detail .mark").first).to_have_text("Cancelled")
