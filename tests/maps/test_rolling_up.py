"""Counts by cell, class and day as a file: as many as there are, each where the map counts it."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import geopandas as gpd
import numpy as np
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from gis_service.analysis import quadkey
from gis_service.errors import InvalidInput
from gis_service.incidents.arrays import Snapshot, empty_table
from gis_service.incidents.filters import IncidentFilter
from gis_service.maps import rolling_up
from gis_service.maps.density import bins
from gis_service.maps.rolling_up import roll_up
from tests.maps.test_density import MIDNIGHT, ZONE, reported_in_march

CODES = {1: "E-01-01", 2: "E-01-02", 3: "E-01-03"}


def test_the_file_holds_what_the_map_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = reported_in_march(5_000, 3)
    order = np.argsort(table.id)
    # some were changed since, and the parts cut through cells
    base, again = table.take(np.sort(order)), table.take(np.sort(order[-300:]))
    snapshot = Snapshot((base,), 1, None).with_changes(again, 2)
    monkeypatch.setattr(rolling_up, "PART_ROWS", 700)
    out = tmp_path / "heat.parquet"
    told = roll_up(snapshot, 14, ZONE, CODES, out)
    placed = int(np.isfinite(table.lon).sum())
    rows = pq.read_table(out)
    assert told == {"incidents": placed, "without_position": 5_000 - placed, "rows": len(rows)}
    assert pc.sum(rows["count"]).as_py() == placed
    assert len(rows.group_by(["x", "y", "class", "day"]).aggregate([])) == len(rows)
    for class_id, day in ((1, 3), (3, 0), (2, 19)):
        since = MIDNIGHT + timedelta(days=day)
        wanted = IncidentFilter(since=since, until=since + timedelta(days=1), classes=(class_id,))
        cells, counts, zoom = bins(snapshot, wanted, 8, *tile_of(8), 64)
        assert zoom == 14
        column, row = quadkey.to_columns_rows(cells)
        mine = rows.filter(
            (pc.field("class") == CODES[class_id]) & (pc.field("day") == since.date())
        )
        assert dict(zip(zip(column.tolist(), row.tolist(), strict=True), counts.tolist(),
                        strict=True)) == {
            (one["x"], one["y"]): one["count"] for one in mine.to_pylist()
        }  # fmt: skip
    frame = gpd.read_parquet(out)
    assert frame.crs.to_epsg() == 4326 or frame.crs.to_string() == "OGC:CRS84"
    back = quadkey.of_positions(frame.geometry.x, frame.geometry.y) >> (2 * (quadkey.ZOOM - 14))
    column, row = quadkey.to_columns_rows(back)
    assert column.tolist() == frame["x"].tolist()
    assert row.tolist() == frame["y"].tolist()
    assert frame["day"].iloc[0] >= date(2026, 3, 1)


def tile_of(zoom: int) -> tuple[int, int]:
    key = quadkey.of_positions([118.6], [24.9]) >> (2 * (quadkey.ZOOM - zoom))
    column, row = quadkey.to_columns_rows(key)
    return int(column[0]), int(row[0])


def test_nothing_is_left_of_a_file_that_was_not_finished(tmp_path: Path) -> None:
    snapshot = Snapshot((reported_in_march(500, 4),), 1, None)
    with pytest.raises(InvalidInput, match="zoom"):
        roll_up(snapshot, 23, ZONE, CODES, tmp_path / "heat.parquet")
    with pytest.raises(KeyError):
        roll_up(snapshot, 14, ZONE, {1: "E"}, tmp_path / "heat.parquet")
    assert list(tmp_path.iterdir()) == []
    told = roll_up(Snapshot((empty_table(),), 1, None), 14, ZoneInfo("UTC"), {}, tmp_path / "none")
    assert told == {"incidents": 0, "without_position": 0, "rows": 0}
    assert len(gpd.read_parquet(tmp_path / "none")) == 0
