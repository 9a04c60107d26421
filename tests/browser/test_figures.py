"""The page of figures: what it says is what the API says, in both languages."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterator
from typing import Any

import openpyxl
import pytest
from playwright.sync_api import Browser, expect

from tests.browser.map_page import MapPage

Open = Callable[..., MapPage]


@pytest.fixture
def figures(browser: Browser, served: str, dispatcher: dict[str, Any]) -> Iterator[Open]:
    """Opens the page, signed in as dispatcher."""
    pages: list[MapPage] = []

    def make(query: str = "", *, lang: str = "zh", **options: Any) -> MapPage:
        page = MapPage(browser, served, lang=lang, storage_state=dispatcher, **options)
        pages.append(page)
        page.page.goto(f"{served}/figures{query}")
        page.page.wait_for_selector("body.ready:not(.busy)")
        return page

    yield make
    for page in pages:
        page.close()


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_the_page_says_what_the_api_says(figures: Open, lang: str) -> None:
    page = figures("?days=all&by=community", lang=lang)
    answer = page.api("/api/metrics?by=community")
    shown = page.text("[data-figure='count'] b").replace(",", "")
    assert int(shown) == answer["total"]["count"] > 100
    on_time = answer["total"]["on_time"]
    assert page.text("[data-figure='on_time'] b") == f"{on_time['share']:.1%}".replace(".0%", "%")
    basis = page.text("[data-figure='on_time'] small").replace(",", "")
    assert basis == f"{on_time['n']} / {on_time['of']}"
    assert page.find("#table tbody tr").count() == answer["groups"]
    assert page.find("#bars rect").count() > 1
    assert page.find("#trend circle").count() > 1
    # the largest stands first until the reader orders otherwise
    first = max(answer["items"], key=lambda item: item["count"])
    assert page.text("#table tbody tr td").replace(",", "") == str(first["count"])
    page.find("[data-sort='on_time']").click()
    shares = [
        float(text.split("%")[0]) for text in page.find("#table tbody tr td:nth-child(5)")
        .all_inner_texts() if "%" in text
    ]  # fmt: skip
    assert shares == sorted(shares, reverse=True)


def test_filters_narrow_and_the_address_keeps_them(figures: Open, served: str) -> None:
    page = figures("?days=all")
    whole = page.text("[data-figure='count'] b")
    page.find("#ask-by").select_option("class")
    page.page.wait_for_selector("body:not(.busy)")
    street = page.api("/api/areas/street")["items"][0]
    page.find("#ask-street").select_option(street["code"])
    page.until(
        f"() => document.querySelector(\"[data-figure='count'] b\").textContent !== '{whole}'"
    )
    wanted = page.api(f"/api/metrics?by=class&street={street['code']}")
    shown = page.text("[data-figure='count'] b").replace(",", "")
    assert int(shown) == wanted["total"]["count"]
    expect(page.page).to_have_url(re.compile(f"street={street['code']}"))
    page.page.reload()
    page.page.wait_for_selector("body.ready:not(.busy)")
    assert page.find("#ask-by").input_value() == "class"
    assert int(page.text("[data-figure='count'] b").replace(",", "")) == wanted["total"]["count"]
    page.find("#language").click()
    page.page.wait_for_selector("html[lang='en'] body.ready:not(.busy)")
    assert page.find("#ask-street").input_value() == street["code"]
    answer = page.context.request.get(served + page.find("#xlsx").get_attribute("href"))
    sheet = openpyxl.load_workbook(io.BytesIO(answer.body())).active
    assert sheet is not None
    assert sheet.max_row == wanted["groups"] + 1
    assert sheet["A1"].value == "class code"


def test_own_dates_and_a_narrow_screen(figures: Open) -> None:
    page = figures("?days=own&from=2020-01-01&to=2020-01-02", lang="en", size=(390, 844))
    assert page.text("[data-figure='count'] b") == "0"
    assert page.text("[data-figure='on_time'] b") == "—"
    assert page.text("#trend .note") == "Nothing was measured in this selection"
    assert page.find("#ask-from").is_visible()
    assert page.ask("document.documentElement.scrollWidth <= innerWidth")


def test_the_other_pages_lead_here(figures: Open, open_map: Any, served: str) -> None:
    page = open_map()
    page.find("#account-button").click()
    page.find("a[href='/figures']").click()
    page.page.wait_for_selector("body.figures.ready")
    page.find(".figures-top a[href='/dispatch']").click()
    page.page.wait_for_selector("body.dispatch.ready")
    link = page.find("a[href='/figures']")
    assert not link.is_visible()
    page.find("[popovertarget=pages]").click()
    link.click()
    page.page.wait_for_selector("body.figures.ready")
