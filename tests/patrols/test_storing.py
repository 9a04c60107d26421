"""Fixes are kept once, counted always, and visits follow from them."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import numpy as np
import pytest
from sqlalchemy import text

from gis_service.engines import open_engine
from gis_service.errors import InvalidInput, NotFound
from gis_service.patrols.coverage_queries import read_received
from gis_service.patrols.deriving import rebuild_visits
from gis_service.patrols.partitions import drop_old_partitions
from gis_service.patrols.storing import store_fixes
from tests.patrols.conftest import NINE, NOW, Patrol, columns, geojson, gpx, stroll


def derived(patrol: Patrol) -> list[Any]:
    """Tracks and visits without their numbers."""
    return [
        patrol.database.rows(
            "SELECT officer_id, device_id, area_id, grid_code, entered_at, left_at, stay_s, "
            "round(length_m::numeric, 3) FROM visit ORDER BY 1, 5, 3"
        ),
        patrol.database.rows(
            "SELECT officer_id, device_id, source, started_at, ended_at, fixes, "
            "round(length_m::numeric, 3), report FROM track ORDER BY 1, 4"
        ),
    ]


def test_a_walk_becomes_fixes_a_track_and_visits(patrol: Patrol) -> None:
    answer = patrol.upload(gpx(stroll(NINE, 25)))
    counts = {"read": 101, "loaded": 101, "already": 0, "rejected": 0, "unplaced": 0}
    assert {name: answer[name] for name in counts} == counts
    assert answer["warnings"] == []
    assert [code for code, *_ in patrol.visits()] == ["S0C0G0", "S0C0G1"]
    (_, first, crossing), (_, entered, last) = patrol.visits()
    assert (first, last) == (0, 25)
    assert crossing == entered
    assert 13 < crossing < 14.5  # 950 m at 1.2 m/s
    ((source, fixes, length),) = patrol.database.rows("SELECT source, fixes, length_m FROM track")
    assert (source, fixes) == ("upload", 101)
    assert length == pytest.approx(25 * 60 * 1.2, rel=0.01)
    assert patrol.database.value("SELECT sum(length_m) FROM visit") == pytest.approx(length)
    assert patrol.database.rows("SELECT day, fixes, pending FROM received_day") == [
        (date(2026, 11, 25), 101, False)
    ]


def test_the_same_batch_again_changes_nothing(patrol: Patrol) -> None:
    points = stroll(NINE, 30)
    patrol.upload(gpx(points))
    before = derived(patrol)
    again = patrol.upload(geojson([*points, *points[:7]]))
    assert (again["loaded"], again["already"], again["conflicting"]) == (0, 128, 0)
    assert again["read"] == again["loaded"] + again["already"] + again["rejected"]
    assert derived(patrol) == before
    assert patrol.database.value("SELECT fixes FROM received_day") == 121


def test_another_place_at_the_same_moment_is_told_and_changes_nothing(patrol: Patrol) -> None:
    patrol.upload(gpx(stroll(NINE, 5)))
    before = patrol.database.rows("SELECT * FROM fix ORDER BY at")
    answer = patrol.upload(gpx(stroll(NINE, 5, lat=24.9051)))
    assert (answer["already"], answer["conflicting"]) == (21, 21)
    assert "differ" in answer["warnings"][0]
    assert patrol.database.rows("SELECT * FROM fix ORDER BY at") == before


def test_pieces_in_any_order_make_the_same_visits(patrol: Patrol) -> None:
    points = stroll(NINE, 40)
    pieces = np.array_split(np.arange(len(points)), 5)
    for number in (3, 0, 4, 1, 2):
        patrol.upload(gpx([points[i] for i in pieces[number]]))
    in_pieces = [visit[1:] for visit in patrol.visits()]
    patrol.upload(gpx(points), officer="T2")
    assert in_pieces == [visit[1:] for visit in patrol.visits("T2")]
    assert patrol.database.value("SELECT count(*) FROM track") == 2


def test_across_midnight_it_is_one_walk(patrol: Patrol) -> None:
    late = NINE + timedelta(hours=14, minutes=45)  # 23:45
    answer = patrol.upload(gpx(stroll(late, 10 + 20)), keep_off_duty=True, now=NOW + timedelta(1))
    assert answer["tracks"] == 1
    assert sum(entered < 15 * 60 < left for _, entered, left in patrol.visits()) == 1
    assert patrol.database.rows("SELECT day, fixes FROM received_day ORDER BY 1") == [
        (date(2026, 11, 25), 60), (date(2026, 11, 26), 61),
    ]  # fmt: skip


def test_off_duty_is_counted_and_not_kept(patrol: Patrol) -> None:
    evening = NINE + timedelta(hours=12, minutes=50)  # 21:50, duty ends at 22:00
    later = NOW + timedelta(days=1)
    answer = patrol.upload(gpx(stroll(evening, 20)), now=later)
    assert (answer["loaded"], answer["dropped_off_duty"], answer["rejected"]) == (40, 41, 41)
    assert "outside duty hours" in answer["warnings"][0]
    assert patrol.database.value("SELECT count(*) FROM fix") == 40
    # sent again it is dropped again, and the day counts it once
    again = patrol.upload(gpx(stroll(evening, 21)), now=later)
    assert (again["already"], again["dropped_off_duty"]) == (40, 45)
    assert patrol.database.rows("SELECT fixes, dropped_off_duty FROM received_day") == [(40, 45)]
    with patrol.database.sessions.begin() as session:
        years = timedelta(days=patrol.database.settings.fix_days + 40)
        drop_old_partitions(session, patrol.database.settings, later + years)
    assert patrol.database.value("SELECT count(*) FROM dropped_moment") == 0
    kept = patrol.upload(gpx(stroll(evening, 20)), now=later, keep_off_duty=True)
    assert (kept["loaded"], kept["already"], kept["dropped_off_duty"]) == (81, 0, 0)


def test_a_rostered_shift_is_duty_at_any_hour(patrol: Patrol) -> None:
    midnight = NINE + timedelta(hours=15)
    with patrol.database.sessions.begin() as session:
        session.execute(
            text("INSERT INTO duty_shift (starts_at, ends_at, person) VALUES (:a, :b, 'T1')"),
            {"a": midnight, "b": midnight + timedelta(minutes=10)},
        )
    later = NOW + timedelta(days=1)
    assert patrol.upload(gpx(stroll(midnight, 20)), now=later)["loaded"] == 40
    assert patrol.upload(gpx(stroll(midnight, 20)), "T2", now=later)["loaded"] == 0


def test_on_leave_is_told(patrol: Patrol) -> None:
    with patrol.database.sessions.begin() as session:
        session.execute(
            text("INSERT INTO officer_absence (officer_id, from_day, to_day) "
                 "VALUES (:id, '2026-11-25', '2026-11-25')"),
            {"id": patrol.officers["T1"]},
        )  # fmt: skip
    answer = patrol.upload(gpx(stroll(NINE, 5)))
    assert (answer["loaded"], answer["dropped_off_duty"], answer["on_leave"]) == (0, 21, 21)
    assert "T1 is on leave" in answer["warnings"][0]
    assert patrol.database.rows("SELECT fixes, dropped_off_duty, on_leave FROM received_day") == [
        (0, 21, 21)
    ]
    # a day whose fixes were all dropped is no day with a track
    with patrol.database.sessions() as session:
        assert len(read_received(session)[0]) == 0
    assert patrol.upload(gpx(stroll(NINE + timedelta(days=1), 5)), now=NOW + timedelta(days=2))[
        "loaded"
    ] == 21  # fmt: skip


def test_two_devices_at_once_are_one_visit(patrol: Patrol) -> None:
    patrol.upload(gpx(stroll(NINE, 10)), label="phone")
    patrol.upload(gpx(stroll(NINE + timedelta(minutes=5), 10, lat=24.9052)), label="watch")
    assert patrol.visits() == [("S0C0G0", 0, 15)]
    assert patrol.database.value("SELECT count(*) FROM track") == 2


def test_every_fault_is_counted(patrol: Patrol) -> None:
    points = stroll(NINE, 10)
    bad: list[Any] = [
        (None, 118.6, 24.9), (NINE, float("nan"), 24.9), (NINE, 118.6, 95.0),
        (NOW + timedelta(minutes=6), 118.6, 24.9), (NINE.replace(year=1999), 118.6, 24.9),
    ]  # fmt: skip
    points[10], points[20] = points[20], points[10]
    leap = (NINE + timedelta(seconds=157), 118.7, 24.9)
    answer = patrol.upload(gpx([*points, *bad, leap, (NINE + timedelta(hours=1), 0.0, 0.0)]))
    counts = {"untimed": 1, "nowhere": 2, "future": 1, "too_old": 1, "rejected": 5, "read": 48,
              "loaded": 43, "unplaced": 2}  # fmt: skip
    assert {name: answer[name] for name in counts} == counts
    assert answer["report"]["too_fast"] == 1
    assert answer["out_of_order"] > 0
    assert patrol.visits() == [("S0C0G0", 0, 10)]
    assert patrol.database.value("SELECT report FROM track") == {"too_fast": 1}


def test_a_refused_file_leaves_nothing(patrol: Patrol) -> None:
    with pytest.raises(InvalidInput):
        patrol.upload(gpx(stroll(NINE, 10))[:-9])
    for table in ("fix", "track", "visit", "received_day", "device"):
        assert patrol.database.value(f"SELECT count(*) FROM {table}") == 0
    with pytest.raises(NotFound), patrol.database.sessions.begin() as session:
        store_fixes(session, patrol.database.settings, 77, *columns(stroll(NINE, 1)), now=NOW)


def test_rebuilding_gives_the_same_and_retention_keeps_visits(patrol: Patrol) -> None:
    old = NINE - timedelta(days=240)
    for start in (old, NINE, NINE + timedelta(hours=2)):
        patrol.upload(gpx(stroll(start, 30)))
        patrol.upload(gpx(stroll(start, 20, lat=24.91)), officer="T2")
    before = derived(patrol)
    sessions, settings = patrol.database.sessions, patrol.database.settings
    with sessions.begin() as session:
        done = rebuild_visits(session, settings)
    assert derived(patrol) == before
    assert (done.officers, done.visits) == (2, len(before[0]))
    with sessions.begin() as session:
        assert drop_old_partitions(session, settings, NOW) == ["fix_2026_03"]
        assert drop_old_partitions(session, settings, NOW) == []
    with sessions.begin() as session:
        rebuild_visits(session, settings)
    assert derived(patrol) == before
    with sessions.begin() as session:
        session.execute(text("DELETE FROM visit WHERE entered_at > :at"), {"at": NINE})
        rebuild_visits(session, settings, officers=[patrol.officers["T1"]], since=NINE,
                       until=NINE + timedelta(minutes=1))  # fmt: skip
    assert patrol.visits() == [
        (code, *((moment - NINE).total_seconds() / 60 for moment in span))
        for officer, _, _, code, *span, _, _ in before[0] if officer == patrol.officers["T1"]
        and span[0] < NINE + timedelta(hours=1)
    ]  # fmt: skip


def test_the_workers_of_a_cluster_derive_the_same(patrol: Patrol) -> None:
    for officer in ("T1", "T2"):
        patrol.upload(gpx(stroll(NINE, 30)), officer=officer)
    before = derived(patrol)
    with open_engine("dask") as engine, patrol.database.sessions.begin() as session:
        session.execute(text("DELETE FROM visit"))
        done = rebuild_visits(session, patrol.database.settings, engine=engine)
    assert derived(patrol) == before
    assert (done.officers, done.visits) == (2, len(before[0]))


def test_readers_are_told(patrol: Patrol) -> None:
    patrol.upload(gpx(stroll(NINE, 10)))
    (payload,) = patrol.database.rows("SELECT payload FROM event WHERE topic = 'visits'")
    assert payload[0] == {"officers": [patrol.officers["T1"]]}
