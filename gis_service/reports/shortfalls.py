"""What is owed and missing, and who puts it right until when, as the review tells it."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import text

from gis_service.planning.progress.queries import list_items, list_rectifications
from gis_service.reports.document import Cell, Line, Section, Table

if TYPE_CHECKING:
    from gis_service.reports.review import Review

MOST_LISTED = 60


def shortfalls(review: Review) -> Section:
    """What is missing by the review's day, and the rectification list as it was then."""
    section = Section(review.say("shortfalls"))
    day = review.day
    items = list_items(review.session, review.zone.key, day, state="missing")
    listed = list_rectifications(
        review.session, day, behind=review.midnight(day + timedelta(days=1))
    )
    if not items and not listed:
        section.lines.append([review.say("no_shortfalls")])
        return section
    section.lines.append(
        review.line(
            "shortfall_line",
            missing=Cell(f"{len(items):,}", review.of_plan(state="missing")),
            open=Cell(f"{sum(row['closed_on'] is None for row in listed):,}",
                      review.of_plan(rectifications="open")),
            late=Cell(f"{sum(row['late'] for row in listed):,}",
                      review.of_plan(rectifications="late")),
        )
    )  # fmt: skip
    tasks: dict[str, list[dict[str, Any]]] = {}
    for item in items:
        tasks.setdefault(item["task"], []).append(item)
    if tasks:
        section.tables.append(_missing(review, tasks))
    if listed:
        section.tables.append(_rectifications(review, listed[:MOST_LISTED]))
    if len(listed) > MOST_LISTED:
        whole = Cell(f"{len(listed):,}", review.of_plan(rectifications="all"))
        section.lines.append(review.line("rectifications_cut", n=MOST_LISTED, of=whole))
    return section


def _missing(review: Review, tasks: dict[str, list[dict[str, Any]]]) -> Table:
    units = {
        row.code: {"name": row.name, "name_en": row.name_en}
        for row in review.session.execute(text("SELECT code, name, name_en FROM unit"))
    }
    comma = review.say("comma")
    rows: list[Line] = [
        [
            Cell(f"{code} {review.name(own[0])}", review.of_plan(task=code)),
            f"{own[0]['due_on']}",
            comma.join(review.name(units[unit]) for unit in own[0]["units"]),
            Cell(f"{len(own)}", review.of_plan(task=code, state="missing")),
        ]
        for code, own in tasks.items()
    ]
    head = [review.say(f"head_{one}") for one in ("task", "due", "unit", "places")]
    return Table(review.say("shortfall_table"), head, rows)


def _rectifications(review: Review, listed: list[dict[str, Any]]) -> Table:
    rows = [
        [
            Cell(row["problem"], review.of_plan(task=row["task"], rectifications="all")),
            row["unit_name"] if review.locale == "zh" else row["unit_name_en"],
            f"{row['deadline']}",
            row["result"] if row["closed_on"] else review.say("open_still"),
        ]
        for row in listed
    ]
    head = [review.say(f"head_{one}") for one in ("problem", "unit", "deadline", "result")]
    return Table(review.say("rectification_table"), head, rows)
