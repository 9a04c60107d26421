"""What stands and happens in each community, in one row; and of one community, what everybody may
know."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from gis_service.communities import activities, posts, queries, stations
from gis_service.communities.activity_queries import (
    ActivityFilter,
    count_activities,
    list_activities,
)
from gis_service.communities.changes import today_of
from gis_service.communities.results import satisfaction_told
from gis_service.communities.scope import Place
from gis_service.communities.survey_queries import list_rounds, satisfaction
from gis_service.incidents.models import IS_OPEN
from gis_service.settings import Settings

DAYS = 90
COMING_DAYS = 60

_ORDERS = text(f"""
    SELECT community_id, count(*) AS orders, count(*) FILTER (WHERE {IS_OPEN}) AS open
    FROM incident WHERE is_order AND reported_at >= :since AND community_id IS NOT NULL
    GROUP BY community_id
""")
_OPINIONS = text("""
    SELECT community_id, count(*) AS opinions,
           count(*) FILTER (WHERE answer IS NOT NULL OR incident_id IS NOT NULL) AS answered,
           count(*) FILTER (WHERE adopted) AS adopted
    FROM opinion WHERE said_at >= :since GROUP BY community_id
""")
_MEMBERS = text("""
    SELECT community_id, count(*) AS members FROM party_member
    WHERE active AND community_id IS NOT NULL GROUP BY community_id
""")


_BRANCHES = text("""
    SELECT community_id, count(*) AS branches FROM party_branch
    WHERE active AND community_id IS NOT NULL GROUP BY community_id
""")


def overview(
    session: Session,
    settings: Settings,
    scope: list[int] | None,
    street: str | None,
    metric_crs: str | None,
) -> list[dict[str, Any]]:
    """Every community in force: its post and what that lacks, stations, activities and households
    visited in the last 90 days, orders, opinions, party branches and members registered,
    satisfaction, buildings within walking distance of a station. Counts come with what they are
    counts of."""
    today = today_of(settings)
    since = datetime.now(UTC) - timedelta(days=DAYS)
    minimum = settings.survey_minimum
    by_area = {
        name: {row.community_id: row for row in session.execute(query, {"since": since})}
        for name, query in (
            ("orders", _ORDERS),
            ("opinions", _OPINIONS),
            ("members", _MEMBERS),
            ("branches", _BRANCHES),
        )
    }
    held: dict[str, list[dict[str, Any]]] = {}
    wanted = ActivityFilter(since=since, until=datetime.now(UTC))
    for row in count_activities(session, wanted, "community"):
        held.setdefault(row["community"], []).append(row)
    asked = {row["community"]: row for row in satisfaction(session)}
    near = stations.walking_coverage(session, metric_crs, settings.walking_m, today)["items"]
    reach = {row["community"]["code"]: row for row in near if row["community"]}
    counted: dict[str, int] = {}
    for row in queries.list_stations(session, today, open_=True):
        counted[row["community_code"]] = counted.get(row["community_code"], 0) + 1
    out = []
    for row in queries.list_posts(session, scope, street=street):
        code, area = row["community_code"], row["area_id"]
        post = posts.present(row, settings, internal=True)
        kinds = held.get(code, [])
        orders, said = by_area["orders"].get(area), by_area["opinions"].get(area)
        members, branches = by_area["members"].get(area), by_area["branches"].get(area)
        out.append(
            {
                "community": post["community"], "street": post["street"],
                "post": {name: post[name] for name in ("state", "gaps", "contact", "since")},
                "stations": counted.get(code, 0),
                "activities": {
                    "done": sum(one["done"] for one in kinds),
                    "kinds": sum(one["done"] > 0 for one in kinds),
                    "households": _sum(kinds, "households"),
                    "households_of": sum(one["households_of"] for one in kinds),
                },
                "orders": {"count": orders.orders, "open": orders.open} if orders
                else {"count": 0, "open": 0},
                "opinions": {"count": said.opinions, "answered": said.answered,
                             "adopted": said.adopted} if said
                else {"count": 0, "answered": 0, "adopted": 0},
                "members": members.members if members else 0,
                "branches": branches.branches if branches else 0,
                "satisfaction": satisfaction_told(asked[code], minimum) if code in asked else None,
                "reach": {name: reach[code][name] for name in ("buildings", "covered", "share")}
                if code in reach else None,
            }
        )  # fmt: skip
    return out


def _sum(rows: list[dict[str, Any]], name: str) -> int | None:
    """The sum of what was counted; None where nobody counted."""
    known = [int(row[name]) for row in rows if row[name] is not None]
    return sum(known) if known else None


def notice(session: Session, settings: Settings, place: Place) -> dict[str, Any]:
    """What everybody may know of a community: the post as published, stations, coming activities,
    open surveys, what was done in the last 90 days, and satisfaction where enough answered."""
    now = datetime.now(UTC)
    today = today_of(settings)
    (post,) = queries.list_posts(session, None, community=place.code)
    here = queries.list_stations(session, today, community=place.code, open_=True)
    coming = list_activities(
        session,
        ActivityFilter(
            community=place.code, since=now - timedelta(hours=6), state="planned", public=True,
            until=now + timedelta(days=COMING_DAYS),
        ),
        ascending=True, limit=20,
    )  # fmt: skip
    wanted = ActivityFilter(
        community=place.code, since=now - timedelta(days=DAYS), until=now, public=True
    )
    done = count_activities(session, wanted)
    asked = satisfaction(session, community=place.code)
    rounds = [row for row in list_rounds(session, open_=today) if row["public"]]
    return {
        "community": {"code": place.code, "name": place.name}, "street": place.street,
        "bbox": place.bbox, "days": DAYS,
        "post": posts.present(post, settings, internal=False),
        "stations": [stations.present(row, settings, internal=False) for row in here],
        "coming": [activities.present(row, settings, now, internal=False) for row in coming],
        "done": {
            "activities": sum(row["done"] for row in done),
            **{name: {"sum": _sum(done, name), "of": sum(row[f"{name}_of"] for row in done)}
               for name in ("residents", "households", "pledges")},
        },
        "satisfaction": satisfaction_told(asked[0], settings.survey_minimum) if asked else None,
        "surveys": [
            {name: row[name] for name in ("code", "name", "name_en", "title", "title_en",
                                          "closes_on")}
            for row in rounds
        ],
    }  # fmt: skip
