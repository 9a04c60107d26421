"""A small district with units, squads and limits, and a desk to work at."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import text

from gis_service.accounts.identity import Identity
from gis_service.hierarchy.locating import load_locator
from gis_service.incidents.actions import act
from gis_service.incidents.desk import Desk, read_reference
from gis_service.incidents.intake import Taken, take_in
from tests.conftest import Database
from tests.district import load_small_district

INSIDE = {"lon": 118.605, "lat": 24.905, "crs": "wgs84"}
CLASS = "E-01-12"
MANHOLE = "C-01-23"
NOON = datetime(2026, 11, 25, 4, 0, tzinfo=UTC)  # a Wednesday, 12:00 in the district


class Bureau:
    """A district whose desk stands open at a given time."""

    def __init__(self, database: Database, desk: Desk) -> None:
        self.database = database
        self.desk = desk

    def at(self, now: datetime) -> None:
        self.desk = replace(self.desk, now=now)

    def report(self, identity: Identity | None = None, key: str | None = None,
               **fields: Any) -> Taken:  # fmt: skip
        with self.database.sessions.begin() as session:
            return take_in(
                session, self.desk, identity, {"class": CLASS, **INSIDE, **fields}, key=key,
                owner=identity.name if identity else "public",
            )  # fmt: skip

    def act(self, identity: Identity, incident: int, action: str, **fields: Any) -> int:
        with self.database.sessions.begin() as session:
            return act(session, self.desk, identity, incident, action, fields)

    def row(self, incident: int) -> dict[str, Any]:
        with self.database.sessions() as session:
            return dict(
                session.execute(text("SELECT * FROM incident WHERE id = :id"), {"id": incident})
                .mappings()
                .one()
            )

    def log(self, incident: int) -> list[tuple[str, str, str]]:
        return self.database.rows(  # type: ignore[return-value]
            "SELECT actor, action, state FROM incident_log WHERE incident_id = %s ORDER BY id",
            incident,
        )


@pytest.fixture
def bureau(database: Database) -> Bureau:
    load_small_district(database)
    with database.sessions.begin() as session:
        session.execute(
            text(
                """
                INSERT INTO unit (code, name, name_en) VALUES ('U1', '环卫中心', 'Sanitation'),
                    ('U2', '市政中心', 'Works'), ('U3', '供水企业', 'Water company')
                ON CONFLICT (code) DO NOTHING;
                INSERT INTO squad (code, name, name_en, unit_id, street_codes)
                    SELECT 'Q0', '零街中队', 'Squad 0', id, ARRAY['S0'] FROM unit WHERE code = 'U1';
                UPDATE incident_class SET unit_id = (SELECT id FROM unit WHERE code = 'U1')
                    WHERE code = 'E-01-12';
                UPDATE incident_class SET unit_id = NULL WHERE code = 'C-01-23';
                DELETE FROM class_condition;
                INSERT INTO class_condition (class_id, number, name, name_en, limit_amount,
                    limit_unit) SELECT id, 1, '路面有垃圾', 'litter', 2, 'working_hour'
                    FROM incident_class WHERE code = 'E-01-12';
                INSERT INTO class_condition (class_id, number, name, name_en, limit_amount,
                    limit_unit) SELECT id, n, 'c' || n, 'c' || n, n, 'urgent_hour'
                    FROM incident_class, generate_series(1, 2) n WHERE code = 'C-01-23';
                INSERT INTO calendar_day (day, kind, note, source)
                    SELECT d, CASE WHEN extract(isodow FROM d) < 6 THEN 'working' ELSE 'off' END,
                    '', 'test' FROM generate_series('2026-01-01'::date, '2026-12-31', '1 day') d
                ON CONFLICT (day) DO NOTHING;
                """
            )
        )
    with database.sessions.begin() as session:
        desk = Desk(
            load_locator(session, database.settings),
            read_reference(session, database.settings),
            database.settings,
            NOON,
        )
    return Bureau(database, desk)


@pytest.fixture
def settings_of(bureau: Bureau) -> Callable[..., None]:
    """Change settings of the bureau's desk."""

    def change(**values: Any) -> None:
        bureau.desk = replace(bureau.desk, settings=bureau.desk.settings.model_copy(update=values))

    return change
