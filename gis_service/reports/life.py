"""What was done in the communities, as the review tells it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from gis_service.communities.activity_queries import (
    ActivityFilter,
    count_activities,
    count_opinions,
)
from gis_service.communities.queries import list_posts, list_stations
from gis_service.communities.words import words
from gis_service.reports.document import Cell, Section, Table

if TYPE_CHECKING:
    from gis_service.reports.review import Review

SUMS = ("households", "residents")


def _list(of: str, **asked: Any) -> str:
    """The list behind a figure: the page asks the same of the service."""
    return f"/lists?{urlencode({'of': of, **asked})}"


def communities(review: Review) -> Section:
    """Posts, stations, activities and opinions; posts and stations as they are now."""
    section = Section(review.say("communities"))
    session, span = review.session, {"from": review.period.first, "to": review.behind}
    posts = list_posts(session, None, gridded=True)
    filled = sum(row["contact"] is not None for row in posts)
    stations = list_stations(session, review.today, open_=True)
    section.lines.append(
        review.line(
            "posts_line", of=Cell(f"{len(posts):,}", _list("posts", gridded="true")),
            filled=Cell(f"{filled:,}", _list("posts", gridded="true", state="staffed")),
            stations=Cell(f"{len(stations):,}", _list("stations", open="true")),
        )
    )  # fmt: skip
    since, until = review.midnight(review.period.first), review.midnight(review.behind)
    kinds = count_activities(session, ActivityFilter(since=since, until=until, state="done"))
    kinds.sort(key=lambda row: (-row["done"], row["kind"]))
    held = {**span, "state": "done"}
    section.lines.append(
        review.line(
            "activities_line",
            count=Cell(f"{sum(row['done'] for row in kinds):,}", _list("activities", **held)),
            **{
                name: value
                for one in SUMS
                for name, value in (
                    (one, _sum(review, kinds, one, held)),
                    (f"{one}_of", Cell(f"{sum(row[f'{one}_of'] for row in kinds):,}",
                                       _list("activities", **held, counted=one))),
                )
            },
        )
    )  # fmt: skip
    said = count_opinions(session, since, until)
    ways = {
        "n": {}, "heard": {"heard": "true"}, "adopted": {"adopted": "true"},
        **{one: {"origin": one} for one in ("survey", "activity", "post")},
    }  # fmt: skip
    section.lines.append(
        review.line(
            "opinions_line",
            **{name: Cell(f"{said[name]:,}", _list("opinions", **span, **asked))
               for name, asked in ways.items()},
        )
    )  # fmt: skip
    if kinds:
        known = words(review.settings)["activity_kind"]
        rows = [
            [
                known[row["kind"]].called(review.locale) if row["kind"] in known else row["kind"],
                Cell(f"{row['done']:,}", _list("activities", **held, kind=row["kind"])),
                *(_sum(review, [row], one, {**held, "kind": row["kind"]}, told=True)
                  for one in SUMS),
            ]
            for row in kinds
        ]  # fmt: skip
        head = [review.say(f"head_{one}") for one in ("kind", "of", *SUMS)]
        section.tables.append(Table(review.say("activity_table"), head, rows))
    return section


def _sum(
    review: Review, rows: list[dict[str, Any]], name: str, asked: dict[str, Any], *,
    told: bool = False,
) -> Cell:  # fmt: skip
    """A sum, ``told`` with in how many it was counted; what nobody counted is not zero."""
    counted = sum(row[f"{name}_of"] for row in rows)
    if not counted:
        return Cell(review.say("none"))
    value = f"{sum(row[name] or 0 for row in rows):,}"
    return Cell(f"{value} (n={counted:,})" if told else value,
                _list("activities", **asked, counted=name))  # fmt: skip
