"""Experience of a community: what the review proposes to write down, what people made of it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import numpy as np
from sqlalchemy import select
from sqlalchemy.orm import Session

from gis_service.errors import NotFound
from gis_service.hierarchy.models import Area
from gis_service.planning.models import ExperienceNote
from gis_service.planning.profile import row_of, told_value
from gis_service.planning.schemas import ChangedNote, NewNote
from gis_service.planning.table import Column, Table

MOST_UNCLEAR = 5  # changes told that may be chance, the largest first
_HEADS = {
    "clear": ("超出偶然的变化", "Changed by more than chance gives"),
    "unclear": ("数值有变、但未超出偶然，不能断言",
                "Moved, but no more than chance gives, so that nothing is claimed"),
    "silent": ("样本不足或无基线，不作判断", "Too few cases or no baseline, nothing is said of"),
    "how": ("做法与经验（请补充）", "What was done and what others can take over (please write)"),
}  # fmt: skip
_TITLE = ("{day} 以来的变化", "What changed since {day}")
_FOR_ALL = (
    "各示范社区合计净变化 {estimate}（{interval}，p = {p}），{finding}",
    "net change of the chosen together {estimate} ({interval}, p = {p}): {finding}",
)
_INTERVAL = ("90% 区间 {low} 至 {high}", "90 % interval {low} to {high}")
_NO_INTERVAL = ("区间无法给出", "no interval can be told")


def proposals(found: dict[str, Any], before: Table, after: Table) -> list[dict[str, Any]]:
    """Of a review as ``planning.review`` answers it: for each chosen community ``title`` and
    ``body`` by language. What is told as changed is what the review found for the chosen together;
    of a single community only its own figures are told, with how many cases they rest on."""
    return [
        {
            "community": one,
            "title": {
                key: words.format(day=found["at"][:10])
                for key, words in zip(("zh", "en"), _TITLE, strict=True)
            },
            "body": {
                key: _body(found, before, after, one["code"], place)
                for place, key in enumerate(("zh", "en"))
            },
        }
        for one in found["communities"]
    ]


def _body(found: dict[str, Any], before: Table, after: Table, code: str, place: int) -> str:
    lang, stop = ("zh", "；") if place == 0 else ("en", "; ")
    row, then = row_of(before, code), row_of(after, code)
    clear: list[str] = []
    unclear: list[tuple[float, str]] = []
    silent: list[str] = []
    for item in found["indicators"]:
        if not item["weighed"]:
            continue
        one, later = before.column(item["id"]), after.column(item["id"])
        if one is None or later is None or not item["dated"]:
            continue
        if not (one.enough[row] and later.enough[then]):
            silent.append(item["title"][lang])
            continue
        words = _moved(one, later, row, then, lang)
        if item["verdict"] in ("better", "worse"):
            clear.append(words + stop + _together(item, place, lang))
        elif one.figures.value[row] != later.figures.value[then]:
            unclear.append((_size(one, later, row, then), words))
    unclear.sort(key=lambda told: -told[0])
    parts = [
        ("clear", clear),
        ("unclear", [words for _, words in unclear[:MOST_UNCLEAR]]),
        ("silent", [("、" if place == 0 else ", ").join(silent)] if silent else []),
    ]
    lines: list[str] = []
    for name, some in parts:
        if some:
            lines += [f"{_HEADS[name][place]}{'：' if place == 0 else ':'}"]
            lines += [f"- {words}" for words in some]
    return "\n".join([*lines, f"{_HEADS['how'][place]}{'：' if place == 0 else ':'}"])


def _moved(one: Column, later: Column, row: int, then: int, lang: str) -> str:
    title, unit = one.indicator.title[lang], one.indicator.unit[lang]
    old, new = told_value(one.figures.value[row]), told_value(later.figures.value[then])
    words = f"{title} {old} → {new} {unit}".rstrip()
    if one.indicator.kind == "known":
        return words
    cases = f"{int(one.figures.sample[row])} → {int(later.figures.sample[then])}"
    return words + (f"（{cases} 件）" if lang == "zh" else f" ({cases} cases)")


def _together(item: dict[str, Any], place: int, lang: str) -> str:
    interval = (
        _NO_INTERVAL[place]
        if item["low"] is None
        else _INTERVAL[place].format(low=f"{item['low']:+.1f}", high=f"{item['high']:+.1f}")
    )
    return _FOR_ALL[place].format(
        estimate=f"{item['estimate']:+.1f}", interval=interval, p=f"{item['p']:.3f}",
        finding=item["words"][lang],
    )  # fmt: skip


def _size(one: Column, later: Column, row: int, then: int) -> float:
    """How far the figure moved, in standard deviations of the communities."""
    spread = float(np.nanstd(one.figures.value)) or 1.0
    return abs(float(later.figures.value[then] - one.figures.value[row])) / spread


# -- notes that are kept -----------------------------------------------------------------------


def add_note(session: Session, fields: NewNote, actor: str) -> ExperienceNote:
    """Experience of a community. Raises NotFound."""
    area = session.scalar(
        select(Area).where(Area.level == "community", Area.code == fields.community)
    )
    if area is None:
        raise NotFound(
            f"no community {fields.community!r}", f"没有社区 {fields.community!r}",
            where="community",
        )  # fmt: skip
    made = ExperienceNote(
        area_id=area.id, title=fields.title, body=fields.body, created_by=actor,
        proposed=fields.proposed.model_dump(mode="json") if fields.proposed else None,
    )  # fmt: skip
    session.add(made)
    return made


def change_note(session: Session, number: int, fields: ChangedNote, actor: str) -> None:
    """Other words; what the review had proposed stays beside them. Raises NotFound."""
    found = session.get(ExperienceNote, number, with_for_update=True)
    if found is None:
        raise NotFound(f"no note {number}", f"没有经验 {number}", where="note")
    found.title, found.body = fields.title, fields.body
    found.changed_by, found.changed_at = actor, datetime.now(UTC)
