"""A selection round as one file for the meeting: map, ranking, reasons; opens with no network."""

from __future__ import annotations

import html
import re
from typing import Any

import folium
import geopandas as gpd
import shapely
from sqlalchemy import text
from sqlalchemy.orm import Session

from gis_service.errors import NotFound
from gis_service.maps.snapshots import SIMPLIFIED_DEG, inlined
from gis_service.planning.cautions import cautions
from gis_service.planning.models import SelectionRound
from gis_service.planning.queries import get_round
from gis_service.planning.rounds import chosen_codes, find_round
from gis_service.planning.table import Table, table_of
from gis_service.settings import Settings

# by how often a community is among the first, as the page has it (web/static/planning.css)
STEPS = {"always": ("#08519c", "稳居前列（≥95%）"), "usually": ("#4a90c8", "多数入选（≥60%）"),
         "fragile": ("#b3d3ea", "入选脆弱（≥5%）"), "seldom": ("#eef3f7", "难以入选")}  # fmt: skip
NOT_RANKED, CHOSEN = ("#d9d9d9", "未参与排名"), ("#d9480f", "入选")
METHODS = {"topsis": "TOPSIS 逼近理想解", "weighted_sum": "加权求和", "vikor": "VIKOR 折中排序"}
SCHEMES = {"own": "自定权重", "equal": "等权", "entropy": "熵权"}
SHOWN = 12
_SHAPES = text("""
    SELECT DISTINCT ON (c.code) c.code, c.name, ST_AsBinary(c.geom) AS wkb
    FROM community c ORDER BY c.code, (c.valid_to IS NULL) DESC, c.valid_from DESC
""")
_CSS = """<style>.gis-round{position:fixed;z-index:9999;left:10px;bottom:28px;max-height:62%;
overflow:auto;max-width:430px;background:#fff;padding:8px 12px;border-radius:6px;
box-shadow:0 1px 4px rgba(0,0,0,.3);font:13px/1.5 sans-serif}.gis-round td{padding:1px 8px 1px 0}
.gis-round .first{font-weight:bold}.gis-round h3{margin:6px 0 2px;font-size:14px}</style>"""


def round_snapshot(session: Session, number: int, settings: Settings) -> str:
    """HTML of a round's map with its ranking, choice and reasons. Raises NotFound."""
    facts = get_round(session, number)
    found = find_round(session, number)
    ranked = {item["community"]["code"]: item for item in found.answer["items"]}
    chosen = set(chosen_codes(facts, found.answer))
    frame = _communities(session, ranked, chosen)
    if frame.empty:
        raise NotFound("no hierarchy is loaded", "尚未载入区划")
    picture = folium.Map(tiles=None, prefer_canvas=True, zoom_control=True, control_scale=True)
    picture.default_js = [picture.default_js[0]]
    picture.default_css = [picture.default_css[0]]
    west, south, east, north = frame.total_bounds
    picture.fit_bounds([[south, west], [north, east]])
    folium.GeoJson(
        frame,
        name="社区",
        style_function=lambda feature: {
            "fillColor": feature["properties"]["colour"], "fillOpacity": 0.8,
            "color": CHOSEN[0] if feature["properties"]["chosen"] else "#66707c",
            "weight": 4 if feature["properties"]["chosen"] else 0.8,
        },
        popup=folium.GeoJsonPopup(
            fields=["name", "rank", "share", "thin"],
            aliases=["社区", "名次", "入选把握", "样本不足"],
        ),
    ).add_to(picture)  # fmt: skip
    return inlined(picture.get_root().render(), _heading(session, settings, facts, found, chosen))


def _communities(
    session: Session, ranked: dict[str, dict[str, Any]], chosen: set[str]
) -> gpd.GeoDataFrame:
    rows = session.execute(_SHAPES).all()
    shapes = shapely.from_wkb([bytes(row.wkb) for row in rows])
    items = [ranked.get(row.code) for row in rows]
    return gpd.GeoDataFrame(
        {
            "name": [row.name for row in rows],
            "rank": [str(item["rank"]) if item else NOT_RANKED[1] for item in items],
            "share": [f"{item['top_share']:.1%}" if item else "" for item in items],
            "thin": [str(len(item["thin"])) if item else "" for item in items],
            "colour": [_colour(item) for item in items],
            "chosen": [row.code in chosen for row in rows],
        },
        geometry=shapely.set_precision(
            shapely.simplify(shapes, SIMPLIFIED_DEG, preserve_topology=True), 1e-6
        ),
        crs="EPSG:4326",
    )


def _colour(item: dict[str, Any] | None) -> str:
    if item is None:
        return NOT_RANKED[0]
    return STEPS[item["standing"]][0]


def _heading(
    session: Session, settings: Settings, facts: dict[str, Any], found: SelectionRound,
    chosen: set[str],
) -> str:  # fmt: skip
    answer, table = found.answer, table_of(found.frozen)
    source = session.execute(
        text("SELECT source FROM boundary_revision ORDER BY id DESC LIMIT 1")
    ).scalar_one()
    mark = (
        ' <span class="gis-mark">示意数据</span>' if str(source).startswith("illustrative") else ""
    )
    keys = [*STEPS.values(), NOT_RANKED, CHOSEN]
    legend = "".join(
        f'<div><span class="gis-key" style="background:{colour}"></span>{words}</div>'
        for colour, words in keys
    )
    # who was nominated, visited or chosen stands there however far down
    named = chosen | {one["community"]["code"] for one in (*facts["nominations"], *facts["visits"])}
    shown = [
        item for n, item in enumerate(answer["items"])
        if n < SHOWN or item["community"]["code"] in named
    ]  # fmt: skip
    rows = "".join(
        f'<tr class="{"first" if item["community"]["code"] in chosen else ""}">'
        f"<td>{item['rank']}</td>"
        f"<td>{html.escape(item['community']['name'])}</td><td>{item['score']:.3f}</td>"
        f"<td>{item['top_share']:.1%}</td></tr>"
        for item in shown
    )
    reasons = "".join(_item(one, one["reason"]) for one in facts["choices"])
    visits = "".join(
        _item(one, f"{one['findings']}（{one['visited_on']}）") for one in facts["visits"]
    )
    nominated = "".join(_item(one, one["reason"]) for one in facts["nominations"])
    warned = "".join(
        f"<li>{html.escape(one['zh'])}</li>"
        for one in (*answer["warnings"], *cautions(table, answer, chosen))
    )
    override = facts["override_reason"]
    return (
        f'{_CSS}<div class="gis-title"><b>{html.escape(facts["name"])}</b>{mark}<br>'
        f"{html.escape(settings.title)}；统计期 {answer['since'][:10]} 至 {answer['until'][:10]}；"
        f"{html.escape(facts['approval'] or '未定案')}</div>"
        f'<div class="gis-legend">{legend}</div><div class="gis-round"><table>'
        f"<tr><td>名次</td><td>社区</td><td>得分</td><td>入选把握</td></tr>{rows}</table>"
        + (f"<h3>定案</h3><ul>{reasons}</ul>" if reasons else "")
        + (f"<p>调整理由：{html.escape(override)}</p>" if override else "")
        + (f"<h3>街道推荐</h3><ul>{nominated}</ul>" if nominated else "")
        + (f"<h3>实地核查</h3><ul>{visits}</ul>" if visits else "")
        + _method(answer, table)
        + (f"<h3>谨慎说明</h3><ul>{warned}</ul>" if warned else "")
        + f"<p>校验码 {facts['digest'][:16]}…，{html.escape(facts['library'])}</p></div>"
    )


def _method(answer: dict[str, Any], table: Table) -> str:
    """How it was ranked, and by which weights."""
    question = answer["question"]
    titles = {one.indicator.id: one.indicator.title["zh"] for one in table.columns}
    limits = [
        f"{titles.get(name, name)} {'≥' if sign == '>=' else '≤'} {value}"
        for name, sign, value in (re.split(r"\s*(>=|<=)\s*", one) for one in question["require"])
    ]
    if question["one_per_street"]:
        limits.append("同一街道不选两个")
    weights = "".join(
        f"<tr><td>{html.escape(titles[one['id']])}</td><td>{one['share']:.1%}</td></tr>"
        for one in answer["indicators"] if one["used"]
    )  # fmt: skip
    return (
        f"<h3>方法与权重</h3><p>{METHODS[question['method']]}；{SCHEMES[question['scheme']]}；"
        f"入选 {question['top']} 个；按 {question['caution']:g} 倍误差取不利一侧；硬性条件："
        f"{html.escape('；'.join(limits)) or '无'}；权重和数据随机变动 {answer['draws']} 次"
        f"（随机种子 {question['seed']}）</p><table>{weights}</table>"
    )


def _item(one: dict[str, Any], words: str) -> str:
    name = one["community"]["name"] or one["community"]["code"]
    return f"<li><b>{html.escape(name)}</b> {html.escape(words)}</li>"
