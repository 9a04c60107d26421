"""The figures are those of plain SQL, whatever is asked, and count what people did."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import openpyxl
import pytest
from fastapi.testclient import TestClient
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from gis_service.app import create_app
from gis_service.incidents.arrays import Snapshot, read_snapshot
from gis_service.incidents.filters import IncidentFilter
from gis_service.incidents.metrics.grouping import DIMENSIONS, PERIODS, Groups, measure
from gis_service.incidents.metrics.kernel import (
    COUNT,
    HANDLED,
    IN_TIME,
    TO_CLOSE,
    TO_HANDLE,
    figures_of_groups,
)
from gis_service.incidents.metrics.telling import RATES, figures
from gis_service.incidents.models import STATES
from tests.conftest import Database, token_headers
from tests.incidents.conftest import NOON, Bureau
from tests.incidents.metrics_sql import STAGES, by_sql
from tests.incidents.people import somebody

ZONE = ZoneInfo("Asia/Shanghai")
START = datetime(2026, 1, 1, tzinfo=UTC)
NOW = START + timedelta(days=30)
ROWS = 600
COUNTS = (
    "count", "effective", "from_patrol", "handled", "to_handle", "worked", "again", "closed",
    "to_close", "in_time",
)  # fmt: skip


@pytest.fixture(scope="module")
def filled(module_database: Database) -> tuple[Database, Snapshot]:
    """Incidents with every gap there can be: stages left out, clocks that ran backwards, areas
    that changed since the filing, complaints before and after the patrol."""
    rng = np.random.default_rng(11)

    def sometimes(share: float, value: Any) -> Any:
        return value if rng.random() < share else None

    with module_database.sessions.begin() as session:
        session.execute(
            text(
                "INSERT INTO incident_class (scheme, scheme_version, code, kind, major, major_name,"
                " major_name_en, name, name_en) SELECT 's', '', 'C' || n, 'event', '', '', '', 'n',"
                " 'n' FROM generate_series(1, 5) n;"
                "INSERT INTO area (level, code) SELECT l, l || n FROM generate_series(1, 4) n, "
                "unnest(ARRAY['street', 'community', 'grid']) l ORDER BY l, n"
            )
        )
        areas = {
            level: session.execute(
                text("SELECT code, id FROM area WHERE level = :level ORDER BY id"), {"level": level}
            ).all()
            for level in ("street", "community", "grid")
        }
        for number in range(ROWS):
            reported = START + timedelta(minutes=int(rng.integers(0, 60 * 24 * 40)))
            now_at = {level: sometimes(0.8, rows[rng.integers(4)]) for level, rows in areas.items()}
            moved = rng.random() < 0.2
            filed = (
                {level: sometimes(0.8, rows[rng.integers(4)]) for level, rows in areas.items()}
                if moved else now_at
            )  # fmt: skip
            stage = {
                f"{name}_at": sometimes(
                    0.6, reported + timedelta(seconds=int(rng.integers(-3600, 3600 * 200)))
                )
                for name in STAGES
            }
            incident = session.execute(
                text(
                    """
                    INSERT INTO incident (code, state, class_id, class_name, source, origin,
                        external_id, reported_at, due_at, crs, street_id, community_id, grid_id,
                        placement_method, filed_path, verified_at, dispatched_at, accepted_at,
                        resolved_at, closed_at, rework_count, unit_id, squad_id, urgent, supervised,
                        is_order)
                    VALUES ('c', :state, :class, 'n', :source, 't', :n, :at, :due, 'wgs84',
                        :street, :community, :grid, :placed, CAST(:filed AS jsonb), :verified_at,
                        :dispatched_at, :accepted_at, :resolved_at, :closed_at, :rework, :unit,
                        :squad, :urgent, :supervised, :order) RETURNING id
                    """
                ),
                {
                    "state": STATES[rng.integers(len(STATES))], "class": int(rng.integers(1, 6)),
                    "source": "patrol" if rng.random() < 0.6 else "resident", "n": str(number),
                    "at": reported, "due": sometimes(0.8, reported + timedelta(hours=100)),
                    **{level: one and one.id for level, one in now_at.items()},
                    "filed": str({level: one.code for level, one in filed.items() if one})
                    .replace("'", '"'),
                    **stage, "rework": int(rng.integers(0, 2)),
                    "unit": sometimes(0.7, int(rng.integers(1, 4))),
                    "squad": sometimes(0.7, int(rng.integers(1, 3))),
                    "placed": "inside" if rng.random() < 0.7 else "none",
                    "urgent": bool(rng.random() < 0.3), "order": bool(rng.random() < 0.3),
                    "supervised": bool(rng.random() < 0.3),
                },
            ).scalar_one()  # fmt: skip
            session.execute(
                text("INSERT INTO incident_log (incident_id, actor, action, state) VALUES "
                     "(:id, 'x', :action, 'filed')"),
                {"id": incident, "action": "place" if moved else "file"},
            )  # fmt: skip
            if rng.random() < 0.3:
                session.execute(
                    text("INSERT INTO report (incident_id, first_incident_id, source, reported_at) "
                         "VALUES (:id, :id, :source, :at)"),
                    {"id": incident, "source": "hotline" if rng.random() < 0.7 else "patrol",
                     "at": reported + timedelta(minutes=int(rng.integers(-60, 60)))},
                )  # fmt: skip
    with module_database.sessions() as session:
        return module_database, read_snapshot(session)


def told(groups: Groups) -> dict[tuple[Any, ...], dict[str, Any]]:
    """Groups as :func:`by_sql` has them."""
    out = {}
    for row in range(len(groups)):
        key = tuple(
            date.fromordinal(int(groups.values[name][row])) if name in PERIODS
            else int(groups.values[name][row])
            for name in groups.dimensions
        )  # fmt: skip
        one = dict(zip(COUNTS, groups.counts[row].tolist(), strict=True))
        for place, stage in enumerate(STAGES):
            one[f"{stage}_n"] = int(groups.measured[row, place])
            one[stage] = groups.times[row, place].tolist() if one[f"{stage}_n"] else None
        out[key] = one
    return out


def same(ours: dict[Any, dict[str, Any]], theirs: dict[Any, dict[str, Any]]) -> None:
    assert ours.keys() == theirs.keys()
    for key, figures_ in ours.items():
        for name, value in figures_.items():
            wanted = theirs[key][name]
            if isinstance(value, list):
                assert value == pytest.approx([float(one) for one in wanted]), (key, name)
            else:
                assert value == wanted, (key, name)


moments = st.integers(-24, 24 * 45).map(lambda hour: START + timedelta(hours=hour))


@st.composite
def questions(draw: st.DrawFn) -> tuple[IncidentFilter, tuple[str, ...], str]:
    among = st.sampled_from([name for name in DIMENSIONS if name not in PERIODS])
    by = draw(st.lists(among, max_size=2, unique=True))
    by += draw(st.lists(st.sampled_from(PERIODS), max_size=1))

    def some(values: list[Any]) -> tuple[Any, ...]:
        return tuple(draw(st.lists(st.sampled_from(values), max_size=3, unique=True)))

    wanted = IncidentFilter(
        since=draw(st.none() | moments), until=draw(st.none() | moments),
        classes=some([1, 2, 3, 99]), states=some(list(STATES)), units=some([1, 2, 3]),
    )  # fmt: skip
    return wanted, tuple(draw(st.permutations(by))), draw(st.sampled_from(["reported", "due"]))


@settings(max_examples=120, deadline=None)
@given(question=questions(), filed=st.booleans(), cut=st.integers(0, ROWS))
def test_arrays_and_sql_give_the_same_figures(
    filled: tuple[Database, Snapshot], question: Any, filed: bool, cut: int
) -> None:
    database, whole = filled
    wanted, by, moment = question
    order = np.argsort(whole.tables[0].id)
    base = whole.tables[0].take(np.sort(order[:cut]))
    # some of the base came again, as what is changed does
    rest = whole.tables[0].take(np.sort(order[max(cut - 30, 0) :]))
    parts = Snapshot((base,), 0, None, whole.calls, whole.moved).with_changes(rest, 1)
    groups = measure(
        parts, wanted, by, ZONE, NOW, boundaries="filed" if filed else "current", moment=moment
    )
    with database.sessions() as session:
        theirs = by_sql(session, wanted, by, ZONE.key, NOW, moment=moment, filed=filed)
    same(told(groups), theirs)


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1), groups=st.integers(1, 40), longest=st.integers(0, 2**31 - 1),
    some=st.booleans(),
)  # fmt: skip
def test_durations_of_any_length_are_sorted_right(
    filled: tuple[Database, Snapshot], seed: int, groups: int, longest: int, some: bool
) -> None:
    """The longer the longest, the fewer groups share a block."""
    rng = np.random.default_rng(seed)
    whole = filled[1].tables[0]
    seconds = rng.integers(-1, longest, len(whole), endpoint=True).astype(np.int32)
    table = replace(whole, verified_s=seconds)
    rows = np.flatnonzero(rng.random(len(table)) < 0.5) if some else None
    there = table.take(slice(None) if rows is None else rows)
    key = rng.integers(-1, groups, len(there))
    found, _, measured, times = figures_of_groups(key, groups, [(table, rows)], 0)
    effective = ~np.isin(np.array(STATES)[there.state], ["merged", "not_accepted", "cancelled"])
    assert found.tolist() == np.unique(key[key >= 0]).tolist()
    for place, group in enumerate(found):
        mine = there.verified_s[(key == group) & effective & (there.verified_s >= 0)]
        assert measured[place, 0] == len(mine)
        if len(mine):
            assert times[place, 0] == pytest.approx(np.percentile(mine, [50, 90]))


def test_more_groups_than_can_be_counted_one_by_one(
    filled: tuple[Database, Snapshot], monkeypatch: pytest.MonkeyPatch
) -> None:
    from gis_service.incidents.metrics import grouping

    _, snapshot = filled
    by = ("community", "class", "day")
    dense = told(measure(snapshot, IncidentFilter(), by, ZONE, NOW))
    monkeypatch.setattr(grouping, "_DENSE", 10)
    assert told(measure(snapshot, IncidentFilter(), by, ZONE, NOW)) == dense


def test_quanzhou_publishes_this_figure() -> None:
    """处置率 of 鲤城区, 2021-05: 6626 handled and 249 not."""
    counts = np.zeros((1, 10), np.int32)
    counts[0, [COUNT, HANDLED, TO_HANDLE]] = 6875, 6626, 6875
    groups = Groups(
        (), {}, counts, np.zeros((1, 5), np.int32), np.full((1, 5, 2), np.nan),
        np.zeros((1, 3), np.int64), np.full((1, 2), np.nan),
    )  # fmt: skip
    share = figures(groups, 0)["handled"]
    assert (share["n"], share["of"], round(100 * share["share"], 2)) == (6626, 6875, 96.38)


def test_the_published_figure_from_incidents(database: Database) -> None:
    with database.sessions.begin() as session:
        session.execute(
            text(
                """
                INSERT INTO incident_class (scheme, scheme_version, code, kind, major, major_name,
                    major_name_en, name, name_en) VALUES ('s', '', 'C', 'event', '', '', '', 'n',
                    'n');
                INSERT INTO incident (code, state, class_id, class_name, source, origin,
                    external_id, reported_at, crs, placement_method, filed_path)
                SELECT 'c', CASE WHEN n <= 6000 THEN 'closed' WHEN n <= 6626 THEN 'resolved'
                    WHEN n <= 6800 THEN 'in_progress' WHEN n <= 6875 THEN 'filed'
                    WHEN n <= 7000 THEN 'reported' ELSE 'merged' END, 1, 'n', 'patrol', 't',
                    n::text, '2021-05-03', 'wgs84', 'none', '{}' FROM generate_series(1, 7100) n
                """
            )
        )
    with database.sessions() as session:
        groups = measure(read_snapshot(session), IncidentFilter(), (), ZONE, NOW)
    assert figures(groups, 0)["handled"] == {"n": 6626, "of": 6875, "share": 6626 / 6875}
    assert figures(groups, 0)["on_time"] == {"n": 0, "of": 0, "share": None}
    assert figures(groups, 0)["close"] == {"n": 0, "median_s": None, "p90_s": None}


# -- over HTTP -------------------------------------------------------------------------------


@pytest.fixture
def worked(bureau: Bureau) -> tuple[Bureau, dict[str, int]]:
    """Four incidents: patrol's, closed in time; a resident's, whistled and open past its deadline;
    one merged; one nobody placed."""
    desk, street = somebody("dispatcher"), somebody("street_office", ("street", "S0"))
    handler, officer = somebody("unit_handler", ("unit", "U1")), somebody("officer", name="o")
    made = {"patrol": bureau.report(officer).incident_id}
    made["resident"] = bureau.report(source="resident").incident_id
    made["merged"] = bureau.report(source="resident").incident_id
    made["unplaced"] = bureau.report(source="resident", lon=None, lat=None).incident_id
    for name in ("patrol", "resident"):
        for action, minutes in (("verify", 10), ("file", 20), ("dispatch", 30)):
            bureau.at(NOON + timedelta(minutes=minutes))
            bureau.act(desk, made[name], action)
    bureau.act(desk, made["merged"], "merge", into=str(made["resident"]))
    bureau.act(street, made["resident"], "whistle", units=["U2", "U3"], reason="联合")
    for action, who, minutes in (
        ("accept", handler, 40), ("start", handler, 41), ("resolve", handler, 60),
        ("check", desk, 70), ("rework", desk, 71), ("resolve", handler, 80), ("check", desk, 85),
        ("close", desk, 90),
    ):  # fmt: skip
        bureau.at(NOON + timedelta(minutes=minutes))
        reason = {"reason": "脏"} if action == "rework" else {}
        bureau.act(who, made["patrol"], action, **reason)
    bureau.at(NOON + timedelta(minutes=30 + 180))
    bureau.act(somebody("unit_handler", ("unit", "U2")), made["resident"], "report_in", unit="U2")
    return bureau, made


@pytest.fixture
def client(worked: tuple[Bureau, dict[str, int]]) -> Iterator[TestClient]:
    database = worked[0].database
    headers = {"accept-language": "en", **token_headers(database, "planner")}
    with TestClient(create_app(database.settings), headers=headers) as client:
        yield client


def test_what_was_done_is_counted(client: TestClient) -> None:
    body = client.get("/api/metrics", params={"level": "community", "by": "month"}).json()
    total = body["total"]
    assert (total["count"], total["effective"]) == (4, 3)
    assert total["patrol_first"] == {"n": 1, "of": 3, "share": 1 / 3}
    assert total["verify"] == {"n": 2, "median_s": 600, "p90_s": 600}
    assert total["dispatch"]["median_s"] == 1800
    assert total["resolve"] == {"n": 1, "median_s": 4800, "p90_s": 4800}
    assert total["close"]["median_s"] == 5400
    assert total["handled"] == {"n": 1, "of": 2, "share": 0.5}
    assert total["rework"] == {"n": 1, "of": 1, "share": 1}
    assert total["report_in"] == {
        "called": 2, "n": 1, "median_s": 10800, "p90_s": 10800,
        "in_time": {"n": 0, "of": 2, "share": 0},
    }  # fmt: skip
    assert body["groups"] == 2
    assert {item["month"] for item in body["items"]} == {"2026-11-01"}
    by_place = {item["community"] and item["community"]["code"]: item for item in body["items"]}
    assert by_place[None]["count"] == 1
    assert sum(item["count"] for item in body["items"]) == 4


def test_a_whistle_counts_for_the_unit_it_called(client: TestClient) -> None:
    items = client.get("/api/metrics", params={"by": "unit"}).json()["items"]
    units = {item["unit"] and item["unit"]["code"]: item for item in items}
    assert units["U1"]["report_in"]["called"] == 0
    assert units["U2"]["count"] == 0
    assert units["U2"]["report_in"]["n"] == 1
    assert units["U3"]["report_in"] == {
        "called": 1, "n": 0, "median_s": None, "p90_s": None,
        "in_time": {"n": 0, "of": 1, "share": 0},
    }  # fmt: skip
    assert units["U1"]["unit"]["name"] == "Sanitation"
    before = {"from": "2001-01-01", "to": "2001-02-01"}
    for by in ("unit", "community", "month"):
        assert client.get("/api/metrics", params={"by": by, **before}).json()["items"] == []


def test_pages_join_to_the_whole(client: TestClient) -> None:
    query = {"by": "class,unit,day"}
    whole = client.get("/api/metrics", params=query).json()
    found, cursor = [], None
    while True:
        page = client.get(
            "/api/metrics", params=query | {"limit": 1} | ({"cursor": cursor} if cursor else {})
        ).json()
        found += page["items"]
        cursor = page["next"]
        if cursor is None:
            break
    assert found == whole["items"]
    assert len(found) == whole["groups"] > 2


def test_the_figures_stay_in_the_scope(worked: tuple[Bureau, dict[str, int]]) -> None:
    database = worked[0].database
    with TestClient(create_app(database.settings)) as client:
        for scopes, count in ((["street=S0"], 3), (["street=S1"], 0), (["unit=U3"], 1)):
            headers = token_headers(
                database, "viewer", name=scopes[0].replace("=", "-"), scopes=scopes
            )
            total = client.get("/api/metrics", headers=headers).json()["total"]
            assert total["count"] == count, scopes
        assert client.get("/api/metrics").status_code == 401


def test_tables_to_take_home(client: TestClient, worked: tuple[Bureau, dict[str, int]]) -> None:
    with worked[0].database.sessions.begin() as session:
        session.execute(text("UPDATE unit SET name_en = '=cmd|calc' WHERE code = 'U1'"))
        session.execute(text("INSERT INTO event (topic, payload) VALUES ('units', '{}')"))
        session.execute(text("NOTIFY gis_events"))
    for _ in range(50):
        answer = client.get("/api/metrics/export", params={"by": "unit", "format": "csv"})
        if "cmd" in answer.text:
            break
    rows = list(csv.reader(io.StringIO(answer.content.decode("utf-8-sig"))))
    assert rows[0][:4] == ["unit code", "unit name", "incidents", "effective incidents"]
    assert any(row[1] == "'=cmd|calc" for row in rows)
    assert all(len(row) == len(rows[0]) for row in rows)
    answer = client.get("/api/metrics/export", params={"by": "unit", "lang": "zh"})
    assert "attachment" in answer.headers["content-disposition"]
    sheet = openpyxl.load_workbook(io.BytesIO(answer.content)).active
    assert sheet is not None
    assert sheet["A1"].value == "责任单位 编码"
    assert {cell.data_type for line in sheet.iter_rows() for cell in line}.isdisjoint({"f", "e"})
    shares = [cell.value for cell in sheet[1]]
    assert len(shares) == 4 + 3 * len(RATES) + 3 * 6 + 2


@pytest.mark.parametrize(
    ("query", "where"),
    [
        ({"by": "nothing"}, "by"),
        ({"by": "day,month"}, "by"),
        ({"by": "class,unit,squad,street"}, "by"),
        ({"level": "town"}, "level"),
        ({"boundaries": "old"}, "boundaries"),
        ({"time": "closed"}, "time"),
        ({"cursor": "x"}, "cursor"),
        ({"q": "x"}, "q"),
        ({"from": "2026-02-02", "to": "2026-02-01"}, "from"),
        ({"limit": "0"}, "limit"),
    ],
)
def test_what_cannot_be_answered_is_refused(
    client: TestClient, query: dict[str, str], where: str
) -> None:
    answer = client.get("/api/metrics", params=query)
    assert answer.status_code == 400, answer.text
    assert answer.json()["where"] == where


def test_late_and_open_counts_against_the_unit(worked: tuple[Bureau, dict[str, int]]) -> None:
    with worked[0].database.sessions() as session:
        snapshot = read_snapshot(session)
    by_time = {}
    for hours in (0, 100):
        groups = measure(
            snapshot, IncidentFilter(), (), ZONE, NOON + timedelta(hours=hours)
        )  # fmt: skip
        by_time[hours] = groups.counts[0, [IN_TIME, TO_CLOSE]].tolist()
    assert by_time == {0: [1, 1], 100: [1, 2]}
