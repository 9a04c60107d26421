"""All incidents as arrays in memory, sorted by quadkey: what tiles, heat and counts are cut from.

A :class:`Snapshot` never changes; a commit makes a new one that shares the sorted base and holds
what came since in a small sorted table beside it. A row of the base that was changed stays where
it is, as a hole: of ten million rows only one byte each is written anew.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import cache, cached_property
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import numpy.typing as npt
import psycopg
from sqlalchemy import text
from sqlalchemy.orm import Session

from gis_service.analysis import quadkey
from gis_service.analysis.members import rows_among
from gis_service.db.copy import literal
from gis_service.db.engine import driver_connection
from gis_service.hierarchy.models import LEVELS
from gis_service.incidents.beside import Calls, Moved, read_calls, read_moved
from gis_service.incidents.filters import FLAG_MARKS, NO_TIME, IncidentFilter
from gis_service.incidents.masking import SPARSE, IncidentColumns, restricts, to_mask
from gis_service.incidents.models import ENDED_STATES, SOURCES, STATES
from gis_service.incidents.ordered import FEW, LAST, Column, Ordered, Rows, Source, Walk
from gis_service.incidents.words import EVERYTHING, Holding, Words, batches, read_texts

if TYPE_CHECKING:
    from gis_service.incidents.day_counts import DayCounts

# the delta is merged when it passes this share of the base (and at least this many rows): each
# change writes it anew, each merging the base
MERGE_SHARE = 0.02
MERGE_ROWS = 100_000
HOLE = -1  # the state of a row that stands elsewhere by now
WALKED_ROWS = 50_000  # a smaller table is looked at as a whole
BLOCK_ROWS = 1 << 16  # of which a mask stays in the cache
REMEMBERED = 256  # counts of a table that are kept
READ_ROWS = 100_000  # rows of the database that are held as it sent them
_ENDED = np.array([state in ENDED_STATES for state in STATES])
_EPOCH_2000_US = 946_684_800_000_000  # PostgreSQL counts from 2000-01-01

# what happens to an incident: the columns ``<stage>_s`` are seconds from the report to each (-1:
# not reached, or before the report, which is a wrong clock)
STAGES = ("verified", "dispatched", "accepted", "resolved", "closed")
# bits of the column ``marks``, beside those of ``FLAG_MARKS``
PATROL_FIRST, REWORKED, CLOSED_IN_TIME = 1, 2, 4

# fixed-width, never NULL: the binary COPY of a row then always has the same length
_SELECT = f"""
    COPY (
        SELECT i.id, coalesce(ST_X(i.geom), 'NaN'), coalesce(ST_Y(i.geom), 'NaN'),
               i.reported_at, coalesce(i.due_at, '-infinity'),
               coalesce(array_position(ARRAY[{",".join(f"'{s}'" for s in STATES)}], i.state), 0),
               i.class_id, coalesce(i.street_id, -1), coalesce(i.community_id, -1),
               coalesce(i.grid_id, -1), coalesce(i.building_id, -1),
               coalesce(i.unit_id, -1), coalesce(i.squad_id, -1), coalesce(i.reported_by, -1),
               {",".join(f"coalesce(i.{stage}_at, '-infinity')" for stage in STAGES)},
               i.updated_at,
               coalesce(array_position(ARRAY[{",".join(f"'{s}'" for s in SOURCES)}], i.source), 0),
               (i.source = 'patrol' AND NOT EXISTS (
                   SELECT 1 FROM report r WHERE r.incident_id = i.id AND r.source <> 'patrol'
                   AND r.reported_at < i.reported_at))::int * {PATROL_FIRST}
               + (i.rework_count > 0)::int * {REWORKED}
               + i.urgent::int * {FLAG_MARKS["urgent"]}
               + i.supervised::int * {FLAG_MARKS["supervised"]}
               + i.is_order::int * {FLAG_MARKS["order"]}
               + (i.placement_method = 'none')::int * {FLAG_MARKS["unplaced"]}
        FROM incident i WHERE %s
    ) TO STDOUT (FORMAT BINARY)
"""
_FIELDS = (
    ("id", ">i8"), ("lon", ">f8"), ("lat", ">f8"), ("reported_at", ">i8"), ("due_at", ">i8"),
    ("state", ">i4"), ("class_id", ">i4"), ("street_id", ">i4"), ("community_id", ">i4"),
    ("grid_id", ">i4"), ("building_id", ">i4"), ("unit_id", ">i4"), ("squad_id", ">i4"),
    ("reported_by", ">i4"), *((stage, ">i8") for stage in STAGES),
    ("updated_at", ">i8"), ("source", ">i4"), ("marks", ">i4"),
)  # fmt: skip
_ROW = np.dtype(
    [("count", ">i2")]
    + [part for name, kind in _FIELDS for part in ((f"{name}_length", ">i4"), (name, kind))]
)
_IDS = (
    "class_id", "street_id", "community_id", "grid_id", "building_id", "unit_id", "squad_id",
    "reported_by",
)  # fmt: skip
_HEADER_BYTES = 19
_TRAILER_BYTES = 2


@dataclass(frozen=True)
class IncidentTable:
    """Columns of equal length, sorted by ``quadkey``; implements ``masking.IncidentColumns``.
    Where it has ``holes``, a row whose state is ``HOLE`` is not there."""

    quadkey: npt.NDArray[np.int64]
    id: npt.NDArray[np.int64]
    lon: npt.NDArray[np.float64]
    lat: npt.NDArray[np.float64]
    reported_at: npt.NDArray[np.int64]
    due_at: npt.NDArray[np.int64]
    state: npt.NDArray[np.int8]
    class_id: npt.NDArray[np.int32]
    street_id: npt.NDArray[np.int32]
    community_id: npt.NDArray[np.int32]
    grid_id: npt.NDArray[np.int32]
    building_id: npt.NDArray[np.int32]
    unit_id: npt.NDArray[np.int32]
    squad_id: npt.NDArray[np.int32]
    reported_by: npt.NDArray[np.int32]
    verified_s: npt.NDArray[np.int32]
    dispatched_s: npt.NDArray[np.int32]
    accepted_s: npt.NDArray[np.int32]
    resolved_s: npt.NDArray[np.int32]
    closed_s: npt.NDArray[np.int32]
    updated_at: npt.NDArray[np.int64]
    source: npt.NDArray[np.int8]
    marks: npt.NDArray[np.int8]
    holes: bool = False
    origin: IncidentTable | None = None  # where it has holes: as it was before

    def __len__(self) -> int:
        return len(self.id)

    @cached_property
    def due_order(self) -> npt.NDArray[np.int64]:
        """``due_at`` with what has no deadline behind all others."""
        return np.where(self.due_at == NO_TIME, LAST, self.due_at)

    @cached_property
    def last_id(self) -> int:
        """The largest id; 0 where there is none."""
        base = self.origin
        return base.last_id if base else int(self.id.max(initial=0))

    def rows_by(self, name: str) -> npt.NDArray[np.int32]:
        """The rows in order of a column; those of one value in any. Kept."""
        order = self._orders.get(name)
        if order is None:
            order = self._orders[name] = np.argsort(getattr(self, name)).astype(np.int32)
        return order

    @cached_property
    def open_rows(self) -> npt.NDArray[np.int32]:
        """The rows of what had not ended when the table was made."""
        return np.flatnonzero(~_ENDED[self.state]).astype(np.int32)

    def rows_of(self, ids: npt.NDArray[np.int64]) -> npt.NDArray[np.int32]:
        """The rows of incidents by number, as far as they are here."""
        place = self._place_of_id
        rows = place[ids[ids < len(place)]]
        return rows[rows >= 0]

    @cached_property
    def _orders(self) -> dict[str, npt.NDArray[np.int32]]:
        return {}

    @cached_property
    def _place_of_id(self) -> npt.NDArray[np.int32]:
        place = np.full(self.last_id + 1, -1, np.int32)
        place[self.id] = np.arange(len(self.id), dtype=np.int32)
        return place

    def take(self, rows: Any) -> IncidentTable:
        """The rows of a slice, mask or index array."""
        columns: dict[str, Any] = {name: getattr(self, name)[rows] for name in COLUMNS}
        return IncidentTable(**columns, holes=self.holes)

    def between(self, first: int, behind: int) -> IncidentTable:
        """The rows whose quadkey lies in ``[first, behind)``: views, nothing is copied."""
        low, high = np.searchsorted(self.quadkey, (first, behind))
        return self.take(slice(int(low), int(high)))

    def mask(self, wanted: IncidentFilter) -> npt.NDArray[np.bool_] | None:
        """Which rows pass the filter; None where all do."""
        return self.there(to_mask(wanted, self))

    def there(self, mask: npt.NDArray[np.bool_] | None) -> npt.NDArray[np.bool_] | None:
        """The mask without the rows that are holes."""
        if not self.holes:
            return mask
        there = self.state != HOLE
        return there if mask is None else mask & there

    def select(self, wanted: IncidentFilter) -> npt.NDArray[np.bool_] | slice:
        """What passes the filter, as something to index with."""
        mask = self.mask(wanted)
        return slice(None) if mask is None else mask

    def without(self, rows: npt.NDArray[np.int64]) -> IncidentTable:
        """This with holes at ``rows``; all other columns are shared."""
        state = self.state.copy()
        state[rows] = HOLE
        return replace(self, state=state, holes=True, origin=self.origin or self)

    def whole(self) -> IncidentTable:
        """This without its holes."""
        return replace(self.take(self.state != HOLE), holes=False) if self.holes else self

    def counts(self, wanted: IncidentFilter) -> dict[str, int]:
        """``count`` of what passes the filter and of these ``unplaced`` and ``open``."""

        def count() -> dict[str, int]:
            total = {"count": 0, "unplaced": 0, "open": 0}
            for start in range(0, len(self), BLOCK_ROWS):
                part = self.take(slice(start, start + BLOCK_ROWS))
                rows = part.select(wanted)
                outside = np.ones(len(part.id[rows]), dtype=bool)
                for level in LEVELS:
                    outside &= getattr(part, f"{level}_id")[rows] < 0
                total["count"] += len(outside)
                total["unplaced"] += int(np.count_nonzero(outside))
                total["open"] += int(np.count_nonzero(~_ENDED[part.state[rows]]))
            return total

        return self._remember("counts", wanted, count)

    def tally(self, column: str, wanted: IncidentFilter) -> npt.NDArray[np.int64]:
        """How many of what passes the filter have each id from 0 on in a column of ids."""

        def count() -> npt.NDArray[np.int64]:
            ids = getattr(self, column)[self.select(wanted)]
            return np.bincount(ids[ids >= 0])

        return self._remember(column, wanted, count)

    @cached_property
    def _remembered(self) -> dict[tuple[str, str], Any]:
        return {}

    def _remember(self, what: str, wanted: IncidentFilter, count: Callable[[], Any]) -> Any:
        """What was counted before: most people look at the same few filters, and all that is new
        stands in the delta. Not where the time of asking counts."""
        if wanted.now is not None:
            return count()
        key, known = (what, wanted.key), self._remembered
        found = known.get(key)
        if found is None:
            if len(known) >= REMEMBERED:
                known.clear()
            found = known[key] = count()
        return found


def _source(
    table: IncidentTable, wanted: IncidentFilter, holding: Holding | None, key: str, *, lasts: bool
) -> Source:
    """What of a table passes the filter and may hold a word, by a column of times. Orders are made
    of one that ``lasts`` only: the delta is another after every change."""
    base = table.origin or table  # its times and ids, and in which order they are, stay the same
    keys, ids = getattr(base, key), base.id

    def counting(rows: Rows) -> Rows:
        some = cast("IncidentColumns", _SomeRows(table, rows))
        masks = [mask for mask in (
            to_mask(wanted, some),
            some.state != HOLE if table.holes else None,
            holding.of(some.id) if holding else None,
        ) if mask is not None]  # fmt: skip
        return rows[np.logical_and.reduce(masks)] if masks else rows

    @cache
    def whole() -> Column:
        mask = table.mask(wanted)
        if holding is None:
            return Column(keys, ids, mask)
        if mask is None or np.count_nonzero(mask) * SPARSE >= len(mask):
            held = holding.of(ids)
            return Column(keys, ids, held if mask is None else mask & held)
        return Column(keys[mask], ids[mask], holding.of(ids[mask]))

    if not lasts or len(table) < WALKED_ROWS:
        return whole()
    few = holding.few(FEW) if holding else None
    if few is not None or (wanted.only_open and len(base.open_rows) * SPARSE < len(base)):
        rows = counting(base.open_rows if few is None else base.rows_of(few))
        return Column(keys[rows], ids[rows], None)
    span = wanted.span if key == "reported_at" else (None, None)
    return Walk(keys, ids, base.rows_by(key), counting, whole, *span)


class _SomeRows:
    """Some rows of a table; a column is cut when it is asked for."""

    def __init__(self, table: IncidentTable, rows: Rows) -> None:
        self._table, self._rows = table, rows

    def __getattr__(self, name: str) -> npt.NDArray[Any]:
        column: npt.NDArray[Any] = getattr(self._table, name)[self._rows]
        setattr(self, name, column)
        return column


COLUMNS = tuple(one.name for one in fields(IncidentTable) if one.name not in ("holes", "origin"))


def joined(tables: list[IncidentTable]) -> IncidentTable:
    """One table of several, sorted by quadkey."""
    tables = [table.whole() for table in tables]
    order = np.argsort(np.concatenate([table.quadkey for table in tables]), kind="stable")
    columns: dict[str, Any] = {
        name: np.concatenate([getattr(table, name) for table in tables])[order] for name in COLUMNS
    }
    return IncidentTable(**columns)


def read_table(
    connection: psycopg.Connection[Any], condition: str = "true", parameters: Any = ()
) -> IncidentTable:
    """The incidents for which ``condition`` (on ``i``) holds, sorted by quadkey."""
    with connection.cursor() as cursor:
        rendered = psycopg.ClientCursor(connection).mogrify(literal(condition), parameters)
        with cursor.copy(literal(_SELECT % rendered)) as copy:
            parts = [_columns(rows) for rows in _rows(copy)]
    return _sorted(parts)


def _rows(copy: psycopg.Copy) -> Iterator[npt.NDArray[Any]]:
    """What a binary COPY sends, some rows at a time: ten million as they come would take as much
    again as the columns they become."""
    held = bytearray()
    start = _HEADER_BYTES
    for block in copy:
        held += block
        # the trailer is shorter than a row, so what is whole here is rows
        if len(held) >= start + READ_ROWS * _ROW.itemsize:
            yield np.frombuffer(bytes(held), dtype=_ROW, count=READ_ROWS, offset=start)
            del held[: start + READ_ROWS * _ROW.itemsize]
            start = 0
    count = (len(held) - start - _TRAILER_BYTES) // _ROW.itemsize
    yield np.frombuffer(bytes(held), dtype=_ROW, count=max(count, 0), offset=start if held else 0)


def _columns(rows: npt.NDArray[Any]) -> dict[str, npt.NDArray[Any]]:
    due = rows["due_at"].astype(np.int64)
    due = np.where(due == np.iinfo(np.int64).min, NO_TIME, due + _EPOCH_2000_US)
    reported = rows["reported_at"].astype(np.int64) + _EPOCH_2000_US
    return {
        "quadkey": quadkey.of_positions(rows["lon"], rows["lat"]),
        "id": rows["id"].astype(np.int64),
        "lon": rows["lon"].astype(np.float64),
        "lat": rows["lat"].astype(np.float64),
        "reported_at": reported,
        "due_at": due,
        "state": (rows["state"] - 1).astype(np.int8),
        "updated_at": rows["updated_at"].astype(np.int64) + _EPOCH_2000_US,
        "source": (rows["source"] - 1).astype(np.int8),
        **{name: rows[name].astype(np.int32) for name in _IDS},
        **_stages(rows, reported, due),
    }


def _sorted(parts: list[dict[str, npt.NDArray[Any]]]) -> IncidentTable:
    """The parts as one table, a column after the other: no two copies of all are held."""
    order = np.argsort(np.concatenate([part["quadkey"] for part in parts]), kind="stable")
    columns: dict[str, Any] = {
        name: np.concatenate([part.pop(name) for part in parts])[order] for name in COLUMNS
    }
    return IncidentTable(**columns)


def _stages(
    rows: npt.NDArray[Any], reported: npt.NDArray[np.int64], due: npt.NDArray[np.int64]
) -> dict[str, npt.NDArray[Any]]:
    marks = rows["marks"].astype(np.int8)
    out: dict[str, npt.NDArray[Any]] = {"marks": marks}
    for stage in STAGES:
        moment = rows[stage].astype(np.int64)
        reached = moment != np.iinfo(np.int64).min
        moment += _EPOCH_2000_US
        seconds = np.clip((moment - reported) // 1_000_000, -1, np.iinfo(np.int32).max)
        out[f"{stage}_s"] = np.where(reached, seconds, -1).astype(np.int32)
        if stage == "closed":
            in_time = reached & (due != NO_TIME) & (moment <= due)
            marks |= np.where(in_time, CLOSED_IN_TIME, 0).astype(np.int8)
    return out


def read_snapshot(session: Session, *, texts: bool = False) -> Snapshot:
    """All incidents as the session sees them, outside a serving process (version 0); with
    ``texts`` what they say, too."""
    revision = session.execute(text("SELECT max(id) FROM boundary_revision")).scalar()
    table = read_table(driver_connection(session))
    words = Words()
    if texts:
        connection = driver_connection(session)
        for span in batches(connection, EVERYTHING):
            read_texts(connection, words, "i.id BETWEEN %s AND %s", span)
        words.arrived(EVERYTHING)
    return Snapshot((table,), 0, revision, read_calls(session), read_moved(session), words)


def empty_table() -> IncidentTable:
    """No incidents."""
    return _sorted([_columns(np.empty(0, dtype=_ROW))])


@dataclass(frozen=True)
class Snapshot:
    """All incidents at one data version.

    ``tables`` are the base and, where there is one, the delta. ``version`` is the number of the
    last event heard, ``revision_id`` the boundary revision the area ids belong to. ``calls`` and
    ``moved`` are the whistled units and the paths as filed of incidents that lie elsewhere now.
    ``words`` is of all snapshots of a process and at least as new as each. ``days``, where there
    is one, counts the base as it was before the rows ``replaced`` became holes in it.
    """

    tables: tuple[IncidentTable, ...]
    version: int
    revision_id: int | None
    calls: Calls = field(default_factory=Calls)
    moved: Moved = field(default_factory=Moved)
    words: Words = field(default_factory=Words)
    days: DayCounts | None = None
    replaced: IncidentTable | None = None

    def __len__(self) -> int:
        """How many incidents there are."""
        gone = len(self.replaced) if self.replaced is not None else 0
        return sum(len(table) for table in self.tables) - gone

    def with_changes(self, rows: IncidentTable, version: int) -> Snapshot:
        """This and ``rows``; a row whose id was there before replaces it."""
        base, replaced = self.tables[0], self.replaced
        changed = rows_among(base.id, rows.id)
        changed = changed[base.state[changed] != HOLE]
        if len(changed):
            gone = base.take(changed)
            replaced = gone if replaced is None else joined([replaced, gone])
            base = base.without(changed)
        kept = []
        for table in self.tables[1:]:
            again = rows_among(table.id, rows.id)
            kept.append(
                table.take(np.delete(np.arange(len(table)), again)) if len(again) else table
            )
        delta = joined([*kept, rows])
        if len(delta) > max(MERGE_ROWS, MERGE_SHARE * len(base)):
            whole = joined([base, delta])
            return replace(self, tables=(whole,), version=version, days=None, replaced=None)
        return replace(self, tables=(base, delta), version=version, replaced=replaced)

    def having(self, ids: Sequence[int]) -> IncidentTable:
        """The incidents of these numbers."""
        few = np.asarray(ids, dtype=np.int64)
        return joined([table.take(rows_among(table.id, few)) for table in self.tables])

    def count(self, wanted: IncidentFilter) -> int:
        """Incidents that pass the filter, those without a position included."""
        return self.counts(wanted)["count"]

    def in_order(self, wanted: IncidentFilter, key: str, descending: bool) -> Ordered | None:
        """What passes the filter, by a column of times and the id; with ``q`` also some that do
        not. None where nothing narrows it down."""
        known = replace(wanted, q=None)
        last = max(table.last_id for table in self.tables)
        holding = self.words.may_hold(wanted.q, last) if wanted.q else None
        if holding is None and not restricts(known):
            return None
        columns = tuple(
            _source(table, known, holding, key, lasts=place == 0)
            for place, table in enumerate(self.tables)
        )
        return Ordered(columns, descending)

    def _signed(self) -> Iterator[tuple[IncidentTable, int]]:
        """The tables to count, and whether to add or to take away: the base as it was before it
        had holes, which stays the same from snapshot to snapshot, less what was replaced."""
        for table in self.tables:
            yield (table.origin or table) if self.replaced is not None else table, 1
        if self.replaced is not None:
            yield self.replaced, -1

    def counts(self, wanted: IncidentFilter) -> dict[str, int]:
        """``count`` of what passes the filter and of these ``unplaced`` and ``open``."""
        parts = [(table.counts(wanted), sign) for table, sign in self._signed()]
        return {
            name: sum(sign * counts[name] for counts, sign in parts)
            for name in ("count", "unplaced", "open")
        }

    def counts_by_class(self) -> dict[int, int]:
        """How many incidents each class (id) has that has any."""
        counts = self._tally("class_id", IncidentFilter())
        return {int(one): int(counts[one]) for one in np.flatnonzero(counts)}

    def counts_by_area(
        self, level: str, wanted: IncidentFilter
    ) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int64]]:
        """(area ids, counts > 0) of ``level``; what lies in no area is left out."""
        counts = self._tally(f"{level}_id", wanted)
        found = np.flatnonzero(counts)
        return found.astype(np.int32), counts[found]

    def _tally(self, column: str, wanted: IncidentFilter) -> npt.NDArray[np.int64]:
        parts = [(table.tally(column, wanted), sign) for table, sign in self._signed()]
        total = np.zeros(max(len(counts) for counts, _ in parts), np.int64)
        for counts, sign in parts:
            total[: len(counts)] += sign * counts
        return total

    def series_by_area(
        self, level: str, wanted: IncidentFilter, edges: npt.NDArray[np.int64]
    ) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int64]]:
        """(area ids (a,), counts (a, steps)) over half-open steps; edges in UTC microseconds."""
        ids, steps = [], []
        for table in self.tables:
            rows = table.select(wanted)
            step = np.searchsorted(edges, table.reported_at[rows], side="right") - 1
            area = getattr(table, f"{level}_id")[rows]
            inside = (area >= 0) & (step >= 0) & (step < len(edges) - 1)
            ids.append(area[inside])
            steps.append(step[inside])
        areas, place = np.unique(np.concatenate(ids), return_inverse=True)
        width = len(edges) - 1
        flat = np.bincount(place * width + np.concatenate(steps), minlength=len(areas) * width)
        return areas.astype(np.int32), flat.reshape(len(areas), width)

    def time_span(self) -> tuple[int, int] | None:
        """First and last report, UTC microseconds; None without incidents."""
        filled = [table.reported_at for table in self.tables if len(table)]
        if not filled:
            return None
        return min(int(t.min()) for t in filled), max(int(t.max()) for t in filled)
