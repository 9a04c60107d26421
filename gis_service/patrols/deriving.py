"""Tracks and visits from the fixes in the database, as often as wanted with the same result.

What is derived again is never cut out of a walk: the span asked for is widened to the nearest
silences, of all devices of the officer at once, that are long enough to end a run.
"""

from __future__ import annotations

import struct
from collections import deque
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
from sqlalchemy import text
from sqlalchemy.orm import Session

from gis_service.db.copy import copy_table
from gis_service.db.engine import driver_connection
from gis_service.engines import Engine, LocalEngine
from gis_service.events.feed import publish
from gis_service.hierarchy.locating import Locator, load_locator
from gis_service.hierarchy.lookup_raster import PolygonIndex
from gis_service.patrols.cleaning import (
    KEPT,
    REASONS,
    Cleaned,
    CleaningRules,
    Fixes,
    clean_fixes,
)
from gis_service.patrols.duty import micros, moment_of
from gis_service.patrols.fix_rows import read_fixes
from gis_service.patrols.visits import Visits, joined, visits_of
from gis_service.settings import Settings

TOPIC = "visits"
LOOK_FURTHER = timedelta(days=3)  # nobody walks longer without a silence
_MERCATOR_M = 6378137.0
_LINE_M_WITH_SRID = 0x60000002
BEGINNING = datetime(1970, 1, 2, tzinfo=UTC)
END = datetime(2200, 1, 1, tzinfo=UTC)

_DEVICES = text("""
    SELECT d.id, d.officer_id, d.kind, o.transport FROM device d JOIN officer o
        ON o.id = d.officer_id
    WHERE :everybody OR o.id = ANY (:officers) ORDER BY d.officer_id, d.id
""")
# the last silence before :since and the first after :until
_BEFORE = text("""
    SELECT max(at) FROM (
        SELECT at, at - lag(at) OVER (ORDER BY at) AS silence FROM fix
        WHERE device_id = ANY (:devices) AND at >= :far AND at <= coalesce(
            (SELECT min(at) FROM fix WHERE device_id = ANY (:devices) AND at >= :near), :near)
    ) f WHERE silence IS NULL OR silence > :pause
""")
_AFTER = text("""
    SELECT min(at) FROM (
        SELECT at, lead(at) OVER (ORDER BY at) - at AS silence FROM fix
        WHERE device_id = ANY (:devices) AND at <= :far AND at >= coalesce(
            (SELECT max(at) FROM fix WHERE device_id = ANY (:devices) AND at < :near), :near)
    ) f WHERE silence IS NULL OR silence > :pause
""")
_FORGET_VISITS = text("""
    DELETE FROM visit WHERE officer_id = :officer AND entered_at >= :since AND entered_at < :until
""")
_FORGET_TRACKS = text("""
    DELETE FROM track t WHERE officer_id = :officer AND started_at >= :since AND started_at < :until
        AND NOT EXISTS (SELECT 1 FROM visit v WHERE v.track_id = t.id)
""")
_TRACKS = text("""
    INSERT INTO track (officer_id, device_id, source, started_at, ended_at, fixes, length_m, report,
        mercator)
    SELECT officer, device, source, started, ended, fixes, length, report, ST_GeomFromEWKB(line)
    FROM unnest(
        CAST(:officer AS int[]), CAST(:device AS int[]), CAST(:source AS text[]),
        CAST(:started AS timestamptz[]), CAST(:ended AS timestamptz[]), CAST(:fixes AS int[]),
        CAST(:length AS float8[]), CAST(:report AS jsonb[]),
        CAST(:line AS bytea[]))
        AS t (officer, device, source, started, ended, fixes, length, report, line)
    RETURNING id, device_id, started_at
""")


@dataclass
class Derived:
    """Counts of what was derived; ``report`` sums what cleaning left out."""

    officers: int = 0
    fixes: int = 0
    tracks: int = 0
    visits: int = 0
    passages: int = 0
    report: dict[str, int] = field(default_factory=dict)

    def add_report(self, report: dict[str, int]) -> None:
        """Sum counts up."""
        for name, count in report.items():
            self.report[name] = self.report.get(name, 0) + count

    def as_json(self) -> dict[str, Any]:
        return {
            "officers": self.officers, "fixes": self.fixes, "tracks": self.tracks,
            "visits": self.visits, "passages": self.passages, "report": self.report,
        }  # fmt: skip


def cleaning_rules(settings: Settings) -> CleaningRules:
    """The rules that the settings name."""
    return CleaningRules(settings.fix_accuracy_m, settings.track_break_minutes * 60)


def rebuild_visits(
    session: Session,
    settings: Settings,
    *,
    officers: Collection[int] | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    locator: Locator | None = None,
    engine: Engine | None = None,
    progress: Callable[[int], None] = lambda officers: None,
) -> Derived:
    """Derive tracks and visits again from the fixes of ``officers`` (everybody's) in
    [since, until) (all there are), widened to whole walks; the caller commits. ``engine`` cleans
    the fixes and finds the visits (this process unless given).

    Visits older than the oldest fix kept stay as they are: nothing could bring them back. Without
    a hierarchy there are tracks and no visits. Publishes ``visits``.
    """
    locator = locator or load_locator(session, settings)
    done = Derived()
    rows = session.execute(
        _DEVICES, {"everybody": officers is None, "officers": list(officers or ())}
    ).all()
    by_officer: dict[int, list[Any]] = {}
    for row in rows:
        by_officer.setdefault(row.officer_id, []).append(row)
    grids = locator.placer.polygons("grid") if locator.placer else None
    shared = (grids[0] if grids else None, cleaning_rules(settings))
    read: deque[_Walks] = deque()

    def parts() -> Iterator[tuple[Fixes, list[str]]]:
        for officer, devices in by_officer.items():
            walks = _read_walks(session, settings, officer, devices, since, until)
            if walks is None:
                progress(1)
                continue
            read.append(walks)
            yield walks.fixes, [row.transport for row in devices]

    for cleaned, found in (engine or LocalEngine()).map(_derive, shared, parts()):
        _write(session, locator, read.popleft(), cleaned, found, grids and grids[1], done)
        progress(1)
    if done.officers:
        touched = {} if officers is None else {"officers": sorted(by_officer)}
        publish(session, TOPIC, **touched)
    return done


@dataclass(frozen=True)
class _Walks:
    """The fixes of an officer's devices (numbered as in ``devices``) in [first, last)."""

    officer: int
    devices: Sequence[Any]
    first: datetime
    last: datetime
    fixes: Fixes


def _read_walks(
    session: Session,
    settings: Settings,
    officer: int,
    devices: Sequence[Any],
    since: datetime | None,
    until: datetime | None,
) -> _Walks | None:
    ids = [row.id for row in devices]
    # an upload and the live positions of one officer take turns
    session.execute(text("SELECT pg_advisory_xact_lock(4711012, :officer)"), {"officer": officer})
    first, last = _whole_walks(session, settings, ids, since, until)
    columns = read_fixes(driver_connection(session), ids, first, last)
    if not len(columns["at"]):
        return None
    # a walk whose beginning retention dropped keeps what was derived from it
    first = max(first, moment_of(int(columns["at"].min())))
    number = np.searchsorted(np.array(ids), columns["device"]).astype(np.int32)
    fixes = Fixes(number, columns["at"], columns["lon"], columns["lat"], columns["accuracy_m"])
    return _Walks(officer, devices, first, last, fixes)


def _derive(
    shared: tuple[PolygonIndex | None, CleaningRules], fixes: Fixes, transports: list[str]
) -> tuple[Cleaned, Visits | None]:
    """What an officer's fixes say; without grids, no visits."""
    grids, rules = shared
    cleaned = clean_fixes(fixes, transports, micros(END), rules)
    if grids is None:
        return cleaned, None
    visits, _ = joined(visits_of(cleaned, grids, transports), [0] * len(transports))
    return cleaned, visits


def _write(
    session: Session,
    locator: Locator,
    walks: _Walks,
    cleaned: Cleaned,
    visits: Visits | None,
    identities: np.ndarray | None,
    done: Derived,
) -> None:
    officer, ids = walks.officer, [row.id for row in walks.devices]
    span = {"officer": officer, "since": walks.first, "until": walks.last}
    session.execute(_FORGET_VISITS, span)
    session.execute(_FORGET_TRACKS, span)
    done.officers += 1
    done.fixes += len(walks.fixes)
    done.add_report(cleaned.report())
    tracks = _write_tracks(session, officer, walks.devices, cleaned)
    done.tracks += len(tracks)
    if visits is None or identities is None:
        return
    done.visits += len(visits)
    done.passages += visits.passages
    table = pa.table(
        {
            "officer_id": pa.array(np.full(len(visits), officer, np.int32)),
            "device_id": pa.array(np.array(ids, np.int32)[visits.device]),
            "track_id": pa.array(
                _tracks_of(visits.device, visits.entered, ids, tracks), pa.int64()
            ),
            "area_id": pa.array(identities[visits.grid]),
            "grid_code": pa.array(
                [locator.code_of("grid", int(area)) for area in identities[visits.grid]],
                pa.string(),
            ),
            "entered_at": pa.array(visits.entered, pa.timestamp("us", tz="UTC")),
            "left_at": pa.array(visits.left, pa.timestamp("us", tz="UTC")),
            "stay_s": pa.array(np.rint(visits.stay_s).astype(np.int32)),
            "length_m": pa.array(visits.length_m),
        }
    )
    copy_table(driver_connection(session), "visit", table)


def _whole_walks(
    session: Session,
    settings: Settings,
    devices: list[int],
    since: datetime | None,
    until: datetime | None,
) -> tuple[datetime, datetime]:
    """[first, last) between silences around [since, until)."""
    pause = timedelta(minutes=settings.track_break_minutes)
    first, last = since or BEGINNING, until or END
    known = {"devices": devices, "pause": pause}
    if since is not None:
        far = first - LOOK_FURTHER
        begin = session.execute(_BEFORE, {**known, "near": first, "far": far}).scalar()
        first = min(first, begin) if begin else first
    if until is not None:
        far = last + LOOK_FURTHER
        end = session.execute(_AFTER, {**known, "near": last, "far": far}).scalar()
        last = max(last, end + timedelta(microseconds=1)) if end else last
    return first, last


def _write_tracks(
    session: Session, officer: int, devices: Sequence[Any], cleaned: Cleaned
) -> dict[tuple[int, int], int]:
    """A track per run of several fixes; their ids by (device id, start in microseconds)."""
    fixes = cleaned.fixes
    kept = np.flatnonzero(cleaned.reason == KEPT)
    runs = cleaned.run[kept]
    starts = kept[np.flatnonzero(np.diff(runs, prepend=-1))]
    ends = kept[np.flatnonzero(np.diff(runs, append=-1))]
    counts = np.bincount(runs, minlength=cleaned.runs)
    left_out = _left_out(cleaned, starts)
    chosen = np.flatnonzero(counts > 1)
    if not len(chosen):
        return {}
    of_device = [devices[int(d)] for d in fixes.device[starts[chosen]]]
    rows = session.execute(
        _TRACKS,
        {
            "officer": [officer] * len(chosen),
            "device": [row.id for row in of_device],
            "source": [row.kind for row in of_device],
            "started": [moment_of(at) for at in fixes.at[starts[chosen]]],
            "ended": [moment_of(at) for at in fixes.at[ends[chosen]]],
            "fixes": counts[chosen].tolist(),
            "length": cleaned.lengths_m[chosen].tolist(),
            "report": [left_out[run] for run in chosen.tolist()],
            "line": _lines(fixes, kept, np.split(np.arange(len(kept)), np.cumsum(counts)), chosen),
        },
    )
    return {(row.device_id, micros(row.started_at)): row.id for row in rows}


def _lines(
    fixes: Fixes, kept: np.ndarray, places: list[np.ndarray], chosen: np.ndarray
) -> list[bytes]:
    """EWKB of the runs ``chosen`` as LineStringM in EPSG:3857, measures seconds since 1970."""
    rows = np.empty((len(kept), 3), "<f8")
    rows[:, 0] = np.radians(fixes.lon[kept]) * _MERCATOR_M
    rows[:, 1] = np.arctanh(np.sin(np.radians(fixes.lat[kept].clip(-85, 85)))) * _MERCATOR_M
    rows[:, 2] = fixes.at[kept] * 1e-6
    head = struct.Struct("<BIII")
    return [
        head.pack(1, _LINE_M_WITH_SRID, 3857, len(places[run])) + rows[places[run]].tobytes()
        for run in chosen
    ]


def _left_out(cleaned: Cleaned, starts: np.ndarray) -> list[str]:
    """Per run, as JSON text, how many fixes were left out since it began, by reason."""
    out: list[dict[str, int]] = [{} for _ in range(cleaned.runs)]
    for i in np.flatnonzero(cleaned.reason != KEPT):
        run = max(int(np.searchsorted(starts, i, side="right")) - 1, 0)
        if run < len(out):
            name = REASONS[cleaned.reason[i]]
            out[run][name] = out[run].get(name, 0) + 1
    return [orjson.dumps(counts).decode() for counts in out]


def _tracks_of(
    device: np.ndarray,
    entered: np.ndarray,
    ids: Sequence[int],
    tracks: dict[tuple[int, int], int],
) -> list[int | None]:
    """The track of each visit: the last that its device began before entering."""
    by_device: dict[int, tuple[list[int], list[int]]] = {}
    for (device_id, start), track in sorted(tracks.items()):
        starts, numbers = by_device.setdefault(device_id, ([], []))
        starts.append(start)
        numbers.append(track)
    out: list[int | None] = []
    for number, at in zip(device.tolist(), entered.tolist(), strict=True):
        starts, numbers = by_device.get(ids[number], ([], []))
        place = int(np.searchsorted(starts, at, side="right")) - 1
        out.append(numbers[place] if place >= 0 else None)
    return out
