from __future__ import annotations

import csv
from datetime import UTC, datetime, timedelta
from importlib import resources

import numpy as np
import pandas as pd
import pytest
import shapely

from gis_service.demo.areas import read_rows
from gis_service.demo.district import District, make_district
from gis_service.demo.incidents import SOURCES, STAGES, Truth, latest_midnight, make_incidents
from gis_service.hierarchy.coordinates import to_wgs84
from tests.demo.checks import AS_OF, gi_star, grid_density, in_metres

Year = tuple[pd.DataFrame, Truth]
STATES = set(
    "reported verified filed dispatched accepted in_progress resolved checked closed "
    "not_accepted returned deferred merged transferred cancelled".split()
)


def classes() -> pd.DataFrame:
    text = (
        resources.files("gis_service.reference").joinpath("data", "classes.csv").read_text("utf-8")
    )
    return pd.DataFrame(csv.DictReader(text.splitlines()))


def test_a_time_without_a_zone_is_refused(district: District) -> None:
    with pytest.raises(ValueError, match="time zone"):
        make_incidents(district, 1, datetime(2026, 1, 1))  # noqa: DTZ001


def test_a_negative_count_is_refused(district: District) -> None:
    with pytest.raises(ValueError, match="negative"):
        make_incidents(district, 1, count=-1)


def test_none_are_made_when_none_are_wanted(district: District, year: Year) -> None:
    frame, truth = make_incidents(district, 20, AS_OF, count=0)
    assert frame.empty
    assert frame.columns.tolist() == year[0].columns.tolist()
    assert truth == year[1]


def test_rows_have_the_promised_columns_and_words(year: Year) -> None:
    frame, _ = year
    assert len(frame) == 4000
    assert (
        frame.columns.tolist()
        == (
            "external_id class_code class_name source reported_at state closed_at verified_at "
            "filed_at dispatched_at accepted_at resolved_at address description lon lat crs "
            "accuracy_m"
        ).split()
    )
    assert frame["external_id"].is_unique
    assert set(frame["source"]) == set(SOURCES)
    assert set(frame["state"]) <= STATES
    known = classes().set_index("code")["name"]
    assert (frame["class_code"].map(known) == frame["class_name"]).all()
    assert frame["description"].str.len().between(4, 40).all()
    assert frame["description"].nunique() > 1000


def test_every_class_has_a_case_to_tell(year: Year) -> None:
    assert {row["code"] for row in read_rows("cases.csv")} == set(classes()["code"])
    assert year[0]["class_code"].nunique() > 60


def test_times_and_states_agree(year: Year) -> None:
    frame, truth = year
    assert truth.as_of == AS_OF
    assert str(frame["reported_at"].dt.tz) == "Asia/Shanghai"
    assert frame["reported_at"].is_monotonic_increasing
    assert (frame["reported_at"] < AS_OF).all()
    assert (frame["reported_at"] >= AS_OF - pd.Timedelta(days=365)).all()
    closed = frame["state"] == "closed"
    assert (frame["closed_at"].notna() == closed).all()
    assert (frame["closed_at"][closed] > frame["reported_at"][closed]).all()
    assert (frame["closed_at"][closed] <= AS_OF).all()
    assert closed.mean() > 0.9
    ended = {"closed", "not_accepted", "merged", "cancelled", "transferred"}
    still_open = frame[~frame["state"].isin(ended)]
    assert 5 < len(still_open) < 120
    age = AS_OF - still_open["reported_at"]
    assert age.median() < pd.Timedelta(days=5)
    just_reported = still_open[still_open["state"] == "reported"]
    assert (AS_OF - just_reported["reported_at"] < pd.Timedelta(days=4)).all()


def test_stages_follow_each_other_and_the_state(year: tuple[pd.DataFrame, Truth]) -> None:
    frame = year[0]
    before = frame["reported_at"]
    for stage in (*STAGES, "closed_at"):
        given = frame[stage].notna()
        assert (frame.loc[given, stage] >= before[given]).all(), stage
        assert (frame.loc[given, stage] <= AS_OF).all(), stage
        before = before.where(~given, frame[stage])
    closed = frame["state"] == "closed"
    assert frame.loc[closed, [s for s in STAGES if s != "verified_at"]].notna().all().all()
    assert frame.loc[closed & (frame["source"] == "patrol"), "verified_at"].isna().all()
    waiting = frame["state"].isin(["reported"])
    assert frame.loc[waiting, list(STAGES)].isna().all().all()
    assert frame.loc[frame["state"] == "in_progress", "resolved_at"].isna().all()


def test_the_year_ends_when_today_began() -> None:
    evening = datetime(2026, 11, 25, 15, 59, tzinfo=UTC)
    assert latest_midnight(evening).isoformat() == "2026-11-25T00:00:00+08:00"
    assert (
        latest_midnight(evening + timedelta(minutes=1)).isoformat() == "2026-11-26T00:00:00+08:00"
    )


def test_as_of_moves_the_year_and_nothing_else(district: District) -> None:
    frame, truth = make_incidents(district, 20, datetime(2025, 3, 1, 15, 30, tzinfo=UTC), count=500)
    assert truth.to_json()["as_of"] == "2025-03-01T23:30:00+08:00"
    assert frame["reported_at"].max() < pd.Timestamp("2025-03-01T23:30:00+08:00")
    assert frame["reported_at"].min() >= pd.Timestamp("2024-03-01T23:30:00+08:00")


def test_reports_come_in_every_quality(district: District) -> None:
    frame, _ = make_incidents(district, 20, AS_OF, count=20_000)
    placed = frame["lon"].notna()
    assert (frame["lat"].notna() == placed).all()
    with_address = frame["address"] != ""
    assert 0.02 < (~placed & with_address).mean() < 0.04
    assert 0.005 < (~placed & ~with_address).mean() < 0.015
    assert with_address[placed].all()
    at_default = (frame["lon"] == 118.587) & (frame["lat"] == 24.907)
    assert 1 <= at_default.sum() <= 40
    accuracy = frame["accuracy_m"]
    assert 0.1 < accuracy.isna().mean() < 0.25
    assert accuracy.dropna().between(5, 80).all()
    assert set(frame["crs"]) == {"wgs84", "gcj02"}
    assert 0.03 < (frame["crs"] == "gcj02").mean() < 0.2


def test_gcj02_positions_really_are_gcj02(district: District) -> None:
    frame, _ = make_incidents(district, 20, AS_OF, count=20_000)
    shifted = frame[(frame["crs"] == "gcj02") & frame["lon"].notna()]
    whole = district.street.union_all()
    lon, lat = to_wgs84(shifted["lon"].to_numpy(), shifted["lat"].to_numpy(), "gcj02")
    after = shapely.contains_xy(whole, lon, lat).mean()
    before = shapely.contains_xy(whole, shifted["lon"], shifted["lat"]).mean()
    assert after > 0.99
    assert before < 0.9


def test_most_incidents_lie_on_streets_and_frontages(district: District, year: Year) -> None:
    frame, _ = year
    given = frame[frame["lon"].notna() & (frame["crs"] == "wgs84")]
    place = shapely.transform(
        shapely.points(given["lon"], given["lat"]),
        lambda xy: np.column_stack(_metres(xy)),
    )
    roads = in_metres(district.roads).geometry.to_numpy()
    near, _ = shapely.STRtree(roads).query(place, predicate="dwithin", distance=30)
    assert len(np.unique(near)) > 0.8 * len(place)


def _metres(xy: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    from pyproj import Transformer

    return Transformer.from_crs(4326, 4549, always_xy=True).transform(xy[:, 0], xy[:, 1])


def test_the_day_the_week_and_the_season_have_their_rhythm(district: District) -> None:
    frame, _ = make_incidents(district, 20, AS_OF, count=20_000)
    hour = frame["reported_at"].dt.hour.value_counts().sort_index()
    assert hour[9] > 1.5 * hour[13] and hour[16] > 1.5 * hour[13]  # noqa: PT018
    assert hour[[2, 3, 4]].sum() < 0.03 * len(frame)
    weekday = frame["reported_at"].dt.day_of_week.value_counts()
    assert weekday[[0, 1, 2, 3, 4]].min() > 1.2 * weekday[6]
    month = frame["reported_at"].dt.month
    mosquitoes = frame["class_name"] == "蚊蝇孳生积水"
    assert (mosquitoes & month.isin([6, 7, 8])).sum() > 4 * (
        mosquitoes & month.isin([12, 1, 2])
    ).sum()
    fallen = frame[frame["class_name"].isin(["树木倒伏断枝", "架空线缆脱落"])]
    by_day = fallen.groupby(fallen["reported_at"].dt.date).size()
    stormy = by_day.nlargest(6)
    assert stormy.sum() > 0.25 * by_day.sum()
    assert {day.month for day in stormy.index[:4]} <= {7, 8, 9, 10}


@pytest.mark.parametrize("seed", [20, 21, 22, 23])
def test_planted_hot_spots_stand_out(seed: int) -> None:
    place = make_district(seed, "small")
    frame, truth = make_incidents(place, seed, AS_OF)
    hot = place.grid["code"].isin(truth.hotspots).to_numpy()
    assert hot.sum() == 9
    density = grid_density(place, frame)
    score, near = gi_star(density, place.grid.geometry.to_numpy())
    assert score[hot].min() > 1.96
    beside = near[:, hot].any(axis=1)
    assert score[~beside].max() < 1.64
    assert density[hot].min() > 2 * density[~hot].max()


def test_truth_lists_sorted_grid_codes(district: District, year: Year) -> None:
    _, truth = year
    told = truth.to_json()
    assert told["seed"] == 20
    assert told["scale"] == "small"
    assert told["as_of"] == "2026-11-20T00:00:00+08:00"
    assert told["hotspots"] == sorted(told["hotspots"])
    assert set(told["hotspots"]) < set(district.grid["code"])


def test_the_same_seed_gives_the_same_incidents_and_another_does_not(
    district: District, year: Year
) -> None:
    again, truth = make_incidents(district, 20, AS_OF)
    pd.testing.assert_frame_equal(again, year[0])
    assert truth == year[1]
    other, else_where = make_incidents(district, 21, AS_OF)
    assert else_where.hotspots != truth.hotspots
    assert not other["description"].equals(again["description"])
