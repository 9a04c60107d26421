"""The page of the plan's progress: its figures are the API's, and each opens its list."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect


@pytest.fixture
def open_progress(open_as: Callable[..., Page]) -> Callable[..., Page]:
    def open_page(name: str, lang: str = "zh") -> Page:
        return open_as(name, f"/progress?lang={lang}", lang=lang, size=(1440, 1000))

    return open_page


def test_each_figure_opens_its_list_and_a_shortfall_is_put_right(
    open_progress: Callable[..., Page], served: str
) -> None:
    page = open_progress("planner")
    found = page.request.get(f"{served}/api/progress").json()
    for state in ("done", "missing", "soon", "open"):
        shown = page.locator(f"[data-figure={state}] b").inner_text().replace(",", "")
        assert int(shown) == found["total"][state]
    assert found["total"]["done"] > 0
    page.locator("[data-figure=missing] button").click()
    rows = page.locator("#behind li")
    expect(rows).to_have_count(min(found["total"]["missing"], 400))
    assert set(rows.evaluate_all("all => all.map(one => one.dataset.state)")) == {"missing"}
    rows.first.get_by_role("button", name="列入整改").click()
    # owner and deadline are proposed, and changed before and after
    form = page.locator("#dialog")
    assert "任务责任单位" in form.locator("[name=unit] option").first.inner_text()
    assert form.locator("[name=deadline]").input_value()
    form.locator("[name=unit]").select_option("HWZX")
    form.get_by_role("button", name="保存").click()
    entry = page.locator("[data-rectification]").first
    expect(entry).to_be_visible()
    expect(form).to_be_hidden()
    entry.get_by_role("button", name="调整").click()
    form.locator("[name=problem]").fill("尚未办理")
    form.get_by_role("button", name="保存").click()
    expect(entry).to_contain_text("尚未办理")
    expect(form).to_be_hidden()
    entry.locator("[name=result]").fill("已补齐")
    entry.get_by_role("button", name="销号").click()
    expect(entry).to_contain_text("已补齐")
    # recorded as done, it is missing no longer
    rows.first.get_by_role("button", name="记为完成").click()
    expect(page.locator("[data-figure=missing] b")).to_have_text(
        f"{found['total']['missing'] - 1:,}"
    )


def test_it_speaks_english_and_narrows(open_progress: Callable[..., Page], served: str) -> None:
    page = open_progress("viewer", "en")
    expect(page.locator("#stages .now")).to_have_count(1)
    page.locator("#ask-unit").select_option("HWZX")
    expect(page.locator(".task")).to_have_count(
        len(page.request.get(f"{served}/api/progress?unit=HWZX").json()["tasks"])
    )
    assert page.get_by_role("button", name="Record as done").count() == 0
    # the list that is open is in the link
    page.locator(".task").first.click()
    expect(page.locator("#behind")).to_be_visible()
    said = page.locator("#behind h2").inner_text()
    page.reload()
    expect(page.locator("#behind h2")).to_have_text(said)
