"""Coverage in a snapshot: every grid in the colour of its gravest state, gaps with their letter."""

from __future__ import annotations

import html
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import folium
import geopandas as gpd
from sqlalchemy.orm import Session

from gis_service.incidents.filters import IncidentFilter
from gis_service.patrols.coverage_live import read_patrols
from gis_service.patrols.coverage_service import (
    GAPS,
    LOOK_BACK,
    STATE_NAMES,
    Wanted,
    check_span,
    coverage_items,
)
from gis_service.patrols.coverage_views import worst_of
from gis_service.settings import Settings

# as the page has them
COLOURS = {
    "no_contract": "#5b3a78", "expired": "#b98bd0", "no_track": "#c9ced6",
    "never_visited": "#a4161a", "overdue": "#f2864b", "due": "#fbe6a2", "on_time": "#d5ebdf",
}  # fmt: skip
LETTERS = {"no_contract": "无", "expired": "期", "no_track": "？", "never_visited": "未"}
_LETTER = (
    '<div style="font:bold 12px sans-serif;text-align:center;text-shadow:0 0 3px #fff,'
    '0 0 3px #fff">{}</div>'
)


def draw_coverage(
    picture: folium.Map, session: Session, settings: Settings, grids: gpd.GeoDataFrame,
    wanted: IncidentFilter,
) -> tuple[str, list[tuple[str, str]]]:  # fmt: skip
    """Add the layer to ``picture``, for the filter's period (without one the last 30 days); the
    legend's title and rows. ``grids``: ``code, name`` and polygons (EPSG:4326). Names no officer.
    Raises InvalidInput for a period that is empty or too long."""
    zone = ZoneInfo(settings.timezone)
    until = wanted.until or datetime.now(UTC)
    since = wanted.since or until - LOOK_BACK
    check_span(since, until, "from")
    found = coverage_items(read_patrols(session, settings), Wanted(since, until), zone)
    worst = worst_of(found["items"])
    shown = grids[grids["code"].isin(list(worst))]
    rows = [worst[code] for code in shown["code"]]
    states = [row["state"] for row in rows]
    frame = shown[["code", "name", "geometry"]].assign(
        colour=[COLOURS[state] for state in states],
        state=[STATE_NAMES[state][0] for state in states],
        promised=[_promised(row["promised_days"]) for row in rows],
        last=[(row["last_visit_at"] or "")[:16].replace("T", " ") or "—" for row in rows],
        overdue=["—" if row["overdue_days"] is None else str(row["overdue_days"]) for row in rows],
    )
    group = folium.FeatureGroup(name="巡查覆盖").add_to(picture)
    folium.GeoJson(
        frame,
        style_function=lambda feature: {
            "fillColor": feature["properties"]["colour"], "fillOpacity": 0.75, "weight": 0.6,
            "color": "#777",
        },
        popup=folium.GeoJsonPopup(
            fields=["name", "code", "state", "promised", "last", "overdue"],
            aliases=["名称", "编码", "状态", "承诺", "最近到访", "超期（天）"],
        ),
    ).add_to(group)  # fmt: skip
    points = frame.geometry.representative_point()
    for row, state, at in zip(rows, states, points, strict=True):
        if state in GAPS:  # colour alone would not tell
            letter = LETTERS.get(state) or f"+{row['overdue_days']}"
            folium.Marker(
                [at.y, at.x],
                icon=folium.DivIcon(
                    html=_LETTER.format(html.escape(letter)), icon_size=(30, 16),
                    icon_anchor=(15, 8),
                ),
            ).add_to(group)  # fmt: skip
    first, last = (f"{moment.astimezone(zone):%m-%d}" for moment in (since, until))
    gaps = sum(state in GAPS for state in states)
    title = f"巡查覆盖 {first} – {last}：{gaps} / {len(states)} 个网格为盲区"
    return title, [
        (colour, f"{LETTERS.get(state, '')} {STATE_NAMES[state][0]} {states.count(state)}".strip())
        for state, colour in COLOURS.items()
    ]


def _promised(days: float | None) -> str:
    return "无承诺" if days is None else f"{days:g} 天一次"
