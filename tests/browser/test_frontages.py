"""The page of frontage contracts in a browser: an inspection with its photo, what was put right,
sheets, a phone."""

from __future__ import annotations

import io
import re
from collections.abc import Callable

import openpyxl
from PIL import Image
from playwright.sync_api import Page, expect


def test_an_inspection_with_a_photo_and_what_was_put_right(open_as: Callable[..., Page]) -> None:
    page = open_as("duty_chief", "/frontages?lang=en&show=inspection", lang="en", refusals=True)
    overdue = page.locator("[data-show=inspection] b")
    before = int(overdue.inner_text())
    assert before == page.locator(".frontage").count() > 0
    page.locator(".frontage").first.click()
    form = page.locator("#inspection")
    form.locator("[name=failed]").first.check()
    form.locator("[name=note]").fill("goods on the pavement")
    out = io.BytesIO()
    Image.new("RGB", (80, 60), "red").save(out, "JPEG")
    photo = {"name": "a.jpg", "mimeType": "image/jpeg", "buffer": out.getvalue()}
    form.locator("[type=file]").set_input_files([photo])  # type: ignore[list-item]
    expect(form.locator(".thumbs img")).to_have_count(1)
    form.get_by_role("button", name="Save").click()
    look = page.locator("#detail .behind-list li").first
    expect(look).to_contain_text("goods on the pavement")
    expect(overdue).to_have_text(str(before - 1))
    seen = "e => e.complete && e.naturalWidth > 0"
    image = look.locator("img")
    image.scroll_into_view_if_needed()
    page.wait_for_function(f"() => ({seen})(document.querySelector('#detail .behind-list img'))")
    look.get_by_role("button", name="Record as put right").click()
    look.get_by_role("button", name="Save").click()
    expect(look).to_contain_text("Put right on")

    # the sheet comes back with a fault in it: its row and cell are named, nothing is written
    with page.expect_download() as waiting:
        page.click("#export")
    book = openpyxl.load_workbook(io.BytesIO(waiting.value.path().read_bytes()))
    sheet = book.active
    assert sheet is not None
    heads = [cell.value for cell in sheet[1]]
    length = next(n for n, head in enumerate(heads, 1) if "length" in str(head).lower())
    sheet.cell(2, length).value = "long"
    changed = io.BytesIO()
    book.save(changed)
    kind = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
    file = {"name": "f.xlsx", "mimeType": kind, "buffer": changed.getvalue()}
    page.set_input_files("#file", [file])  # type: ignore[list-item]
    expect(page.locator("#brought")).to_contain_text(re.compile(r"fault"))
    expect(page.locator("#apply")).to_have_count(0)


def test_a_contract_is_set_up_on_the_map_drawn_and_ended(open_as: Callable[..., Page]) -> None:
    page = open_as("duty_chief", "/frontages?lang=en", lang="en")
    page.click("#new")
    dialog = page.locator("#dialog")
    dialog.locator("[name=code]").fill("MQ-BROWSER")
    dialog.locator("[name=shop]").fill("浏览器面馆")
    dialog.locator("[name=length_m]").fill("12.5")
    dialog.get_by_role("button", name="Save").click()
    expect(dialog.locator(".problem")).to_contain_text("Tap the shop on the map")
    ground = dialog.locator(".map canvas").first
    ground.click(position={"x": 300, "y": 120})
    told = dialog.locator(".tile-part > .note[role=status]")
    expect(told).to_contain_text(re.compile(r"1[23](.5)? m · (along|only)"))
    dialog.get_by_role("button", name="Save").click()
    expect(page.locator("#detail")).to_contain_text("浏览器面馆 MQ-BROWSER")
    expect(page.locator("#detail")).not_to_contain_text("drawn by hand")

    # by hand: corner after corner, its length is filled in
    page.click("#edit")
    expect(told).to_contain_text("m · ")
    dialog.locator(".maplibregl-marker").wait_for()
    page.wait_for_timeout(600)  # the map has come near
    dialog.get_by_role("button", name="Draw the line").click()
    for x in (310, 340):
        ground.click(position={"x": x, "y": 135})
    expect(told).to_contain_text("Drawn by hand")
    drawn = dialog.locator("[name=length_m]").input_value()
    assert drawn != "12.5"
    dialog.get_by_role("button", name="Save").click()
    expect(page.locator("#detail")).to_contain_text("drawn by hand")
    assert f"{float(drawn):.0f}" in page.locator("#detail").inner_text()
    page.click("#end")
    dialog.get_by_role("button", name="Save").click()
    expect(page.locator("#detail .words").first).to_contain_text("Ended")


def test_on_a_phone_nothing_sticks_out(open_as: Callable[..., Page]) -> None:
    page = open_as("officer", "/frontages?lang=zh", size=(390, 800), phone=True)
    page.locator(".frontage", has_text="履约正常").first.click()
    expect(page.locator("#inspection")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    # who signed is not for an officer, nor is the sheet to be taken in
    expect(page.locator("#file")).to_have_count(0)
    expect(page.get_by_role("button", name="查看签订人")).to_have_count(0)
