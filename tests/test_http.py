"""The service over HTTP on a small district: answers, refusals, and data that changes."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import mapbox_vector_tile
import pytest
from fastapi.testclient import TestClient
from sqlalchemy import text

from gis_service.app import create_app
from gis_service.events.feed import publish
from gis_service.hierarchy.coordinates import from_wgs84
from gis_service.hierarchy.gazetteer import load_gazetteer
from gis_service.hierarchy.importing import apply, prepare
from gis_service.hierarchy.locating import load_locator
from gis_service.incidents import filters
from gis_service.incidents.arrays import Snapshot, empty_table
from gis_service.incidents.filters import LIST_PARAMETERS, PARAMETERS, IncidentFilter
from gis_service.incidents.loading import load_incidents
from gis_service.incidents.mapping import read_mapping
from gis_service.maps.checking import check_layers
from gis_service.maps.registry import read_registry
from gis_service.settings import Settings
from gis_service.wiring import REVISION_FOLLOWERS
from tests.conftest import ROOT, Database, token_headers
from tests.district import load_small_district
from tests.incidents.test_loading import row, write
from tests.shapes import small_hierarchy, square, write_hierarchy


def fill(database: Database, folder: Path, rows: list[str] | None = None) -> None:
    load_small_district(database)
    with database.sessions.begin() as session:
        load_gazetteer(
            session,
            [{"name": "涂门街口", "kind": "crossing", "lon": 118.605, "lat": 24.905},
             {"name": "东门", "kind": "poi", "lon": 118.625, "lat": 24.905}],
            "test",
        )  # fmt: skip
    if rows:
        load(database, folder, rows)


def load(database: Database, folder: Path, rows: list[str]) -> None:
    with database.sessions() as session:
        locator = load_locator(session, database.settings)
    load_incidents(
        database.sessions, write(folder / "a.csv", rows), read_mapping(Path("standard")), locator,
        database.settings,
    )  # fmt: skip


@pytest.fixture(scope="module")
def served(
    module_database: Database, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[TestClient]:
    rows = [row(i, lon=118.605 + (i % 4) * 0.01, lat=24.905) for i in range(40)]
    rows += [row(100, lon="", lat=""), row(101, state="closed", closed_at="2026-03-02 10:00:00")]
    fill(module_database, tmp_path_factory.mktemp("files"), rows)
    headers = {"accept-language": "en", **token_headers(module_database)}
    with TestClient(create_app(module_database.settings), headers=headers) as client:
        yield client


def tile_of(lon: float, lat: float, z: int) -> tuple[int, int]:
    from gis_service.analysis import quadkey

    key = quadkey.of_positions([lon], [lat]) >> (2 * (quadkey.ZOOM - z))
    column, line = quadkey.to_columns_rows(key)
    return int(column[0]), int(line[0])


def features(body: bytes, layer: str) -> list[dict[str, Any]]:
    return mapbox_vector_tile.decode(body)[layer]["features"] if body else []


# -- locate and areas ----------------------------------------------------------------------


def test_locate_answers_per_level_and_says_its_system(served: TestClient) -> None:
    body = served.get("/api/locate?lon=118.605&lat=24.905").json()
    assert body["grid"] == {"code": "S0C0G0", "name": "网格S0C0G0"}
    assert (body["method"], body["distance_m"], body["crs"]) == ("inside", 0.0, "wgs84")
    assert body["levels"]["building"] == {"method": "none", "distance_m": None}
    x, y = from_wgs84(118.605, 24.91, "gcj02")
    shifted = served.get(f"/api/locate?lon={x}&lat={y}&crs=gcj02").json()
    assert shifted["building"]["code"] == "S0C0G0B"
    assert shifted["crs"] == "gcj02"


def test_a_point_beside_a_building_has_its_distance(served: TestClient) -> None:
    edge = square(0.4, 0.9, 0.2, 0.2).bounds[2]
    metre = 1 / 101_000  # degrees of longitude at this latitude, about
    body = served.get(f"/api/locate?lon={edge + 12 * metre}&lat=24.91").json()
    assert body["building"]["code"] == "S0C0G0B"
    assert body["method"] == "nearest"
    assert body["distance_m"] == pytest.approx(12, abs=0.3)


@pytest.mark.parametrize(
    ("query", "where", "words"),
    [
        ("lon=24.9&lat=118.6", "lat", "swapped"),
        ("lon=nan&lat=1", "lon", "finite"),
        ("lon=1", "lon", "both"),
        ("lon=1&lat=2&crs=moon", "crs", "accepted"),
        ("lon=1&lat=2&address=x", "address", "either"),
        ("lon=x&lat=2", "lon", "number"),
        ("address=%20", "address", "nothing"),
        ("lng=1&lat=2", "lng", "unknown parameter"),
    ],
)
def test_a_bad_position_is_refused_by_name(
    served: TestClient, query: str, where: str, words: str
) -> None:
    answer = served.get(f"/api/locate?{query}")
    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/problem+json"
    body = answer.json()
    assert body["where"] == where
    assert words in body["detail"]


def test_refusals_speak_the_readers_language(served: TestClient) -> None:
    body = served.get("/api/locate?lon=24.9&lat=118.6&lang=zh").json()
    assert "颠倒" in body["detail"]
    assert body["title"] == "请求无效"


@pytest.mark.parametrize(
    ("words", "first"),
    [("涂门街口", "涂门街口"), ("东门", "东门"), ("S0C1", "01社区"), ("10社区", "10社区"),
     ("泉州市涂门街口附近", "涂门街口")],
)  # fmt: skip
def test_addresses_names_and_codes_are_ranked(served: TestClient, words: str, first: str) -> None:
    items = served.get("/api/locate", params={"address": words}).json()["items"]
    assert items[0]["name"] == first
    assert items[0]["path"]["street"] is not None


def test_areas_are_listed_paged_and_followed(served: TestClient) -> None:
    page = served.get("/api/areas/grid?limit=3").json()
    assert [item["code"] for item in page["items"]] == ["S0C0G0", "S0C0G1", "S0C1G0"]
    rest = served.get(f"/api/areas/grid?limit=100&cursor={page['next']}").json()
    assert len(rest["items"]) == 5
    assert rest["next"] is None
    area = served.get("/api/areas/community/S0C1?geometry=true").json()
    assert area["path"]["street"]["code"] == "S0"
    assert area["children"] == {"level": "grid", "count": 2}
    assert area["buildings"] == 2
    assert area["geometry"]["type"] == "MultiPolygon"
    children = served.get("/api/areas/community/S0C1/children").json()
    assert [item["code"] for item in children["items"]] == ["S0C1G0", "S0C1G1"]
    assert len(served.get("/api/areas/community/S0C1/history").json()["items"]) == 1
    assert served.get("/api/areas/community/NOPE").status_code == 404
    assert served.get("/api/areas/planet/S0").status_code == 400


# -- incidents -----------------------------------------------------------------------------


def test_the_list_pages_without_loss_and_filters(served: TestClient) -> None:
    seen: list[int] = []
    cursor = None
    while True:
        query = {"limit": 15, **({"cursor": cursor} if cursor else {})}
        page = served.get("/api/incidents", params=query).json()
        seen += [item["id"] for item in page["items"]]
        cursor = page["next"]
        if cursor is None:
            break
    assert len(seen) == len(set(seen)) == 42
    inside = served.get("/api/incidents?grid=S0C0G0&state=reported").json()["items"]
    assert len(inside) == 10
    assert {item["grid"]["code"] for item in inside} == {"S0C0G0"}
    assert len(served.get("/api/incidents?q=西街").json()["items"]) == 42
    count = served.get("/api/incidents/count?grid=S0C0G0").json()
    assert (count["count"], count["open"]) == (11, 10)


def test_a_whole_number_finds_its_case(served: TestClient) -> None:
    known = served.get("/api/incidents?grid=S0C0G0&state=reported").json()["items"][0]
    for number in (known["code"], known["external_id"]):
        found = served.get("/api/incidents", params={"q": number}).json()["items"]
        assert [item["id"] for item in found] == [known["id"]]
    elsewhere = {"q": known["code"], "state": "closed"}
    assert served.get("/api/incidents", params=elsewhere).json()["items"] == []


def test_what_memory_has_not_heard_yet_is_in_the_list(
    served: TestClient, module_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = served.get("/api/incidents?grid=S0C0G0&state=reported").json()["items"]
    live = served.app.state.incidents  # type: ignore[attr-defined]
    monkeypatch.setattr(live, "current", Snapshot((empty_table(),), 1, None))
    with module_database.sessions.begin() as session:
        session.execute(text("UPDATE incident SET updated_at = now()"))
    again = served.get("/api/incidents?grid=S0C0G0&state=reported").json()["items"]
    assert {item["id"] for item in again} == {item["id"] for item in known}


def test_one_incident_and_its_log(served: TestClient) -> None:
    incident = served.get("/api/incidents?state=closed").json()["items"][0]
    body = served.get(f"/api/incidents/{incident['id']}").json()
    assert body["class"]["code"] == "E-01-12"
    assert body["placement"]["levels"]["grid"] == {"method": "inside", "distance_m": 0.0}
    log = served.get(f"/api/incidents/{incident['id']}/log").json()["items"]
    assert [(line["action"], line["state"]) for line in log] == [("load", "closed")]
    assert served.get("/api/incidents/999999").status_code == 404
    assert served.get(f"/api/incidents/{10**30}").status_code == 400


@pytest.mark.parametrize(
    "path",
    ["/api/incidents?cursor=zzz", "/api/incidents?sort=x", "/api/incidents?limit=0",
     "/api/incidents?claas=x", "/api/incidents?class=nope", "/api/incidents?from=32.1.2026",
     "/api/incidents/count?q=x"],
)  # fmt: skip
def test_a_bad_list_request_is_a_400(served: TestClient, path: str) -> None:
    assert served.get(path).status_code == 400


# -- tiles ---------------------------------------------------------------------------------


def test_every_layer_is_as_described(served: TestClient, module_database: Database) -> None:
    assert check_layers(module_database.engine, module_database.settings) == []
    for layer in read_registry(ROOT / "layers"):
        z = max(layer.minzoom, 14)
        x, y = tile_of(118.605, 24.905, z)
        answer = served.get(f"/tiles/{layer.id}/{z}/{x}/{y}.mvt")
        assert answer.status_code in (200, 204), layer.id
        for feature in features(answer.content, layer.id):
            assert set(feature["properties"]) <= set(layer.fields), layer.id
        described = served.get(f"/tiles/{layer.id}.json").json()
        assert described["tilejson"] == "3.0.0"
        assert described["vector_layers"][0]["id"] == layer.id


def test_area_tiles_hold_the_areas_and_their_labels(served: TestClient) -> None:
    x, y = tile_of(118.605, 24.905, 12)
    body = served.get(f"/tiles/grid/12/{x}/{y}.mvt").content
    codes = {feature["properties"]["code"] for feature in features(body, "grid")}
    assert "S0C0G0" in codes
    x, y = tile_of(118.605, 24.91, 15)
    labels = features(served.get(f"/tiles/grid/15/{x}/{y}.mvt").content, "grid_label")
    assert {label["properties"]["name"] for label in labels} == {"网格S0C0G0"}


def test_the_choropleth_claims_nothing_below_the_minimum(served: TestClient) -> None:
    x, y = tile_of(118.605, 24.905, 11)
    by_code: dict[str, dict[str, Any]] = {}
    for layer_x in (x - 1, x, x + 1):
        body = served.get(f"/tiles/grid_density/11/{layer_x}/{y}.mvt?state=reported").content
        by_code |= {f["properties"]["code"]: f["properties"]
                    for f in features(body, "grid_density")}  # fmt: skip
    assert by_code["S0C0G0"]["count"] == 10
    assert by_code["S0C0G0"]["enough"] is True
    assert by_code["S0C0G0"]["buildings"] == 1
    density = by_code["S0C0G0"]["count"] / by_code["S0C0G0"]["area_km2"]
    assert by_code["S0C0G0"]["density"] == pytest.approx(density)
    assert by_code["S1C1G1"]["count"] == 0
    assert by_code["S1C1G1"]["enough"] is False
    assert "density" not in by_code["S1C1G1"]
    described = served.get("/tiles/grid_density.json?state=reported").json()
    assert described["breaks"]["density"][-1] >= density * 0.99


@pytest.mark.parametrize(
    ("path", "status"),
    [("/tiles/nope/10/1/1.mvt", 404), ("/tiles/grid/12/99999/1.mvt", 400),
     ("/tiles/grid/3/1/1.mvt", 400), ("/tiles/grid/x/1/1.mvt", 400),
     ("/tiles/incident_heat/12/1/1.mvt?from=x", 400),
     ("/tiles/grid/12/1/1.mvt?from=2026-01-01", 400),
     ("/tiles/incidents/12/1/-1.mvt", 400), ("/styles/none.json", 404),
     ("/heatmap.png?width=9999999&height=10", 400), ("/heatmap.png?bbox=1,2", 400)],
)  # fmt: skip
def test_a_bad_address_is_a_clear_4xx(served: TestClient, path: str, status: int) -> None:
    answer = served.get(path)
    assert answer.status_code == status
    assert answer.json()["detail"]


def test_etags_save_the_way_back_and_private_tiles_are_not_kept(served: TestClient) -> None:
    x, y = tile_of(118.605, 24.905, 12)
    path = f"/tiles/grid/12/{x}/{y}.mvt"
    first = served.get(path)
    assert first.headers["cache-control"] == "public, max-age=0, s-maxage=1"
    again = served.get(path, headers={"if-none-match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    points = served.get(f"/tiles/incidents/12/{x}/{y}.mvt")
    assert points.headers["cache-control"] == "private, no-store"


def test_every_answer_carries_the_policy(served: TestClient) -> None:
    for path in ("/", "/api/district", "/tiles/nope.json", "/static/nope.js", "/nowhere"):
        policy = served.get(path).headers["content-security-policy"]
        assert "script-src 'self'" in policy
        assert "unsafe" not in policy


def test_series_sum_to_the_count(served: TestClient) -> None:
    heat = served.get("/api/heat/series?steps=10&zoom=12").json()
    assert sum(sum(step["count"]) for step in heat["steps"]) == 41  # one has no position
    grids = served.get("/api/areas/grid/series?steps=10").json()
    assert sum(map(sum, grids["items"].values())) == 41
    assert grids["denominators"]["S0C0G0"]["buildings"] == 1


def test_the_picture_is_a_picture(served: TestClient) -> None:
    answer = served.get("/heatmap.png?width=64&height=48")
    assert answer.headers["content-type"] == "image/png"
    assert answer.content.startswith(b"\x89PNG")


def test_readiness_and_description(served: TestClient) -> None:
    assert served.get("/healthz").status_code == 200
    assert served.get("/readyz").json() == {"ready": True, "reasons": []}
    paths = served.get("/api/openapi.json").json()["paths"]
    assert "/tiles/{layer_id}/{z}/{x}/{y}.mvt" in paths
    assert "/api/locate" in paths
    # what a filter reads is what is described
    for path, known in (
        ("/api/incidents", {*LIST_PARAMETERS, "sort", "cursor", "limit"}),
        ("/api/incidents/count", {*PARAMETERS}),
        ("/heatmap.png", {*PARAMETERS, "width", "height"}),
    ):
        described = {one["name"] for one in paths[path]["get"]["parameters"]}
        assert described - {"lang", "Accept-Language", "accept-language"} == known, path
    named = [one["operationId"] for methods in paths.values() for one in methods.values()]
    assert len(named) == len(set(named))


# -- data that changes ---------------------------------------------------------------------


def wait_for(condition: Any, seconds: float = 5.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "the change was not heard of"
        time.sleep(0.02)


def test_a_load_and_a_revision_reach_a_running_service(database: Database, tmp_path: Path) -> None:
    fill(database, tmp_path, [row(1)])
    x, y = tile_of(118.605, 24.905, 12)
    heat = f"/tiles/incident_heat/12/{x}/{y}.mvt"
    with TestClient(create_app(database.settings), headers=token_headers(database)) as client:

        def grid() -> Any:
            return client.get("/api/incidents?sort=reported_at&limit=1").json()["items"][0]["grid"]

        assert grid()["name"] == "网格S0C0G0"
        before = client.get(heat)
        assert sum(f["properties"]["count"] for f in features(before.content, "incident_heat")) == 1
        load(database, tmp_path, [row(i) for i in range(2, 30)])
        wait_for(lambda: client.get("/api/incidents/count").json()["count"] == 29)
        after = client.get(heat)
        assert int(after.headers["x-data-version"]) > int(before.headers["x-data-version"])
        total = sum(f["properties"]["count"] for f in features(after.content, "incident_heat"))
        assert total == 29
        levels = small_hierarchy()
        levels["grid"].loc[0, "geometry"] = square(0, 0, 0.4, 2)
        levels["grid"].loc[1, "geometry"] = square(0.4, 0, 1.6, 2)
        levels["grid"].loc[1, "name"] = "改名的网格"
        path = write_hierarchy(tmp_path / "b.gpkg", {"grid": levels["grid"]})
        with database.sessions.begin() as session:
            apply(session, prepare(session, path, database.settings), database.settings,
                  followers=REVISION_FOLLOWERS)  # fmt: skip

        def moved() -> bool:
            found = client.get("/api/locate?lon=118.605&lat=24.905").json()
            count = client.get("/api/incidents/count?grid=S0C0G1").json()["count"]
            return found["grid"]["code"] == "S0C0G1" and count == 29

        wait_for(moved)
        assert grid() == {"code": "S0C0G1", "name": "改名的网格"}


def test_a_tile_that_many_ask_for_is_made_once(database: Database, tmp_path: Path) -> None:
    fill(database, tmp_path, [row(1)])
    app = create_app(database.settings)
    with TestClient(app) as client:
        tiles, made = app.state.tiles, []
        make = tiles._make

        async def counted(*what: Any) -> Any:
            made.append(what)
            return await make(*what)

        async def ask() -> list[Any]:
            layer, (x, y) = tiles.registry["grid"], tile_of(118.605, 24.905, 12)
            return await asyncio.gather(
                *(tiles.tile(layer, 12, x, y, IncidentFilter(), key) for key in "aaab")
            )

        tiles._make = counted
        assert client.portal is not None
        found = client.portal.call(ask)
        assert len(made) == 2
        assert found[0] is found[1] is found[2]
        assert found[0].body == found[3].body != b""


def test_a_tile_of_what_is_overdue_goes_with_the_clock(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(database, tmp_path, [row(1), row(2)])
    due = datetime.now(UTC) + timedelta(hours=1)
    with database.sessions.begin() as session:
        session.execute(text("UPDATE incident SET due_at = :due WHERE id = 1"), {"due": due})

    class Later(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> datetime:
            return datetime.now(tz) + timedelta(hours=2)

    x, y = tile_of(118.605, 24.905, 10)
    headers = token_headers(database)
    with TestClient(create_app(database.settings), headers=headers) as client:

        def late(layer: str) -> float:
            answer = client.get(f"/tiles/{layer}/10/{x}/{y}.mvt?%6Fverdue=true")
            assert answer.status_code in (200, 204), answer.text
            # an incident that is in no cluster has no count
            return sum(f["properties"].get("count", 1) for f in features(answer.content, layer))

        layers = ("incident_heat", "incidents", "grid_density")
        assert [late(layer) for layer in layers] == [0, 0, 0]
        monkeypatch.setattr(filters, "datetime", Later)  # nothing changed but the time
        assert [late(layer) for layer in layers] == [1, 1, 1]


def test_events_of_slow_writers_are_not_lost(database: Database) -> None:
    """A transaction that began first and commits last is heard of all the same."""
    with TestClient(create_app(database.settings)) as client:
        follower = client.app.state.follower  # type: ignore[attr-defined]
        slow, quick = database.sessions(), database.sessions()
        publish(slow, "basemap", n=1)
        publish(quick, "basemap", n=2)
        quick.commit()
        wait_for(lambda: follower.seq >= 1)
        slow.commit()
        wait_for(lambda: follower.seq >= 2)
        slow.close()
        quick.close()
        with database.sessions() as session:
            rows = session.execute(text("SELECT seq, payload ->> 'n' FROM event ORDER BY seq"))
            assert [tuple(r) for r in rows] == [(1, "2"), (2, "1")]


def test_an_empty_database_is_served_and_says_so(client: TestClient) -> None:
    body = client.get("/api/district").json()
    assert body["levels"] == {}
    assert body["bbox"] is None
    assert client.get("/api/locate?lon=118.6&lat=24.9").json()["method"] == "none"
    assert client.get("/tiles/grid/12/1/1.mvt").status_code == 204
    assert client.get("/heatmap.png").status_code == 404


def test_settings_of_the_page_are_told(database: Database) -> None:
    settings = Settings(
        database_url=database.address, data_dir=database.settings.data_dir,
        map_approval_number="闽S(2026)000号",
    )  # fmt: skip
    with TestClient(create_app(settings)) as client:
        assert client.get("/api/district").json()["map_approval_number"] == "闽S(2026)000号"


def test_a_lost_database_is_a_503_and_comes_back(database: Database, tmp_path: Path) -> None:
    fill(database, tmp_path, [row(1)])
    end_all = (
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )
    with TestClient(create_app(database.settings)) as client:
        assert client.get("/api/areas/street").status_code == 200
        database.rows(end_all)
        statuses = {client.get("/api/areas/street").status_code for _ in range(3)}
        assert statuses <= {200, 503}
        load(database, tmp_path, [row(2)])
        wait_for(lambda: client.get("/api/incidents/count").json()["count"] == 2, 15)
        assert client.get("/readyz").status_code == 200
