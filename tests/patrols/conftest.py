"""A small district with a squad, two officers, and walks through its grids."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import orjson
import pytest

from gis_service.hierarchy.locating import Locator, load_locator
from gis_service.patrols.uploading import take_tracks
from gis_service.reference.models import Squad, Unit
from gis_service.responsibility.models import Officer
from tests.conftest import Database
from tests.district import load_small_district

NINE = datetime(2026, 11, 25, 1, 0, tzinfo=UTC)  # 09:00 in the district
NOW = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)
METRE_LON, METRE_LAT = 1 / 101_000, 1 / 110_800  # degrees, about, at 24.9 N

Point = tuple[datetime | None, float, float]


def stroll(start: datetime, minutes: float, *, lon: float = 118.6005, lat: float = 24.905,
           step_s: float = 15, speed: float = 1.2) -> list[Point]:  # fmt: skip
    """A walk due east; with the defaults it begins 950 m west of the border of grids 0 and 1."""
    return [
        (start + timedelta(seconds=i * step_s), lon + i * step_s * speed * METRE_LON, lat)
        for i in range(int(minutes * 60 / step_s) + 1)
    ]


def gpx(points: list[Point]) -> bytes:
    """A GPX file of one segment."""
    rows = "".join(
        f'<trkpt lat="{lat}" lon="{lon}">'
        + (f"<time>{at.isoformat().replace('+00:00', 'Z')}</time>" if at else "")
        + "</trkpt>"
        for at, lon, lat in points
    )
    return (
        '<?xml version="1.0"?><gpx version="1.1" xmlns="http://www.topografix.com/GPX/1/1">'
        f"<trk><trkseg>{rows}</trkseg></trk></gpx>"
    ).encode()


def geojson(points: list[Point]) -> bytes:
    """A GeoJSON line with its times beside it."""
    feature = {
        "type": "Feature",
        "properties": {"coordTimes": [at.isoformat() if at else None for at, *_ in points]},
        "geometry": {"type": "LineString", "coordinates": [[lon, lat] for _, lon, lat in points]},
    }
    return orjson.dumps(feature)


class Patrol:
    """The district, its officers ``T1`` and ``T2``, and uploads as they would send them."""

    def __init__(self, database: Database, locator: Locator, officers: dict[str, int]) -> None:
        self.database = database
        self.locator = locator
        self.officers = officers

    def upload(self, data: bytes, officer: str = "T1", **options: Any) -> dict[str, Any]:
        with self.database.sessions.begin() as session:
            return take_tracks(
                session, self.database.settings, self.locator, data,
                session.get_one(Officer, self.officers[officer]),
                **{"where": "walk", "now": NOW, "locale": "en", **options},
            )  # fmt: skip

    def visits(self, officer: str = "T1") -> list[tuple[Any, ...]]:
        """(grid, minutes after nine of entering and leaving) in order."""
        rows = self.database.rows(
            "SELECT grid_code, entered_at, left_at FROM visit WHERE officer_id = %s ORDER BY 2, 1",
            self.officers[officer],
        )
        return [
            (code, *((moment - NINE).total_seconds() / 60 for moment in span))
            for code, *span in rows
        ]


@pytest.fixture
def patrol(database: Database) -> Patrol:
    """See :class:`Patrol`."""
    load_small_district(database)
    with database.sessions.begin() as session:
        unit = Unit(code="U1", name="城管局", name_en="Bureau")
        session.add(unit)
        session.flush()
        squad = Squad(code="Z1", name="一中队", name_en="1", unit_id=unit.id, street_codes=["S0"])
        session.add(squad)
        session.flush()
        officers = [Officer(code=code, name=code, squad_id=squad.id) for code in ("T1", "T2")]
        session.add_all(officers)
        session.flush()
        numbers = {officer.code: officer.id for officer in officers}
    with database.sessions() as session:
        locator = load_locator(session, database.settings)
    return Patrol(database, locator, numbers)


def micros(moment: datetime) -> int:
    return round(moment.timestamp() * 1e6)


def columns(points: list[Point]) -> tuple[np.ndarray, ...]:
    """Columns of fixes as storing takes them."""
    at = np.array([micros(moment) if moment else -1 for moment, *_ in points], np.int64)
    lon, lat = (np.array([point[k] for point in points]) for k in (1, 2))
    return at, lon, lat, np.full(len(at), np.nan)
