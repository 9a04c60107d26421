"""Reports come in: bad ones are refused with what and where, good ones are never lost."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import numpy as np
import orjson
import pytest

from gis_service.errors import Conflict, Forbidden, InvalidInput
from gis_service.incidents.intake import Taken
from gis_service.incidents.rows import placement_columns, placement_of
from tests.incidents.conftest import NOON, Bureau
from tests.incidents.people import somebody
from tests.seeds import drawn_seeds

OFFICER = somebody("officer", ("squad", "Q0"))
DESK = somebody("dispatcher")


@pytest.mark.parametrize(
    ("fields", "where", "words"),
    [
        ({"class": "E-99-99"}, "class", "unknown class"),
        ({"lat": None}, "lat", "both lon and lat"),
        ({"crs": None}, "crs", "name the position's system"),
        ({"crs": "moon"}, "crs", "moon"),
        ({"reported_at": NOON + timedelta(hours=1)}, "reported_at", "in the future"),
        ({"reported_at": NOON - timedelta(days=20_000)}, "reported_at", "too long ago"),
        ({"photos": [5]}, "photos", "no photo 5"),
    ],
)
def test_a_bad_report_leaves_nothing(
    bureau: Bureau, fields: dict[str, Any], where: str, words: str
) -> None:
    with pytest.raises(InvalidInput, match=words) as refused:
        bureau.report(DESK, **fields)
    assert refused.value.where == where
    assert bureau.database.value("SELECT count(*) FROM incident") == 0
    assert bureau.database.value("SELECT count(*) FROM report") == 0


def test_a_clock_a_little_fast_is_set_right(bureau: Bureau) -> None:
    taken = bureau.report(DESK, reported_at=NOON + timedelta(minutes=3))
    assert bureau.row(taken.incident_id)["reported_at"] == NOON


def test_a_place_outside_or_missing_waits_in_the_unplaced_queue(bureau: Bureau) -> None:
    far = bureau.report(DESK, lon=121.0, lat=31.0)
    none = bureau.report(DESK, lon=None, lat=None, crs=None, address="某处")
    for taken in (far, none):
        assert bureau.row(taken.incident_id)["placement_method"] == "none"
    assert bureau.row(far.incident_id)["lon"] == 121.0


@pytest.mark.parametrize("method", ["inside", "address", "manual"])
def test_one_report_is_placed_as_a_thousand_at_once(bureau: Bureau, method: str) -> None:
    locator, count = bureau.desk.locator, 1000
    rng = np.random.default_rng(drawn_seeds(1, "one report")[0])
    west, south, east, north = bureau.database.rows(
        "SELECT ST_XMin(e), ST_YMin(e), ST_XMax(e), ST_YMax(e) "
        "FROM (SELECT ST_Extent(geom) AS e FROM building WHERE valid_to IS NULL) b"
    )[0]
    lon, lat = rng.uniform(west, east, count), rng.uniform(south, north, count)
    lon[:50] += 1  # beyond every area
    lon[50:60] = np.nan
    accuracy = np.where(rng.random(count) < 0.5, np.nan, rng.uniform(0, 200, count))
    many = placement_columns(
        locator.place(lon, lat, accuracy), np.full(count, method, object), locator, count
    )
    for at in range(count):
        radius = None if np.isnan(accuracy[at]) else float(accuracy[at])
        one = placement_of(locator.place_one(lon[at], lat[at], radius), method, locator)
        expected = {name: column[at].as_py() for name, column in many.items()}
        distance, metres = one.pop("placement_distance_m"), expected.pop("placement_distance_m")
        assert distance == pytest.approx(metres, abs=0.006), (lon[at], lat[at], radius)
        near, listed = (orjson.loads(each.pop("candidates") or "[]") for each in (one, expected))
        assert one == expected, (lon[at], lat[at], radius)
        assert [area.pop("distance_m") for area in near] == pytest.approx(
            [area.pop("distance_m") for area in listed], abs=0.11
        )
        assert near == listed, (lon[at], lat[at], radius)


def test_several_areas_are_candidates_of_one_report(bureau: Bureau) -> None:
    row = bureau.row(bureau.report(DESK, accuracy_m=60).incident_id)
    assert len(row["candidates"]) > 1
    assert set(row["candidates"][0]) == {"level", "code", "name", "distance_m"}


def test_sent_twice_with_one_key_is_one_incident(bureau: Bureau) -> None:
    first = bureau.report(DESK, key="k1", description="a")
    again = bureau.report(DESK, key="k1", description="a")
    assert again == Taken(first.incident_id, False, first.follow_code)
    with pytest.raises(Conflict, match="another report"):
        bureau.report(DESK, key="k1", description="b")
    assert bureau.report(OFFICER, key="k1", description="a").created


def test_the_same_key_at_the_same_moment_is_one_incident(bureau: Bureau) -> None:
    taken: list[Taken] = []
    start = threading.Barrier(6)

    def send() -> None:
        start.wait()
        taken.append(bureau.report(DESK, key="burst"))

    threads = [threading.Thread(target=send) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({one.incident_id for one in taken}) == 1
    assert sum(one.created for one in taken) == 1
    assert bureau.database.value("SELECT count(*) FROM incident") == 1


def test_a_number_from_outside_is_known_once(bureau: Bureau) -> None:
    first = bureau.report(DESK, source="hotline", external_id="12345-1")
    code = bureau.row(first.incident_id)["code"]
    with pytest.raises(Conflict, match=code):
        bureau.report(DESK, source="hotline", external_id="12345-1")
    bureau.report(DESK, source="media", external_id="12345-1")


def test_who_reported_is_sealed_and_can_follow(bureau: Bureau) -> None:
    taken = bureau.report(
        source="resident", reporter={"name": "张三", "phone": "13800005678", "email": None}
    )
    sealed = bytes(bureau.database.value("SELECT sealed FROM reporter"))
    assert b"138" not in sealed
    assert taken.follow_code is not None
    assert len(taken.follow_code) == 10


def test_a_quick_fix_is_closed_by_its_evidence_or_waits_for_somebody_else(
    bureau: Bureau, settings_of: Callable[..., None]
) -> None:
    happened = NOON - timedelta(hours=2)
    with pytest.raises(Forbidden):
        bureau.report(DESK, quick={"note": "当场清理"})
    with pytest.raises(InvalidInput, match="before it was reported"):
        bureau.report(OFFICER, reported_at=happened,
                      quick={"at": happened - timedelta(minutes=1)})  # fmt: skip
    settings_of(quick_check_share=0.0)
    done = bureau.report(OFFICER, reported_at=happened,
                         quick={"at": happened + timedelta(minutes=9)})  # fmt: skip
    row = bureau.row(done.incident_id)
    assert (row["state"], row["quick"]) == ("closed", True)
    assert row["closed_at"] == happened + timedelta(minutes=9)
    settings_of(quick_check_share=1.0)
    drawn = bureau.report(OFFICER, quick={"note": "已劝离"}).incident_id
    assert bureau.row(drawn)["state"] == "resolved"
    with pytest.raises(Forbidden, match="own result"):
        bureau.act(OFFICER, drawn, "check")
    bureau.act(somebody("squad_leader", ("squad", "Q0")), drawn, "check")
    assert bureau.row(drawn)["state"] == "checked"
