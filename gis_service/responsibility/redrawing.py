"""Areas of several contracts drawn anew at once: new versions of all of them, or none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from typing import Any

from sqlalchemy.orm import Session

from gis_service.errors import InvalidInput, NotFound
from gis_service.responsibility.contracts import (
    Names,
    add_version,
    current_version,
    draft_of,
    grid_id,
)


def redraw(
    session: Session, names: Names, grids: Mapping[str, Sequence[str]],
    versions: Mapping[str, int], valid_from: date, note: str, actor: str,
) -> list[str]:  # fmt: skip
    """Give each contract (code) its ``grids`` (codes) from ``valid_from`` on; the rest of the
    promise stays. The codes of those that changed; a contract whose grids are the same keeps its
    version. The caller commits.

    ``versions`` are those that were looked at: Conflict where another came since. Raises
    InvalidInput for a grid in two contracts, none at all, or a contract that ends before.
    """
    _check_once(grids)
    changed = []
    for code in sorted(grids):
        last = current_version(session, code, lock=True)
        if last is None:
            raise NotFound(f"no contract {code!r}", f"没有责任书 {code!r}", where="contracts")
        draft = draft_of(session, last)
        wanted = tuple(sorted({grid_id(names, grid) for grid in grids[code]}))
        if wanted == draft.grids and versions[code] == last.version:
            continue
        if last.valid_to < valid_from:
            raise InvalidInput(
                f"contract {code!r} ends on {last.valid_to}",
                f"责任书 {code!r} 于 {last.valid_to} 到期",
                where="valid_from",
            )  # fmt: skip
        columns: dict[str, Any] = {**draft.columns, "valid_from": valid_from}
        if note:
            columns["note"] = note
        # a signed scan speaks of the grids that were signed for
        columns["attachment_id"] = None
        add_version(
            session, code, replace(draft, columns=columns, grids=wanted), actor, versions[code]
        )
        changed.append(code)
    return changed


def _check_once(grids: Mapping[str, Sequence[str]]) -> None:
    held: dict[str, str] = {}
    for code, own in grids.items():
        if not own:
            raise InvalidInput(f"contract {code!r} would promise no grid",
                               f"责任书 {code!r} 将没有网格", where="grids")  # fmt: skip
        for grid in own:
            if held.setdefault(grid, code) != code:
                raise InvalidInput(
                    f"grid {grid!r} stands in {held[grid]!r} and in {code!r}",
                    f"网格 {grid!r} 同时列入 {held[grid]!r} 与 {code!r}", where="grids",
                )  # fmt: skip
