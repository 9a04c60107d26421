"""The officer's page: a report outlives the network and the page, and is taken once."""

from __future__ import annotations

import io
import json
import urllib.request
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import Browser

from tests.browser.conftest import service
from tests.browser.desk_page import DeskPage
from tests.conftest import Database
from tests.ports import free_port


def picture(path: Path, colour: str) -> Path:
    out = io.BytesIO()
    Image.new("RGB", (640, 480), colour).save(out, "JPEG")
    path.write_bytes(out.getvalue())
    return path


def some_place(database: Database) -> tuple[float, float]:
    """A position inside a grid of the officer's street."""
    lon, lat = database.rows(
        "SELECT ST_X(p), ST_Y(p) FROM (SELECT ST_PointOnSurface(g.geom) AS p FROM grid g "
        "WHERE g.valid_to IS NULL ORDER BY g.code LIMIT 1) AS one"
    )[0]
    return lon, lat


def open_field(
    browser: Browser, address: str, account: dict[str, str], at: tuple[float, float], path: str = ""
) -> DeskPage:
    return DeskPage(
        browser, address, f"/field{path}", account, size=(390, 844), phone=True,
        permissions=["geolocation"], geolocation={"longitude": at[0], "latitude": at[1]},
    )  # fmt: skip


def in_hand(desk: DeskPage, squad: DeskPage) -> int:
    """A new case in a squad's street that the squad is working on: the demo's own change by day."""
    known = squad.api("/api/incidents?limit=200")["items"]
    at = next(one for one in known if one["lon"] is not None)
    body = {"class": at["class"]["code"], "lon": at["lon"], "lat": at["lat"], "crs": "wgs84",
            "source": "hotline", "description": "在办任务"}  # fmt: skip
    number: int = desk.api("/api/incidents", "POST", body)["id"]
    for who, action in ((desk, "verify"), (desk, "file"), (desk, "dispatch"), (squad, "accept"),
                        (squad, "start")):  # fmt: skip
        who.api(f"/api/incidents/{number}/{action}", "POST", {})
    desk.close()
    return number


def fill_in(page: DeskPage, words: str) -> None:
    page.find("button", has_text="我在这里").click()
    page.find(".placed:not(.gap)").wait_for()
    page.page.get_by_role("button", name="市容环境", exact=True).click()
    page.find(".kind-list button", has_text="暴露垃圾").click()
    page.find("textarea[name=description]").fill(words)


def reports(database: Database, words: str) -> list[Any]:
    return database.rows("SELECT id, state, quick FROM incident WHERE description = %s", words)


def test_a_report_outlives_the_network(
    browser: Browser,
    served: str,
    demo_database: Database,
    demo_accounts: dict[str, dict[str, str]],
    tmp_path: Path,
) -> None:
    words = "断网时上报"
    port = free_port()
    at = some_place(demo_database)
    with service(demo_database, tmp_path / "first.log", "serve", port=port) as address:
        page = open_field(browser, address, demo_accounts["officer"], at)
        page.until("() => navigator.serviceWorker.controller !== null")
        page.page.reload()
        page.page.wait_for_selector("body.ready")
        fill_in(page, words)
        page.find("#report input[type=file]").first.set_input_files(
            picture(tmp_path / "a.jpg", "red")
        )
    page.excuse("net::ERR_", "status of 50")  # requests that find no service
    # the service is away: nothing is lost, also over a reload
    page.find("button", has_text="提交").click()
    page.until("() => document.getElementById('waiting-count').textContent === '1'")
    page.page.reload()
    page.page.wait_for_selector("body.ready")
    page.find("#tab-waiting").click()
    page.find("#waiting .draft.waiting", has_text=words).wait_for()
    assert reports(demo_database, words) == []
    with service(demo_database, tmp_path / "second.log", "serve", port=port):
        page.find("#waiting button", has_text="现在发送").click()
        page.until("() => document.getElementById('waiting-count').textContent === ''", 30)
        assert len(reports(demo_database, words)) == 1
        number = reports(demo_database, words)[0][0]
        photos = demo_database.value(
            "SELECT count(*) FROM incident_attachment WHERE incident_id = %s", number
        )
        assert photos == 1
    page.close()


def test_a_draft_is_gone_on_with(
    browser: Browser,
    served: str,
    demo_database: Database,
    demo_accounts: dict[str, dict[str, str]],
) -> None:
    page = open_field(browser, served, demo_accounts["officer"], some_place(demo_database))
    fill_in(page, "写了一半")
    page.find("button", has_text="存草稿").click()
    page.find("#waiting .draft.draft", has_text="写了一半").wait_for()
    page.find("#waiting button", has_text="继续填写").click()
    assert page.find("textarea[name=description]").input_value() == "写了一半"
    assert page.find(".kind-list button[aria-pressed=true]").inner_text().endswith("暴露垃圾")
    page.find("textarea[name=description]").fill("写完了")
    page.find("button", has_text="提交").click()
    page.find("#messages", has_text="已送达").wait_for()
    assert len(reports(demo_database, "写完了")) == 1
    assert reports(demo_database, "写了一半") == []
    page.close()


def test_a_quick_fix_with_its_photo(
    browser: Browser,
    served: str,
    demo_database: Database,
    demo_accounts: dict[str, dict[str, str]],
    tmp_path: Path,
) -> None:
    page = open_field(browser, served, demo_accounts["officer"], some_place(demo_database))
    fill_in(page, "当场清理")
    page.find("input[name=quick]").check()
    page.find("button", has_text="提交").click()
    page.find(".problem:not([hidden])", has_text="处置后照片").wait_for()
    page.find("#report input[type=file]").last.set_input_files(
        picture(tmp_path / "after.jpg", "green")
    )
    page.find("button", has_text="提交").click()
    page.find("#messages", has_text="已送达").wait_for()
    ((_, state, quick),) = reports(demo_database, "当场清理")
    assert quick
    assert state in ("resolved", "closed")
    page.close()


def test_tasks_are_done_on_the_phone(
    browser: Browser,
    served: str,
    demo_database: Database,
    demo_accounts: dict[str, dict[str, str]],
) -> None:
    page = open_field(browser, served, demo_accounts["squad_leader"], some_place(demo_database))
    number = in_hand(DeskPage(browser, served, "/dispatch", demo_accounts["dispatcher"]), page)
    page.go("/field#tasks")
    task = page.find(f"#tasks .tasks > li[data-id='{number}']", has_text="处理中")
    task.locator(".task-head").click()
    task.locator("textarea").fill("已清理完毕")
    task.locator("[data-action=resolve]").click()
    page.find("#messages", has_text="处置完成").wait_for()
    state = demo_database.value("SELECT state FROM incident WHERE id = %s", number)
    assert state == "resolved"
    page.close()


def test_it_can_be_installed(served: str) -> None:
    def read(path: str) -> tuple[bytes, Any]:
        with urllib.request.urlopen(f"{served}{path}", timeout=20) as answer:  # noqa: S310
            return answer.read(), answer.headers

    manifest = json.loads(read("/field/manifest.webmanifest")[0])
    assert manifest["start_url"] == manifest["scope"] == "/field"
    for icon in manifest["icons"]:
        size = int(icon["sizes"].split("x")[0])
        assert Image.open(io.BytesIO(read(icon["src"])[0])).size == (size, size)
    script, headers = read("/field/worker.js")
    assert headers["Service-Worker-Allowed"] == "/field"
    files = json.loads(script.split(b"const FILES = ")[1].split(b";")[0])
    for path in files[1:]:
        assert read(path)[0], path
