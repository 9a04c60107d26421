"""Where in a grid an incident is seen: at a door, along the street, now and then inside."""

from __future__ import annotations

from dataclasses import dataclass, fields

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from gis_service.demo.district import District
from gis_service.demo.noise import Floats, Ints
from gis_service.demo.outline import to_local

DOOR, STREET, YARD = 0, 1, 2


@dataclass(frozen=True)
class Sites:
    """Places in local metres (n,), how each was chosen, and what it is called."""

    x: Floats
    y: Floats
    sort: Ints
    address: np.ndarray
    road: np.ndarray

    def take(self, rows: Ints) -> Sites:
        """Those of an index array."""
        return Sites(*(getattr(self, one.name)[rows] for one in fields(self)))


def in_metres(frame: gpd.GeoDataFrame) -> np.ndarray:
    """The frame's geometries in local metres."""
    return np.asarray(shapely.transform(frame.geometry.to_numpy(), to_local))


class SiteChooser:
    """Prepared once for a district; ``choose`` draws one place for every wanted grid."""

    def __init__(self, district: District) -> None:
        self.grids = in_metres(district.grid)
        number = pd.Series(np.arange(len(district.grid)), index=district.grid["code"])
        # single segments: a tree of long roads has large boxes and answers slowly
        xy, road = shapely.get_coordinates(in_metres(district.roads), return_index=True)
        within = np.flatnonzero(road[:-1] == road[1:])
        self.roads = shapely.linestrings(np.stack((xy[within], xy[within + 1]), axis=1))
        self.road_names = district.roads["name"].to_numpy()[road[within]]
        self.tree = shapely.STRtree(self.roads)
        building = district.building
        shape = in_metres(building)
        self.addresses = building["address"].to_numpy()
        self.middle = shapely.get_coordinates(shapely.point_on_surface(shape))
        nearest = self.tree.nearest(shape)
        self.building_road = self.road_names[nearest]
        way = shapely.get_coordinates(shapely.shortest_line(shape, self.roads[nearest]))
        self.door, self.kerb = way[0::2], way[1::2]
        owner = number[building["parent_code"]].to_numpy()
        self.by_grid = np.argsort(owner, kind="stable")
        self.first = np.searchsorted(owner[self.by_grid], np.arange(len(self.grids) + 1))

    def choose(self, rng: np.random.Generator, grid: Ints) -> Sites:
        """One place per grid number: 45 % at doors, 45 % along its border streets."""
        sort = rng.choice([DOOR, STREET, YARD], len(grid), p=[0.45, 0.45, 0.1])
        count = self.first[grid + 1] - self.first[grid]
        sort[count == 0] = STREET
        at = self.first[grid] + (rng.random(len(grid)) * count).astype(np.int64)
        building = self.by_grid[np.minimum(at, len(self.by_grid) - 1)]
        share = rng.uniform(0.05, 0.6, len(grid))[:, None]
        xy = self.door[building] * (1 - share) + self.kerb[building] * share
        yard = sort == YARD
        xy[yard] = self.middle[building[yard]]
        street = np.flatnonzero(sort == STREET)
        place, on_street = self._along_border(rng, grid[street])
        # water and the district's edge are borders without a street: take a door there
        back = ~on_street & (count[street] > 0)
        sort[street[back]] = DOOR
        xy[street[~back]] = place[~back]
        address = self.addresses[building].astype(object)
        road = self.building_road[building].astype(object)
        street = street[~back]
        road[street] = self.road_names[self.tree.nearest(shapely.points(xy[street]))]
        address[street] = ""
        return Sites(xy[:, 0], xy[:, 1], sort, address, road)

    def _along_border(self, rng: np.random.Generator, grid: Ints) -> tuple[Floats, np.ndarray]:
        """Places a few metres inside the border of each grid, and which lie by a street."""
        ring = shapely.get_exterior_ring(shapely.orient_polygons(self.grids))[grid]
        length = shapely.length(ring)
        at = rng.random(len(grid)) * length
        a = shapely.get_coordinates(shapely.line_interpolate_point(ring, at))
        b = shapely.get_coordinates(shapely.line_interpolate_point(ring, (at + 0.5) % length))
        way = b - a
        way /= np.maximum(np.hypot(*way.T), 1e-9)[:, None]
        inward = np.column_stack((-way[:, 1], way[:, 0]))
        place = a + inward * rng.uniform(1.5, 9.0, len(grid))[:, None]
        near, _ = self.tree.query(shapely.points(place), predicate="dwithin", distance=14.0)
        on_street = np.zeros(len(grid), dtype=bool)
        on_street[near] = True
        return place, on_street

    def along_roads(self, rng: np.random.Generator, area: shapely.Polygon, count: int) -> Sites:
        """Places along the roads inside an area that has no grids; where no road lies inside as a
        whole, along the parts that do."""
        inside = np.sort(self.tree.query(area, predicate="contains"))
        roads = self.roads
        if not len(inside):
            inside = np.sort(self.tree.query(area, predicate="intersects"))
            roads = roads.copy()
            roads[inside] = shapely.intersection(roads[inside], area)
            inside = inside[shapely.get_type_id(roads[inside]) == shapely.GeometryType.LINESTRING]
        length = np.cumsum(shapely.length(roads[inside]))
        at = rng.random(count) * length[-1]
        road = inside[np.searchsorted(length, at)]
        place = shapely.line_interpolate_point(roads[road], rng.random(count), normalized=True)
        xy = shapely.get_coordinates(place) + rng.normal(0, 3.5, (count, 2))
        name = self.road_names[road].astype(object)
        return Sites(xy[:, 0], xy[:, 1], np.full(count, STREET), np.full(count, "", object), name)
