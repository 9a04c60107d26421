"""Door plates, estates and names of buildings."""

from __future__ import annotations

from collections import defaultdict

import numpy as np
import pandas as pd
import shapely

from gis_service.demo import names, uses
from gis_service.demo.noise import stream
from gis_service.demo.roads import Roads

DOOR_M = 7.0
POI_KINDS = ("public", "market", "works")


def address_buildings(
    seed: int, buildings: pd.DataFrame, use: np.ndarray, roads: Roads
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Adds ``road`` (number), ``door`` (point on the street side), ``address`` and ``name``.

    The second frame lists the estates: name, address, x, y. Numbers grow from the north or west
    end of the road by one for every ``DOOR_M`` and side, odd on the left.
    """
    rng = stream(seed, "addresses")
    shape = buildings["geometry"].to_numpy()
    centre = shapely.centroid(shape)
    edge_lines = roads.edges.geometry.to_numpy()
    nearest = shapely.STRtree(edge_lines).nearest(shape)
    road = roads.edges["road"].to_numpy()[nearest]
    line = np.array(roads.line, dtype=object)[road]
    along = shapely.line_locate_point(line, centre)
    foot = shapely.line_interpolate_point(line, along)
    ahead = shapely.line_interpolate_point(line, along + 1.0)
    behind = shapely.line_interpolate_point(line, np.maximum(along - 1.0, 0.0))
    way_x = shapely.get_x(ahead) - shapely.get_x(behind)
    way_y = shapely.get_y(ahead) - shapely.get_y(behind)
    off_x = shapely.get_x(centre) - shapely.get_x(foot)
    off_y = shapely.get_y(centre) - shapely.get_y(foot)
    left = way_x * off_y - way_y * off_x > 0
    number = 2 * (along // DOOR_M).astype(np.int64) + np.where(left, 1, 2)
    buildings = buildings.assign(road=road, number=number, setback=np.hypot(off_x, off_y))
    plate = [""] * len(buildings)
    used: dict[tuple[str, int], int] = defaultdict(int)
    for n in np.argsort(buildings["setback"].to_numpy(), kind="stable"):
        street = roads.name[road[n]]
        key = (street, int(number[n]))
        used[key] += 1
        suffix = "" if used[key] == 1 else f"-{used[key] - 1}"
        plate[n] = f"{street}{number[n]}{suffix}号"
    name = list(plate)
    estates = _name_estates(rng, buildings, use, plate, name)
    _name_others(rng, buildings, plate, name)
    door = shapely.line_interpolate_point(shapely.shortest_line(shape, edge_lines[nearest]), 0.0)
    return buildings.assign(address=plate, name=name, door=door), estates


def _name_estates(
    rng: np.random.Generator,
    buildings: pd.DataFrame,
    use: np.ndarray,
    plate: list[str],
    name: list[str],
) -> pd.DataFrame:
    """A block of flats is an estate: one gate, one name, buildings 1号楼, 2号楼, …"""
    words = names.pairs(rng, names.words("estate_first"), names.words("estate_last"))
    homes = buildings[
        (buildings["kind"] == "home")
        & np.isin(use[buildings["block"].to_numpy()], (uses.ESTATE, uses.TOWERS))
    ]
    rows = []
    for _, group in homes.groupby("block"):
        if len(group) < 3:
            continue
        estate = next(words)
        gate = group.index[int(np.argmin(group["setback"].to_numpy()))]
        address = plate[gate] + estate
        for number, n in enumerate(group.index, start=1):
            name[n] = f"{estate}{number}号楼"
            plate[n] = f"{address}{number}号楼"
        middle = shapely.centroid(shapely.union_all(group["geometry"].to_numpy()))
        rows.append((estate, address, middle.x, middle.y))
    return pd.DataFrame(rows, columns=["name", "address", "x", "y"])


def _name_others(
    rng: np.random.Generator, buildings: pd.DataFrame, plate: list[str], name: list[str]
) -> None:
    stems = names.road_words(rng)
    for _, group in buildings[buildings["kind"].isin(POI_KINDS)].groupby("block"):
        kind = str(group["kind"].iat[0])
        words = names.words(kind)
        title = next(stems) + words[int(rng.integers(len(words)))]
        for number, n in enumerate(group.index, start=1):
            name[n] = title if len(group) == 1 else f"{title}{number}号楼"
    shops = buildings.index[buildings["kind"] == "shop"]
    first, last = names.words("shop_first"), names.words("shop_last")
    for n in shops[rng.random(len(shops)) < 0.12]:
        name[n] = f"{first[rng.integers(len(first))]}{last[rng.integers(len(last))]}（{plate[n]}）"
