"""The locator of a process: the placer of the boundary revision in force, and its codes.

The placer's structures take seconds to build: they are built once per revision into a folder
under ``GIS_DATA_DIR`` that every worker maps, and are never changed afterwards.
"""

from __future__ import annotations

import hashlib
import logging
import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import orjson
import pyarrow as pa
from sqlalchemy import text
from sqlalchemy.orm import Session

from gis_service.errors import InvalidInput
from gis_service.hierarchy.coordinates import guess_metric_crs, parse_crs, to_wgs84
from gis_service.hierarchy.models import LEVELS
from gis_service.hierarchy.placements import AreaTable, Placements
from gis_service.hierarchy.placing import Placer
from gis_service.hierarchy.queries import current_hierarchy, last_revision
from gis_service.settings import Settings

KEPT_FOLDERS = 6  # older ones are removed: whoever still needs one builds it again

log = logging.getLogger(__name__)

EMPTY = {level: {"method": "none", "distance_m": None} for level in LEVELS}


@dataclass(frozen=True)
class AreaFacts:
    """What a level's areas are called, by position in code order."""

    ids: np.ndarray
    codes: list[str]
    names: list[str]

    @property
    def position(self) -> dict[int, int]:
        return {int(area_id): i for i, area_id in enumerate(self.ids)}


class Locator:
    """Answers where points lie on the boundaries of one revision. ``placer`` is None, and every
    point unplaced, while no hierarchy is loaded."""

    def __init__(
        self,
        placer: Placer | None,
        facts: dict[str, AreaFacts],
        revision_id: int | None,
        metric_crs: str | None,
    ) -> None:
        self.placer = placer
        self.facts = facts
        self.revision_id = revision_id
        self.metric_crs = metric_crs
        self._position = {level: fact.position for level, fact in facts.items()}
        self._ids = {
            level: dict(zip(fact.codes, fact.ids.tolist(), strict=True))
            for level, fact in facts.items()
        }

    def place(
        self, lon: np.ndarray, lat: np.ndarray, accuracy_m: np.ndarray | None = None
    ) -> Placements | None:
        """Placements of WGS84 points (NaN: unplaced); None while there is no hierarchy."""
        if self.placer is None:
            return None
        return self.placer.place(lon, lat, accuracy_m)

    def share_inside(self, lon: np.ndarray, lat: np.ndarray) -> float:
        """Share of WGS84 points that lie in an area of the coarsest level."""
        if self.placer is None:
            return 0.0
        coarsest = next(iter(self.facts))
        answer = self.placer.place(lon, lat).levels[coarsest]
        return float((answer.area_id > 0).mean())

    def area(self, level: str, area_id: int | None) -> dict[str, str] | None:
        """``{code, name}`` of an area in force, by identity."""
        place = self._position.get(level, {}).get(area_id) if area_id else None
        if place is None:
            return None
        facts = self.facts[level]
        return {"code": facts.codes[place], "name": facts.names[place]}

    def code_of(self, level: str, area_id: int) -> str:
        """Code of an area in force, by identity."""
        return self.facts[level].codes[self._position[level][area_id]]

    def id_of(self, level: str, code: str) -> int:
        """Identity of an area in force, by code."""
        return self._ids[level][code]

    def place_one(self, lon: float, lat: float, accuracy_m: float | None = None) -> dict[str, Any]:
        """One WGS84 point (NaN: unplaced) as :meth:`Placer.place_one` answers it, in a twentieth
        of the time that :meth:`place` takes for it."""
        if self.placer is None:
            return {
                **dict.fromkeys(LEVELS), "method": "none", "distance_m": None,
                "levels": EMPTY, "candidates": [], "revision": None,
            }  # fmt: skip
        return self.placer.place_one(lon, lat, accuracy_m)

    def locate(
        self, lon: float, lat: float, crs: str = "wgs84", accuracy_m: float | None = None
    ) -> dict[str, Any]:
        """The answer of ``GET /api/locate`` for one point in ``crs``."""
        name = parse_crs(crs)
        x, y = (lon, lat) if name == "wgs84" else to_wgs84(lon, lat, name)
        answer = self.place_one(float(x), float(y), accuracy_m)
        answer["lon"], answer["lat"], answer["crs"] = float(x), float(y), name
        return answer

    def candidates_json(self, placements: Placements) -> pa.Array:
        """Per point the candidates as JSON text, null where the placement is unambiguous."""
        offsets = placements.candidates.offsets
        out: list[str | None] = [None] * len(placements)
        for i in np.flatnonzero(np.diff(offsets)):
            out[i] = orjson.dumps(
                [
                    self._candidate(placements, j)
                    for j in range(int(offsets[i]), int(offsets[i + 1]))
                ]
            ).decode()
        return pa.array(out, pa.string())

    def _candidate(self, placements: Placements, j: int) -> dict[str, Any]:
        found = placements.candidates
        level = LEVELS[int(found.level[j])]
        area = self.area(level, int(found.area_id[j])) or {}
        return {"level": level, **area, "distance_m": round(float(found.distance_m[j]), 1)}


def load_locator(session: Session, settings: Settings) -> Locator:
    """The locator of the revision that the session sees, from its folder where it was built.

    Inside a revision's own transaction the folder does not exist yet and is built; other workers
    find it there after the commit.
    """
    revision = last_revision(session)
    if revision is None:
        return Locator(None, {}, None, None)
    levels = working_levels(current_hierarchy(session), settings.grid_kind)
    if not levels:
        return Locator(None, {}, int(revision["id"]), None)
    facts = {
        level: AreaFacts(
            frame["area_id"].to_numpy(dtype=np.int32), frame["code"].tolist(),
            frame["name"].tolist(),
        )
        for level, frame in levels.items()
    }  # fmt: skip
    west, south, east, north = next(iter(levels.values())).total_bounds
    metric_crs = settings.metric_crs or guess_metric_crs([west, east], [south, north])
    folder = _folder(session, settings, int(revision["id"]), metric_crs)
    placer = _open(folder)
    if placer is None:
        _build(levels, facts, metric_crs, int(revision["id"]), settings, folder)
        placer = Placer.open(folder)
    return Locator(placer, facts, int(revision["id"]), metric_crs)


def _open(folder: Path) -> Placer | None:
    """The placer in a folder; None where there is none, or one that is damaged or outdated."""
    if not folder.exists():
        return None
    try:
        return Placer.open(folder)
    except InvalidInput as problem:
        log.warning("building the placement structures again: %s", problem)
        shutil.rmtree(folder, ignore_errors=True)
        return None


def working_levels(
    hierarchy: dict[str, gpd.GeoDataFrame], grid_kind: str
) -> dict[str, gpd.GeoDataFrame]:
    """The levels that placements use: of the grids those of the working kind."""
    levels = dict(hierarchy)
    if "grid" in levels:
        working = levels["grid"][levels["grid"]["kind"] == grid_kind]
        levels["grid"] = working.reset_index(drop=True)
        if working.empty:
            del levels["grid"]
    return levels


def _folder(session: Session, settings: Settings, revision_id: int, metric_crs: str) -> Path:
    # one data folder may serve several databases, and a restored one may count revisions anew
    identity = session.execute(
        text(
            "SELECT (SELECT system_identifier FROM pg_control_system()) || '/' || "
            "current_database() || '/' || applied_at FROM boundary_revision WHERE id = :id"
        ),
        {"id": revision_id},
    ).scalar_one()
    facts = f"{identity}/{metric_crs}/{settings.grid_kind}/{settings.nearest_building_m}"
    digest = hashlib.sha256(facts.encode()).hexdigest()[:12]
    return settings.data_dir.resolve() / "placement" / f"{revision_id:06d}-{digest}"


def _build(
    levels: dict[str, gpd.GeoDataFrame],
    facts: dict[str, AreaFacts],
    metric_crs: str,
    revision_id: int,
    settings: Settings,
    folder: Path,
) -> None:
    tables = {
        level: AreaTable(
            facts[level].ids, facts[level].codes, facts[level].names, frame.geometry.to_numpy()
        )
        for level, frame in levels.items()
    }
    placer = Placer.build(
        tables, metric_crs=metric_crs, revision=revision_id,
        nearest_m=settings.nearest_building_m,
    )  # fmt: skip
    folder.parent.mkdir(parents=True, exist_ok=True)
    # several workers may build at once: whoever renames first wins, the others' work is dropped
    draft = Path(tempfile.mkdtemp(prefix=".building-", dir=folder.parent))
    try:
        placer.save(draft / "done")
        os.rename(draft / "done", folder)
    except OSError:
        if not folder.exists():
            raise
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    built = sorted(folder.parent.glob("[0-9]*"), key=lambda path: path.stat().st_mtime)
    for old in built[:-KEPT_FOLDERS]:
        shutil.rmtree(old, ignore_errors=True)
