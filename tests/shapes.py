"""Small hierarchies for tests: squares in degrees near 118.6 E, 24.9 N."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import geopandas as gpd
from shapely.geometry import box

WEST, SOUTH, STEP = 118.60, 24.90, 0.01


def square(column: float, row: float, width: float = 1, height: float = 1) -> Any:
    """A box of ``width`` × ``height`` steps with its south-west corner at column, row."""
    west, south = WEST + column * STEP, SOUTH + row * STEP
    return box(west, south, west + width * STEP, south + height * STEP)


def small_hierarchy() -> dict[str, gpd.GeoDataFrame]:
    """Two streets side by side, two communities each, two grids each, a building in each grid."""
    street, community, grid, building = [], [], [], []
    for s in range(2):
        street_code = f"S{s}"
        street.append((street_code, f"{s}街", None, square(s * 4, 0, 4, 2)))
        for c in range(2):
            community_code = f"{street_code}C{c}"
            left = s * 4 + c * 2
            community.append((community_code, f"{s}{c}社区", street_code, square(left, 0, 2, 2)))
            for g in range(2):
                grid_code = f"{community_code}G{g}"
                grid.append((grid_code, f"网格{grid_code}", community_code,
                             square(left + g, 0, 1, 2)))  # fmt: skip
                building.append((f"{grid_code}B", f"楼{grid_code}", grid_code,
                                 square(left + g + 0.4, 0.9, 0.2, 0.2)))  # fmt: skip
    levels = {"street": street, "community": community, "grid": grid, "building": building}
    return {
        level: gpd.GeoDataFrame(
            {
                "code": [row[0] for row in rows],
                "name": [row[1] for row in rows],
                "parent_code": [row[2] for row in rows],
            },
            geometry=[row[3] for row in rows],
            crs="EPSG:4326",
        )
        for level, rows in levels.items()
    }


def write_hierarchy(path: Path, levels: dict[str, gpd.GeoDataFrame]) -> Path:
    """A GeoPackage with a layer per level."""
    path.unlink(missing_ok=True)
    for level, frame in levels.items():
        frame.to_file(path, layer=level, driver="GPKG")
    return path
