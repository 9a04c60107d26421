"""The demonstration communities in the year-end document: who was chosen and why, what changed
there beside similar communities, and what others can take over."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from gis_service.patrols.coverage_live import read_patrols
from gis_service.planning.live import read_ground, table_at
from gis_service.planning.queries import list_notes, list_rounds
from gis_service.planning.review import review as changes_between
from gis_service.planning.rounds import weights_of
from gis_service.reports.document import Cell, Section, Table

if TYPE_CHECKING:
    from gis_service.reports.review import Review

MOST_DAYS, LEAST_DAYS = 180, 14


def demonstration(review: Review) -> Section:
    """The section. Says so where nothing was decided, or too little time has passed."""
    section = Section(review.say("demonstration"))
    # whole days only, as the page behind these figures looks at them
    until = review.midnight(min(review.behind, review.today))
    decided = [
        row for row in list_rounds(review.session)
        if row["state"] == "decided" and row["decided_at"] < until
    ]  # fmt: skip
    if not decided:
        section.lines.append([review.say("no_round")])
        return section
    last = decided[0]
    link, at = f"/planning#round={last['id']}", last["decided_at"].astimezone(until.tzinfo)
    section.lines.append(
        review.line(
            "round_line", name=Cell(last["name"], link), day=at.date(),
            approval=Cell(last["approval"] or review.say("none"), link),
        )
    )  # fmt: skip
    codes = [one["community"]["code"] for one in last["choices"]]
    rows = [
        [Cell(one["community"]["name"] or one["community"]["code"],
              f"/communities/{one['community']['code']}"), one["reason"]]
        for one in last["choices"]
    ]  # fmt: skip
    head = [review.say(f"head_{name}") for name in ("community", "reason")]
    section.tables.append(Table(review.say("chosen_table"), head, rows))
    at = at.replace(hour=0, minute=0, second=0, microsecond=0)
    length = min(until - at, timedelta(days=MOST_DAYS))
    if length < timedelta(days=LEAST_DAYS):
        section.lines.append([review.say("too_early", days=LEAST_DAYS)])
    else:
        _add_changes(review, section, last["id"], codes, at, length)
    section.lines += [
        [f"{one['community']['name']} · {one['title']}：{one['body']}"]
        for one in list_notes(review.session, None)
        if one["community"]["code"] in codes
    ]
    return section


def _add_changes(
    review: Review, section: Section, round_id: int, codes: list[str], at: datetime,
    length: timedelta,
) -> None:  # fmt: skip
    session, settings = review.session, review.settings
    ground, patrols = read_ground(session, settings), read_patrols(session, settings)
    before, after = (
        table_at(session, ground, review.snapshot, patrols, settings, since, since + length)
        for since in (at - length, at)
    )
    known = {one.code for one in before.communities}
    found = changes_between(
        before, after, [code for code in codes if code in known], weights_of(session, round_id)
    )
    section.lines += [[one[review.locale]] for one in found["warnings"]]
    names = review.say("comma").join(one["name"] for one in found["controls"])
    section.lines.append([review.say("compared_with", names=names)])
    asked = [*(("community", code) for code in codes), ("at", at.date()), ("days", length.days)]
    section.tables.append(_changes(review, found, f"/planning?{urlencode(asked)}#review"))


def _changes(review: Review, found: dict[str, Any], link: str) -> Table:
    say, locale = review.say, review.locale

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
