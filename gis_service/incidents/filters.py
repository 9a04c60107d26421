"""The one filter of incidents. Lists, counts, tiles, heat and exports all take it, compiled to
SQL or to a numpy mask; a test holds the two to the same rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import UTC, date, datetime, time
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np

from gis_service.accounts.identity import Identity
from gis_service.dependencies import parse_bbox
from gis_service.errors import InvalidInput
from gis_service.incidents.models import ENDED_STATES, IS_OPEN, STATES
from gis_service.incidents.visibility import Visible

STATE_NUMBER = {state: number for number, state in enumerate(STATES)}
NO_TIME = np.iinfo(np.int64).min
AREA_LEVELS = ("street", "community", "grid", "building")


@dataclass(frozen=True)
class IncidentFilter:
    """What is asked for; an empty tuple or None means no restriction.

    Times are half-open ``[since, until)`` on ``reported_at``, UTC. Areas are identities
    (``area.id``), classes ids: :func:`parse_filter` resolves the codes of a request.
    ``bbox`` is west, south, east, north in WGS84, borders included. ``now`` is what ``overdue``
    compares with. ``visible`` is the asker's scope; None sees the district.
    """

    since: datetime | None = None
    until: datetime | None = None
    classes: tuple[int, ...] = ()
    states: tuple[str, ...] = ()
    streets: tuple[int, ...] = ()
    communities: tuple[int, ...] = ()
    grids: tuple[int, ...] = ()
    buildings: tuple[int, ...] = ()
    units: tuple[int, ...] = ()
    squads: tuple[int, ...] = ()
    visible: Visible | None = None
    bbox: tuple[float, float, float, float] | None = None
    overdue: bool | None = None
    q: str | None = None
    sources: tuple[str, ...] = ()
    urgent: bool | None = None
    supervised: bool | None = None
    order: bool | None = None
    unplaced: bool | None = None
    now: datetime | None = None

    @property
    def key(self) -> str:
        """Equal for equal filters; for caches."""
        return ";".join(
            f"{one.name}={getattr(self, one.name)}"
            for one in fields(self)
            if getattr(self, one.name) not in (None, ())
        )

    @property
    def only_open(self) -> bool:
        """Whether nothing that has ended can pass."""
        return bool(self.overdue or (self.states and not ENDED_STATES & set(self.states)))

    @property
    def span(self) -> tuple[int | None, int | None]:
        """From when and until when something was reported, UTC microseconds."""
        return (
            None if self.since is None else micros(self.since),
            None if self.until is None else micros(self.until),
        )


def to_sql(wanted: IncidentFilter, alias: str = "i") -> tuple[str, dict[str, Any]]:
    """A condition on table ``incident`` under ``alias`` and its parameters (``f_…``)."""
    parts: list[str] = []
    values: dict[str, Any] = {}

    def add(condition: str, **parameters: Any) -> None:
        parts.append(condition)
        values.update(parameters)

    if wanted.since is not None:
        add(f"{alias}.reported_at >= :f_since", f_since=wanted.since)
    if wanted.until is not None:
        add(f"{alias}.reported_at < :f_until", f_until=wanted.until)
    if wanted.classes:
        add(f"{alias}.class_id = ANY(:f_classes)", f_classes=list(wanted.classes))
    if wanted.only_open:
        add(f"{alias}.{IS_OPEN}")
    if wanted.states:
        add(f"{alias}.state = ANY(:f_states)", f_states=list(wanted.states))
    for name, ids in owners(wanted):
        if ids:
            add(f"{alias}.{name}_id = ANY(:f_{name})", **{f"f_{name}": list(ids)})
    if wanted.visible is not None:
        own = [f"{alias}.reported_by = :v_account"]
        values["v_account"] = wanted.visible.account_id
        for column, some in scope(wanted.visible):
            if some:
                own.append(f"{alias}.{column} = ANY(:v_{column})")
                values[f"v_{column}"] = list(some)
        add(f"({' OR '.join(own)})")
    if wanted.bbox is not None:
        west, south, east, north = wanted.bbox
        add(
            f"{alias}.geom && ST_MakeEnvelope(:f_west, :f_south, :f_east, :f_north, 4326)",
            f_west=west, f_south=south, f_east=east, f_north=north,
        )  # fmt: skip
    if wanted.overdue is not None:
        late = f"({alias}.due_at < :f_now AND {alias}.{IS_OPEN})"
        add(late if wanted.overdue else f"NOT coalesce({late}, false)", f_now=moment_of(wanted))
    if wanted.q:
        pattern = wanted.q.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
        add(
            f"({alias}.code LIKE :f_q || '%' OR {alias}.external_id = :f_q_raw "
            f"OR {alias}.address ILIKE '%' || :f_q || '%' "
            f"OR {alias}.description ILIKE '%' || :f_q || '%' "
            f"OR {alias}.class_name ILIKE '%' || :f_q || '%')",
            f_q=pattern, f_q_raw=wanted.q,
        )  # fmt: skip
    if wanted.sources:
        add(f"{alias}.source = ANY(:f_sources)", f_sources=list(wanted.sources))
    for name, column in FLAGS.items():
        asked = getattr(wanted, name)
        if asked is not None:
            add(f"{alias}.{column}" if asked else f"NOT {alias}.{column}")
    if wanted.unplaced is not None:
        sign = "=" if wanted.unplaced else "<>"
        add(f"{alias}.placement_method {sign} 'none'")
    return " AND ".join(parts) or "true", values


def micros(moment: datetime) -> int:
    """UTC microseconds since 1970, exactly."""
    delta = moment - datetime(1970, 1, 1, tzinfo=UTC)
    return (delta.days * 86_400 + delta.seconds) * 1_000_000 + delta.microseconds


def parse_moment(value: str | None, zone: ZoneInfo, where: str) -> datetime | None:
    """An ISO date (midnight in ``zone``) or date-time (in ``zone`` unless it says otherwise)."""
    if not value:
        return None
    try:
        if len(value) == 10:
            moment = datetime.combine(date.fromisoformat(value), time(), tzinfo=zone)
        else:
            moment = datetime.fromisoformat(value.replace(" ", "+"))
            if moment.tzinfo is None:
                moment = moment.replace(tzinfo=zone)
        return moment.astimezone(UTC)
    except (ValueError, OverflowError):
        raise InvalidInput(
            f"{value!r} is no ISO date or date-time", f"{value!r} 不是 ISO 日期或时间", where=where
        ) from None


@dataclass(frozen=True)
class Vocabulary:
    """What codes in a request can mean: class code -> ids (several schemes may use a code), per
    level area code -> identity, unit and squad code -> id; ``called`` are the incidents that a
    unit (id) was called to."""

    classes: Mapping[str, tuple[int, ...]]
    areas: Mapping[str, Mapping[str, int]]
    units: Mapping[str, int] = field(default_factory=dict)
    squads: Mapping[str, int] = field(default_factory=dict)
    called: Mapping[int, tuple[int, ...]] = field(default_factory=dict)

    def visible(self, identity: Identity) -> Visible | None:
        """The scope of an account as ids; None for the whole district. A code that names nothing
        (any more) shows nothing."""
        if not identity.scopes:
            return None

        def known(level: str, ids: Mapping[str, int]) -> tuple[int, ...]:
            return tuple(sorted(ids[code] for code in identity.codes(level) if code in ids))

        units = known("unit", self.units)
        return Visible(
            identity.account_id,
            streets=known("street", self.areas.get("street", {})),
            communities=known("community", self.areas.get("community", {})),
            units=units,
            squads=known("squad", self.squads),
            incidents=tuple(sorted({one for unit in units for one in self.called.get(unit, ())})),
            placed=any(scope.level != "unit" for scope in identity.scopes),
        )


PARAMETERS = (
    "from", "to", "class", "state", "open", "street", "community", "grid", "building", "unit",
    "squad", "bbox", "overdue",
)  # fmt: skip
# what lists alone are asked for
FLAGS = {"urgent": "urgent", "supervised": "supervised", "order": "is_order"}
# their bits in the arrays
FLAG_MARKS = {"urgent": 8, "supervised": 16, "order": 32, "unplaced": 64}
LONGEST_Q = 100  # characters of a text that is looked for
LIST_PARAMETERS = (*PARAMETERS, "q", "source", *FLAGS, "unplaced")


def parse_filter(
    parameters: Mapping[str, list[str]], vocabulary: Vocabulary, zone: ZoneInfo
) -> IncidentFilter:
    """The filter of a request's parameters. Raises InvalidInput naming the parameter.

    An unknown code is refused rather than answered with nothing: it is a typing error.
    """

    def one(name: str) -> str | None:
        given = [value for value in parameters.get(name, []) if value != ""]
        if len(given) > 1:
            raise InvalidInput("given more than once", "出现多次", where=name)
        return given[0] if given else None

    def many(name: str) -> list[str]:
        return [part for value in parameters.get(name, []) for part in value.split(",") if part]

    since = parse_moment(one("from"), zone, "from")
    until = parse_moment(one("to"), zone, "to")
    if since and until and since >= until:
        raise InvalidInput("'from' must lie before 'to'", "from 须早于 to", where="from")
    states = many("state")
    for state in states:
        if state not in STATE_NUMBER:
            raise InvalidInput(
                f"unknown state {state!r}; one of {', '.join(STATES)}",
                f"未知状态 {state!r}；可用：{'、'.join(STATES)}", where="state",
            )  # fmt: skip
    q = one("q")
    if q and len(q) > LONGEST_Q:
        raise InvalidInput(f"at most {LONGEST_Q} characters", f"最多 {LONGEST_Q} 个字符", where="q")
    overdue = _truth(one("overdue"), "overdue")
    is_open = _truth(one("open"), "open")
    if is_open is not None:
        among = [state for state in STATES if (state not in ENDED_STATES) == is_open]
        # 'open' beside states narrows them; nothing left is a contradiction worth telling
        states = [state for state in states or among if state in among]
        if not states:
            raise InvalidInput(
                "no state asked for agrees with 'open'", "所选状态与 open 条件矛盾", where="open"
            )
    return IncidentFilter(
        since=since,
        until=until,
        classes=tuple(sorted(_class_ids(many("class"), vocabulary))),
        states=tuple(sorted(set(states))),
        streets=_area_ids("street", many("street"), vocabulary),
        communities=_area_ids("community", many("community"), vocabulary),
        grids=_area_ids("grid", many("grid"), vocabulary),
        buildings=_area_ids("building", many("building"), vocabulary),
        bbox=parse_bbox(one("bbox")),
        units=_ids("unit", many("unit"), vocabulary.units),
        squads=_ids("squad", many("squad"), vocabulary.squads),
        overdue=overdue,
        q=q,
        sources=tuple(sorted(set(many("source")))),
        unplaced=_truth(one("unplaced"), "unplaced"),
        urgent=_truth(one("urgent"), "urgent"),
        supervised=_truth(one("supervised"), "supervised"),
        order=_truth(one("order"), "order"),
        now=this_minute() if overdue is not None else None,
    )


def this_minute() -> datetime:
    """The time that ``overdue`` is asked at, UTC: of one minute all answers agree."""
    return datetime.now(UTC).replace(second=0, microsecond=0)


def _truth(value: str | None, where: str) -> bool | None:
    if value not in (None, "true", "false"):
        raise InvalidInput("want true or false", "只能为 true 或 false", where=where)
    return None if value is None else value == "true"


def _class_ids(codes: list[str], vocabulary: Vocabulary) -> set[int]:
    out: set[int] = set()
    for code in codes:
        if code not in vocabulary.classes:
            raise InvalidInput(f"unknown class {code!r}", f"未知类别 {code!r}", where="class")
        out.update(vocabulary.classes[code])
    return out


def _area_ids(level: str, codes: list[str], vocabulary: Vocabulary) -> tuple[int, ...]:
    return _ids(level, codes, vocabulary.areas.get(level, {}))


def _ids(kind: str, codes: list[str], known: Mapping[str, int]) -> tuple[int, ...]:
    for code in codes:
        if code not in known:
            raise InvalidInput(
                f"no {kind} has the code {code!r}", f"没有编码为 {code!r} 的{kind}", where=kind
            )
    return tuple(sorted({known[code] for code in codes}))


def owners(wanted: IncidentFilter) -> tuple[tuple[str, tuple[int, ...]], ...]:
    """Areas, units and squads asked for, by name."""
    return (
        ("street", wanted.streets), ("community", wanted.communities), ("grid", wanted.grids),
        ("building", wanted.buildings), ("unit", wanted.units), ("squad", wanted.squads),
    )  # fmt: skip


def scope(visible: Visible) -> tuple[tuple[str, tuple[int, ...]], ...]:
    """What an account sees, by column."""
    return (
        ("street_id", visible.streets), ("community_id", visible.communities),
        ("unit_id", visible.units), ("squad_id", visible.squads), ("id", visible.incidents),
    )  # fmt: skip


def moment_of(wanted: IncidentFilter) -> datetime:
    """What ``overdue`` compares with. Raises InvalidInput where it is missing."""
    if wanted.now is None:
        raise InvalidInput("'overdue' needs the time it is asked at", where="overdue")
    return wanted.now
