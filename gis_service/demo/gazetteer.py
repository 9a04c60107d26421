"""Places that people name: doors, crossings, estates, sights, lamp poles, former names."""

from __future__ import annotations

from collections import defaultdict

import numpy as np
import pandas as pd
import shapely

from gis_service.demo import names
from gis_service.demo.areas import read_rows
from gis_service.demo.noise import stream
from gis_service.demo.outline import Land, to_degrees
from gis_service.demo.roads import Roads
from gis_service.demo.streets import SECONDARY, TERTIARY

DOORS = {"full": 2600, "small": 400}
POLES = {"full": 700, "small": 120}
FORMER = {"full": 60, "small": 12}


def crossings(roads: Roads) -> pd.DataFrame:
    """Junctions of named roads of class tertiary or better: name, x, y, and both road numbers.

    Where a road ends on another one people say 甲街口, else 甲路与乙街路口.
    """
    edges = roads.edges[roads.edges["rank"] <= TERTIARY]
    met: dict[tuple[int, int], list[int]] = defaultdict(list)
    for line, road in zip(edges.geometry, edges["road"], strict=True):
        for x, y in (line.coords[0], line.coords[-1]):
            met[round(x * 20), round(y * 20)].append(int(road))
    rows = []
    ends: set[str] = set()
    for (x, y), held in sorted(met.items()):
        through = sorted(set(held), key=lambda r: (-held.count(r), r))
        if len({roads.name[r] for r in through}) < 2:
            continue
        one, two = roads.name[through[0]], roads.name[through[1]]
        if one == two:
            two = next(roads.name[r] for r in through if roads.name[r] != one)
        if held.count(through[1]) == 1 and two not in ends:
            ends.add(two)
            rows.append((f"{two}口", x / 20, y / 20))
        rows.append((f"{one}与{two}路口", x / 20, y / 20))
    frame = pd.DataFrame(rows, columns=["name", "x", "y"])
    return frame.drop_duplicates("name", ignore_index=True)


def make_gazetteer(
    seed: int,
    land: Land,
    roads: Roads,
    buildings: pd.DataFrame,
    estates: pd.DataFrame,
    parks: pd.DataFrame,
) -> pd.DataFrame:
    """name, kind (door, crossing, estate, poi, pole, former), lon, lat (EPSG:4326)."""
    rng = stream(seed, "gazetteer")
    parts = []

    def add(kind: str, name: list[str], x: np.ndarray, y: np.ndarray) -> None:
        parts.append(pd.DataFrame({"name": name, "kind": kind, "x": x, "y": y}))

    plain = buildings[~buildings["address"].str.endswith("号楼")]
    some = plain.iloc[np.sort(rng.permutation(len(plain))[: DOORS[land.scale]])]
    door = some["door"].to_numpy()
    add("door", some["address"].tolist(), shapely.get_x(door), shapely.get_y(door))
    corner = crossings(roads)
    add("crossing", corner["name"].tolist(), corner["x"].to_numpy(), corner["y"].to_numpy())
    add("estate", estates["name"].tolist(), estates["x"].to_numpy(), estates["y"].to_numpy())
    named = buildings[
        buildings["kind"].isin(["public", "market", "works"])
        | buildings["name"].str.contains("（", regex=False)
    ]
    named = named.assign(title=named["name"].str.replace(r"（.*|\d+号楼$", "", regex=True))
    named = named.drop_duplicates("title")
    spot = named["door"].to_numpy()
    add("poi", named["title"].tolist(), shapely.get_x(spot), shapely.get_y(spot))
    add("poi", parks["name"].tolist(), parks["x"].to_numpy(), parks["y"].to_numpy())
    sights = [row for row in read_rows("landmarks.csv") if row["kind"] == "poi"]
    add(
        "poi",
        [row["name"] for row in sights],
        np.array([float(row["x"]) for row in sights]) * land.radius,
        np.array([float(row["y"]) for row in sights]) * land.radius,
    )
    parts.append(_poles(roads, POLES[land.scale]))
    parts.append(_former(rng, buildings, FORMER[land.scale]))
    frame = pd.concat(parts, ignore_index=True).drop_duplicates(["name", "kind"])
    lonlat = to_degrees(frame[["x", "y"]].to_numpy())
    return pd.DataFrame(
        {
            "name": frame["name"].to_numpy(dtype=object),
            "kind": frame["kind"].to_numpy(dtype=object),
            "lon": lonlat[:, 0],
            "lat": lonlat[:, 1],
        }
    )


def _poles(roads: Roads, count: int) -> pd.DataFrame:
    edges = roads.edges[roads.edges["rank"] <= SECONDARY]
    line = edges.geometry.to_numpy()
    total = np.r_[0, np.cumsum(shapely.length(line))]
    at = np.linspace(0, total[-1], count, endpoint=False) + 10
    piece = np.minimum(np.searchsorted(total, at, side="right") - 1, len(line) - 1)
    place = shapely.line_interpolate_point(line[piece], at - total[piece])
    return pd.DataFrame(
        {
            "name": [f"LC{n:05d}号灯杆" for n in range(1, count + 1)],
            "kind": "pole",
            "x": shapely.get_x(place),
            "y": shapely.get_y(place),
        }
    )


def _former(rng: np.random.Generator, buildings: pd.DataFrame, count: int) -> pd.DataFrame:
    words = names.pairs(rng, names.words("village_first"), names.words("village_last"))
    sites = names.words("former")
    chosen = buildings.iloc[np.sort(rng.permutation(len(buildings))[:count])]
    title = [
        f"{next(words)}（旧称）" if n % 2 else f"{next(words)}{sites[n // 2 % len(sites)]}"
        for n in range(len(chosen))
    ]
    door = chosen["door"].to_numpy()
    return pd.DataFrame(
        {"name": title, "kind": "former", "x": shapely.get_x(door), "y": shapely.get_y(door)}
    )
