"""The demo's frontage contracts come in by the door of sheets, with a line along a building."""

from __future__ import annotations

from gis_service.demo.district import District
from gis_service.demo.frontages import COUNT, load_demo_frontages
from gis_service.demo.loading import _load_areas
from gis_service.hierarchy.locating import load_locator
from tests.conftest import Database
from tests.demo.checks import AS_OF


def test_they_load_once_and_some_are_overdue(district: District, database: Database) -> None:
    with database.sessions.begin() as session:
        _load_areas(session, database.settings, district, "demo", AS_OF, ())
    with database.sessions.begin() as session:
        metric_crs = load_locator(session, database.settings).metric_crs
        assert metric_crs is not None
        made = [
            load_demo_frontages(session, database.settings, district, AS_OF, metric_crs)
            for _ in range(2)
        ]
    assert made == [COUNT["small"], 0]
    assert (
        database.value("SELECT count(*) FROM frontage_contract WHERE measured = 'building'")
        == (COUNT["small"])
    )
    # the doors are on the side of the streets, and as long as signed
    wrong = database.value(
        "SELECT count(*) FROM frontage_contract "
        "WHERE abs(ST_Length(geom::geography) - length_m) > 0.02 * length_m"
    )
    assert wrong == 0
    assert database.value("SELECT count(*) FROM frontage_inspection WHERE failed <> '{}'") > 5
    assert database.value(
        "SELECT count(*) FROM frontage_inspection WHERE rectify_by < %s AND rectified_on IS NULL",
        AS_OF.date(),
    )
