"""The word lists of communities: kinds of activities, duties of posts, services of stations, ...

They are data: ``data/words.csv``, or the file that the setting ``community_words`` names, with the
columns ``list, code, name, name_en, part`` (``part`` of the bureau's plan, where one applies).
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from gis_service.errors import ConfigurationError, InvalidInput
from gis_service.settings import Settings

DEFAULT = Path(__file__).parent / "data" / "words.csv"
LISTS = (
    "part", "activity_kind", "post_duty", "station_service", "mediation_outcome", "survey_kind",
    "material", "frontage_item",
)  # fmt: skip


@dataclass(frozen=True)
class Word:
    """A code and what it is called; ``part`` is the part of the plan it belongs to, or empty."""

    code: str
    name: str
    name_en: str
    part: str = ""

    def called(self, locale: str) -> str:
        """Its name in ``zh`` or ``en``."""
        return self.name if locale == "zh" else self.name_en


Words = Mapping[str, Mapping[str, Word]]


def words(settings: Settings) -> Words:
    """Every list by its name, words by their code in the file's order. Raises ConfigurationError
    for a file that lacks a list or a name."""
    path = settings.community_words or DEFAULT
    try:
        changed = path.stat().st_mtime_ns
    except OSError as problem:
        raise ConfigurationError(f"GIS_COMMUNITY_WORDS {path}: {problem.strerror}") from None
    return _read(path, changed)


@lru_cache(maxsize=4)
def _read(path: Path, changed: int) -> Words:
    """``changed`` (time of the last change) makes a changed file another one."""
    out: dict[str, dict[str, Word]] = {name: {} for name in LISTS}
    with path.open(encoding="utf-8-sig", newline="") as file:
        for number, row in enumerate(csv.DictReader(file), start=2):
            facts = {name: (row.get(name) or "").strip() for name in
                     ("list", "code", "name", "name_en", "part")}  # fmt: skip
            kind, code = facts["list"], facts["code"]
            if kind not in out or not code or not facts["name"] or code in out[kind]:
                raise ConfigurationError(
                    f"{path} line {number}: want a known list, a code of its own and a name",
                    f"{path} 第 {number} 行：须有已知的 list、不重复的 code 和 name",
                )
            out[kind][code] = Word(code, facts["name"], facts["name_en"] or facts["name"],
                                   facts["part"])  # fmt: skip
    empty = [name for name, found in out.items() if not found]
    if empty:
        raise ConfigurationError(
            f"{path} has no list {empty[0]!r}", f"{path} 缺少词表 {empty[0]!r}"
        )
    return out


def known(settings: Settings, name: str, code: str, where: str) -> Word:
    """The word of a code. Raises InvalidInput naming what there is."""
    found = words(settings)[name]
    if code not in found:
        there = ", ".join(found)
        raise InvalidInput(
            f"{code!r} is none of {there}",
            f"{code!r} 不在词表中；可用："
            + "、".join(f"{w.code}（{w.name}）" for w in found.values()),
            where=where,
        )
    return found[code]
