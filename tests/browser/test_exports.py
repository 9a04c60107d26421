"""Everything can be taken home from where people look for it, and the demo's lists are whole."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from typing import Any

import httpx2
import pytest
from playwright.sync_api import Page, Route, expect

from gis_service import frames
from gis_service.errors import InvalidInput
from gis_service.interop.exports.catalog import ExportedList, read_lists
from gis_service.interop.exports.walking import value_of
from tests.browser.map_page import MapPage


@pytest.fixture(scope="module")
def admin(served: str, demo_accounts: dict[str, dict[str, str]]) -> httpx2.Client:
    token = next(one["token"] for one in demo_accounts.values() if one["role"] == "admin")
    return httpx2.Client(
        base_url=served, timeout=60,
        headers={"Authorization": f"Bearer {token}", "accept-language": "en"},
    )  # fmt: skip


def fields(item: dict[str, Any], before: str = "") -> set[str]:
    out: set[str] = set()
    for name, value in item.items():
        path = f"{before}{name}"
        out |= fields(value, f"{path}/") if isinstance(value, dict) else {path}
    return out


def covered(listed: ExportedList, field: str) -> bool:
    """Whether a field of an item is a column, its geometry, or left out on purpose; what is an
    object only now and then counts as its parts."""
    named = {*listed.columns, *listed.some, *listed.left, *(listed.point or ())}
    if listed.shape:
        named |= {f"{listed.shape}/type", f"{listed.shape}/coordinates"}
    parts = field.split("/")

    def meets(name: str) -> bool:
        return all(a in ("*", b) for a, b in zip(name.split("/"), parts, strict=False))

    return any(
        meets(one) and (one in listed.left or one.count("/") >= field.count("/")) for one in named
    )


def everything(admin: httpx2.Client, path: str, rows: str, **asked: str) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = []
    cursor: str | None = None
    while True:
        page = admin.get(path, params={**asked, **({"cursor": cursor} if cursor else {})}).json()
        items += page[rows]
        cursor = page.get("next")
        if not cursor:
            return items


def on_screen(admin: httpx2.Client, listed: ExportedList) -> list[dict[str, Any]]:
    """What the pages show of a list, asked for by nothing but its own route."""
    above = listed.of
    if above is None:
        return everything(admin, listed.path, listed.rows)
    items = []
    seen = set()
    for parent in everything(admin, above.path, "items"):
        one = value_of(parent, above.item) if above.item else parent
        if one is None or one["code"] in seen:
            continue
        seen.add(one["code"])
        path = listed.path.replace("{code}", one["code"])
        asked = {} if path != listed.path else {above.name: one["code"], "limit": "5000"}
        for item in everything(admin, path, listed.rows, **asked):
            named = {**item, above.name: {"code": one["code"], "name": one["name"]}}
            parts = item[listed.each] or [None] if listed.each else []
            items += [{**named, str(listed.each): part} for part in parts] or [named]
    return items


@pytest.mark.parametrize("name", read_lists())
def test_a_list_is_exported_whole(admin: httpx2.Client, name: str) -> None:
    listed = read_lists()[name]
    items = on_screen(admin, listed)
    forgotten = {f for item in items for f in fields(item) if not covered(listed, f)}
    assert not forgotten
    file = admin.get(f"/api/exports/{name}.csv")
    assert file.status_code == 200, file.text
    table = list(csv.reader(io.StringIO(file.content.decode("utf-8-sig"), newline="")))
    if name != "audit":  # each export is an entry more
        assert len(table) - 1 == len(items)
    first = listed.columns[0]
    if not listed.some and "/*/" not in first and items:
        told = [line[0].lstrip("'") for line in table[1:]][: len(items)]
        wanted = [value_of(item, first) for item in items]
        if name != "audit":
            assert told == [str(one) if one is not None else "" for one in wanted]


def test_frames_are_what_is_exported(
    served: str, admin: httpx2.Client, demo_accounts: dict[str, dict[str, str]]
) -> None:
    token = admin.headers["Authorization"].split()[1]
    gaps = frames.fetch("gaps", served, token, crs=4549)
    items = admin.get("/api/coverage/gaps").json()["items"]
    assert gaps["grid/code"].tolist() == [item["grid"]["code"] for item in items]
    assert gaps["risk"].tolist() == pytest.approx([item["risk"] for item in items])
    assert gaps.crs.to_epsg() == 4549
    cases = frames.fetch("incidents", served, token, from_="2026-03-01", to="2026-04-01")
    own = frames.fetch("incidents", served, token, from_="2026-03-01", to="2026-04-01",
                       state=["closed"])  # fmt: skip
    counted = admin.get("/api/incidents/count?from=2026-03-01&to=2026-04-01").json()["count"]
    assert len(cases) == counted > len(own) > 0
    assert len(frames.fetch("layers/grid", served)) == len(frames.fetch("areas/grid", served))
    with pytest.raises(InvalidInput, match="crs"):
        frames.fetch("gaps", served, token, crs=3857)


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_the_page_offers_each_format(open_as: Callable[..., Page], lang: str) -> None:
    page = open_as("planner", f"/exports?lang={lang}")
    page.wait_for_selector("body.ready")
    page.fill("#find", "满意" if lang == "zh" else "satisf")
    page.select_option("#crs", "4490")
    with page.expect_download() as got, page.expect_request("**/satisfaction.gpkg?*") as asked:
        page.locator("#tables a", has_text="GeoPackage").first.click()
    assert got.value.suggested_filename == "satisfaction.gpkg"
    assert "crs=4490" in asked.value.url
    assert got.value.path().read_bytes().startswith(b"SQLite format 3")
    expect(page.locator("#messages .message")).to_have_count(0)


def test_why_there_is_no_file_is_said(open_as: Callable[..., Page]) -> None:
    page = open_as("planner", "/exports?lang=zh", refusals=True)
    page.wait_for_selector("body.ready")
    waiting: list[Route] = []
    page.route("**/metrics.xlsx?*", lambda route: waiting.append(route))
    link = page.locator("#tables a[href*='/metrics.xlsx']")
    message = page.locator("#messages .message")
    link.click()
    expect(message).to_contain_text("正在生成 metrics.xlsx")
    message.get_by_role("button", name="取消").click()
    expect(message).to_have_count(0)
    link.click()
    expect(message).to_have_count(1)
    waiting[-1].continue_(url=waiting[-1].request.url.replace("crs=4326", "crs=3857"))
    expect(message).to_contain_text("不支持坐标系 '3857'")
    page.unroute("**/metrics.xlsx?*")
    with page.expect_download() as got:
        message.get_by_role("button", name="重试").click()
    assert got.value.suggested_filename == "metrics.xlsx"


def test_the_map_offers_the_data_in_sight(open_map: Callable[..., MapPage]) -> None:
    page = open_map("#layers=street,incident_heat&state=closed", lang="en")
    page.find("#tool-export").click()
    links = page.find("#export-menu .data-row a")
    addresses = [links.nth(n).get_attribute("href") or "" for n in range(links.count())]
    assert [one.split("?")[0].rsplit("/", 1)[1] for one in addresses] == [
        f"{layer}.{form}" for layer in ("street", "incident_heat")
        for form in ("csv", "xlsx", "geojson", "gpkg")
    ]  # fmt: skip
    assert "state=closed" in addresses[4]
    assert "state" not in addresses[0]
    assert page.context.request.get(f"{page.address}{addresses[4]}").ok
