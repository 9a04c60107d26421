"""An OpenStreetMap extract becomes a quiet ground, and anything else is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from gis_service.basemap.importing import load_extract
from gis_service.errors import InvalidInput
from tests.conftest import Database


def test_a_file_that_is_no_extract_is_refused(database: Database, tmp_path: Path) -> None:
    path = tmp_path / "a.osm.pbf"
    path.write_bytes(b"nothing of the kind" * 50)
    with database.sessions.begin() as session, pytest.raises(InvalidInput) as caught:
        load_extract(session, path)
    assert caught.value.where == "a.osm.pbf"
    assert database.value("SELECT count(*) FROM basemap_feature") == 0


@pytest.mark.shared_data
def test_liechtenstein_loads_and_loading_again_replaces(
    database: Database, shared_data: Path
) -> None:
    path = shared_data / "osm" / "liechtenstein-2013-08-03.osm.pbf"
    for _ in range(2):
        with database.sessions.begin() as session:
            counts = load_extract(session, path)
    stored = dict(database.rows("SELECT theme, count(*) FROM basemap_feature GROUP BY theme"))
    assert stored == counts
    assert counts["building"] > 3500  # the data's description counts 3,722 building ways
    assert counts["road"] > 2500
    assert counts["water"] > 0
    assert counts["green"] > 0
    named = database.value(
        "SELECT count(*) FROM basemap_feature WHERE theme = 'water' AND name LIKE '%Rhein%'"
    )
    assert named > 0
    west, east = database.rows(
        "SELECT ST_XMin(e), ST_XMax(e) FROM (SELECT ST_Transform(ST_SetSRID("
        "ST_Extent(mercator), 3857), 4326) AS e FROM basemap_feature WHERE theme = 'building') x"
    )[0]
    assert 9.3 < west < east < 9.8
