"""A picture of the density of a box, for reports."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import shapely
from PIL import Image, ImageDraw

from gis_service.errors import InvalidInput
from gis_service.incidents.arrays import Snapshot
from gis_service.incidents.filters import IncidentFilter

SMALLEST, LARGEST = 16, 4096
BLUR_PX = 12.0  # standard deviation of the smoothing, pixels
GROUND = (250, 250, 247)
OUTLINE = (110, 120, 135)
# the classes of ColorBrewer's YlOrRd in one ramp: light to dark also in print
RAMP = ((255, 255, 204), (254, 217, 118), (253, 141, 60), (227, 26, 28), (128, 0, 38))


def heatmap_png(
    snapshot: Snapshot,
    wanted: IncidentFilter,
    bbox: tuple[float, float, float, float],
    width: int,
    height: int,
    outlines: list[Any] | None = None,
) -> bytes:
    """PNG of the smoothed incidents in ``bbox`` (west, south, east, north, WGS84).

    Drawn in plate carrée scaled to the box. ``outlines`` (shapely, EPSG:4326) are drawn on top.
    Where there is no incident the ground shows: zero has no colour. Raises InvalidInput for a
    size outside 16 to 4096 pixels.
    """
    for name, size in (("width", width), ("height", height)):
        if not SMALLEST <= size <= LARGEST:
            raise InvalidInput(
                f"{size}: want {SMALLEST} to {LARGEST} pixels",
                f"{size}：须为 {SMALLEST}–{LARGEST} 像素",
                where=name,
            )
    density = _density(snapshot, wanted, bbox, width, height)
    image = Image.fromarray(_coloured(density))
    draw = ImageDraw.Draw(image)
    west, south, east, north = bbox
    for outline in outlines or []:
        for line in shapely.get_parts(shapely.boundary(outline)):
            xy = shapely.get_coordinates(line)
            px = (xy[:, 0] - west) / (east - west) * width
            py = (north - xy[:, 1]) / (north - south) * height
            draw.line(list(zip(px.tolist(), py.tolist(), strict=True)), fill=OUTLINE, width=1)
    out = io.BytesIO()
    image.save(out, format="PNG", optimize=True)
    return out.getvalue()


def _density(
    snapshot: Snapshot,
    wanted: IncidentFilter,
    bbox: tuple[float, float, float, float],
    width: int,
    height: int,
) -> np.ndarray:
    """Smoothed counts (height, width), north up."""
    from scipy.ndimage import gaussian_filter

    west, south, east, north = bbox
    counts = np.zeros((height, width))
    for table in snapshot.tables:
        rows = table.select(wanted)
        lon, lat = table.lon[rows], table.lat[rows]
        inside = (lon >= west) & (lon <= east) & (lat >= south) & (lat <= north)
        column = np.minimum((lon[inside] - west) / (east - west) * width, width - 1)
        row = np.minimum((north - lat[inside]) / (north - south) * height, height - 1)
        np.add.at(counts, (row.astype(int), column.astype(int)), 1)
    return np.asarray(gaussian_filter(counts, BLUR_PX, mode="constant"))


def _coloured(density: np.ndarray) -> np.ndarray:
    """RGB (height, width, 3): the ramp over the ground, by the share of the highest value."""
    top = density.max()
    # the square root keeps the lesser places readable beside the worst one
    share = np.sqrt(density / top) if top > 0 else np.zeros_like(density)
    places = np.linspace(0, 1, len(RAMP))
    colour = np.stack(
        [np.interp(share, places, [stop[i] for stop in RAMP]) for i in range(3)], axis=-1
    )
    cover = np.clip(share * 4, 0, 1)[..., None]  # fades into the ground
    return np.round(colour * cover + np.array(GROUND) * (1 - cover)).astype(np.uint8)
