"""What stands beside the arrays of incidents: the few that have more to them.

Whistled units are few, and few incidents lie elsewhere today than when they were filed, so both are
kept as small tables instead of as columns of all.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import Any

import numpy as np
import numpy.typing as npt
from sqlalchemy import text
from sqlalchemy.orm import Session

from gis_service.hierarchy.models import LEVELS

_CALLS = """
    SELECT w.incident_id, c.unit_id, w.called_at, w.report_in_by, c.reported_in_at
    FROM whistle_unit c JOIN whistle w ON w.id = c.whistle_id WHERE %s ORDER BY w.id, c.unit_id
"""
# only being placed again or pinned parts an incident from its path as filed
_MOVED = f"""
    SELECT i.id, {", ".join(f"coalesce({level}.id, -1)" for level in LEVELS)}
    FROM incident i
    {
    " ".join(
        f"LEFT JOIN area {level} ON {level}.level = '{level}' "
        f"AND {level}.code = i.filed_path->>'{level}'"
        for level in LEVELS
    )
}
    WHERE i.id IN (SELECT incident_id FROM incident_log WHERE action = 'place') AND %s
    ORDER BY i.id
"""


@dataclass(frozen=True)
class Calls:
    """A row for each unit that a whistle called; ``delay_s`` is -1 until it reported in."""

    incident_id: npt.NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))
    unit_id: npt.NDArray[np.int32] = field(default_factory=lambda: np.empty(0, np.int32))
    delay_s: npt.NDArray[np.int32] = field(default_factory=lambda: np.empty(0, np.int32))
    in_time: npt.NDArray[np.bool_] = field(default_factory=lambda: np.empty(0, np.bool_))

    def __len__(self) -> int:
        return len(self.incident_id)

    def with_changes(self, ids: Sequence[int], changed: Calls) -> Calls:
        """This, with ``changed`` as all the calls of the incidents ``ids``."""
        kept = ~np.isin(self.incident_id, ids)
        columns = {
            one.name: np.concatenate([getattr(self, one.name)[kept], getattr(changed, one.name)])
            for one in fields(self)
        }
        return Calls(**columns)

    def by_unit(self) -> dict[int, tuple[int, ...]]:
        """The incidents that each unit was called to."""
        called: dict[int, list[int]] = defaultdict(list)
        for unit, incident in zip(self.unit_id.tolist(), self.incident_id.tolist(), strict=True):
            called[unit].append(incident)
        return {unit: tuple(ids) for unit, ids in called.items()}


@dataclass(frozen=True)
class Moved:
    """Incidents that may lie elsewhere than as filed; ``filed`` are the identities of the four
    areas as filed, -1 none. Sorted by id."""

    id: npt.NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))
    filed: npt.NDArray[np.int32] = field(default_factory=lambda: np.empty((0, 4), np.int32))

    def with_changes(self, changed: Moved) -> Moved:
        """This and ``changed``, which wins."""
        kept = ~np.isin(self.id, changed.id)
        ids = np.concatenate([self.id[kept], changed.id])
        order = np.argsort(ids)
        return Moved(ids[order], np.concatenate([self.filed[kept], changed.filed])[order])


def read_calls(session: Session, ids: Sequence[int] | None = None) -> Calls:
    """All whistled units, or those of the incidents ``ids``."""
    condition, values = _among("w.incident_id", ids)
    rows = session.execute(text(_CALLS % condition), values).all()

    def delay(called: datetime, came: datetime | None) -> int:
        return -1 if came is None else max(0, int((came - called).total_seconds()))

    return Calls(
        np.array([row.incident_id for row in rows], np.int64),
        np.array([row.unit_id for row in rows], np.int32),
        np.array([delay(row.called_at, row.reported_in_at) for row in rows], np.int32),
        np.array(
            [
                row.reported_in_at is not None
                and (row.report_in_by is None or row.reported_in_at <= row.report_in_by)
                for row in rows
            ],
            np.bool_,
        ),
    )


def read_moved(session: Session, ids: Sequence[int] | None = None) -> Moved:
    """All that were moved, or those of ``ids``."""
    condition, values = _among("i.id", ids)
    rows = session.execute(text(_MOVED % condition), values).all()
    return Moved(
        np.array([row[0] for row in rows], np.int64),
        np.array([row[1:] for row in rows], np.int32).reshape(len(rows), 4),
    )


def _among(column: str, ids: Sequence[int] | None) -> tuple[str, dict[str, Any]]:
    return ("true", {}) if ids is None else (f"{column} = ANY(:ids)", {"ids": list(ids)})
