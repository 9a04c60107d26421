"""Load a file of incidents: parse, place, copy, batch by batch.

Every row of the file ends as loaded, already there, or rejected with its reason. A batch is one
transaction, so a load that is killed and started again ends in the same state.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Protocol, TextIO

import numpy as np
import orjson
import pandas as pd
import psycopg
import pyarrow as pa
from sqlalchemy import text
from sqlalchemy.orm import Session, sessionmaker

from gis_service.db.copy import copy_table
from gis_service.db.engine import driver_connection
from gis_service.errors import InvalidInput
from gis_service.events.feed import publish
from gis_service.hierarchy.coordinates import to_wgs84
from gis_service.hierarchy.gazetteer import places_of_exact_names
from gis_service.hierarchy.locating import Locator
from gis_service.hierarchy.placements import NO_AREA, Method, Placements
from gis_service.incidents.mapping import Mapping
from gis_service.incidents.parsing import Parsed, parse_batch, strings
from gis_service.incidents.reading import Rows, read_rows
from gis_service.reference.classes import ClassRow, classes_of, create_classes
from gis_service.settings import Settings

INSIDE_SAMPLE = 20  # fewer placed points than this say nothing about a coordinate system
BETTER_BY = 0.02  # another system must bring this share more points into the district
LEVEL_COLUMNS = ("street", "community", "grid", "building")


@dataclass
class Result:
    """What became of the rows; ``read = loaded + already + rejected``."""

    read: int = 0
    loaded: int = 0
    already: int = 0
    rejected: int = 0
    unplaced: int = 0
    warnings: list[str] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        return {
            "read": self.read, "loaded": self.loaded, "already": self.already,
            "rejected": self.rejected, "unplaced": self.unplaced, "warnings": self.warnings,
        }  # fmt: skip


class Progress(Protocol):
    def __call__(self, rows: int) -> None: ...


def load_incidents(
    sessions: sessionmaker[Session],
    path: Path,
    mapping: Mapping,
    locator: Locator,
    settings: Settings,
    *,
    rejects: Path | None = None,
    progress: Progress = lambda rows: None,
    waiting: Callable[[], None] = lambda: None,
) -> Result:
    """Load ``path``; returns the counts. Commits per batch.

    ``rejects`` receives row number, reason and the row of everything refused. ``waiting`` is
    called when another load of the same origin is under way: loads of one origin take turns.
    Raises InvalidInput where the file as a whole cannot be used; nothing is loaded then.
    """
    result = Result()
    latest = datetime.now(UTC) + timedelta(days=1)
    earliest = datetime.fromisoformat(settings.earliest_report).replace(tzinfo=mapping.zone)
    batches = read_rows(
        path, batch=settings.load_batch, encoding=mapping.encoding, delimiter=mapping.delimiter,
        sheet=mapping.sheet, max_bytes=settings.upload_bytes,
    )  # fmt: skip
    with _turn(sessions, mapping.origin, waiting) as fresh, _RejectsFile(rejects) as refused:
        for number, rows in enumerate(batches):
            if number == 0:
                _check_columns(rows.table.column_names, mapping, path)
            parsed = parse_batch(rows, mapping, earliest=earliest, latest=latest)
            if number == 0:
                _check_place(parsed, locator, path, result)
            result.read += len(rows.numbers) + len(rows.broken)
            try:
                done = _load_batch(sessions, parsed, mapping, locator, fresh)
            except psycopg.errors.UniqueViolation:
                # somebody filed one of these numbers by other means meanwhile
                done = _load_batch(sessions, parsed, mapping, locator, fresh=False)
            result.loaded += done.loaded
            result.already += done.already
            result.unplaced += done.unplaced
            result.rejected += len(parsed.rejections.reasons) + len(rows.broken)
            refused.write(rows, parsed)
            progress(len(rows.numbers) + len(rows.broken))
    return result


# -- the file as a whole -------------------------------------------------------------------


def _check_columns(names: list[str], mapping: Mapping, path: Path) -> None:
    wanted = mapping.columns.given()
    if "lon" not in wanted:
        wanted = {k: v for k, v in wanted.items() if k not in ("lon", "lat")}
    missing = [theirs for theirs in wanted.values() if theirs not in names]
    if not missing:
        return
    hint = hint_zh = ""
    if len(names) == 1:
        hint = " (one column only: is the delimiter right?)"
        hint_zh = "（只有一列，分隔符是否正确？）"
    raise InvalidInput(
        f"columns missing: {', '.join(missing)}; the file has {', '.join(names)}{hint}",
        f"缺少列：{'、'.join(missing)}；文件中有：{'、'.join(names)}{hint_zh}",
        where=path.name,
    )


def _check_place(parsed: Parsed, locator: Locator, path: Path, result: Result) -> None:
    """Notice a coordinate system that was named wrongly, by where the points fall."""
    usable = np.isfinite(parsed.lon84)
    if locator.placer is None or usable.sum() < INSIDE_SAMPLE:
        return
    named = locator.share_inside(parsed.lon84[usable], parsed.lat84[usable])
    lon, lat = parsed.lon[usable], parsed.lat[usable]
    others = {"swapped": locator.share_inside(lat, lon)}
    if np.abs(lon).max() <= 180 and np.abs(lat).max() <= 90:
        for crs in ("wgs84", "gcj02", "bd09"):
            if not (parsed.crs[usable] == crs).all():
                others[crs] = locator.share_inside(*to_wgs84(lon, lat, crs))
    best = max(others, key=others.__getitem__)
    used = ", ".join(sorted(set(parsed.crs[usable])))
    guess = "longitude and latitude swapped" if best == "swapped" else f"crs {best}"
    guess_zh = "经纬度颠倒" if best == "swapped" else f"坐标系 {best}"
    if named == 0:
        better = f"; with {guess} {others[best]:.0%} would" if others[best] > 0 else ""
        better_zh = f"；若为{guess_zh}，则有 {others[best]:.0%}" if others[best] > 0 else ""
        middle = f"{np.median(parsed.lon84[usable]):.4f}, {np.median(parsed.lat84[usable]):.4f}"
        raise InvalidInput(
            f"no point lies in the district as {used} (middle {middle}){better}",
            f"按 {used} 没有任何点落在辖区内（中心 {middle}）{better_zh}",
            where=path.name,
        )
    if others[best] > named + BETTER_BY:
        result.warnings.append(
            f"as {used} {named:.1%} of the points lie in the district, "
            f"with {guess} {others[best]:.1%}: is the coordinate system right?"
        )


@contextmanager
def _turn(
    sessions: sessionmaker[Session], origin: str, waiting: Callable[[], None]
) -> Iterator[bool]:
    """Holds the origin's lock for a whole load; gives whether the origin has no incident yet."""
    key = {"key": f"load incidents {origin}", "origin": origin}
    with sessions() as session:
        engine = session.get_bind()
    # a connection of its own: one from the pool would hand the lock to whoever gets it next,
    # and an open transaction for the time of a load would be nobody's friend
    with engine.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        lock = "pg_advisory_lock(hashtextextended(:key, 0))"
        if not connection.execute(text(f"SELECT {lock.replace('_adv', '_try_adv')}"), key).scalar():
            waiting()
            connection.execute(text(f"SELECT {lock}"), key)
        try:
            known = connection.execute(
                text("SELECT EXISTS (SELECT 1 FROM incident WHERE origin = :origin)"), key
            ).scalar_one()
            yield not known
        finally:
            connection.execute(
                text(f"SELECT {lock.replace('pg_advisory_lock', 'pg_advisory_unlock')}"), key
            )


class _RejectsFile(AbstractContextManager["_RejectsFile"]):
    def __init__(self, path: Path | None) -> None:
        self.path = path
        self.handle: TextIO | None = None

    def __enter__(self) -> _RejectsFile:
        if self.path:
            # with a BOM, so that Excel reads the Chinese
            self.handle = self.path.open("w", encoding="utf-8-sig", newline="")
        return self

    def write(self, rows: Rows, parsed: Parsed) -> None:
        if self.handle is None:
            return
        writer = csv.writer(self.handle)
        if self.handle.tell() == 0:
            writer.writerow(["row", "reason", *rows.table.column_names])
        refused = sorted(parsed.rejections.reasons)
        values = rows.table.take(refused).to_pylist() if refused else []
        for i, value in zip(refused, values, strict=True):
            writer.writerow([int(rows.numbers[i]), parsed.rejections.reasons[i], *value.values()])
        for number, reason in rows.broken:
            writer.writerow([number, reason])

    def __exit__(self, *error: object) -> None:
        if self.handle:
            self.handle.close()


# -- one batch -----------------------------------------------------------------------------


def _load_batch(
    sessions: sessionmaker[Session],
    parsed: Parsed,
    mapping: Mapping,
    locator: Locator,
    fresh: bool,
) -> Result:
    result = Result()
    with sessions.begin() as session:
        classes = _resolve_classes(session, parsed, mapping)
        keep = ~parsed.rejections.bad
        if not fresh:
            known = _known(session, mapping.origin, parsed.external_id[keep])
            there = parsed.external_id.isin(known).to_numpy() & keep
            result.already = int(there.sum())
            keep &= ~there
        chosen = np.flatnonzero(keep)
        if not len(chosen):
            return result
        methods = _place_addresses(session, parsed, chosen)
        placements = locator.place(
            parsed.lon84[chosen], parsed.lat84[chosen], parsed.accuracy_m[chosen]
        )
        incidents, log = incident_rows(
            session, parsed, chosen, classes, methods, placements, locator, mapping.origin
        )
        connection = driver_connection(session)
        if fresh:
            # statistics taken while the first rows are not committed count none, and the log's
            # references would then be checked through any index that holds the id: no run of
            # them gets this lock before the commit
            connection.execute("LOCK TABLE incident IN SHARE UPDATE EXCLUSIVE MODE")
        copy_table(connection, "incident", incidents, jsonb=["candidates", "filed_path"])
        copy_table(connection, "incident_log", log)
        result.loaded = len(chosen)
        result.unplaced = int(
            pa.compute.sum(pa.compute.equal(incidents["placement_method"], "none")).as_py() or 0
        )
        ids = incidents["id"]
        publish(
            session, "incidents",
            first=pa.compute.min(ids).as_py(), last=pa.compute.max(ids).as_py(),
        )  # fmt: skip
    return result


def _resolve_classes(session: Session, parsed: Parsed, mapping: Mapping) -> dict[str, ClassRow]:
    """The batch's class words -> class; unknown words refuse their rows or are created."""
    usable = ~parsed.rejections.bad
    words = parsed.class_code[usable].unique()
    known = classes_of(session, mapping.classes.scheme)
    by_name = {row.name: row for row in known.values()}

    def find(word: str) -> ClassRow | None:
        code = mapping.classes.map.get(word, word)
        return known.get(code) or by_name.get(code)

    missing = [word for word in words if find(word) is None]
    if missing and mapping.classes.create:
        major = pd.Series(parsed.major.fillna("").to_numpy(), index=parsed.class_code.to_numpy())
        major = major[~major.index.duplicated()]
        known = create_classes(
            session, mapping.classes.scheme, [(word, major[word]) for word in missing]
        )
    elif missing:
        parsed.rejections.add(
            parsed.class_code.isin(missing).to_numpy() & usable,
            f"unknown class {{value!r}} in scheme {mapping.classes.scheme!r}",
            parsed.class_code,
        )
    return {word: row for word in words if (row := find(word)) is not None}


def _known(session: Session, origin: str, external_ids: pd.Series) -> set[str]:
    rows = session.execute(
        text("SELECT external_id FROM incident WHERE origin = :origin AND external_id = ANY(:ids)"),
        {"origin": origin, "ids": external_ids.tolist()},
    )
    return set(rows.scalars())


def _place_addresses(session: Session, parsed: Parsed, chosen: np.ndarray) -> np.ndarray:
    """Rows without a usable position but with an address the gazetteer knows, and knows once,
    get its position. Returns per chosen row how its position came about."""
    methods = np.full(len(chosen), "inside", dtype=object)
    lacking = ~np.isfinite(parsed.lon84[chosen])
    addresses = parsed.address.iloc[chosen[lacking]]
    found = places_of_exact_names(session, addresses.dropna().unique().tolist())
    for place, address in zip(np.flatnonzero(lacking), addresses, strict=True):
        if address in found:
            parsed.lon84[chosen[place]], parsed.lat84[chosen[place]] = found[address]
            methods[place] = "address"
    return methods


def incident_rows(
    session: Session,
    parsed: Parsed,
    chosen: np.ndarray,
    classes: dict[str, ClassRow],
    methods: np.ndarray,
    placements: Placements | None,
    locator: Locator,
    origin: str,
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
            "origin": pa.repeat(pa.scalar(origin), len(chosen)),
            "external_id": strings(frame_of["external_id"]),
            "reported_at": _times(frame_of["reported_at"]),
            "due_at": _times(frame_of["due_at"]),
            "closed_at": _times(frame_of["closed_at"]),
            "address": strings(frame_of["address"]),
            "description": strings(frame_of["description"]),
            "lon": _floats(parsed.lon[chosen], pa.float64()),
            "lat": _floats(parsed.lat[chosen], pa.float64()),
            "crs": strings(frame_of["crs"]),
            "accuracy_m": _floats(parsed.accuracy_m[chosen], pa.float32()),
            "geom": ewkb_points(lon84, lat84, 4326),
            **placed,
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
