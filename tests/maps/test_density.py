"""Heat bins, clusters and their encoding."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from unittest.mock import patch
from zoneinfo import ZoneInfo

import mapbox_vector_tile
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gis_service.analysis import quadkey
from gis_service.incidents import day_counts
from gis_service.incidents.arrays import IncidentTable, Snapshot, empty_table, joined
from gis_service.incidents.day_counts import count_days
from gis_service.incidents.filters import IncidentFilter
from gis_service.maps import density
from gis_service.maps.density import MOST_POINTS, bins, cell_zoom, density_tile
from gis_service.maps.mvt import Points, encode_layer
from gis_service.maps.registry import Registry, read_registry
from gis_service.maps.series import heat_series, step_edges

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture(scope="module")
def registry() -> Registry:
    return read_registry(ROOT / "layers")


def make_table(lon: Any, lat: Any, classes: Any = None) -> IncidentTable:
    lon, lat = np.asarray(lon, float), np.asarray(lat, float)
    count = len(lon)
    same = np.zeros(count, np.int32)
    table = IncidentTable(
        quadkey=quadkey.of_positions(lon, lat), id=np.arange(1, count + 1, dtype=np.int64),
        lon=lon, lat=lat, reported_at=np.arange(count, dtype=np.int64) * 1_000_000,
        due_at=np.zeros(count, np.int64), state=np.zeros(count, np.int8),
        class_id=same + 1 if classes is None else np.asarray(classes, np.int32),
        street_id=same, community_id=same, grid_id=same, building_id=same,
        unit_id=same, squad_id=same, reported_by=same,
        verified_s=same, dispatched_s=same, accepted_s=same, resolved_s=same, closed_s=same,
        updated_at=np.zeros(count, np.int64), source=np.zeros(count, np.int8),
        marks=np.zeros(count, np.int8),
    )  # fmt: skip
    return joined([table])


def tiles_over(z: int, lon: Any, lat: Any) -> set[tuple[int, int]]:
    keys = quadkey.of_positions(lon, lat)
    keys = keys[keys < quadkey.NOWHERE] >> (2 * (quadkey.ZOOM - z))
    column, row = quadkey.to_columns_rows(np.unique(keys))
    return set(zip(column.tolist(), row.tolist(), strict=True))


def decode(body: bytes, layer: str) -> list[dict[str, Any]]:
    decoded = mapbox_vector_tile.decode(body, default_options={"y_coord_down": True})
    return decoded[layer]["features"] if body else []


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1), count=st.integers(1, 300), z=st.integers(0, 18),
    delta=st.integers(0, 300), chosen=st.sampled_from([(), (1,), (1, 2)]),
)  # fmt: skip
def test_bins_of_any_zoom_sum_to_the_filtered_count(
    seed: int, count: int, z: int, delta: int, chosen: tuple[int, ...]
) -> None:
    rng = np.random.default_rng(seed)
    lon, lat = rng.normal(118.6, 0.05, count), rng.normal(24.9, 0.05, count)
    lon[rng.random(count) < 0.1] = np.nan
    classes = rng.integers(1, 4, count)
    table = make_table(lon, lat, classes)
    order = np.argsort(table.id)
    parts = (table.take(np.sort(order[delta:])), table.take(np.sort(order[:delta])))
    snapshot = Snapshot(parts, 1, None)
    wanted = IncidentFilter(classes=chosen)
    total = sum(
        int(bins(snapshot, wanted, z, x, y, 64)[1].sum()) for x, y in tiles_over(z, lon, lat)
    )
    passing = np.isfinite(lon) & (np.isin(classes, chosen) if chosen else True)
    assert total == passing.sum()


DAY_US = 86_400_000_000
ZONE = ZoneInfo("Asia/Shanghai")
MIDNIGHT = datetime(2026, 3, 1, tzinfo=ZONE)


def reported_in_march(count: int, seed: int) -> IncidentTable:
    """Incidents of three classes over 20 days, some on a midnight, some without a position."""
    rng = np.random.default_rng(seed)
    lon, lat = rng.normal(118.6, 0.05, count), rng.normal(24.9, 0.05, count)
    lon[rng.random(count) < 0.05] = np.nan
    at = int(MIDNIGHT.timestamp()) * 1_000_000 + rng.integers(0, 20 * DAY_US, count)
    at[rng.random(count) < 0.1] //= DAY_US
    at = np.where(at < DAY_US, at * DAY_US + 16 * 3_600_000_000, at)
    table = make_table(lon, lat, rng.integers(1, 4, count))
    rows = np.argsort(table.id)
    moments = np.empty(count, np.int64)
    moments[rows] = at
    return replace(table, reported_at=moments)


@settings(max_examples=80, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1), count=st.integers(300, 900), z=st.integers(0, 10),
    since=st.none() | st.integers(-2, 22), days=st.none() | st.integers(1, 25),
    chosen=st.sampled_from([(), (1,), (1, 3), (9,)]), changed=st.integers(0, 40),
    off=st.booleans(),
)  # fmt: skip
def test_counts_by_day_and_class_are_the_scans(
    seed: int, count: int, z: int, since: int | None, days: int | None, chosen: tuple[int, ...],
    changed: int, off: bool,
) -> None:  # fmt: skip
    """Also where some incidents were changed or came since; at no midnight they are scanned."""
    whole = reported_in_march(count, seed)
    with (
        patch.object(day_counts, "WORTH_IT", 1), patch.object(density, "MANY", 1),
        patch.object(day_counts, "MOST_CELLS", 300), patch.object(day_counts, "LEAST_STEP", 16),
    ):  # fmt: skip
        kept = count_days(whole, ZONE)
        assert kept is not None
        moved = whole.take(np.sort(np.argsort(whole.id)[count - changed :]))
        moved = replace(
            moved, class_id=(moved.class_id % 3 + 1).astype(np.int32), id=moved.id + changed // 2
        )
        counted = Snapshot((whole,), 1, None, days=kept).with_changes(moved, 2)
        assert counted.days is kept
        scanned = replace(counted, days=None, replaced=None)
        start = MIDNIGHT + timedelta(days=since or 0, seconds=off)
        wanted = IncidentFilter(
            since=start if since is not None else None,
            until=start + timedelta(days=days) if days is not None else None,
            classes=chosen,
        )
        zoom = cell_zoom(z, 64)
        told = kept.count(wanted, *quadkey.tile_range(0, 0, 0), zoom)
        # a second past midnight is told only where it lies outside all that there is
        assert (told is None) == (zoom > kept.zoom) or off
        for x, y in tiles_over(z, whole.lon, whole.lat):
            ours, theirs = (bins(one, wanted, z, x, y, 64) for one in (counted, scanned))
            assert ours[0].tolist() == theirs[0].tolist()
            assert ours[1].tolist() == theirs[1].tolist()


def test_counts_by_day_are_kept_where_they_are_worth_it_only() -> None:
    table = reported_in_march(500, 1)
    assert count_days(table, ZONE) is None
    with patch.object(day_counts, "WORTH_IT", 1):
        kept = count_days(table, ZONE)
        assert kept is not None
        other = IncidentFilter(states=("reported",))
        assert kept.count(other, *quadkey.tile_range(0, 0, 0), 6) is None
        # a clock that was centuries wrong
        wrong = table.reported_at.copy()
        wrong[0] -= 400 * 366 * DAY_US
        assert count_days(replace(table, reported_at=wrong), ZONE) is None


@pytest.mark.parametrize("z", [8, 12, 15])
def test_encoded_heat_carries_every_count_at_its_place(registry: Registry, z: int) -> None:
    rng = np.random.default_rng(1)
    lon, lat = rng.normal(118.6, 0.02, 2000), rng.normal(24.9, 0.02, 2000)
    snapshot = Snapshot((make_table(lon, lat),), 1, None)
    total = 0
    for x, y in tiles_over(z, lon, lat):
        body = density_tile(registry["incident_heat"], snapshot, IncidentFilter(), {}, z, x, y)
        for feature in decode(body, "incident_heat"):
            px, py = feature["geometry"]["coordinates"]
            assert 0 <= px < 4096
            assert 0 <= py < 4096
            total += feature["properties"]["count"]
    assert total == 2000


def test_clusters_and_single_incidents_add_up(registry: Registry) -> None:
    rng = np.random.default_rng(2)
    lon, lat = rng.normal(118.6, 0.02, 3000), rng.normal(24.9, 0.02, 3000)
    snapshot = Snapshot((make_table(lon, lat),), 1, None)
    layer = registry["incidents"]
    for z in (9, 13, 17):
        single: list[int] = []
        clustered = 0
        for x, y in tiles_over(z, lon, lat):
            body = density_tile(layer, snapshot, IncidentFilter(), {1: "E-01-12"}, z, x, y)
            for feature in decode(body, "incidents"):
                properties = feature["properties"]
                if "count" in properties:
                    assert set(properties) == {"count"}
                    clustered += properties["count"]
                else:
                    assert properties["state"] == "reported"
                    assert properties["class"] == "E-01-12"
                    single.append(properties["id"])
        assert len(set(single)) == len(single)
        assert len(single) + clustered == 3000
    assert clustered == 0  # at zoom 17 everyone stands alone


def test_a_crowded_tile_is_clustered_at_any_zoom_and_loses_nobody(registry: Registry) -> None:
    count = MOST_POINTS + 1
    rng = np.random.default_rng(3)
    lon, lat = rng.uniform(118.6, 118.6005, count), rng.uniform(24.9, 24.9005, count)
    snapshot = Snapshot((make_table(lon, lat),), 1, None)
    z = 16
    total = 0
    for x, y in tiles_over(z, lon, lat):
        body = density_tile(registry["incidents"], snapshot, IncidentFilter(), {1: "c"}, z, x, y)
        total += sum(f["properties"].get("count", 1) for f in decode(body, "incidents"))
    assert total == count


@settings(max_examples=60, deadline=None)
@given(
    x=st.lists(st.integers(-100, 5000), min_size=1, max_size=50),
    number=st.integers(-(2**40), 2**40),
    # the database keeps no NUL
    word=st.text(st.characters(exclude_characters="\0", codec="utf-8"), max_size=20),
)  # fmt: skip
def test_the_encoder_is_read_back_by_another_decoder(x: list[int], number: int, word: str) -> None:
    y = x[::-1]
    numbers = [number + i for i in range(len(x))]
    body = encode_layer(
        "l", [Points(np.array(x), np.array(y), {"n": numbers, "w": [word] * len(x)}),
              Points(np.array([1]), np.array([2]), {"only": [3]})],
    )  # fmt: skip
    decoded = mapbox_vector_tile.decode(body, default_options={"y_coord_down": True})["l"]
    assert decoded["extent"] == 4096
    assert decoded["version"] == 2
    features = decoded["features"]
    assert [tuple(f["geometry"]["coordinates"]) for f in features[:-1]] == list(
        zip(x, y, strict=True)
    )
    assert [f["properties"] for f in features[:-1]] == [{"n": n, "w": word} for n in numbers]
    assert features[-1]["properties"] == {"only": 3}


def test_no_points_are_an_empty_tile() -> None:
    assert encode_layer("l", [Points(np.array([]), np.array([]), {})]) == b""


def test_quadkeys_agree_with_the_tile_formula_and_return() -> None:
    rng = np.random.default_rng(4)
    lon, lat = rng.uniform(-180, 180, 5000), rng.uniform(-85, 85, 5000)
    keys = quadkey.of_positions(lon, lat)
    column, row = quadkey.to_columns_rows(keys)
    side = 2**quadkey.ZOOM
    assert column.tolist() == np.floor((lon + 180) / 360 * side).astype(int).tolist()
    back_lon, back_lat = quadkey.to_positions(column, row, quadkey.ZOOM)
    assert np.abs(back_lon - lon).max() < 360 / side
    assert np.abs(back_lat - lat).max() < 360 / side
    assert quadkey.of_positions([np.nan, 0, 500], [0, 89, 0]).tolist() == [quadkey.NOWHERE] * 3


def test_the_series_of_steps_sums_to_the_count_and_stays_small() -> None:
    rng = np.random.default_rng(5)
    lon, lat = rng.uniform(118, 119, 30_000), rng.uniform(24, 25, 30_000)
    snapshot = Snapshot((make_table(lon, lat), empty_table()), 1, None)
    edges = step_edges(snapshot, IncidentFilter(), 12)
    body = heat_series(snapshot, IncidentFilter(), edges, 22)
    assert sum(sum(step["count"]) for step in body["steps"]) == 30_000
    assert len(body["lon"]) <= 20_000
    assert body["cell_zoom"] < 22
