"""Kept tiles after incidents changed: none is older than it says; those of other places stay."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient
from sqlalchemy import text

from gis_service.analysis import quadkey
from gis_service.app import create_app
from gis_service.events.feed import Published, publish
from gis_service.hierarchy.locating import load_locator
from gis_service.incidents.filters import IncidentFilter
from gis_service.incidents.loading import load_incidents
from gis_service.incidents.mapping import read_mapping
from gis_service.incidents.pinning import pin_incident
from gis_service.maps import tiles as tiles_module
from gis_service.maps.tile_cache import Tile, TileCache
from gis_service.maps.touched import few_incidents, touched
from tests.conftest import Database, token_headers
from tests.incidents.test_loading import row, write
from tests.shapes import SOUTH, STEP, WEST
from tests.test_http import features, fill, load, tile_of, wait_for

LAYERS = ("incident_heat", "incidents", "grid_density", "hotspots")
HERE, THERE = (118.605, 24.905), (118.6751, 24.9149)  # in the first grid and in the last
CLASS = "E-01-12"


@pytest.fixture
def service(database: Database, tmp_path: Path) -> Iterator[tuple[TestClient, Database]]:
    rows = [row(i, lon=118.6051 + (i % 8) * 0.01, lat=24.9051) for i in range(80)]
    rows += [row(100, lon=HERE[0], lat=HERE[1]), row(101, lon="", lat="")]
    fill(database, tmp_path, rows)
    with TestClient(create_app(database.settings), headers=token_headers(database)) as client:
        change(client, database, "UPDATE incident SET urgent = true", 1)  # heard once at least
        yield client, database


def number_of(database: Database, external_id: str) -> int:
    found = database.value(f"SELECT id FROM incident WHERE external_id = '{external_id}'")
    assert isinstance(found, int)
    return found


def change(client: TestClient, database: Database, sql: str, *ids: int) -> None:
    with database.sessions.begin() as session:
        session.execute(text(f"{sql} WHERE id = ANY(:ids)"), {"ids": list(ids)})
        publish(session, "incidents", ids=list(ids))
    heard(client, database)


def heard(client: TestClient, database: Database) -> None:
    """Returns when the service has heard of everything."""
    follower = client.app.state.follower  # type: ignore[attr-defined]
    behind = "SELECT count(*) FROM event WHERE seq IS NULL OR seq > %s"
    wait_for(lambda: not database.value(behind, follower.seq))


def pyramid() -> list[str]:
    """Tiles of the whole district from afar, close up those of both places and around one."""
    out = []
    for z in (9, 12, 16, 18):
        if z < 14:
            left, top = tile_of(WEST, SOUTH + 2 * STEP, z)
            right, bottom = tile_of(WEST + 8 * STEP, SOUTH, z)
            some = [(x, y) for x in range(left, right + 1) for y in range(top, bottom + 1)]
        else:
            x, y = tile_of(*HERE, z)
            some = [(x + i, y + j) for i in (-1, 0, 1) for j in (-1, 0, 1)]
            some.append(tile_of(*THERE, z))
        filters = ("", "?state=reported") if z == 16 else ("",)
        out += [
            f"/tiles/{layer}/{z}/{x}/{y}.mvt{asked}"
            for layer in LAYERS for x, y in some for asked in filters
        ]  # fmt: skip
    return out


def ask(client: TestClient, paths: list[str]) -> dict[str, tuple[bytes, int]]:
    out = {}
    for path in paths:
        answer = client.get(path)
        assert answer.status_code in (200, 204), answer.text
        out[path] = answer.content, int(answer.headers["x-data-version"])
    return out


def test_after_every_kind_of_change_tiles_are_what_they_would_be_made_anew(
    service: tuple[TestClient, Database], tmp_path: Path
) -> None:
    client, database = service
    state = client.app.state  # type: ignore[attr-defined]
    paths, alone, nowhere = pyramid(), number_of(database, "A100"), number_of(database, "A101")

    def pin(number: int, place: tuple[float, float]) -> None:
        with database.sessions.begin() as session:
            locator = load_locator(session, database.settings)
            pin_incident(session, locator, number, *place, crs="wgs84", actor="test")
        heard(client, database)

    def report() -> None:
        lon, lat = THERE
        body = {"class": CLASS, "lon": lon, "lat": lat, "crs": "wgs84", "source": "resident"}
        assert client.post("/api/incidents", json=body).status_code == 201
        heard(client, database)

    def load_more() -> None:
        load(database, tmp_path, [row(i, lon=THERE[0], lat=THERE[1]) for i in range(200, 220)])
        heard(client, database)

    changes: list[Callable[[], None]] = [
        report,
        lambda: pin(alone, THERE),
        lambda: pin(nowhere, HERE),
        lambda: change(client, database, "UPDATE incident SET state = 'filed'", alone),
        lambda: change(client, database, "UPDATE incident SET geom = NULL, grid_id = NULL", alone),
        load_more,
    ]
    before = ask(client, paths)
    for do in changes:
        do()
        kept = ask(client, paths)
        state.tiles.cache = TileCache(state.settings.tile_cache_bytes)
        fresh = ask(client, paths)
        assert [path for path in paths if kept[path][0] != fresh[path][0]] == []
        told = database.value("SELECT max(seq) FROM event WHERE topic = 'incidents'")
        assert min(version for _, version in kept.values()) >= told
        assert any(kept[path][0] != before[path][0] for path in paths)
        before = fresh


def test_a_change_in_one_place_leaves_the_tiles_of_others(
    service: tuple[TestClient, Database],
) -> None:
    client, database = service
    state = client.app.state  # type: ignore[attr-defined]
    made: list[tuple[str, int, int, int]] = []
    make = state.tiles._make

    async def counted(layer: Any, z: int, x: int, y: int, *rest: Any) -> Tile:
        made.append((layer.id, z, x, y))
        return await make(layer, z, x, y, *rest)

    state.tiles._make = counted
    paths = [path for path in pyramid() if "?" not in path]
    versions = {version for _, version in ask(client, paths).values()}
    assert len(made) == len(paths)
    made.clear()
    change(client, database, "UPDATE incident SET state = 'filed'", number_of(database, "A100"))
    after = {version for _, version in ask(client, paths).values()}
    assert min(after) > max(versions)  # those that stayed say of what they are true, too
    again = {layer: [place for one, *place in made if one == layer] for layer in LAYERS}
    assert len(again["hotspots"]) == len(paths) / len(LAYERS)
    column, line = tile_of(*HERE, 16)
    for layer in ("incident_heat", "incidents"):
        assert [place for place in again[layer] if place[0] == 16] == [[16, column, line]]
    far = {(z, *tile_of(*THERE, z)) for z in (16, 18)}
    assert not far & {tuple(place) for place in again["grid_density"]}
    assert [12, *tile_of(*HERE, 12)] in again["grid_density"]
    # the grid is a kilometre wide: beside the incident's own tile those that it reaches into
    assert len([1 for z, _, _ in again["grid_density"] if z == 18]) == 9


def test_a_tile_of_a_place_that_changed_while_it_was_made_is_not_kept(
    service: tuple[TestClient, Database], monkeypatch: pytest.MonkeyPatch
) -> None:
    client, database = service
    state = client.app.state  # type: ignore[attr-defined]
    tiles, cut = state.tiles, tiles_module.density_tile
    made, go = threading.Event(), threading.Event()

    def slow(*what: Any) -> bytes:
        body = cut(*what)
        made.set()
        go.wait(10)
        return body

    layer, address = tiles.registry["incidents"], (16, *tile_of(*HERE, 16))
    monkeypatch.setattr(tiles_module, "density_tile", slow)

    async def begin() -> asyncio.Future[Tile]:
        return asyncio.ensure_future(tiles.tile(layer, *address, IncidentFilter(), ""))

    assert client.portal is not None
    early = client.portal.call(begin)
    assert made.wait(10)
    monkeypatch.setattr(tiles_module, "density_tile", cut)
    change(client, database, "UPDATE incident SET state = 'filed'", number_of(database, "A100"))
    # nor is it what others wait for
    later = client.portal.call(tiles.tile, layer, *address, IncidentFilter(), "")
    go.set()

    async def end() -> Tile:
        return await early

    old = client.portal.call(end)
    states = [
        sorted(one["properties"].get("state", "") for one in features(tile.body, "incidents"))
        for tile in (old, later)
    ]
    assert states[0] != states[1]
    assert old.version < later.version
    assert tiles.cached(layer, *address, "") is later


def test_what_was_heard_in_part_is_heard_in_whole_the_next_time(
    service: tuple[TestClient, Database],
) -> None:
    """A subscriber between the arrays and the tiles fails: the old place is not forgotten."""
    client, database = service
    state = client.app.state  # type: ignore[attr-defined]
    failures = []

    async def fail_once(_: Any) -> None:
        if not failures:
            failures.append(1)
            raise RuntimeError("once")

    subscribers = state.follower._subscribers
    subscribers.insert(subscribers.index(state.incidents.hear) + 1, fail_once)
    path = "/tiles/incidents/18/{}/{}.mvt".format(*tile_of(*HERE, 18))
    here = client.get(path).content
    assert features(here, "incidents")
    change(client, database, "UPDATE incident SET geom = NULL", number_of(database, "A100"))
    assert failures
    after = client.get(path).content
    state.tiles.cache = TileCache(state.settings.tile_cache_bytes)
    assert after == client.get(path).content != here


def test_new_names_of_classes_reach_the_tiles_at_once(
    service: tuple[TestClient, Database],
) -> None:
    client, database = service
    path = "/tiles/incidents/18/{}/{}.mvt".format(*tile_of(*HERE, 18))
    before = client.get(path)
    with database.sessions.begin() as session:
        session.execute(text("UPDATE incident_class SET code = code || '_'"))
        publish(session, "classes")
    heard(client, database)
    after = client.get(path)
    classes = [
        {one["properties"]["class"] for one in features(tile.content, "incidents")
         if "class" in one["properties"]}
        for tile in (before, after)
    ]  # fmt: skip
    assert {f"{one}_" for one in classes[0]} == classes[1]


def test_classes_that_a_load_creates_are_known_at_once(
    service: tuple[TestClient, Database], tmp_path: Path
) -> None:
    client, database = service
    standard = read_mapping(Path("standard"))
    mapping = standard.model_copy(
        update={"classes": standard.classes.model_copy(update={"scheme": "own", "create": True})}
    )
    with database.sessions() as session:
        locator = load_locator(session, database.settings)
    path = write(tmp_path / "own.csv", [row(1, class_code="占道烧烤", external_id="B1")])
    load_incidents(database.sessions, path, mapping, locator, database.settings)
    heard(client, database)
    asked = client.get("/api/incidents/count", params={"class": "占道烧烤"})
    assert asked.json()["count"] == 1
    tile = client.get(
        "/tiles/incidents/20/{}/{}.mvt?class=占道烧烤".format(*tile_of(118.605, 24.905, 20))
    )
    assert [one["properties"]["class"] for one in features(tile.content, "incidents")] == [
        "占道烧烤"
    ]


def test_what_reaches_into_the_tile_beside_it_touches_that_too() -> None:
    class One:
        id, minzoom, maxzoom = "one", 10, 11

    side = 1 << (quadkey.ZOOM - 10)  # of a tile at zoom 10, where the box ends a little before
    box = np.array(
        [[4 * side + side * 3 // 4, 5 * side - side // 70, 7 * side, 7 * side + side // 2]]
    )
    found = touched(One, box)  # type: ignore[arg-type]
    assert found is not None
    places = set(found)
    assert {place for place in places if place[1] == 10} == {
        ("one", 10, x, y) for x in (4, 5) for y in (6, 7)
    }
    assert ("one", 11, 10, 14) in places
    assert ("one", 11, 8, 14) not in places
    assert list(touched(One, box[:0]) or [1]) == []  # type: ignore[arg-type]
    One.maxzoom = 18
    whole = np.array([[0, quadkey.SIDE - 1, 0, quadkey.SIDE - 1]])
    assert touched(One, whole) is None  # type: ignore[arg-type]


def test_incidents_are_named_one_by_one_where_they_are_few() -> None:
    def told(*payloads: dict[str, Any]) -> list[int] | None:
        return few_incidents([Published(1, "incidents", one) for one in payloads])

    assert told({"ids": [3]}, {"ids": [2, 3]}) == [2, 3]
    assert told({"ids": [3]}, {"first": 1, "last": 9}) is None
    assert told({"placed_again": 3}) is None
    assert told({"ids": list(range(1001))}) is None
    assert few_incidents([Published(1, "hierarchy", {"revision": 1})]) == []


def test_the_cache_holds_no_more_than_it_may() -> None:
    cache = TileCache(10_000)
    for number in range(100):
        cache.put((("grid", 10, number % 7, 0), number), Tile(b"x" * 700, '"e"', number))
        assert cache.bytes == len(cache._tiles) * 1000 <= 10_000
    assert cache.get((("grid", 10, 99 % 7, 0), 99)) is not None
    assert cache.get((("grid", 10, 0, 0), 0)) is None
    cache.put((("grid", 10, 99 % 7, 0), 99), Tile(b"", '"e"', 100))
    cache.forget([("grid", 10, 99 % 7, 0), ("grid", 11, 0, 0)])
    assert cache.get((("grid", 10, 99 % 7, 0), 99)) is None
    cache.forget_layers({"grid"})
    assert (cache.bytes, cache._tiles, cache._at) == (0, {}, {"grid": {}})
