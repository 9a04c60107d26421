"""Which lists can be exported, and what their columns are called: data, not code."""

from __future__ import annotations

import csv
import tomllib
from functools import lru_cache
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from gis_service.maps.registry import Words

HERE = Path(__file__).parent


class Above(BaseModel):
    """The list above one that is kept for each of its items: ``item`` is where in an item of
    ``path`` the code and name stand, ``name`` what the rows and the filter for one call it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    path: str
    name: str
    item: str = ""


class ExportedList(BaseModel):
    """A list of the service as ``lists.toml`` describes it. A geometry is a ``point`` of two
    fields, a ``shape`` of GeoJSON, or the area of the first of ``areas`` (level: field) that a row
    has; all in WGS84, as every answer of the service is. ``rows`` is where the items stand in the
    answer, ``each`` a field that is a list itself, of which every entry makes a row. A route
    without pages answers with ``most`` items at most. One ``of`` the items of another list is asked
    for each of them."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str
    title: Words
    path: str
    permission: str
    columns: tuple[str, ...]
    some: tuple[str, ...] = ()
    left: tuple[str, ...] = ()
    point: tuple[str, str] | None = None
    shape: str | None = None
    areas: dict[str, str] = Field(default_factory=dict)
    rows: str = "items"
    each: str | None = None
    most: int | None = None
    of: Above | None = None

    @property
    def has_geometry(self) -> bool:
        """Whether rows can have one."""
        return bool(self.point or self.shape or self.areas)


@lru_cache
def read_lists() -> dict[str, ExportedList]:
    """Every list of ``lists.toml``, by id."""
    entries: dict[str, Any] = tomllib.loads((HERE / "lists.toml").read_text())
    return {name: ExportedList(id=name, **entry) for name, entry in entries.items()}


@lru_cache
def read_words() -> dict[str, str]:
    """What a column, or a part of its path, is called in Chinese. In English it says it itself."""
    with (HERE / "words.csv").open(newline="") as lines:
        return {row["column"]: row["zh"] for row in csv.DictReader(lines)}


def heading(column: str, locale: str) -> str:
    """The words over a column; what has none (ids of the district's own indicators) as it is."""
    parts = column.split("/")
    if locale == "en":
        return " ".join(part.replace("_", " ") for part in parts if part != "cells")
    words = read_words()
    return "".join(words.get(part, part) for part in parts)


def known_column(column: str) -> bool:
    """Whether every part has words; a star stands for ids that come with the answer."""
    return all(part in read_words() for part in column.split("/") if part != "*")
