"""The rows of ``incident`` and its log that a batch of parsed reports becomes, as Arrow columns."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import numpy as np
import orjson
import pandas as pd
import pyarrow as pa
from sqlalchemy import text
from sqlalchemy.orm import Session

from gis_service.hierarchy.locating import Locator
from gis_service.hierarchy.placements import NO_AREA, Method, Placements
from gis_service.incidents.deadlines import begin, computed
from gis_service.incidents.desk import Reference
from gis_service.incidents.mapping import Mapping
from gis_service.incidents.models import STAGES, STATES
from gis_service.incidents.parsing import Parsed, strings
from gis_service.incidents.workflow import OPEN_STATES
from gis_service.reference.classes import ClassRow
from gis_service.reference.deadlines import deadlines
from gis_service.responsibility.chain import units_and_squads

LEVEL_COLUMNS = ("street", "community", "grid", "building")


def incident_rows(
    session: Session,
    parsed: Parsed,
    chosen: np.ndarray,
    classes: dict[str, ClassRow],
    methods: np.ndarray,
    placements: Placements | None,
    locator: Locator,
    reference: Reference,
    mapping: Mapping,
) -> tuple[pa.Table, pa.Table]:
    """The Arrow tables for ``incident`` and ``incident_log`` of the chosen rows."""
    ids = np.fromiter(
        session.execute(
            text("SELECT nextval('incident_id_seq') FROM generate_series(1, :n)"),
            {"n": len(chosen)},
        ).scalars(),
        dtype=np.int64,
        count=len(chosen),
    )
    frame_of = {name: getattr(parsed, name).iloc[chosen] for name in (
        "external_id", "reported_at", "due_at", "closed_at", "crs", "address", "description",
        "class_code", "state", "source",
    )}  # fmt: skip
    codes, words = pd.factorize(frame_of["class_code"])
    class_ids = np.array([classes[w].id for w in words], dtype=np.int32)[codes]
    class_names = pa.DictionaryArray.from_arrays(
        pa.array(codes.astype(np.int32)), pa.array([classes[w].name for w in words])
    ).dictionary_decode()
    lon84, lat84 = parsed.lon84[chosen], parsed.lat84[chosen]
    placed = placement_columns(placements, methods, locator, len(chosen))
    states = strings(frame_of["state"])
    stages = {name: parsed.stages[name].iloc[chosen] for name in STAGES}
    due_at = frame_of["due_at"]
    duty = duties(
        reference, class_ids, placed["street_id"].fill_null(NO_AREA).to_numpy(), frame_of["state"]
    )
    due_basis = np.full(len(chosen), None, dtype=object)
    if mapping.deadlines:
        started = stages["filed_at"].where(stages["filed_at"].notna(), frame_of["reported_at"])
        missing = due_at.isna().to_numpy()
        due_at = with_deadlines(reference, duty["condition_id"], started, due_at)
        running = missing & frame_of["state"].isin(OPEN_STATES).to_numpy()
        due_basis = bases(reference, duty["condition_id"], started, running)
    incidents = pa.table(
        {
            "id": ids,
            "code": pa.compute.binary_join_element_wise(
                pa.array(parsed.local_day[chosen]).cast(pa.string()),
                pa.array(ids).cast(pa.string()), "-",
            ),
            "state": states,
            "class_id": class_ids,
            "class_name": class_names,
            "source": strings(frame_of["source"]),
            "origin": pa.repeat(pa.scalar(mapping.origin), len(chosen)),
            "external_id": strings(frame_of["external_id"]),
            "reported_at": _times(frame_of["reported_at"]),
            "due_at": _times(due_at),
            "due_basis": pa.array(due_basis, pa.string()),
            "closed_at": _times(frame_of["closed_at"]),
            "address": strings(frame_of["address"]),
            "description": strings(frame_of["description"]),
            "lon": _floats(parsed.lon[chosen], pa.float64()),
            "lat": _floats(parsed.lat[chosen], pa.float64()),
            "crs": strings(frame_of["crs"]),
            "accuracy_m": _floats(parsed.accuracy_m[chosen], pa.float32()),
            "geom": ewkb_points(lon84, lat84, 4326),
            **placed,
            **{name: pa.array(ids, pa.int32(), mask=ids < 0) for name, ids in duty.items()},
            **{name: _times(values) for name, values in stages.items()},
            "filed_path": paths_json(placed, locator),
        }
    )  # fmt: skip
    now = pa.scalar(datetime.now(UTC), pa.timestamp("us", tz="UTC"))
    log = pa.table(
        {
            "incident_id": ids,
            "at": pa.repeat(now, len(chosen)),
            "actor": pa.repeat(pa.scalar("load"), len(chosen)),
            "action": pa.repeat(pa.scalar("load"), len(chosen)),
            "state": states,
        }
    )
    return incidents, log


# from these states on a class's condition was chosen, and a unit was sent
_FILED = frozenset(STATES) - {"reported", "verified", "not_accepted", "merged", "cancelled"}
_SENT = _FILED - {"filed"}


def duties(
    reference: Reference, class_ids: np.ndarray, street_ids: np.ndarray, states: pd.Series
) -> dict[str, np.ndarray]:
    """``condition_id, unit_id, squad_id`` (int32, -1 none) of loaded rows: the first condition and
    the unit of the class once the state says that they were chosen, the squad of the street."""
    units, squads = units_and_squads(reference.responsibilities, class_ids, street_ids)
    conditions = {
        class_id: found[0]["id"] for class_id, found in reference.class_conditions.items() if found
    }
    kinds, place = np.unique(class_ids, return_inverse=True)
    first = np.array([conditions.get(int(kind), -1) for kind in kinds], dtype=np.int32)[place]
    none = np.int32(-1)
    return {
        "condition_id": np.where(states.isin(_FILED), first, none),
        "unit_id": np.where(states.isin(_SENT), units, none),
        "squad_id": squads,
    }


def with_deadlines(
    reference: Reference, condition_ids: np.ndarray, started: pd.Series, due_at: pd.Series
) -> pd.Series:
    """``due_at``, filled where it is missing and there is a condition whose limit can run."""
    due = due_at.to_numpy(dtype="datetime64[us]").copy()
    starts = started.to_numpy(dtype="datetime64[us]").view(np.int64)
    open_ones = np.isnat(due) & (condition_ids >= 0)
    rows = {row["id"]: row for found in reference.class_conditions.values() for row in found}
    limits = [(rows[int(one)]["limit_unit"], rows[int(one)]["limit_amount"])
              for one in np.unique(condition_ids[open_ones])]  # fmt: skip
    number = np.unique(condition_ids[open_ones])
    for unit in {unit for unit, _ in limits}:
        amounts = {int(one): amount for one, (its, amount) in zip(number, limits, strict=True)
                   if its == unit}  # fmt: skip
        chosen = np.flatnonzero(open_ones & np.isin(condition_ids, list(amounts)))
        amount = np.array([amounts[int(one)] for one in condition_ids[chosen]])
        found = deadlines(starts[chosen], amount, unit, reference.calendar, reference.workday_mode)
        due[chosen] = found.view("datetime64[us]")
    return pd.Series(due, index=due_at.index).dt.tz_localize("UTC")


def bases(
    reference: Reference, condition_ids: np.ndarray, started: pd.Series, running: np.ndarray
) -> np.ndarray:
    """What the deadlines of the rows ``running`` were computed from, as JSON text; None for other
    rows: a deadline that has run out needs no explanation that a calendar could still change."""
    rows = {row["id"]: (row, len(found) == 1)
            for found in reference.class_conditions.values() for row in found}  # fmt: skip
    out = np.full(len(started), None, dtype=object)
    for at in np.flatnonzero(running & (condition_ids >= 0)):
        row, only = rows[int(condition_ids[at])]
        start = started.iloc[at].to_pydatetime()
        _, basis = computed(begin(start, row, only), reference.calendar, reference.workday_mode)
        out[at] = orjson.dumps(basis).decode()
    return out


def ewkb_points(lon: np.ndarray, lat: np.ndarray, srid: int) -> pa.Array:
    """EWKB of points as a nullable Arrow binary array; NaN is null."""
    record = np.dtype(
        [("order", "u1"), ("type", "<u4"), ("srid", "<u4"), ("x", "<f8"), ("y", "<f8")]
    )
    out = np.empty(len(lon), dtype=record)
    out["order"], out["type"], out["srid"] = 1, 0x20000001, srid
    out["x"], out["y"] = lon, lat
    present = np.isfinite(lon) & np.isfinite(lat)
    bitmap = pa.py_buffer(np.packbits(present, bitorder="little"))
    return pa.FixedSizeBinaryArray.from_buffers(
        pa.binary(record.itemsize), len(lon), [bitmap, pa.py_buffer(out)]
    )


def placement_columns(
    placements: Placements | None, methods: np.ndarray, locator: Locator, size: int
) -> dict[str, pa.Array]:
    """The columns of ``incident`` that say where rows lie. ``methods`` is how each position came
    about: ``inside`` (its own coordinates), ``address``, ``manual`` …"""
    columns: dict[str, pa.Array] = {}
    for level in LEVEL_COLUMNS:
        answer = placements.levels.get(level) if placements else None
        ids = answer.area_id if answer else np.full(size, NO_AREA, dtype=np.int32)
        columns[f"{level}_id"] = pa.array(ids, pa.int32(), mask=ids == NO_AREA)
    if placements:
        finest, distance = placements.finest
        method = np.where(finest == Method.NONE, "none", methods).astype(object)
        method[(finest == Method.NEAREST) & (method == "inside")] = Method.NEAREST.label
        columns["placement_method"] = pa.array(method, pa.string())
        columns["placement_distance_m"] = _floats(distance, pa.float32())
        columns["candidates"] = locator.candidates_json(placements)
    else:
        columns["placement_method"] = pa.repeat(pa.scalar("none"), size)
        columns["placement_distance_m"] = pa.nulls(size, pa.float32())
        columns["candidates"] = pa.nulls(size, pa.string())
    columns["revision_id"] = pa.repeat(pa.scalar(locator.revision_id, pa.int32()), size)
    return columns


def placement_of(answer: dict[str, Any], method: str, locator: Locator) -> dict[str, Any]:
    """The columns of :func:`placement_columns` for one point, of what ``locator.place_one`` says
    of it."""
    found = answer["method"]
    if found == "none" or (found == Method.NEAREST.label and method == "inside"):
        method = found
    candidates = [
        {**one, "distance_m": round(one["distance_m"], 1)} for one in answer["candidates"]
    ]
    return {
        **{f"{level}_id": area and locator.id_of(level, area["code"])
           for level in LEVEL_COLUMNS for area in [answer[level]]},
        "placement_method": method,
        "placement_distance_m": answer["distance_m"],
        "candidates": orjson.dumps(candidates).decode() if candidates else None,
        "revision_id": locator.revision_id,
    }  # fmt: skip


def paths_json(placed: dict[str, pa.Array], locator: Locator) -> pa.Array:
    """The codes of the areas of each row as JSON text; few paths are many rows'."""
    stacked = pd.MultiIndex.from_arrays(
        [placed[f"{level}_id"].fill_null(NO_AREA).to_numpy() for level in LEVEL_COLUMNS]
    )
    codes, paths = pd.factorize(stacked)
    words = [
        orjson.dumps(
            {
                level: locator.code_of(level, int(area_id))
                for level, area_id in zip(LEVEL_COLUMNS, path, strict=True)
                if area_id != NO_AREA
            }
        ).decode()
        for path in paths
    ]
    return pa.DictionaryArray.from_arrays(
        pa.array(codes.astype(np.int32)), pa.array(words, pa.string())
    ).dictionary_decode()


def _times(values: pd.Series) -> pa.Array:
    return pa.array(values, pa.timestamp("us", tz="UTC"), from_pandas=True)


def _floats(values: np.ndarray, kind: pa.DataType) -> pa.Array:
    return pa.array(values, kind, mask=~np.isfinite(values))
