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
from gis_service.incidents.desk import Reference, read_reference
from gis_service.incidents.mapping import Mapping
from gis_service.incidents.models import STAGES
from gis_service.incidents.parsing import Parsed, parse_batch
from gis_service.incidents.reading import Rows, read_rows
from gis_service.incidents.rows import incident_rows
from gis_service.reference.classes import ClassRow, classes_of, create_classes
from gis_service.settings import Settings

INSIDE_SAMPLE = 20  # fewer placed points than this say nothing about a coordinate system
BETTER_BY = 0.02  # another system must bring this share more points into the district


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
        with sessions() as session:
            reference = read_reference(session, settings)
        for number, rows in enumerate(batches):
            if number == 0:
                _check_columns(rows.table.column_names, mapping, path)
            parsed = parse_batch(rows, mapping, earliest=earliest, latest=latest)
            if number == 0:
                _check_place(parsed, locator, path, result)
            result.read += len(rows.numbers) + len(rows.broken)
            try:
                done = _load_batch(sessions, parsed, mapping, locator, reference, fresh)
            except psycopg.errors.UniqueViolation:
                # somebody filed one of these numbers by other means meanwhile
                done = _load_batch(sessions, parsed, mapping, locator, reference, fresh=False)
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
    missing = [theirs for ours, theirs in wanted.items()
               if theirs not in names and ours not in STAGES]  # fmt: skip
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
    reference: Reference,
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
            session, parsed, chosen, classes, methods, placements, locator, reference, mapping
        )
        connection = driver_connection(session)
        if fresh:
            # statistics taken while the first rows are not committed count none, and the log's
            # references would then be checked through any index that holds the id: no run of
            # them gets this lock before the commit
            connection.execute("LOCK TABLE incident IN SHARE UPDATE EXCLUSIVE MODE")
        json = ["candidates", "filed_path", "due_basis"]
        copy_table(connection, "incident", incidents, jsonb=json)
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
