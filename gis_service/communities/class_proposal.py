"""Which class words are probably about: an opinion becomes an incident with one click."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from importlib import resources
from typing import Any

from gis_service.reference.classes import DEFAULT_SCHEME

LEAST_SHARE = 0.6  # of what a class is called has to occur
_HAN = re.compile(r"[\u3400-\u9fff]+")
_WORD = re.compile(r"[a-z]{3,}")


def pieces(text: str) -> frozenset[str]:
    """Pairs of neighbouring Chinese characters, and words of other letters."""
    pairs = {run[at : at + 2] for run in _HAN.findall(text) for at in range(max(1, len(run) - 1))}
    return frozenset(pairs | set(_WORD.findall(text.lower())))


@lru_cache
def _also_called() -> dict[str, list[str]]:
    """Class code → what residents call it (``data/class_words.csv``)."""
    source = resources.files(__package__).joinpath("data", "class_words.csv")
    out: dict[str, list[str]] = {}
    for row in csv.DictReader(source.read_text("utf-8").splitlines()):
        out.setdefault(row["class"], []).append(row["word"])
    return out


class Proposals:
    """Proposes one of ``classes`` (rows with scheme, code, name, name_en) for words; those of the
    default scheme where there are any."""

    def __init__(self, classes: Iterable[Mapping[str, Any]]) -> None:
        rows = list(classes)
        rows = [row for row in rows if row["scheme"] == DEFAULT_SCHEME] or rows
        self._names = [
            (pieces(name), row)
            for row in rows
            for name in (row["name"], row["name_en"], *_also_called().get(row["code"], ()))
            if name
        ]

    def of(self, words: str) -> dict[str, Any] | None:
        """The class of whose name, or of a word for it, the largest share occurs in ``words``, the
        longer name first; None where it is less than ``LEAST_SHARE`` or two are as good."""
        said = pieces(words)
        best: tuple[float, int] = (LEAST_SHARE, 0)
        found: dict[str, Mapping[str, Any]] = {}
        for name, row in self._names:
            rank = (len(name & said) / len(name), len(name)) if name else (0.0, 0)
            if rank > best:
                best, found = rank, {row["code"]: row}
            elif rank == best:
                found[row["code"]] = row
        if len(found) != 1:
            return None
        (row,) = found.values()
        return {"code": row["code"], "name": row["name"], "name_en": row["name_en"]}
