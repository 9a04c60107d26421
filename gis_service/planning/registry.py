"""The indicators as data: what each means, its unit, direction, denominator and minimum sample."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

from gis_service.analysis.shrinkage import Kind

GROUPS = {"base": ("基础条件", "Base conditions"), "performance": ("工作成效", "Performance")}
_FILE = Path(__file__).parent / "data" / "indicators.toml"


@dataclass(frozen=True)
class Indicator:
    """One indicator. ``title, unit, of`` are words by language; ``list`` is the address of what
    stands behind it, with places for the community and the period; ``own``: from a table."""

    id: str
    group: Literal["base", "performance"]
    kind: Kind
    unit: dict[str, str]
    rising: bool
    weight: float
    least: int
    title: dict[str, str]
    of: dict[str, str]
    list: str = ""
    own: bool = False

    def told(self) -> dict[str, Any]:
        """As the API answers it."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__}


def _words(value: Any) -> dict[str, str]:
    return value if isinstance(value, dict) else {"zh": value, "en": value}


@lru_cache
def built_in() -> tuple[Indicator, ...]:
    """The indicators that come with the service, in the file's order."""
    rows = tomllib.loads(_FILE.read_text(encoding="utf-8"))["indicator"]
    return tuple(Indicator(**{**row, "unit": _words(row["unit"])}) for row in rows)
