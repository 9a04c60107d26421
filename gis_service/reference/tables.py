"""Small tables that people keep in Excel: cleaned, checked as a whole, written by key.

A table is refused with every row that is wrong, and then nothing of it is applied.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import func, literal_column
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from gis_service.errors import InvalidInput

SHOWN_FAULTS = 20
_BATCH = 1000
_YES = {"yes", "true", "1", "y", "是", "有", "√"}
_NO = {"no", "false", "0", "n", "否", "无", "×", ""}


class Table:
    """The rows of a file, numbered as a spreadsheet does: the headings are row 1; empty ones are
    passed over. ``columns`` gives our name of each column and its Chinese heading; files may use
    either. Raises InvalidInput for a table without rows or a ``required`` column."""

    def __init__(
        self,
        rows: Iterable[Mapping[Any, Any]],
        where: str,
        columns: Mapping[str, str],
        required: Sequence[str],
    ) -> None:
        self.where = where
        self.columns = columns
        self.faults: list[tuple[str, str]] = []
        ours = {heading: name for name, heading in columns.items()}
        self.rows: list[Row] = []
        self.names: set[str] = set()
        for number, raw in enumerate(rows, start=2):
            clean = {
                ours.get(str(key).strip(), str(key).strip()): _words(value)
                for key, value in raw.items()
            }
            self.names.update(clean)
            if any(clean.values()):
                self.rows.append(Row(self, number, clean))
        if not self.rows:
            raise InvalidInput("no rows", "没有数据行", where=where)
        for name in required:
            if name not in self.names:
                raise InvalidInput(
                    f"no column {name!r} (or {columns[name]!r}); there are "
                    f"{', '.join(sorted(self.names))}",
                    f"缺少列“{columns[name]}”（或 {name}）；现有：{'、'.join(sorted(self.names))}",
                    where=where,
                )
        for row in self.rows:
            for name in required:
                if not row.values.get(name):
                    row.fault(f"no {name}", f"缺少{columns[name]}")

    def others(self, columns: Mapping[str, str]) -> list[str]:
        """Columns that are none of ours, in order of name."""
        return sorted(self.names - set(columns))

    def refuse_twice(self, *names: str) -> None:
        """Two rows with the same key are a fault of the second."""
        seen: dict[tuple[str, ...], int] = {}
        for row in self.rows:
            key = tuple(row.text(name) for name in names)
            first = seen.setdefault(key, row.number)
            if first != row.number:
                row.fault(
                    f"{' '.join(key)} stands in row {first} already",
                    f"{' '.join(key)} 与第 {first} 行重复",
                )

    def refuse(self) -> None:
        """Raise InvalidInput naming every faulty row (the first ones in words), if there is one."""
        if not self.faults:
            return
        more = len(self.faults) - SHOWN_FAULTS
        en = [en for en, _ in self.faults[:SHOWN_FAULTS]]
        zh = [zh for _, zh in self.faults[:SHOWN_FAULTS]]
        if more > 0:
            en.append(f"and {more} more")
            zh.append(f"另有 {more} 处")
        raise InvalidInput("; ".join(en), "；".join(zh), where=self.where, faults=self.faults)


@dataclass
class Row:
    """One row; asking for a value that it does not hold properly is a fault of the row."""

    table: Table
    number: int
    values: dict[str, str]

    def fault(self, en: str, zh: str) -> None:
        """Something is wrong with this row."""
        self.table.faults.append((f"row {self.number}: {en}", f"第 {self.number} 行：{zh}"))

    def heading(self, name: str) -> str:
        """What a column is called in Chinese."""
        return self.table.columns.get(name, name)

    def text(self, name: str, default: str = "") -> str:
        """The text of a column, trimmed."""
        return self.values.get(name) or default

    def number_of(self, name: str, *, above: float = -math.inf) -> float | None:
        """The number in a column; None where it is empty."""
        words = self.text(name)
        if not words:
            return None
        try:
            value = float(words)
        except ValueError:
            value = math.nan
        if not (value > above and math.isfinite(value)):
            limit = f" above {above:g}" if above > -math.inf else ""
            self.fault(
                f"{name} {words!r} is no number{limit}",
                f"{self.heading(name)} {words!r} 不是有效数值",
            )
            return None
        return value

    def flag(self, name: str, default: bool) -> bool:
        """Yes or no, in English or Chinese."""
        words = self.text(name).lower()
        if name not in self.values or not words:
            return default
        if words not in _YES | _NO:
            self.fault(
                f"{name} {words!r} is neither yes nor no",
                f"{self.heading(name)} {words!r} 不是 是/否",
            )
        return words in _YES

    def day(self, name: str) -> date | None:
        """A day, ``2026-10-01``, ``2026/10/1`` or as a spreadsheet writes it; None where empty."""
        words = self.text(name)
        if not words:
            return None
        parts = words.split()[0].split("T")[0].replace("/", "-").replace(".", "-").split("-")
        try:
            year, month, day = (int(part) for part in parts)
            return date(year, month, day)
        except ValueError:
            self.fault(f"{name} {words!r} is no day such as 2026-10-01",
                       f"{self.heading(name)} {words!r} 不是日期（如 2026-10-01）")  # fmt: skip
            return None

    def choice(self, name: str, choices: Mapping[str, str], default: str = "") -> str:
        """One of our words; ``choices`` maps every accepted word to ours."""
        words = self.text(name, default)
        found = choices.get(words) or choices.get(words.lower())
        if found is None:
            self.fault(
                f"{name} {words!r} is none of {', '.join(choices)}",
                f"{self.heading(name)} {words!r} 应为：{'、'.join(choices)}",
            )
            return ""
        return found

    def among(self, name: str, known: Mapping[str, int], en: str, zh: str) -> int | None:
        """The id of what a column names; None where it is empty, a fault where nobody knows it."""
        words = self.text(name)
        if words and words not in known:
            self.fault(f"unknown {en} {words!r}", f"未知{zh} {words!r}")
        return known.get(words) if words else None


def _words(value: Any) -> str:
    return "" if value is None else str(value).strip()


def upsert(
    session: Session,
    model: Any,
    rows: list[dict[str, Any]],
    keys: Sequence[str],
    *,
    update: Iterable[str],
) -> int:
    """Insert rows (all with the same columns) or update the ``update`` columns of those whose key
    is there; the number of rows added or changed."""
    table = model.__table__
    columns = [name for name in update if name not in keys]
    changed = 0
    for start in range(0, len(rows), _BATCH):
        statement = insert(model).values(rows[start : start + _BATCH])
        if columns:
            excluded = [statement.excluded[name] for name in columns]
            statement = statement.on_conflict_do_update(
                index_elements=list(keys),
                set_=dict(zip(columns, excluded, strict=True)),
                where=func.row(*(table.c[name] for name in columns)).is_distinct_from(
                    func.row(*excluded)
                ),
            )
        else:
            statement = statement.on_conflict_do_nothing(index_elements=list(keys))
        changed += len(session.execute(statement.returning(literal_column("1"))).all())
    return changed


def counted(read: int, loaded: int) -> dict[str, int]:
    """What every load answers."""
    return {"read": read, "loaded": loaded, "already": read - loaded, "rejected": 0}
