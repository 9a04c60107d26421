"""The real input of the placing and loading benches: Boston's areas and its cases, resampled."""

from __future__ import annotations

from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

DATA = Path(__file__).resolve().parents[1].parent / "shared" / "data" / "boston"
METRIC = 32619
JITTER_M = 25.0


def areas(level: str) -> gpd.GeoDataFrame:
    """The areas of a level in order of code, numbered ``n`` from 0, in EPSG:4326."""
    frame = gpd.read_file(DATA / "boston_hierarchy.gpkg.zip", layer=level)
    frame = frame.sort_values("code").reset_index(drop=True)
    frame["n"] = np.arange(len(frame), dtype=np.int32)
    return frame


def case_points(count: int, seed: int = 2011) -> tuple[np.ndarray, np.ndarray]:
    """Longitudes and latitudes of ``count`` points: cases inside the wards, drawn again with
    normal jitter, those that leave the wards drawn anew."""
    rng = np.random.default_rng(seed)
    wards = shapely.union_all(areas("street").geometry.to_numpy())
    shapely.prepare(wards)
    cases = pd.read_csv(DATA / "boston_311_2011.csv.gz", usecols=["longitude", "latitude"])
    known = cases.dropna().to_numpy()[:, [1, 0]]
    known = known[shapely.intersects_xy(wards, known[:, 0], known[:, 1])]
    degrees = JITTER_M / 111_320 / np.array([np.cos(np.radians(known[:, 1].mean())), 1.0])
    points = np.empty((0, 2))
    while len(points) < count:
        more = rng.choice(known, count) + rng.normal(size=(count, 2)) * degrees
        inside = shapely.intersects_xy(wards, more[:, 0], more[:, 1])
        points = np.concatenate([points, more[inside]])
    return points[:count, 0].copy(), points[:count, 1].copy()
