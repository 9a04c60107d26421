"""The indicators as data: what each means, its unit, direction, denominator and minimum sample."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal
from urllib.parse import quote

from gis_service.analysis.shrinkage import Kind

GROUPS = {"base": ("基础条件", "Base conditions"), "performance": ("工作成效", "Performance")}
_FILE = Path(__file__).parent / "data" / "indicators.toml"


@dataclass(frozen=True)
class Indicator:
    """One indicator. ``title, unit, of`` are words by language; ``list`` is the address of what
    stands behind it, with places for the community and the period, and ``rows`` which number of
    the cell has as many; ``own``: from a table; ``dated``: known of earlier times, too; ``says``:
    what a numerator/denominator is called."""

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
    rows: Literal["numerator", "denominator", "sample", "one"] = "one"
    dated: bool = True
    says: dict[str, dict[str, str]] = field(default_factory=dict)

    def told(self) -> dict[str, Any]:
        """As the API answers it."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__}


def list_address(code: str) -> str:
    """The address of the list behind an indicator, with places for community and period."""
    return (
        f"/api/planning/behind?indicator={quote(code)}"
        "&community={community}&from={from}&to={to}"
    )


def _words(value: Any) -> dict[str, str]:
    return value if isinstance(value, dict) else {"zh": value, "en": value}


@lru_cache
def built_in() -> tuple[Indicator, ...]:
    """The indicators that come with the service, in the file's order."""
    rows = tomllib.loads(_FILE.read_text(encoding="utf-8"))["indicator"]
    return tuple(
        Indicator(**{**row, "unit": _words(row["unit"]), "list": list_address(row["id"])})
        for row in rows
    )
