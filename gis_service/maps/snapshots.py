"""One self-contained folium file: it opens from a USB stick with no network.

folium links its scripts from content networks; here every one of them is replaced by the file that
was installed with the page, and an address without such a file is an error.
"""

from __future__ import annotations

import html
import re
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from zoneinfo import ZoneInfo

import folium
import geopandas as gpd
import numpy as np
import shapely
from folium.plugins import HeatMap, HeatMapWithTime
from sqlalchemy import text
from sqlalchemy.orm import Session

from gis_service.analysis.density import class_breaks
from gis_service.analysis.hotspots import contiguity
from gis_service.errors import ConfigurationError, InvalidInput, NotFound
from gis_service.hierarchy.models import LEVELS
from gis_service.incidents.arrays import Snapshot
from gis_service.incidents.filters import IncidentFilter
from gis_service.maps.area_inputs import hotspot_columns
from gis_service.maps.coverage_snapshot import draw_coverage
from gis_service.maps.series import heat_series, step_edges
from gis_service.settings import Settings

VENDOR = Path(__file__).parent.parent / "web" / "static" / "vendor" / "leaflet"
STEPS = 12
HEAT_ZOOM = 19  # cells of about 70 m: more would be drawn on top of each other
SIMPLIFIED_DEG = 0.00001  # about a metre
RAMP = ("#ffffcc", "#fed976", "#fd8d3c", "#e31a1c", "#800026")
TOO_FEW = "#d5d8dc"
HEAT = {0.2: "#fed976", 0.5: "#fd8d3c", 0.8: "#e31a1c", 1.0: "#800026"}
SIGNIFICANCE = {
    "hot99": "#b2182b", "hot95": "#ef8a62", "hot90": "#fddbc7", "none": "#f2f2f2",
    "cold90": "#d1e5f0", "cold95": "#67a9cf", "cold99": "#2166ac",
}  # fmt: skip
OUTLINES = {"street": ("#34435e", 2.5), "community": ("#5b7290", 1.4), "grid": ("#8fa0b5", 0.7),
            "building": ("#b8ad9a", 0.5)}  # fmt: skip
DRAWN = ("street", "community", "grid", "building", "coverage", "grid_density", "hotspots",
         "incident_heat")  # fmt: skip
# folium's time control is written for jQuery, of which it uses one function, and for an icon font
SHIM = "window.$ = {extend: Object.assign};"
CONTROL_CSS = """
.timecontrol-play:before{content:"▶"!important}
.timecontrol-play.reverse:before{content:"▶"!important}
.timecontrol-play.pause:before{content:"❚❚"!important;font-size:10px}
.timecontrol-play.loading:before,.timecontrol-date.loading:before{content:""!important}
.timecontrol-backward:before{content:"«"!important}
.timecontrol-forward:before{content:"»"!important}
.timecontrol-loop:before{content:"∞"!important}
.timecontrol-speed:before{content:""!important}
.gis-title,.gis-legend{position:fixed;z-index:9999;background:#fff;padding:8px 12px;
border-radius:6px;box-shadow:0 1px 4px rgba(0,0,0,.3);font:14px/1.6 sans-serif}
.gis-title{top:10px;left:56px;max-width:calc(100% - 300px)}
.gis-legend{right:10px;bottom:28px}.gis-legend b{display:block}.gis-legend div{font-size:12px}
.gis-title b{font-size:16px}.gis-mark{color:#8a4b00;background:#fff2cc;padding:0 6px}
.gis-key{display:inline-block;width:16px;height:12px;margin-right:6px;border:1px solid #999}
"""


@dataclass(frozen=True)
class Facts:
    """What a snapshot says of itself."""

    title: str
    illustrative: bool
    made_at: datetime
    count: int
    total: int
    period: str


def make_snapshot(
    session: Session,
    incidents: Snapshot,
    wanted: IncidentFilter,
    layers: list[str],
    settings: Settings,
) -> str:
    """HTML of a folium map of ``layers`` (ids) under a filter.

    Raises InvalidInput for a layer that a snapshot does not draw, NotFound without a hierarchy,
    ConfigurationError where the page's scripts were not installed.
    """
    unknown = [layer for layer in layers if layer not in DRAWN]
    if unknown or not layers:
        raise InvalidInput(
            f"a snapshot draws {', '.join(DRAWN)}; not {', '.join(unknown) or 'nothing'}",
            f"快照可绘制：{'、'.join(DRAWN)}；不支持：{'、'.join(unknown) or '空'}",
            where="layers",
        )
    areas = {level: _areas(session, level, settings) for level in LEVELS}
    present = [level for level in LEVELS if len(areas[level])]
    if not present:
        raise NotFound("no hierarchy is loaded", "尚未载入区划")
    west, south, east, north = areas[present[0]].total_bounds
    picture = folium.Map(tiles=None, prefer_canvas=True, zoom_control=True, control_scale=True)
    picture.default_js = [picture.default_js[0]]
    picture.default_css = [picture.default_css[0]]
    picture.fit_bounds([[south, west], [north, east]])
    keys: dict[str, list[tuple[str, str]]] = {}
    for layer in sorted(layers, key=DRAWN.index):
        if layer in LEVELS:
            _outlines(picture, layer, areas[layer], incidents, wanted)
        elif layer == "coverage":
            title, rows = draw_coverage(picture, session, settings, areas["grid"], wanted)
            keys[title] = rows
        elif layer == "grid_density":
            keys["每平方公里案件数"] = _choropleth(
                picture, areas["grid"], incidents, wanted, settings
            )
        elif layer == "hotspots":
            keys["热点（Gi*）"] = _hotspots(picture, areas["grid"], incidents, wanted)
        else:
            # over a choropleth the heat waits until it is chosen: colours would mix
            _heat(picture, incidents, wanted, settings, show="grid_density" not in layers)
    folium.LayerControl(collapsed=False).add_to(picture)
    body = picture.get_root().render()
    return inlined(body, _heading(_facts(session, incidents, wanted, settings), keys))


def _areas(session: Session, level: str, settings: Settings) -> gpd.GeoDataFrame:
    condition = "AND kind = :kind" if level == "grid" else ""
    rows = session.execute(
        text(
            "SELECT area_id, code, name, area_m2, ST_AsBinary(geom) AS wkb "
            f"FROM {level} WHERE valid_to IS NULL {condition} ORDER BY area_id"
        ),
        {"kind": settings.grid_kind} if level == "grid" else {},
    ).all()
    geometry = shapely.from_wkb([bytes(row.wkb) for row in rows])
    return gpd.GeoDataFrame(
        {
            "area_id": [row.area_id for row in rows],
            "code": [row.code for row in rows],
            "name": [row.name for row in rows],
            "area_km2": [round(row.area_m2 / 1e6, 4) for row in rows],
        },
        geometry=shapely.set_precision(
            shapely.simplify(geometry, SIMPLIFIED_DEG, preserve_topology=True), 1e-6
        ),
        crs="EPSG:4326",
    )


def _counted(
    frame: gpd.GeoDataFrame, level: str, incidents: Snapshot, wanted: IncidentFilter
) -> gpd.GeoDataFrame:
    ids, counts = incidents.counts_by_area(level, wanted)
    by_id = dict(zip(ids.tolist(), counts.tolist(), strict=True))
    return frame.assign(count=[by_id.get(i, 0) for i in frame["area_id"]])


def _outlines(
    picture: folium.Map,
    level: str,
    frame: gpd.GeoDataFrame,
    incidents: Snapshot,
    wanted: IncidentFilter,
) -> None:
    if frame.empty:
        return
    colour, weight = OUTLINES[level]
    names = {"street": "街道", "community": "社区", "grid": "网格", "building": "楼栋"}
    counted = _counted(frame, level, incidents, wanted).drop(columns="area_id")
    folium.GeoJson(
        counted,
        name=names[level],
        style_function=lambda feature: {"color": colour, "weight": weight, "fillOpacity": 0.0},
        popup=_popup(["name", "code", "count", "area_km2"]),
        smooth_factor=1,
    ).add_to(picture)


def _popup(fields: list[str]) -> folium.GeoJsonPopup:
    words = {
        "name": "名称", "code": "编码", "count": "案件数", "area_km2": "面积（平方公里）",
        "density": "件/平方公里", "z": "z 值", "significance": "显著性",
    }  # fmt: skip
    return folium.GeoJsonPopup(fields=fields, aliases=[words[field] for field in fields])


def _choropleth(
    picture: folium.Map,
    grids: gpd.GeoDataFrame,
    incidents: Snapshot,
    wanted: IncidentFilter,
    settings: Settings,
) -> list[tuple[str, str]]:
    counted = _counted(grids, "grid", incidents, wanted)
    enough = counted["count"] >= settings.minimum_count
    density = (counted["count"] / counted["area_km2"]).where(enough)
    bounds = class_breaks(density.to_numpy(dtype=float))
    place = np.searchsorted(bounds, density.fillna(0).to_numpy()) if bounds else []
    colours = [
        RAMP[min(int(p), len(RAMP) - 1)] if good else TOO_FEW
        for p, good in zip(place, enough, strict=False)
    ] or [TOO_FEW] * len(counted)
    shown = counted.assign(
        density=[f"{d:.0f}" if np.isfinite(d) else "样本不足" for d in density], colour=colours
    ).drop(columns="area_id")
    folium.GeoJson(
        shown,
        name="网格案件密度",
        style_function=lambda feature: {
            "fillColor": feature["properties"]["colour"], "fillOpacity": 0.65, "weight": 0.4,
            "color": "#777",
        },
        popup=_popup(["name", "count", "area_km2", "density"]),
    ).add_to(picture)  # fmt: skip
    edges = [0.0, *bounds]
    return [(RAMP[i], f"{edges[i]:g}–{edges[i + 1]:g}") for i in range(len(bounds))] + [
        (TOO_FEW, f"样本不足（少于 {settings.minimum_count} 件）")
    ]


def _hotspots(
    picture: folium.Map, grids: gpd.GeoDataFrame, incidents: Snapshot, wanted: IncidentFilter
) -> list[tuple[str, str]]:
    ids, counts = incidents.counts_by_area("grid", wanted)
    found = hotspot_columns(
        grids.rename(columns={"area_km2": "km2"}), contiguity(grids), ids, counts
    )
    shown = grids.assign(
        count=found["counts"], z=np.round(found["z_scores"], 2),
        significance=found["significances"],
    ).drop(columns="area_id")  # fmt: skip
    folium.GeoJson(
        shown,
        name="热点（Gi*）",
        show=False,
        style_function=lambda feature: {
            "fillColor": SIGNIFICANCE[feature["properties"]["significance"]], "fillOpacity": 0.65,
            "weight": 0.4, "color": "#777",
        },
        popup=_popup(["name", "count", "z", "significance"]),
    ).add_to(picture)  # fmt: skip
    words = {"hot99": "热点 99%", "hot95": "热点 95%", "hot90": "热点 90%", "none": "不显著",
             "cold90": "冷点 90%", "cold95": "冷点 95%", "cold99": "冷点 99%"}  # fmt: skip
    return [(colour, words[name]) for name, colour in SIGNIFICANCE.items()]


def _heat(
    picture: folium.Map,
    incidents: Snapshot,
    wanted: IncidentFilter,
    settings: Settings,
    *,
    show: bool,
) -> None:
    edges = step_edges(incidents, wanted, STEPS)
    series = heat_series(incidents, wanted, edges, HEAT_ZOOM)
    lat, lon = np.array(series["lat"]), np.array(series["lon"])
    total = np.zeros(len(lat))
    frames = []
    for step in series["steps"]:
        cell, count = np.array(step["cell"], dtype=int), np.array(step["count"], dtype=float)
        total[cell] += count
        frames.append(np.column_stack([lat[cell], lon[cell], count]).tolist())
    top = total.max(initial=1)
    HeatMap(
        np.column_stack([lat, lon, total / top]).tolist(), name="案件热力", radius=14, blur=18,
        min_opacity=0.15, gradient=HEAT, show=show,
    ).add_to(picture)  # fmt: skip
    zone = ZoneInfo(settings.timezone)
    labels = [
        datetime.fromtimestamp(edge / 1e6, zone).strftime("%Y-%m-%d") for edge in edges.tolist()
    ]
    HeatMapWithTime(
        frames, index=[f"{a} – {b}" for a, b in pairwise(labels)],
        name="热力随时间", radius=18, max_opacity=0.7, show=False, use_local_extrema=False,
        gradient=HEAT,
    ).add_to(picture)  # fmt: skip


def _facts(
    session: Session, incidents: Snapshot, wanted: IncidentFilter, settings: Settings
) -> Facts:
    zone = ZoneInfo(settings.timezone)
    source = session.execute(
        text("SELECT source FROM boundary_revision ORDER BY id DESC LIMIT 1")
    ).scalar_one()
    edges = step_edges(incidents, wanted, 1)
    days = [datetime.fromtimestamp(edge / 1e6, zone).strftime("%Y-%m-%d") for edge in edges]
    return Facts(
        settings.title,
        str(source).startswith("illustrative"),
        datetime.now(zone),
        incidents.count(wanted),
        incidents.count(IncidentFilter()),
        " – ".join(days),
    )


def _heading(facts: Facts, keys: dict[str, list[tuple[str, str]]]) -> str:
    mark = ' <span class="gis-mark">示意数据</span>' if facts.illustrative else ""
    legend = "".join(
        f"<b>{html.escape(title)}</b>"
        + "".join(
            f'<div><span class="gis-key" style="background:{colour}"></span>'
            f"{html.escape(words)}</div>"
            for colour, words in rows
        )
        for title, rows in keys.items()
    )
    return (
        f'<div class="gis-title"><b>{html.escape(facts.title)}</b>{mark}<br>'
        f"{facts.period}：{facts.count:,} / {facts.total:,} 件；"
        f"制作于 {facts.made_at:%Y-%m-%d %H:%M}</div>"
        + (f'<div class="gis-legend">{legend}</div>' if legend else "")
    )


FILES = {
    "leaflet.js": "leaflet.js",
    "leaflet.css": "leaflet.css",
    "leaflet_heat.min.js": "leaflet-heat.js",
    "iso8601.min.js": "iso8601.js",
    "leaflet.timedimension.min.js": "leaflet.timedimension.min.js",
    "leaflet.timedimension.control.css": "leaflet.timedimension.control.css",
    "pa7_hm.min.js": "heatmap.min.js",
    "pa7_leaflet_hm.min.js": "leaflet-heatmap.js",
}
_SCRIPT = re.compile(r'<script src="([^"]+)"></script>')
_LINK = re.compile(r'<link rel="stylesheet" href="([^"]+)"\s*/?>')


def inlined(body: str, heading: str) -> str:
    """The page with every script and style sheet inside it, headed by ``heading`` (HTML). Raises
    ConfigurationError for one that was not installed."""
    body = _SCRIPT.sub(lambda m: f"<script>{_script(m.group(1))}</script>", body)
    body = _LINK.sub(lambda m: f"<style>{_file(m.group(1))}</style>", body)
    body = body.replace("<head>", f"<head><script>{SHIM}</script>", 1)
    body = body.replace("</head>", f"<style>{CONTROL_CSS}</style></head>", 1)
    body = body.replace("<body>", f"<body>{heading}", 1)
    outside = re.findall(r'(?:src|href)="(https?://[^"]+)"', body)
    outside = [address for address in outside if "leafletjs.com" not in address]
    if outside:
        raise ConfigurationError(f"the snapshot would need the network for {outside[0]}")
    return body


def _script(address: str) -> str:
    # the end of a script inside a string would end the element
    return _file(address).replace("</script", "<\\/script")


def _file(address: str) -> str:
    name = address.rsplit("/", 1)[-1]
    path = VENDOR / FILES.get(name, "?")
    if not path.is_file():
        raise ConfigurationError(
            f"no installed file for {name}: run scripts/vendor.sh",
            f"缺少 {name}：请运行 scripts/vendor.sh",
        )
    words = path.read_text(encoding="utf-8")
    if path.suffix == ".css":
        # pictures of controls we do not show; none may be asked for over the network
        words = re.sub(r"url\((?!data:)[^)]*\)", "none", words)
    return re.sub(r"//# sourceMappingURL=\S+", "", words)
