"""Load a generated district into an empty database, by the same doors that real files use."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import geopandas as gpd
import pandas as pd
from sqlalchemy import text
from sqlalchemy.orm import Session, sessionmaker

from gis_service.basemap.features import ROAD_RANKS, replace_features
from gis_service.campaigns.measurement import measure_again
from gis_service.demo.accounts import ensure_demo_accounts
from gis_service.demo.campaign_loading import load_demo_campaigns
from gis_service.demo.community_loading import load_demo_communities
from gis_service.demo.district import District, Scale, make_district
from gis_service.demo.frontages import load_demo_frontages
from gis_service.demo.incidents import latest_midnight, make_incidents
from gis_service.demo.patrol_loading import (
    link_demo_officer,
    load_demo_promises,
    load_demo_walks,
)
from gis_service.demo.progress_loading import load_demo_plan
from gis_service.demo.round_loading import load_demo_round
from gis_service.demo.units import load_demo_units
from gis_service.errors import Conflict
from gis_service.hierarchy.gazetteer import load_gazetteer
from gis_service.hierarchy.importing import apply, check_reading
from gis_service.hierarchy.locating import load_locator
from gis_service.hierarchy.models import LEVELS
from gis_service.hierarchy.reading import Reading
from gis_service.hierarchy.revisions import Follower
from gis_service.incidents.loading import Result, load_incidents
from gis_service.incidents.mapping import read_mapping
from gis_service.ledger.service import collect
from gis_service.reference.defaults import ensure_default_classes
from gis_service.settings import Settings

Progress = Callable[[float, str], None]
# begins a demo revision's source; the map labels such data wherever it shows it
MARK = "illustrative"
COMPLETE = " complete"


def load_demo(
    sessions: sessionmaker[Session],
    settings: Settings,
    *,
    seed: int,
    scale: Scale,
    followers: tuple[Follower, ...],
    as_of: datetime | None = None,
    progress: Progress = lambda share, words: None,
) -> Result | None:
    """Load the district of ``seed``; None when it is there already.

    Its year ends ``as_of``, by default when today began. A load that was cut off is taken up
    again. Raises Conflict where the database holds anything else.
    """
    source = f"{MARK} seed={seed} scale={scale} as_of="
    with sessions.begin() as session:
        state = _state(session)
        if state is not None and not state.startswith(source):
            raise Conflict(
                f"the database holds other data ({state}); the demo wants an empty one: "
                "set GIS_DATA_DIR or GIS_DATABASE_URL to another",
                f"数据库已有其他数据（{state}）；演示需要空库：请更换 GIS_DATA_DIR "
                "或 GIS_DATABASE_URL",
            )
    if state and state.endswith(COMPLETE):
        ensure_demo_accounts(sessions, settings)
        return None
    # a load taken up again goes on with the year it began with
    if state:
        as_of = datetime.fromisoformat(state.removeprefix(source))
    as_of = as_of or latest_midnight()
    source += as_of.isoformat()
    progress(0.0, "生成示意区划 / generating the district")
    district = make_district(seed, scale, lambda share, words: progress(share * 0.35, words))
    if state is None:
        progress(0.35, "载入四级区划 / loading the four levels")
        with sessions.begin() as session:
            _load_areas(session, settings, district, source, as_of, followers)
    progress(0.6, "生成案件 / generating incidents")
    incidents, planted = make_incidents(district, seed, as_of)
    progress(0.7, "载入案件 / loading incidents")
    with sessions.begin() as session:
        locator = load_locator(session, settings)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"{MARK}.csv"
        incidents.to_csv(path, index=False)
        mapping = read_mapping(Path("standard")).model_copy(
            update={"origin": f"demo-{seed}-{scale}"}
        )
        result = load_incidents(sessions, path, mapping, locator, settings)
    with sessions.begin() as session:
        load_demo_campaigns(session, settings, district, planted.campaigns)
    progress(0.85, "生成巡查轨迹 / walking the grids")
    load_demo_walks(
        sessions, settings, district, as_of,
        lambda share: progress(0.85 + 0.15 * share, "生成巡查轨迹 / walking the grids"),
    )  # fmt: skip
    with sessions.begin() as session:
        measure_again(session, settings, as_of)  # patrols on both sides are known by now
        load_demo_communities(session, settings, district, as_of)
        metric_crs = load_locator(session, settings).metric_crs
        assert metric_crs is not None  # noqa: S101 - the areas have just been loaded
        load_demo_frontages(session, settings, district, as_of, metric_crs)
    with sessions.begin() as session:
        load_demo_plan(session, district, as_of)
        load_demo_round(session, settings, district, as_of)
        # all but the last month: that is left for people to take in
        collect(
            session, settings, None, (as_of - timedelta(days=365)).date(),
            (as_of - timedelta(days=30)).date(),
        )  # fmt: skip
    with sessions.begin() as session:
        session.execute(
            text("UPDATE boundary_revision SET source = source || :complete WHERE source = :s"),
            {"s": source, "complete": COMPLETE},
        )
    ensure_demo_accounts(sessions, settings)
    with sessions.begin() as session:
        link_demo_officer(session)
    progress(1.0, "完成 / done")
    return replace(result)


def _state(session: Session) -> str | None:
    """What the database holds: None when empty, a demo's source, or words for anything else."""
    sources = session.execute(text("SELECT source FROM boundary_revision ORDER BY id")).scalars()
    found = list(sources)
    if found:
        return found[0]
    if session.execute(text("SELECT EXISTS (SELECT 1 FROM incident)")).scalar_one():
        return "incidents"
    return None


def _load_areas(
    session: Session,
    settings: Settings,
    district: District,
    source: str,
    as_of: datetime,
    followers: tuple[Follower, ...],
) -> None:
    ensure_default_classes(session)
    reading = Reading(
        source, "EPSG:4326", {level: _as_read(getattr(district, level)) for level in LEVELS},
        dict.fromkeys(LEVELS, True),
    )  # fmt: skip
    prepared = check_reading(session, reading, settings)
    apply(session, prepared, settings, label=district.label, followers=followers)
    load_demo_units(session, settings, district, as_of)
    load_demo_promises(session, settings, district, as_of)
    load_gazetteer(session, district.gazetteer.to_dict("records"), source)
    replace_features(session, source, _basemap(district))


def _as_read(frame: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """A generated level in the columns that a file is read into."""
    own = ("code", "name", "parent_code", "kind", "geometry")
    rest = pd.DataFrame(frame.drop(columns=[c for c in own if c in frame]))
    out = gpd.GeoDataFrame(
        {
            "code": frame["code"],
            "name": frame["name"],
            "parent_code": frame["parent_code"] if "parent_code" in frame else None,
            "kind": frame["kind"] if "kind" in frame else None,
            "attributes": [
                {key: value for key, value in row.items() if pd.notna(value)}
                for row in rest.to_dict("records")
            ]
            if len(rest.columns)
            else [{} for _ in range(len(frame))],
        },
        geometry=frame.geometry.to_numpy(),
        crs="EPSG:4326",
    )
    return out.set_axis(range(1, len(out) + 1), axis=0)


def _basemap(district: District) -> gpd.GeoDataFrame:
    parts = [
        district.roads.assign(
            theme="road", kind=district.roads["road_class"],
            rank=district.roads["road_class"].map(ROAD_RANKS).fillna(3),
        ),
        district.water.assign(theme="water", kind="river", rank=0),
        district.green.assign(theme="green", kind="park", rank=0),
    ]  # fmt: skip
    columns = ["theme", "kind", "name", "rank", "geometry"]
    return gpd.GeoDataFrame(pd.concat([part[columns] for part in parts]), crs="EPSG:4326")
