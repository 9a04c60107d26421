"""The data as GeoDataFrames from one import, for notebooks and analysts.

from gis_service import frames
grids = frames.areas("grid")
cases = frames.incidents(since="2026-03-01", until="2026-04-01")
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import Request, urlopen
from zoneinfo import ZoneInfo

import geopandas as gpd
import numpy as np
import pandas as pd
import pyogrio
from sqlalchemy import text
from sqlalchemy.orm import Session

from gis_service.analysis.hotspots import contiguity, getis_ord
from gis_service.db.engine import session_factory
from gis_service.errors import InvalidInput
from gis_service.hierarchy.gazetteer import find_places
from gis_service.hierarchy.locating import Locator, load_locator
from gis_service.hierarchy.models import LEVELS
from gis_service.hierarchy.queries import current_areas
from gis_service.incidents.arrays import read_snapshot
from gis_service.incidents.filters import IncidentFilter, parse_moment, to_sql
from gis_service.patrols.coverage_live import Patrols, read_patrols
from gis_service.patrols.coverage_service import Wanted, coverage_items, gap_items, parse_span
from gis_service.patrols.coverage_views import compared, rhythm
from gis_service.planning.live import parse_period, read_table
from gis_service.planning.review import review as compare_windows
from gis_service.planning.table import Table
from gis_service.planning.weighing import Question, answer
from gis_service.settings import get_settings


def areas(level: str) -> gpd.GeoDataFrame:
    """Areas of a level in force: ``code, name, parent_code, kind, area_m2, attributes`` and
    polygons (EPSG:4326), indexed by code. Of grids those of the working kind."""
    _known(level)
    with session_factory()() as session:
        frame = current_areas(session, level)
    if level == "grid":
        frame = frame[frame["kind"] == get_settings().grid_kind]
    return frame.drop(columns=["area_id", "parent_id"]).set_index("code")


def incidents(since: str | None = None, until: str | None = None) -> gpd.GeoDataFrame:
    """Incidents reported in ``[since, until)`` (ISO, the district's time): number, state, class,
    source, times (in the district's zone), codes of the four areas, and points (EPSG:4326; none
    in the unplaced queue), indexed by id."""
    zone = ZoneInfo(get_settings().timezone)
    wanted = IncidentFilter(
        since=parse_moment(since, zone, "since"), until=parse_moment(until, zone, "until")
    )
    condition, values = to_sql(wanted)
    joins = " ".join(f"LEFT JOIN area {level} ON {level}.id = i.{level}_id" for level in LEVELS)
    codes = ", ".join(f"{level}.code AS {level}" for level in LEVELS)
    with session_factory()() as session:
        rows = session.execute(
            text(
                "SELECT i.id, i.code, i.state, c.code AS class_code, i.class_name, i.source, "
                f"i.reported_at, i.due_at, i.closed_at, {codes}, i.placement_method, "
                "i.placement_distance_m, ST_X(i.geom) AS lon, ST_Y(i.geom) AS lat "
                f"FROM incident i JOIN incident_class c ON c.id = i.class_id {joins} "
                f"WHERE {condition} ORDER BY i.id"
            ),
            values,
        )
        frame = pd.DataFrame(rows.mappings().all(), columns=list(rows.keys())).set_index("id")
    for name in ("reported_at", "due_at", "closed_at"):
        frame[name] = pd.to_datetime(frame[name], utc=True).dt.tz_convert(zone)
    lon, lat = (frame.pop(name).astype(float) for name in ("lon", "lat"))
    points = gpd.GeoSeries(gpd.points_from_xy(lon, lat), index=frame.index, crs="EPSG:4326")
    return gpd.GeoDataFrame(frame, geometry=points.where(np.isfinite(lon)), crs="EPSG:4326")


def fetch(
    name: str, server: str, token: str | None = None, crs: int = 4326, **filters: Any
) -> gpd.GeoDataFrame | pd.DataFrame:
    """A list, ``layers/<id>`` or ``areas/<level>`` as a running service exports it: its
    ``/api/exports`` says which there are, with the filters of the list on screen (``from_`` for
    ``from``, lists for several values) and geometries in EPSG:``crs``; a DataFrame where it has
    none.

    Raises InvalidInput with the words of the service where it refuses."""
    given = {key.removesuffix("_"): value for key, value in filters.items()}
    address = f"{server.rstrip('/')}/api/exports/{name}.gpkg?" + urlencode(
        {"crs": crs, **given}, doseq=True
    )
    if not address.startswith(("http://", "https://")):
        raise ValueError(f"{server!r} is no address of a service")
    request = Request(address)  # noqa: S310 - checked above
    if token:
        request.add_header("Authorization", f"Bearer {token}")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "export.gpkg"
        try:
            with urlopen(request, timeout=900) as answer, path.open("wb") as file:  # noqa: S310
                shutil.copyfileobj(answer, file)
        except HTTPError as refusal:
            try:
                words = json.load(refusal)["detail"]
            except ValueError:
                words = str(refusal)
            raise InvalidInput(words) from None
        found: gpd.GeoDataFrame | pd.DataFrame = pyogrio.read_dataframe(path, use_arrow=True)
    return found


def hotspots(
    level: str = "grid", since: str | None = None, until: str | None = None
) -> gpd.GeoDataFrame:
    """:func:`areas` with ``count``, ``density`` (per km²), Gi* ``z``, ``p`` and
    ``significance``; see :func:`gis_service.analysis.hotspots.getis_ord`."""
    frame = areas(level)
    counts = incidents(since, until)[level].value_counts()
    frame["count"] = counts.reindex(frame.index).fillna(0).astype(int)
    frame["density"] = frame["count"] / (frame["area_m2"] / 1e6)
    found = getis_ord(frame["density"].to_numpy(), contiguity(frame))
    frame["z"], frame["p"], frame["significance"] = found.z, found.p, found.significance
    return frame


def locator() -> Locator:
    """The locator of the boundaries in force, as the service uses it."""
    with session_factory()() as session:
        return load_locator(session, get_settings())


def places(words: str, limit: int = 10) -> pd.DataFrame:
    """What an address, a name or a code may mean, best first; see
    :func:`gis_service.hierarchy.gazetteer.find_places`."""
    with session_factory()() as session:
        found: list[dict[str, Any]] = find_places(session, words, limit)
    return pd.DataFrame(found).drop(columns=["area_id"], errors="ignore")


def indicators(since: str | None = None, until: str | None = None) -> gpd.GeoDataFrame:
    """Communities with polygons (EPSG:4326), indexed by code, and for each indicator its value,
    ``<id>_n`` the cases behind it and ``<id>_ok`` whether they are enough. Reports in ``[since,
    until)``; without them the year until today began."""
    table = _planning_table(since, until)
    frame = areas("community").loc[[one.code for one in table.communities], ["name", "geometry"]]
    for column in table.columns:
        name = column.indicator.id
        frame[name] = column.figures.value
        frame[f"{name}_n"] = column.figures.sample.astype(int)
        frame[f"{name}_ok"] = column.enough
    return frame


def ranking(since: str | None = None, until: str | None = None, **question: Any) -> pd.DataFrame:
    """Ranks of communities, indexed by code: ``name, rank, score, top_share, standing, chosen``.
    ``question`` as :class:`gis_service.planning.weighing.Question`: method, top, weights, ...;
    ``attrs`` carry ``tipping`` and ``warnings``."""
    table = _planning_table(since, until)
    given = answer(table, Question(**question))
    rows = [{"code": item["community"]["code"], "name": item["community"]["name"], **item}
            for item in given["items"]]  # fmt: skip
    columns = ["code", "name", "rank", "score", "top_share", "standing", "chosen"]
    frame = pd.DataFrame(rows, columns=columns).set_index("code")
    frame.attrs = {"tipping": given["tipping"], "warnings": given["warnings"]}
    return frame


def review(codes: Sequence[str], at: str, days: int = 90) -> pd.DataFrame:
    """What changed in communities from the day ``at`` on, by indicator: before and after, the net
    change with its 90 % interval, p and the finding; ``attrs`` carry ``controls`` and
    ``warnings``. See :func:`gis_service.planning.review.review`."""
    zone = ZoneInfo(get_settings().timezone)
    moment = parse_moment(at, zone, "at")
    if moment is None:
        raise ValueError("at is empty")
    span = timedelta(days=days)
    ends = [(moment - span).isoformat(), moment.isoformat(), (moment + span).isoformat()]
    found = compare_windows(_planning_table(*ends[:2]), _planning_table(*ends[1:]), codes)
    rows = [
        {
            "indicator": one["id"], "title": one["title"]["zh"],
            "before": one["treated"]["before"], "after": one["treated"]["after"],
            "others_before": one["others"]["before"], "others_after": one["others"]["after"],
            **{name: one[name] for name in ("estimate", "low", "high", "p", "verdict")},
        }
        for one in found["indicators"]
    ]  # fmt: skip
    frame = pd.DataFrame(rows).set_index("indicator")
    frame.attrs = {name: found[name] for name in ("controls", "warnings")}
    return frame


def coverage(since: str | None = None, until: str | None = None) -> gpd.GeoDataFrame:
    """Grids × contracts as ``/api/coverage`` tells them, with the polygons of the grids
    (EPSG:4326): ``code, name, state, contract, officer, promised_days, overdue_days, visits, …``.
    ``[since, until)``; without them the 30 days until now."""
    with session_factory()() as session:
        patrols, wanted, zone = _coverage_asked(session, since, until)
        return _of_grids(coverage_items(patrols, wanted, zone)["items"])


def coverage_gaps(since: str | None = None, until: str | None = None) -> gpd.GeoDataFrame:
    """The rows of :func:`coverage` that are gaps, the riskiest first, with ``gap_days, incidents,
    open_cases, risk``; ``attrs`` carry ``officers_without_contract``."""
    with session_factory()() as session:
        patrols, wanted, zone = _coverage_asked(session, since, until)
        found = gap_items(patrols, read_snapshot(session), wanted, zone)
    frame = _of_grids(found["items"])
    frame.attrs = {"officers_without_contract": found["officers_without_contract"]}
    return frame


def coverage_change(days: int = 7, until: str | None = None) -> gpd.GeoDataFrame:
    """What became of every grid from the ``days`` before the last ``days`` on: ``change`` and the
    state ``then`` and ``now``; see :func:`gis_service.patrols.coverage_views.compared`."""
    with session_factory()() as session:
        patrols, wanted, zone = _coverage_asked(session, None, until)
        span = timedelta(days=days)
        now = replace(wanted, since=wanted.until - span)
        before = replace(wanted, since=now.since - span, until=now.since)
        found = compared(patrols, now, before, zone)
    rows = [{**one, "then": one["then"]["state"], "now": one["now"]["state"]}
            for one in found["items"]]  # fmt: skip
    return _of_grids(rows)


def visit_hours(since: str | None = None, until: str | None = None) -> pd.DataFrame:
    """Visits begun, by weekday (1 is Monday) and hour of the district's clock."""
    with session_factory()() as session:
        found = rhythm(*_coverage_asked(session, since, until))
    return pd.DataFrame(found["visits"], index=pd.RangeIndex(1, 8, name="weekday"))


def _coverage_asked(
    session: Session, since: str | None, until: str | None
) -> tuple[Patrols, Wanted, ZoneInfo]:
    settings = get_settings()
    zone = ZoneInfo(settings.timezone)
    span = parse_span(since, until, zone, datetime.now(UTC))
    return read_patrols(session, settings), Wanted(*span), zone


def _of_grids(items: Sequence[dict[str, Any]]) -> gpd.GeoDataFrame:
    frame = pd.DataFrame([{**item, **item["grid"]} for item in items]).drop(columns="grid")
    shapes = areas("grid").geometry
    return gpd.GeoDataFrame(frame, geometry=frame["code"].map(shapes).values, crs="EPSG:4326")


def _planning_table(since: str | None, until: str | None) -> Table:
    settings = get_settings()
    period = parse_period(since, until, ZoneInfo(settings.timezone))
    with session_factory()() as session:
        return read_table(session, settings, *period)


def _known(level: str) -> None:
    if level not in LEVELS:
        raise ValueError(f"unknown level {level!r}; one of {', '.join(LEVELS)}")
