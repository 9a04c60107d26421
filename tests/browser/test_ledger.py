"""The page of the ledger: filled from other records, taken to Excel, edited and brought back."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import openpyxl
from playwright.sync_api import Page, expect


def test_filled_exported_edited_and_brought_back(
    open_as: Callable[..., Page], served: str, tmp_path: Path
) -> None:
    page = open_as("planner", "/ledger?lang=zh", size=(1440, 900), refusals=True)
    page.locator("#collect").click()
    rows = page.locator("#table tbody tr[data-entry]")
    expect(rows.first).to_be_visible()
    count = rows.count()
    assert count > 3
    page.locator("#collect").click()
    expect(page.locator("#messages")).to_contain_text("新增 0 条记录")
    data = page.request.get(served + str(page.locator("#export").get_attribute("href"))).body()
    book = openpyxl.load_workbook(io.BytesIO(data))
    sheet = book.worksheets[0]
    assert sheet["A3"].value == "编号"
    before = sheet["F4"].value
    sheet["F4"] = "复查合格"
    file = tmp_path / "台账.xlsx"
    book.save(file)
    page.locator("#file").set_input_files(file)
    shown = page.locator("#brought tbody tr")
    expect(shown).to_have_count(1)
    expect(shown).to_contain_text("复查合格")
    expect(shown).to_contain_text(before or "完成情况")
    page.locator("#apply").click()
    expect(rows.first).to_contain_text("复查合格")
    sheet["B4"] = "2026-02-30"
    book.save(file)
    page.locator("#file").set_input_files(file)
    expect(page.locator("#brought .bad")).to_contain_text("未导入任何行")
    page.goto(f"{served}/ledger?lang=en")
    page.wait_for_selector("body.ready")
    page.locator("#new").click()
    page.fill(".ledger-form [name=title]", "Browser entry")
    page.get_by_role("button", name="Save").click()
    expect(page.locator("#table")).to_contain_text("Browser entry")
