"""The illustrative district: four levels, streets, water, green and a gazetteer, from one seed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from gis_service.demo import areas, names, uses
from gis_service.demo.addresses import address_buildings
from gis_service.demo.blocks import Blocks, make_blocks, union_of
from gis_service.demo.buildings import buildable_ground, make_buildings
from gis_service.demo.field import CrossField
from gis_service.demo.gazetteer import make_gazetteer
from gis_service.demo.noise import Ints, stream
from gis_service.demo.outline import Land, make_land, to_degrees
from gis_service.demo.partition import BlockGraph
from gis_service.demo.roads import Roads, name_roads
from gis_service.demo.streets import draw_streets
from gis_service.demo.zones import Zones

Scale = Literal["small", "full"]
Progress = Callable[[float, str], None]
LABEL = "示意数据"


@dataclass(frozen=True)
class District:
    """Frames in EPSG:4326; ``seed`` and ``scale`` make them again.

    street, community, grid, building: code, name, parent_code (None for streets), geometry;
    grid also kind, households; building also address, floors, households. roads: name,
    road_class, geometry. water, green: name, geometry. gazetteer: name, kind, lon, lat.
    """

    seed: int
    scale: str
    street: gpd.GeoDataFrame
    community: gpd.GeoDataFrame
    grid: gpd.GeoDataFrame
    building: gpd.GeoDataFrame
    roads: gpd.GeoDataFrame
    water: gpd.GeoDataFrame
    green: gpd.GeoDataFrame
    gazetteer: pd.DataFrame
    label: str = LABEL


def make_district(seed: int, scale: Scale = "full", progress: Progress | None = None) -> District:
    """Draws the district of ``seed``: equal arguments give equal frames.

    ``progress(fraction, words)`` is told how far it is. Raises ValueError on an unknown scale.
    """
    if scale not in ("small", "full"):
        raise ValueError(f"scale must be small or full, not {scale!r}")

    def stage(low: float, high: float, words: str) -> Callable[[float], None]:
        def report(share: float) -> None:
            if progress is not None:
                progress(low + (high - low) * min(max(share, 0.0), 1.0), words)

        report(0.0)
        return report

    stage(0.0, 0.02, "地形 land")
    land = make_land(seed, scale)
    zones = Zones(seed, land)
    cross = CrossField(seed, land)
    drawn = draw_streets(seed, land, zones, cross, stage(0.03, 0.25, "道路 streets"))
    stage(0.25, 0.3, "街区 blocks")
    blocks = make_blocks(land, zones, drawn)
    graph = BlockGraph(blocks.x, blocks.y, blocks.pairs)
    street = areas.place_streets(seed, land, zones, blocks, graph)
    use = uses.choose_uses(seed, land, blocks)
    ground = buildable_ground(land, blocks)
    green, green_names, ponds = _green(seed, land, blocks, use, ground)
    plans = areas.street_plans(scale)
    virtual = [plan.code for plan in plans].index(areas.VIRTUAL_STREET)
    ground[street == virtual] = shapely.Polygon()
    wished = areas.GRIDS[scale] * areas.HOUSEHOLDS
    buildings, lanes = make_buildings(
        seed, blocks, use, ground, cross, wished, stage(0.33, 0.65, "楼栋 buildings")
    )
    households = np.bincount(
        buildings["block"], buildings["households"], minlength=len(blocks)
    ).astype(float)
    community, communities = areas.place_communities(land, blocks, graph, street, households)
    grid, grid_codes = areas.place_grids(
        blocks, graph, community, communities, households, stage(0.67, 0.88, "网格 grids")
    )
    stage(0.88, 0.9, "路名和门牌 names and door plates")
    roads = name_roads(seed, land, zones, blocks, lanes)
    buildings, estates = address_buildings(seed, buildings, use, roads)
    buildings = _coded_buildings(buildings, grid, grid_codes)
    stage(0.95, 0.97, "地名 gazetteer")
    parks = pd.DataFrame(
        {
            "name": green_names,
            "x": [part.centroid.x for part in green],
            "y": [part.centroid.y for part in green],
        }
    )
    gazetteer = make_gazetteer(seed, land, roads, buildings, estates, parks)
    frames = _area_frames(blocks, plans, street, community, communities, grid, grid_codes)
    grid_households = np.bincount(grid[grid >= 0], households[grid >= 0]).astype(np.int64)
    frames["grid"]["kind"] = "community"
    frames["grid"]["households"] = grid_households
    district = District(
        seed=seed,
        scale=scale,
        **{level: _finished(frame) for level, frame in frames.items()},
        building=_building_frame(buildings),
        roads=_road_frame(roads),
        water=_water_frame(land, ponds),
        green=_frame({"name": green_names}, np.array(green, dtype=object)),
        gazetteer=gazetteer,
    )
    if progress is not None:
        progress(1.0, "完成 done")
    return district


def _in_degrees(geometry: np.ndarray) -> np.ndarray:
    return np.asarray(shapely.transform(geometry, to_degrees))


def _frame(columns: dict[str, list[str]], geometry: np.ndarray) -> gpd.GeoDataFrame:
    data = {name: np.array(values, dtype=object) for name, values in columns.items()}
    return gpd.GeoDataFrame(data, geometry=_in_degrees(geometry), crs="EPSG:4326")


def _finished(frame: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    return frame.sort_values("code", ignore_index=True)


def _area_frames(
    blocks: Blocks,
    plans: tuple[areas.StreetPlan, ...],
    street: Ints,
    community: Ints,
    communities: list[tuple[str, str]],
    grid: Ints,
    grid_codes: list[str],
) -> dict[str, gpd.GeoDataFrame]:
    """The three upper levels as unions of blocks, so that borders are shared to the vertex."""
    community_names = dict(communities)
    in_grid = np.where(grid < 0, len(grid_codes), grid)
    return {
        "street": _frame(
            {
                "code": [plan.code for plan in plans],
                "name": [plan.name for plan in plans],
                "parent_code": [None] * len(plans),  # type: ignore[list-item]
            },
            union_of(blocks, street, len(plans)),
        ),
        "community": _frame(
            {
                "code": [code for code, _ in communities],
                "name": [name for _, name in communities],
                "parent_code": [code[:9] for code, _ in communities],
            },
            union_of(blocks, community, len(communities)),
        ),
        "grid": _frame(
            {
                "code": grid_codes,
                "name": [
                    f"{community_names[code[:12]]}第{int(code[12:])}网格" for code in grid_codes
                ],
                "parent_code": [code[:12] for code in grid_codes],
            },
            union_of(blocks, in_grid, len(grid_codes) + 1)[:-1],
        ),
    }


def _coded_buildings(buildings: pd.DataFrame, grid: Ints, grid_codes: list[str]) -> pd.DataFrame:
    """Numbers the buildings of each grid like a page is read, in rows of 30 m."""
    at = grid[buildings["block"].to_numpy()]
    middle = shapely.centroid(buildings["geometry"].to_numpy())
    x, y = shapely.get_x(middle), shapely.get_y(middle)
    code = np.empty(len(buildings), dtype=object)
    parent = np.array(grid_codes, dtype=object)[at]
    order = np.argsort(at, kind="stable")
    bounds = np.flatnonzero(np.diff(at[order])) + 1
    for own in np.split(order, bounds):
        for number, n in enumerate(areas.reading_order(x[own], y[own], 30.0), start=1):
            code[own[n]] = f"{parent[own[n]]}{number:05d}"
    return buildings.assign(code=code, parent_code=parent)


def _building_frame(buildings: pd.DataFrame) -> gpd.GeoDataFrame:
    frame = _frame(
        {name: buildings[name].tolist() for name in ("code", "name", "parent_code", "address")},
        buildings["geometry"].to_numpy(),
    )
    frame["floors"] = buildings["floors"].to_numpy()
    frame["households"] = buildings["households"].to_numpy()
    return _finished(frame)


def _road_frame(roads: Roads) -> gpd.GeoDataFrame:
    rows = roads.rows
    return _frame(
        {"name": rows["name"].tolist(), "road_class": rows["road_class"].tolist()},
        rows["geometry"].to_numpy(),
    )


def _green(
    seed: int, land: Land, blocks: Blocks, use: np.ndarray, ground: np.ndarray
) -> tuple[list[shapely.Polygon], list[str], list[shapely.Polygon]]:
    green, sort, ponds = uses.draw_green(seed, land, blocks, use, ground)
    rng = stream(seed, "park names")
    words = names.road_words(rng)
    kinds = names.words("parks")
    title = []
    for kind in sort:
        if kind == "bank":
            title.append("江滨绿带")
        elif kind == "hill":
            title.append(next(words)[0] + "山林地")
        else:
            title.append(next(words) + kinds[int(rng.integers(len(kinds)))])
    return green, title, ponds


def _water_frame(land: Land, ponds: list[shapely.Polygon]) -> gpd.GeoDataFrame:
    river = [
        part for part in shapely.get_parts(land.river.intersection(land.outline)) if part.area > 100
    ]
    brook = [
        part
        for part in shapely.get_parts(land.brook.intersection(land.outline).difference(land.river))
        if part.area > 100
    ]
    title = (
        ["晋江"] * len(river) + ["泉溪"] * len(brook) + [f"湖{n}" for n in range(1, len(ponds) + 1)]
    )
    return _frame({"name": title}, np.array(river + brook + ponds, dtype=object))
