"""A QGIS project of this very service: boundaries by OGC API – Features, what lies below them as
vector tiles, in the colours of the map."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader
from pyproj import CRS, Transformer

from gis_service.maps.registry import Layer, Registry

# the coarsest first drawn last; per level the line's width (mm), the label's size (pt), and the
# scales from which it and its labels are shown
LEVELS = {
    "street": (0.9, 12, None, None), "community": (0.5, 10, None, 100_000),
    "grid": (0.25, 8, 50_000, 10_000),
}  # fmt: skip
# of each the width of its lines or points, mm
TILES = {"incident_heat": 1.4, "building": 0.12, "basemap": 0.6}


def project(registry: Registry, base: str, title: str, locale: str, bbox: Any) -> str:
    """The project file (XML) of the service at ``base``; ``bbox`` in WGS84 or None."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent), autoescape=True, trim_blocks=True
    )
    areas = [
        {"id": level, "title": _title(registry[level], locale), "color": _line(registry[level]),
         "width": width, "size": size, "scale": scale, "labels": labels}
        for level, (width, size, scale, labels) in LEVELS.items()
    ]  # fmt: skip
    tiles = [
        {"id": one.id, "title": _title(one, locale), "minzoom": one.minzoom,
         "maxzoom": one.maxzoom, "styles": _styles(one, TILES[one.id])}
        for one in (registry[name] for name in TILES if name in registry.layers)
    ]  # fmt: skip
    extent = None
    if bbox:
        mercator = Transformer.from_crs(4326, 3857, always_xy=True)
        extent = [*mercator.transform(*bbox[:2]), *mercator.transform(*bbox[2:])]
    return environment.get_template("project.qgs.xml").render(
        areas=areas,
        tiles=tiles,
        base=base,
        title=title,
        extent=extent,
        systems={code: CRS.from_epsg(code) for code in (4326, 3857)},
    )


def _title(layer: Layer, locale: str) -> str:
    return layer.title.zh if locale == "zh" else layer.title.en


def _line(layer: Layer) -> str:
    """The colour a level's boundary has on the map."""
    return next(
        _rgb(color)
        for one in reversed(layer.style["layers"])
        if isinstance(color := one.get("paint", {}).get("line-color"), str)
    )


def _styles(layer: Layer, width: float) -> list[dict[str, Any]]:
    """What of a layer's drawings QGIS can draw alike: fills and lines of one colour, by theme."""
    out: list[dict[str, Any]] = []
    for one in layer.style["layers"]:
        kind = {"fill": "fill", "line": "line", "heatmap": "point"}.get(one["type"])
        if kind is None:
            continue
        theme = _theme(one.get("filter"))
        color = one["paint"].get(f"{kind}-color")
        if not isinstance(color, str):
            color = layer.style["legend"][0]["color"]
        out.append(
            {"kind": kind, "color": _rgb(color), "width": width,
             "expression": f"\"theme\" = '{theme}'" if theme else ""}
        )  # fmt: skip
    return out


def _theme(rule: Any) -> str | None:
    if isinstance(rule, list):
        if rule[:2] == ["==", ["get", "theme"]]:
            return str(rule[2])
        return next((found for part in rule if (found := _theme(part))), None)
    return None


def _rgb(color: str) -> str:
    """``#rrggbb`` as QGIS writes it."""
    return ",".join(str(int(color[place : place + 2], 16)) for place in (1, 3, 5)) + ",255"
