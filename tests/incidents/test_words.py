"""What is searched for is found whichever way is faster, and nothing else."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from gis_service.db.engine import async_session_factory, make_async_engine
from gis_service.incidents import words
from gis_service.incidents.filters import IncidentFilter, to_sql
from gis_service.incidents.queries import SORTS, list_incidents
from tests.conftest import Database

START = datetime(2026, 1, 1, tzinfo=UTC)
ADDRESSES = ("西街116号", "西街11号", "Main Street 5", "MAIN street 50%", "a_b\\c", "", None)
SAID = ("井盖松动", "路面积水，影响通行", "井 盖", "xx", "axb", "ÄÖ 井盖X", "占道经营", None)
ROWS = 150


@pytest.fixture(scope="module")
def filled(module_database: Database) -> Database:
    rng = np.random.default_rng(11)
    with module_database.sessions.begin() as session:
        session.execute(
            text(
                "INSERT INTO incident_class (scheme, scheme_version, code, kind, major, major_name,"
                " major_name_en, name, name_en) VALUES ('s', '', 'C1', 'event', '', '', '', 'n',"
                " 'n')"
            )
        )
        session.execute(
            text(
                "INSERT INTO incident (code, state, class_id, class_name, source, origin, "
                "external_id, reported_at, crs, placement_method, filed_path, address, "
                "description) VALUES (:code, :state, 1, :name, 'patrol', :origin, :number, :at, "
                "'wgs84', 'none', '{}', :address, :description)"
            ),
            [
                {
                    "code": f"202601{1 + n % 28:02d}-{n}", "state": ("closed", "filed")[n % 2],
                    "name": ("占道经营", "道路积水")[n % 3 == 0], "origin": "ab"[n % 2],
                    "number": f"N{n}", "at": START + timedelta(hours=int(rng.integers(0, 90))),
                    "address": ADDRESSES[rng.integers(len(ADDRESSES))],
                    "description": SAID[rng.integers(len(SAID))],
                }
                for n in range(ROWS)
            ],
        )  # fmt: skip
    return module_database


wanted_words = st.one_of(
    st.sampled_from(
        ["井盖", "井", "盖松", "西街11", "号", "%", "_", "\\", "x", "xx", "xxx", "AXB",
         "main STREET", "äö", "20260103", "20260103-2", "N7", "N77", "没有", " ", "，",
         "道经", "5\n"]
    ),
    st.text("井盖x西街1_%\\ n-", min_size=1, max_size=4),
)  # fmt: skip


# each example asks through the same engine again
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    q=wanted_words, sort=st.sampled_from(list(SORTS)), limit=st.integers(1, 40),
    looked_at=st.sampled_from([1, 7, 1000]), state=st.sampled_from([(), ("filed",)]),
)  # fmt: skip
def test_pages_of_a_word_hold_every_incident_that_says_it(
    filled: Database, q: str, sort: str, limit: int, looked_at: int, state: tuple[str, ...]
) -> None:
    wanted = IncidentFilter(q=q, states=state)
    condition, values = to_sql(wanted)
    key, direction = SORTS[sort]
    with filled.sessions() as session:
        theirs = list(
            session.execute(
                text(f"SELECT i.id FROM incident i WHERE {condition} "
                     f"ORDER BY {key} {direction}, i.id {direction}"), values,
            ).scalars()
        )  # fmt: skip

    async def pages() -> list[int]:
        engine = make_async_engine(filled.settings.database_url, filled.settings)
        found: list[int] = []
        cursor = None
        async with async_session_factory(engine)() as session:
            while True:
                rows, cursor = await list_incidents(
                    session, replace(wanted), sort=sort, cursor=cursor, limit=limit
                )
                found += [row["id"] for row in rows]
                if cursor is None:
                    break
        await engine.dispose()
        return found

    with patch.object(words, "LOOKED_AT", looked_at):
        assert asyncio.run(pages()) == theirs


def test_the_index_answers_for_a_rare_word(filled: Database) -> None:
    with filled.sessions() as session:
        session.execute(text("SET LOCAL enable_seqscan = off"))
        plan = session.execute(
            text("EXPLAIN SELECT id FROM incident "
                 "WHERE incident_words(address, description, class_name) LIKE :pattern"),
            {"pattern": words.pattern("没有")},
        ).scalars()  # fmt: skip
        assert any("incident_words" in line for line in plan)
