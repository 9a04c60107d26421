"""The page where spreadsheets are taken in: a form to start from, faults by row, then the whole."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import openpyxl
from playwright.sync_api import Page, expect

from gis_service.sheets import as_xlsx

Open = Callable[..., Page]


def test_a_form_is_filled_refused_corrected_and_taken_in(open_as: Open, tmp_path: Path) -> None:
    page = open_as("duty_chief", "/tables#officers", refusals=True)
    expect(page.locator("#table h2")).to_have_text("队员")
    held = page.locator("#list [aria-current] small")
    before = int(held.inner_text().split()[0].replace(",", ""))
    with page.expect_download() as waiting:
        page.click("#form")
    form = tmp_path / "form.xlsx"
    waiting.value.save_as(form)
    head = [cell.value for cell in openpyxl.load_workbook(form).active[1]]
    assert head[:2] == ["队员编号", "姓名"]

    file = tmp_path / "队员.xlsx"
    good = ["PAGE-1", "新来的", "", "是", "步行", "是"]
    bad = ["PAGE-2", "", "没有的中队", "是", "飞机", "是"]
    file.write_bytes(as_xlsx(head, [good, bad], "t"))
    page.set_input_files("#file", file)
    expect(page.locator("#brought")).to_contain_text("未导入任何行")
    expect(page.locator("#brought li").first).to_contain_text("第 3 行")
    assert page.locator("#apply").count() == 0

    file.write_bytes(as_xlsx(head, [good], "t"))
    page.set_input_files("#file", file)
    expect(page.locator("#brought")).to_contain_text("将新增或更新 1 行")
    page.click("#apply")
    expect(page.locator("#messages")).to_contain_text("已导入：新增或更新 1 行")
    expect(held).to_have_text(f"{before + 1:,} 条")
    page.set_input_files("#file", file)
    expect(page.locator("#brought")).to_contain_text("无须导入")
    assert page.locator("#apply").count() == 0
    # what is there as a sheet: as it is it changes nothing, a changed cell changes its row
    with page.expect_download() as waiting:
        page.click("#current")
    current = tmp_path / "现有.xlsx"
    waiting.value.save_as(current)
    page.set_input_files("#file", current)
    expect(page.locator("#brought")).to_contain_text(f"共 {before + 1} 行，与系统中的一致")
    sheet = openpyxl.load_workbook(current)
    row = next(row for row in sheet.active if row[0].value == "PAGE-1")
    row[1].value = "改了名"
    sheet.save(current)
    page.set_input_files("#file", current)
    expect(page.locator("#brought")).to_contain_text("将新增或更新 1 行")
    page.click("#apply")
    expect(page.locator("#messages").last).to_contain_text("已导入：新增或更新 1 行")
    # another table by its link, and the way back; the roster is only added to
    page.locator("#list a", has_text="值班表").click()
    expect(page.locator("#table h2")).to_have_text("值班表")
    expect(page.locator("#current")).to_have_count(0)
    page.locator("#list a", has_text="工作日历").click()
    expect(page.locator("#table h2")).to_have_text("工作日历")
    page.go_back()
    expect(page.locator("#table h2")).to_have_text("值班表")


def test_a_leader_on_a_phone_sees_what_is_the_squads(open_as: Open) -> None:
    page = open_as("squad_leader", "/tables", lang="en", phone=True, size=(390, 844))
    expect(page.locator("#list a")).to_have_count(1)
    expect(page.locator("#table h2")).to_have_text("Patrol contracts")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
