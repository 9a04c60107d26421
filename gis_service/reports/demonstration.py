"""The demonstration communities in the year-end document: who was chosen and why, what changed
there beside similar communities, and what others can take over."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from sqlalchemy.orm import Session

from gis_service.incidents.arrays import Snapshot
from gis_service.patrols.coverage_live import read_patrols
from gis_service.planning.live import read_ground, table_at
from gis_service.planning.queries import list_notes, list_rounds
from gis_service.planning.review import review
from gis_service.planning.rounds import weights_of
from gis_service.reports.document import Cell, Section, Table
from gis_service.settings import Settings

MOST_DAYS, LEAST_DAYS = 180, 14


def demonstration(
    session: Session, settings: Settings, incidents: Snapshot, until: datetime, locale: str,
    say: Callable[..., str],
) -> Section:  # fmt: skip
    """The section; ``until`` ends the time after the last decision (midnight in the district's
    zone). Says so where nothing was decided, or too little time has passed."""
    section = Section(say("demonstration"))
    decided = [
        row for row in list_rounds(session)
        if row["state"] == "decided" and row["decided_at"] < until
    ]  # fmt: skip
    if not decided:
        section.lines.append([say("no_round")])
        return section
    last = decided[0]
    link, at = f"/planning#round={last['id']}", last["decided_at"].astimezone(until.tzinfo)
    section.lines.append(
        [say("round_line"), Cell(last["name"], link), say("round_chosen"),
         Cell(last["approval"] or say("none"), link), say("round_end", day=at.date())]
    )  # fmt: skip
    codes = [one["community"]["code"] for one in last["choices"]]
    rows = [
        [Cell(one["community"]["name"] or one["community"]["code"],
              f"/communities/{one['community']['code']}"), one["reason"]]
        for one in last["choices"]
    ]  # fmt: skip
    head = [say(f"head_{name}") for name in ("community", "reason")]
    section.tables.append(Table(say("chosen_table"), head, rows))
    at = at.replace(hour=0, minute=0, second=0, microsecond=0)
    length = min(until - at, timedelta(days=MOST_DAYS))
    if length < timedelta(days=LEAST_DAYS):
        section.lines.append([say("too_early", days=LEAST_DAYS)])
    else:
        ground, patrols = read_ground(session, settings), read_patrols(session, settings)
        before, after = (
            table_at(session, ground, incidents, patrols, settings, since, since + length)
            for since in (at - length, at)
        )
        known = {one.code for one in before.communities}
        found = review(
            before, after, [code for code in codes if code in known],
            weights_of(session, last["id"]),
        )  # fmt: skip
        section.lines += [[one[locale]] for one in found["warnings"]]
        names = "、".join(one["name"] for one in found["controls"])
        section.lines.append([say("compared_with", names=names)])
        asked = [*(("community", code) for code in codes), ("at", at.date()), ("days", length.days)]
        link = f"/planning?{urlencode(asked)}#review"
        section.tables.append(_changes(found, locale, say, link))
    section.lines += [
        [f"{one['community']['name']} · {one['title']}：{one['body']}"]
        for one in list_notes(session, None)
        if one["community"]["code"] in codes
    ]
    return section


def _changes(found: dict[str, Any], locale: str, say: Callable[..., str], link: str) -> Table:
    def pair(ends: dict[str, Any]) -> str:
        return " → ".join(
            say("none") if ends[name] is None else f"{ends[name]:.1f}"
            for name in ("before", "after")
        )

    def change(one: dict[str, Any]) -> str:
        if one["estimate"] is None:
            return say("none")
        told = f"{one['low']:+.1f}, {one['high']:+.1f}" if one["low"] is not None else say("none")
        return f"{one['estimate']:+.1f} [{told}]"

    rows = [
        [
            f"{one['title'][locale]} {one['unit'][locale]}"
            + ("" if one["weighed"] else f" {say('weighed_nothing')}"),
            *(Cell(told, link) for told in (
                pair(one["treated"]), pair(one["others"]), change(one),
                say("none") if one["p"] is None else f"{one['p']:.3f}",
            )),
            one["words"][locale],
        ]
        for one in found["indicators"]
    ]  # fmt: skip
    names = ("indicator", "chosen", "others", "change", "p", "finding")
    return Table(say("change_table"), [say(f"head_{name}") for name in names], rows)
