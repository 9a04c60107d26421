"""A document before it is written: sections of sentences, tables and pictures. Every figure may
carry the address of the list behind it; the writers (DOCX, HTML) know nothing of what it says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Cell:
    """Text, and the address (a path of this service) of the list behind it."""

    text: str
    href: str | None = None


Line = Sequence[Cell | str]


@dataclass(frozen=True)
class Table:
    """``rows`` under ``head``; ``title`` stands above."""

    title: str
    head: Sequence[str]
    rows: Sequence[Line]


@dataclass(frozen=True)
class Picture:
    """A PNG, what it shows, and below it the numbers that it draws."""

    caption: Line
    png: bytes
    numbers: Line = ()

    @property
    def alt(self) -> str:
        """The caption's words, for those who do not see the picture."""
        return "".join(cell(part).text for part in self.caption)


@dataclass
class Section:
    """What stands under one heading, in this order: sentences, pictures, tables."""

    title: str
    lines: list[Line] = field(default_factory=list)
    pictures: list[Picture] = field(default_factory=list)
    tables: list[Table] = field(default_factory=list)


@dataclass(frozen=True)
class Document:
    """``notes`` stand below the title: for what period, from which data, whether illustrative."""

    title: str
    notes: Sequence[str]
    sections: Sequence[Section]
    language: str


def cell(value: Cell | str) -> Cell:
    """A part of a line as a cell."""
    return value if isinstance(value, Cell) else Cell(value)
