"""OGC clients read the areas; what the library would answer with 500, or ignore, is told."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyogrio
import pytest
import shapely
from fastapi.testclient import TestClient
from owslib.ogcapi.features import Features

from gis_service.app import create_app
from gis_service.interop.ogc.collections import COLLECTIONS
from tests.browser.conftest import service
from tests.conftest import token_headers
from tests.incidents.conftest import Bureau

AREAS = ["street", "community", "grid", "building"]


@pytest.fixture
def visitor(bureau: Bureau) -> Iterator[TestClient]:
    for number in range(3):
        bureau.report(description=f"隐私 {number}", address="某街 1 号", reporter={"name": "林"})
    app = create_app(bureau.database.settings)
    with TestClient(app, headers={"accept-language": "en"}) as client:
        yield client


def test_the_way_from_the_landing_page_to_a_feature(visitor: TestClient) -> None:
    landing = visitor.get("/ogc/", headers={"accept": "text/html,*/*"}).json()
    links = {link["rel"]: link["href"] for link in landing["links"]}
    assert visitor.get(links["service-desc"]).json()["openapi"].startswith("3")
    assert visitor.get(links["service-doc"]).status_code == 200
    conforms = visitor.get(links["conformance"]).json()["conformsTo"]
    assert any(one.endswith("ogcapi-features-1/1.0/conf/core") for one in conforms)
    assert not any(one.endswith("/html") for one in conforms)
    listed = visitor.get("/ogc/collections").json()
    assert [one["id"] for one in listed["collections"]] == AREAS
    assert visitor.get("/ogc/collections/street").json()["title"] == "Streets"
    assert visitor.get("/ogc/collections/street?lang=zh").json()["title"] == "街道"
    grids = visitor.get("/ogc/collections/grid/items?limit=1000").json()
    known = visitor.get("/api/areas/grid").json()["items"]
    assert grids["numberMatched"] == len(known) > 1
    assert {one["properties"]["code"] for one in grids["features"]} == {g["code"] for g in known}
    assert (
        visitor.get(f"/ogc/collections/grid/items/{grids['features'][0]['id']}").json()[
            "properties"
        ]
        == grids["features"][0]["properties"]
    )
    tile = visitor.get("/ogc/collections/grid/tiles/WebMercatorQuad/12/3397/1758")
    assert tile.headers["content-type"].startswith("application/vnd.mapbox-vector-tile")


def test_every_page_once(visitor: TestClient) -> None:
    address, seen = "/ogc/collections/building/items?limit=1", []
    while address:
        page = visitor.get(address).json()
        seen += [one["id"] for one in page["features"]]
        address = next((link["href"] for link in page["links"] if link["rel"] == "next"), "")
    assert len(seen) == len(set(seen)) == page["numberMatched"] > 1


def items(client: TestClient, collection: str = "grid", **query: Any) -> list[str]:
    answer = client.get(f"/ogc/collections/{collection}/items", params={"limit": 1000, **query})
    assert answer.status_code == 200, answer.text
    return [one["properties"]["code"] for one in answer.json()["features"]]


def test_filters(visitor: TestClient) -> None:
    every = items(visitor)
    one = every[0]
    assert items(visitor, code=one) == [one]
    assert items(visitor, filter=f"code = '{one}'") == [one]
    assert items(visitor, filter=f"NOT code LIKE '{one}%' AND area_m2 > 1") == [
        code for code in every if not code.startswith(one)
    ]
    box = "118.6,24.9,118.61,24.91"
    inside = items(visitor, bbox=box)
    wanted = "S_INTERSECTS(geom, BBOX(118.6,24.9,118.61,24.91))"
    assert items(visitor, filter=wanted) == inside != every


BAD = [
    ("colour=red", "colour"),
    ("limit=many", "limit"),
    ("limit=1000000", "limit"),
    ("bbox=1,2,3", "bbox"),
    ("bbox=a,b,c,d", "bbox"),
    ("bbox=nan,1,2,3", "bbox"),
    ("datetime=yesterday", "datetime"),
    ("f=html", "f"),
    ("f=csv", "f"),
    ("filter=code =", "filter"),
    ("filter=nobody = 1", "filter"),
    ("filter=pg_sleep(10) = 1", "filter"),
    ("filter=pg_read_file('/etc/passwd') = code", "filter"),
    ('filter={"op":"pg_sleep","args":[10]}', "filter"),
    ("filter=" + '{"op":"not","args":[' * 60 + '{"property":"code"}' + "]}" * 60, "filter"),
    ("filter=code > 5", None),
    ("sortby=nobody", None),
    ("offset=99999999999999999999", None),
    ("offset=-1", "offset"),
]


def test_a_bad_question_is_told(visitor: TestClient) -> None:
    for query, where in BAD:
        answer = visitor.get(f"/ogc/collections/grid/items?{query}")
        assert answer.status_code == 400, f"{query}: {answer.text}"
        assert answer.headers["content-type"] == "application/problem+json"
        problem = answer.json()
        assert problem["detail"]
        assert where is None or problem["where"] == where, problem


def test_what_is_not_there(visitor: TestClient) -> None:
    for path in ("nothing", "nothing/items", "grid/items/99999999", "grid/items/x",
                 "pg_catalog.pg_authid/items", "public.incident/items"):  # fmt: skip
        assert visitor.get(f"/ogc/collections/{path}").status_code == 404, path


def test_incidents_are_for_accounts_that_see_the_whole_district(
    bureau: Bureau,
    visitor: TestClient,
) -> None:
    address = "/ogc/collections/incident/items"
    assert visitor.get(address).status_code == 401
    part = token_headers(bureau.database, "viewer", name="part", scopes=["street=S0"])
    assert visitor.get(address, headers=part).status_code == 403
    listed = visitor.get("/ogc/collections", headers=part).json()["collections"]
    assert "incident" not in [one["id"] for one in listed]
    whole = token_headers(bureau.database, "viewer")
    answer = visitor.get(address, headers=whole)
    assert answer.json()["numberMatched"] == 3
    assert "隐私" not in answer.text
    assert "某街" not in answer.text
    listed = visitor.get("/ogc/collections", headers=whole).json()
    assert [one["id"] for one in listed["collections"]] == list(COLLECTIONS)


def test_nothing_is_open_where_the_setting_says_so(bureau: Bureau) -> None:
    settings = bureau.database.settings.model_copy(update={"public": False})
    with TestClient(create_app(settings)) as client:
        admin = token_headers(bureau.database)
        described = client.get("/ogc/api", headers=admin).json()["paths"]
        assert len(described) > 10
        names = {"collectionId": "grid", "tileMatrixSetId": "WebMercatorQuad", "itemId": "1",
                 "z": "0", "x": "0", "y": "0", "tileMatrix": "0", "tileRow": "0",
                 "tileCol": "0"}  # fmt: skip
        for path in ["/api", "/api.html", *described]:
            assert client.get("/ogc" + path.format(**names)).status_code == 401, path


def test_no_request_writes(bureau: Bureau, visitor: TestClient) -> None:
    from asyncpg.exceptions import ReadOnlySQLTransactionError

    catalog = visitor.app.state.ogc  # type: ignore[attr-defined]

    async def write() -> None:
        async with catalog.pool.acquire() as connection:
            await connection.execute("DELETE FROM public.incident")

    assert visitor.portal is not None
    with pytest.raises(ReadOnlySQLTransactionError):
        visitor.portal.call(write)


def test_gdal_and_owslib_read_a_running_service(bureau: Bureau, tmp_path: Path) -> None:
    with service(bureau.database, tmp_path / "service.log", "serve") as address:
        layers = [name for name, _ in pyogrio.list_layers(f"OAPIF:{address}/ogc")]
        assert layers == AREAS
        frame = pyogrio.read_dataframe(f"OAPIF:{address}/ogc", layer="grid")
        codes = {code for (code,) in bureau.database.rows("SELECT code FROM grid")}
        assert set(frame["code"]) == codes
        assert frame.crs.to_epsg() == 4326
        stored = bureau.database.rows("SELECT code, ST_AsBinary(geom) FROM grid")
        own = {code: shapely.from_wkb(geom) for code, geom in stored}
        for code, geom in zip(frame["code"], frame.geometry, strict=True):
            assert geom.symmetric_difference(own[code]).area < 1e-12
        west = pyogrio.read_dataframe(
            f"OAPIF:{address}/ogc", layer="grid", bbox=(118.6, 24.9, 118.61, 24.91)
        )
        assert 0 < len(west) <= len(frame)
        reader = Features(f"{address}/ogc/")
        assert reader.feature_collections() == AREAS
        read = reader.collection_items("grid", limit=1000)
        assert {one["properties"]["code"] for one in read["features"]} == codes
        assert "code" in reader.collection_queryables("grid")["properties"]
