"""The filter gives the same rows in SQL and on arrays, whatever is asked."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from gis_service.db.engine import driver_connection
from gis_service.errors import InvalidInput
from gis_service.incidents import arrays, ordered
from gis_service.incidents.arrays import IncidentTable, Snapshot, empty_table, joined, read_table
from gis_service.incidents.filters import (
    IncidentFilter,
    Vocabulary,
    parse_filter,
    parse_moment,
    to_sql,
)
from gis_service.incidents.masking import to_mask
from gis_service.incidents.models import SOURCES, STATES
from tests.conftest import Database

START = datetime(2026, 1, 1, tzinfo=UTC)
ROWS = 400


@pytest.fixture(scope="module")
def filled(module_database: Database) -> tuple[Database, IncidentTable]:
    """Incidents of every kind: without place, without deadline, on the edge of boxes."""
    rng = np.random.default_rng(7)
    with module_database.sessions.begin() as session:
        session.execute(
            text(
                "INSERT INTO incident_class (scheme, scheme_version, code, kind, major, major_name,"
                " major_name_en, name, name_en) SELECT 's', '', 'C' || n, 'event', '', '', '', 'n',"
                " 'n' FROM generate_series(1, 5) n"
            )
        )
        for number in range(ROWS):
            placed = rng.random() < 0.8
            session.execute(
                text(
                    """
                    INSERT INTO incident (code, state, class_id, class_name, source, origin,
                        external_id, reported_at, due_at, crs, geom, street_id, community_id,
                        grid_id, building_id, placement_method, filed_path, urgent, supervised,
                        is_order)
                    VALUES ('c', :state, :class, 'n', :source, 't', :n, :at, :due, 'wgs84',
                        CASE WHEN :placed THEN ST_SetSRID(ST_MakePoint(:lon, :lat), 4326) END,
                        :street, :community, :grid, NULL,
                        CASE WHEN :placed THEN 'inside' ELSE 'none' END, '{}', :urgent,
                        :supervised, :is_order)
                    """
                ),
                {
                    "source": SOURCES[rng.integers(len(SOURCES))],
                    "state": STATES[rng.integers(len(STATES))], "class": int(rng.integers(1, 6)),
                    "n": str(number), "at": START + timedelta(hours=int(rng.integers(0, 240))),
                    "due": START + timedelta(hours=int(rng.integers(0, 400)))
                    if rng.random() < 0.7 else None,
                    **{name: bool(rng.random() < 0.3)
                       for name in ("urgent", "supervised", "is_order")},
                    "placed": placed, "lon": 118 + int(rng.integers(0, 11)) / 10,
                    "lat": 24 + int(rng.integers(0, 11)) / 10,
                    "street": int(rng.integers(1, 4)) if placed else None,
                    "community": int(rng.integers(10, 16)) if placed else None,
                    "grid": int(rng.integers(100, 130)) if placed and rng.random() < 0.9 else None,
                },
            )  # fmt: skip
    with module_database.sessions() as session:
        table = read_table(driver_connection(session))
    assert len(table) == ROWS
    return module_database, table


hours = st.integers(-24, 264).map(lambda h: START + timedelta(hours=h))
degrees = st.integers(0, 10)


@st.composite
def filters(draw: st.DrawFn) -> IncidentFilter:
    west, east = sorted(draw(st.tuples(degrees, degrees)))
    south, north = sorted(draw(st.tuples(degrees, degrees)))
    box = (118 + west / 10, 24 + south / 10, 118 + (east + 1) / 10, 24 + (north + 1) / 10)

    def some(values: list[int]) -> tuple[int, ...]:
        return tuple(draw(st.lists(st.sampled_from(values), max_size=3)))

    return IncidentFilter(
        since=draw(st.none() | hours), until=draw(st.none() | hours),
        classes=some([1, 2, 3, 4, 5, 99]),
        states=tuple(draw(st.lists(st.sampled_from(STATES), max_size=4))),
        streets=some([1, 2, 3]), communities=some(list(range(10, 16))),
        grids=some(list(range(100, 130))), bbox=draw(st.none() | st.just(box)),
        overdue=draw(st.none() | st.booleans()), urgent=draw(st.none() | st.booleans()),
        supervised=draw(st.none() | st.booleans()), order=draw(st.none() | st.booleans()),
        sources=tuple(draw(st.lists(st.sampled_from(SOURCES), max_size=2))),
        unplaced=draw(st.none() | st.booleans()), now=START + timedelta(hours=150),
    )  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(wanted=filters())
def test_sql_and_arrays_give_the_same_rows(
    filled: tuple[Database, IncidentTable], wanted: IncidentFilter
) -> None:
    database, table = filled
    condition, values = to_sql(wanted)
    with database.sessions() as session:
        rows = session.execute(text(f"SELECT i.id FROM incident i WHERE {condition}"), values)
        from_sql = set(rows.scalars())
    mask = to_mask(wanted, table)
    from_arrays = set(table.id.tolist() if mask is None else table.id[mask].tolist())
    assert from_sql == from_arrays


@settings(max_examples=50, deadline=None)
@given(wanted=filters(), cut=st.integers(0, ROWS), replaced=st.integers(0, 20))
def test_a_snapshot_in_parts_counts_like_the_whole(
    filled: tuple[Database, IncidentTable], wanted: IncidentFilter, cut: int, replaced: int
) -> None:
    _, table = filled
    whole = Snapshot((table,), 1, None)
    first = table.take(np.sort(np.argsort(table.id)[:cut]))
    rest = table.take(np.sort(np.argsort(table.id)[max(cut - replaced, 0) :]))
    # what is loaded again leaves holes in the base
    parts = Snapshot((empty_table(),), 0, None).with_changes(first, 1).with_changes(rest, 2)
    holes = Snapshot((first,), 1, None).with_changes(rest, 2)
    assert holes.tables[0].holes == (min(replaced, cut) > 0)
    assert parts.version == holes.version == 2
    assert len(parts) == len(holes) == len(whole) == ROWS
    assert parts.counts(wanted) == holes.counts(wanted) == whole.counts(wanted)
    assert holes.counts_by_class() == whole.counts_by_class()
    for key in ("reported_at", "due_order", "updated_at"):
        orders = [one.in_order(wanted, key, True) for one in (whole, parts, holes)]
        first = [one and (sorted(one.first(30, None)[0]), one.first(30, None)[1]) for one in orders]
        assert first[0] == first[1] == first[2]
    for ours, theirs in zip(
        holes.counts_by_area("grid", wanted), whole.counts_by_area("grid", wanted), strict=True
    ):
        assert ours.tolist() == theirs.tolist()
    for ours, theirs in zip(
        parts.counts_by_area("grid", wanted), whole.counts_by_area("grid", wanted), strict=True
    ):
        assert ours.tolist() == theirs.tolist()


@settings(max_examples=60, deadline=None)
@given(
    wanted=filters(), descending=st.booleans(), page=st.sampled_from([1, 7, 40]),
    key=st.sampled_from(["reported_at", "due_order", "updated_at"]),
    walked=st.sampled_from([1, 4]), replaced=st.integers(0, 20), ties=st.booleans(),
)  # fmt: skip
def test_walking_along_an_order_finds_what_looking_at_all_does(
    filled: tuple[Database, IncidentTable], wanted: IncidentFilter, descending: bool, page: int,
    key: str, walked: int, replaced: int, ties: bool,
) -> None:  # fmt: skip
    _, table = filled
    if ties:  # many of one time
        table = replace(table, **{
            name: np.sort(getattr(table, name))[:: -1][np.arange(ROWS) // 60 * 60]
            for name in ("reported_at", "due_at", "updated_at")
        })  # fmt: skip
    by_id = np.argsort(table.id)
    snapshot = Snapshot((table.take(np.sort(by_id[: ROWS - 30])),), 1, None)
    snapshot = snapshot.with_changes(table.take(np.sort(by_id[ROWS - 30 - replaced :])), 2)
    mask = to_mask(wanted, table)
    keys, ids = getattr(table, key), table.id
    rows = np.arange(ROWS) if mask is None else np.flatnonzero(mask)
    rows = rows[np.lexsort((ids[rows], keys[rows]))][:: -1 if descending else 1]
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(arrays, "WALKED_ROWS", 0)
        patched.setattr(ordered, "FIRST_STEP", 3)
        patched.setattr(ordered, "WALKED", walked)
        found = snapshot.in_order(wanted, key, descending)
        assert (found is None) == (mask is None)
        if found is None:
            return
        got: list[int] = []
        after = None
        for _ in range(len(rows) // page + 2):
            ids_of_page, after = found.first(page, after)
            assert set(ids_of_page) == set(ids[rows[len(got) : len(got) + page]].tolist())
            got += ids_of_page
            if after is None:
                break
            assert after == (keys[rows[len(got) - 1]], ids[rows[len(got) - 1]])
        assert len(got) == len(rows)


@settings(max_examples=30, deadline=None)
@given(wanted=filters(), cut=st.integers(30, ROWS - 30), seed=st.integers(0, 99))
def test_what_was_counted_before_a_change_is_not_told_behind_it(
    filled: tuple[Database, IncidentTable], wanted: IncidentFilter, cut: int, seed: int
) -> None:
    _, table = filled
    wanted = replace(wanted, overdue=None, now=None)  # what depends on the time is not remembered
    rng = np.random.default_rng(seed)

    def counted(snapshot: Snapshot) -> Any:
        ids, counts = snapshot.counts_by_area("grid", wanted)
        return (
            snapshot.counts(wanted), dict(zip(ids.tolist(), counts.tolist(), strict=True)),
            snapshot.counts_by_class(),
        )  # fmt: skip

    order = np.argsort(table.id)
    snapshot = Snapshot((table.take(np.sort(order[:cut])),), 1, None)
    for version in range(2, 6):
        counted(snapshot)
        known = np.concatenate([part.id for part in snapshot.tables])
        again = rng.choice(np.unique(known), 10, replace=False)
        new = order[cut + 5 * version : cut + 5 * version + 5]
        rows = np.sort(np.concatenate([np.flatnonzero(np.isin(table.id, again)), new]))
        changed = replace(
            table.take(rows), state=rng.integers(0, len(STATES), len(rows)).astype(np.int8)
        )
        snapshot = snapshot.with_changes(changed, version)
        fresh = Snapshot((joined(list(snapshot.tables)),), version, None)
        assert counted(snapshot) == counted(fresh) == counted(snapshot)


ZONE = ZoneInfo("Asia/Shanghai")
WORDS = Vocabulary({"C1": (1, 7)}, {"grid": {"G1": 5}})


def test_days_are_the_districts_and_half_open() -> None:
    wanted = parse_filter({"from": ["2026-03-01"], "to": ["2026-03-02"]}, WORDS, ZONE)
    assert wanted.since == datetime(2026, 2, 28, 16, tzinfo=UTC)
    assert wanted.until == datetime(2026, 3, 1, 16, tzinfo=UTC)
    assert parse_moment("2026-03-01T08:00:00Z", ZONE, "from") == datetime(2026, 3, 1, 8, tzinfo=UTC)


@pytest.mark.parametrize(
    ("parameters", "where"),
    [
        ({"from": ["yesterday"]}, "from"),
        ({"from": ["2026-03-02"], "to": ["2026-03-01"]}, "from"),
        ({"from": ["2026-03-02", "2026-03-03"]}, "from"),
        ({"class": ["nope"]}, "class"),
        ({"state": ["nope"]}, "state"),
        ({"grid": ["nope"]}, "grid"),
        ({"bbox": ["1,2,3"]}, "bbox"),
        ({"bbox": ["1,2,0,3"]}, "bbox"),
        ({"bbox": ["nan,2,3,4"]}, "bbox"),
        ({"overdue": ["maybe"]}, "overdue"),
        ({"q": ["长" * 101]}, "q"),
    ],
)
def test_a_bad_value_is_refused_by_its_parameter(
    parameters: dict[str, list[str]], where: str
) -> None:
    with pytest.raises(InvalidInput) as caught:
        parse_filter(parameters, WORDS, ZONE)
    assert caught.value.where == where


def test_a_code_of_several_schemes_means_all_of_them() -> None:
    assert parse_filter({"class": ["C1"]}, WORDS, ZONE).classes == (1, 7)
    assert parse_filter({"grid": ["G1,G1"]}, WORDS, ZONE).grids == (5,)
