"""What stands and happens in the communities of a demo district, planned from its seed.

Everything follows :func:`gis_service.demo.quality.community_quality`: where it is high, posts are
staffed, more is held, opinions are answered and residents are satisfied.
"""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from gis_service.demo.noise import stream
from gis_service.demo.promises import GIVEN, SURNAMES
from gis_service.demo.quality import community_quality

ACTIVITIES = {"full": 600, "small": 120}
STATIONS = 8
SHARE_VACANT, SHARE_NONE = 0.08, 0.05
BACK_DAYS, AHEAD_DAYS = 200, 30
ANSWERS = 18  # of a community in a round, on average
DUTIES = ("sanitation", "frontage", "signs", "fumes", "rubble", "orders", "publicity", "greening")
OFFICE = [{"weekdays": [1, 2, 3, 4, 5], "from": "08:30", "to": "12:00"},
          {"weekdays": [1, 2, 3, 4, 5], "from": "14:30", "to": "17:30"}]  # fmt: skip
EVERY_DAY = [{"weekdays": [1, 2, 3, 4, 5, 6, 7], "from": "08:00", "to": "21:00"}]

Generator = np.random.Generator
Row = dict[str, Any]


@lru_cache
def life() -> dict[str, Any]:
    """Titles, words and questions, from ``data/community_life.toml``."""
    path = Path(__file__).parent / "data" / "community_life.toml"
    return tomllib.loads(path.read_text(encoding="utf-8"))


@dataclass
class CommunityPlan:
    """Rows by community code; times are aware, days are dates."""

    posts: list[Row] = field(default_factory=list)
    without_post: list[str] = field(default_factory=list)
    vacant: list[str] = field(default_factory=list)
    stations: list[Row] = field(default_factory=list)
    members: list[Row] = field(default_factory=list)
    activities: list[Row] = field(default_factory=list)
    responses: list[Row] = field(default_factory=list)
    rounds: list[Row] = field(default_factory=list)
    quality: dict[str, float] = field(default_factory=dict)


def plan_communities(
    seed: int, scale: str, names: dict[str, str], units: Sequence[str], as_of: datetime
) -> CommunityPlan:
    """The plan for communities (``names``: code → name) and units (codes); equal arguments give
    equal plans."""
    codes = sorted(names)
    plan = CommunityPlan(quality=community_quality(seed, codes))
    rng = stream(seed, "communities")
    _posts(plan, rng, codes, names, as_of.date())
    _stations(plan, rng, codes, names, as_of)
    _members(plan, rng, codes, units, as_of.date())
    _activities(plan, rng, codes, units, ACTIVITIES[scale], as_of)
    _surveys(plan, rng, codes, as_of)
    return plan


def person(rng: Generator) -> str:
    """A made-up name."""
    one, other = rng.integers(len(GIVEN), size=2)
    return SURNAMES[int(rng.integers(len(SURNAMES)))] + GIVEN[one] + GIVEN[other]


def phone(rng: Generator) -> str:
    """A number that nobody has."""
    return f"0595-0000{int(rng.integers(1000)):03d}"


def _posts(
    plan: CommunityPlan, rng: Generator, codes: list[str], names: dict[str, str], today: date
) -> None:
    """The communities of least quality lack their posts, the next ones have vacant ones."""
    worst = sorted(codes, key=lambda code: plan.quality[code])
    none = max(1, round(SHARE_NONE * len(codes)))
    vacant = max(1, round(SHARE_VACANT * len(codes)))
    plan.without_post, plan.vacant = sorted(worst[:none]), sorted(worst[none : none + vacant])
    for code in codes:
        empty = code in plan.vacant
        contact, number, shown = person(rng), phone(rng), rng.random()
        since = today - timedelta(days=int(rng.integers(20, 220)))
        duties = sorted(rng.choice(DUTIES, int(rng.integers(4, len(DUTIES))), replace=False))
        if code in plan.without_post:
            continue
        plan.posts.append(
            {
                "community": code, "contact": None if empty else contact, "phone": number,
                "title": "" if empty else "城市管理服务岗专员", "duties": [str(d) for d in duties],
                "opening": OFFICE, "window": f"{names[code]}党群服务中心一楼城管窗口",
                "established_on": today - timedelta(days=230), "since": since,
                # a photo is what most often lacks
                "photo": not empty and shown < 0.55 + 0.45 * plan.quality[code],
            }
        )  # fmt: skip


def _stations(
    plan: CommunityPlan, rng: Generator, codes: list[str], names: dict[str, str], as_of: datetime
) -> None:
    chosen = rng.permutation(codes)[: min(STATIONS, len(codes))].tolist()
    for number, code in enumerate(sorted(chosen), start=1):
        services = ["on_site", "mediation", "enforcement", "rest"][: int(rng.integers(2, 5))]
        shifts = [
            {
                "starts_at": as_of + timedelta(days=day, hours=hour), "hours": 6,
                "person": person(rng),
            }
            for day in range(-7, 14) for hour in (8, 14)
        ]  # fmt: skip
        subjects = life()["mediations"]["subjects"]
        mediations = [
            {
                "held_at": as_of - timedelta(days=int(rng.integers(1, BACK_DAYS)), hours=-10),
                "subject": str(rng.choice(subjects)), "mediator": person(rng),
                "outcome": str(rng.choice(["agreed", "agreed", "partly", "failed", "referred"])),
                "parties": f"{person(rng)}、{person(rng)}",
            }
            for _ in range(int(rng.integers(2, 8)))
        ]  # fmt: skip
        plan.stations.append(
            {
                "code": f"YZ{number:02d}", "name": f"{names[code].removesuffix('社区')}城管驿站",
                "community": code, "phone": phone(rng), "services": services,
                "opening": EVERY_DAY, "opened_on": as_of.date() - timedelta(days=400),
                "shifts": shifts, "mediations": mediations,
            }
        )  # fmt: skip


def _members(
    plan: CommunityPlan, rng: Generator, codes: list[str], units: Sequence[str], today: date
) -> None:
    """A branch per unit; most members have registered with a community."""
    likely = np.array([0.3 + plan.quality[code] for code in codes])
    likely /= likely.sum()
    for number in range(12 * min(len(units), 8)):
        registered = rng.random() < 0.85
        community = str(rng.choice(codes, p=likely))
        day = today - timedelta(days=int(rng.integers(30, 200)))
        plan.members.append(
            {
                "code": f"DY{number + 1:04d}", "unit": units[number % min(len(units), 8)],
                "name": person(rng), "community": community if registered else None,
                "registered_on": day if registered else None,
            }
        )  # fmt: skip


def _activities(
    plan: CommunityPlan,
    rng: Generator,
    codes: list[str],
    units: Sequence[str],
    count: int,
    as_of: datetime,
) -> None:
    words = life()
    kinds = list(words["weights"])
    chance = np.array([words["weights"][kind] for kind in kinds], dtype=float)
    chance /= chance.sum()
    likely = np.array([0.3 + 1.4 * plan.quality[code] for code in codes])
    likely /= likely.sum()
    by_community: dict[str, list[str]] = {}
    for one in plan.members:
        by_community.setdefault(one["community"] or "", []).append(one["code"])
    seen: set[tuple[Any, ...]] = set()
    while len(plan.activities) < count:
        kind = str(rng.choice(kinds, p=chance))
        code = str(rng.choice(codes, p=likely))
        day = int(rng.integers(-BACK_DAYS, AHEAD_DAYS))
        hour = int(rng.choice([9, 10, 15, 16, 19]))
        starts = datetime.combine(as_of.date() + timedelta(days=day), time(hour), as_of.tzinfo)
        title = str(rng.choice(words["titles"][kind]))
        made = _activity(plan, rng, words, kind, title, code, starts, as_of, units)
        own = by_community.get(code, [])
        if made["state"] == "done" and kind in ("party_day", "volunteering") and own:
            made["members"] = sorted(rng.choice(own, min(len(own), 4), replace=False).tolist())
        key = (code, kind, starts, title)
        if key not in seen:
            seen.add(key)
            plan.activities.append(made)
    plan.activities.sort(key=lambda one: (one["starts_at"], one["community"], one["title"]))


def _activity(
    plan: CommunityPlan,
    rng: Generator,
    words: dict[str, Any],
    kind: str,
    title: str,
    code: str,
    starts: datetime,
    as_of: datetime,
    units: Sequence[str],
) -> Row:
    quality = plan.quality[code]
    past = starts < as_of
    # what happened and nobody recorded
    state = "planned" if not past else "done" if rng.random() < 0.8 + 0.2 * quality else "planned"
    done = state == "done"
    if past and rng.random() < 0.03:
        state, done = "cancelled", False
    publicity = kind in ("legal_publicity", "topic_publicity", "waste_sorting")

    def counted(low: int, high: int, known: float = 0.85) -> int | None:
        value, told = int(rng.integers(low, high)), rng.random() < known
        return value if done and told else None

    households = counted(8, 60)
    residents, staff = counted(10, 90), counted(2, 9, 0.95)
    volunteers, pledges = counted(3, 25), counted(10, 80)
    booklets, boards = counted(30, 200), counted(1, 6)
    opinions = []
    for _ in range(int(rng.integers(0, 3)) if done and rng.random() < 0.35 else 0):
        answered = rng.random() < 0.45 + 0.5 * quality
        opinions.append(
            {
                "words": str(rng.choice(words["opinions"]["words"])),
                "answer": str(rng.choice(words["opinions"]["answers"])) if answered else None,
                "adopted": bool(rng.random() < 0.35 + 0.4 * quality) if answered else None,
                "name": person(rng), "phone": phone(rng),
            }
        )  # fmt: skip
    reported = done and rng.random() < 0.08 + 0.15 * quality
    signups = kind in ("volunteering", "hand_in_hand", "experience_day") and not past
    return {
        "kind": kind, "title": title, "community": code, "state": state, "starts_at": starts,
        "ends_at": starts + timedelta(hours=2), "unit": str(rng.choice(units)),
        "place": str(rng.choice(words["places"]["names"])), "staff": staff,
        "households": households if publicity else None, "residents": residents,
        "volunteers": volunteers if kind == "volunteering" else None,
        "pledges": pledges if kind == "waste_sorting" else None,
        **_quiz(title, residents, quality),
        "materials": [
            {"item": "宣传图册", "count": booklets}, {"item": "宣传展板", "count": boards},
        ] if publicity and done else [],
        "media": [{"outlet": str(rng.choice(words["media"]["outlets"])), "title": title, "url": "",
                   "on": (starts + timedelta(days=1)).date().isoformat()}] if reported else [],
        "signup_limit": 30 if signups else None,
        "signups": [{"name": person(rng), "phone": phone(rng), "people": int(rng.integers(1, 3))}
                    for _ in range(int(rng.integers(0, 7)))] if signups else [],
        "opinions": opinions, "offset": rng.normal(0, 60, 2).tolist(), "members": [],
    }  # fmt: skip


def _quiz(title: str, residents: int | None, quality: float) -> dict[str, int]:
    """Where people were quizzed: two of three took it, more passed where more is done."""
    if residents is None or "问答" not in title:
        return {}
    quizzed = round(residents * 2 / 3)
    return {"quizzed": quizzed, "passed": round(quizzed * (0.55 + 0.35 * quality))}


def _surveys(plan: CommunityPlan, rng: Generator, codes: list[str], as_of: datetime) -> None:
    """Three rounds: satisfaction, knowledge of waste sorting, satisfaction again, still open. The
    two communities that answered least have too few answers to claim anything."""
    today = as_of.date()
    for survey, code, name, name_en, opens, closes in (
        ("MYD", "MYD-1", "第一轮满意度", "Satisfaction, round 1", -160, -145),
        ("LJFL", "LJFL-1", "垃圾分类知识", "Waste sorting", -95, -80),
        ("MYD", "MYD-2", "第二轮满意度", "Satisfaction, round 2", -25, 30),
    ):
        first, last = today + timedelta(days=opens), today + timedelta(days=closes)
        plan.rounds.append({"survey": survey, "code": code, "name": name, "name_en": name_en,
                            "opens_on": first, "closes_on": last})  # fmt: skip
        few = set(rng.choice(codes, min(2, len(codes) - 1), replace=False).tolist())
        days = min((last - first).days, -opens)
        for community in codes:
            count = int(rng.integers(3, 7)) if community in few else int(rng.poisson(ANSWERS))
            for _ in range(count):
                at = datetime.combine(
                    first + timedelta(days=int(rng.integers(days))), time(int(rng.integers(8, 20))),
                    as_of.tzinfo,
                )  # fmt: skip
                plan.responses.append(
                    _response(rng, survey, code, community, at, plan.quality[community])
                )


def _response(
    rng: Generator, survey: str, round_: str, community: str, at: datetime, quality: float
) -> Row:
    wishes = life()["opinions"]["words"]
    wish = str(rng.choice(wishes)) if rng.random() < 0.08 else None
    if survey == "LJFL":
        right = 0.45 + 0.45 * quality
        answers: Row = {
            "battery": "harmful" if rng.random() < right else "other",
            "bone": "kitchen" if rng.random() < right + 0.05 else "other",
            "sorts": bool(rng.random() < 0.4 + 0.5 * quality),
        }
    else:
        satisfied = 0.35 + 0.6 * quality
        low = int(rng.choice([1, 2, 3], p=[0.1, 0.25, 0.65]))
        overall = int(rng.choice([4, 5], p=[0.6, 0.4])) if rng.random() < satisfied else low
        answers = {
            "overall": overall, "known": bool(rng.random() < 0.3 + 0.6 * quality),
            "worst": str(rng.choice(["fumes", "stalls", "parking", "waste", "building"])),
        }  # fmt: skip
        if rng.random() < 0.6:
            answers["speed"] = int(np.clip(overall + rng.integers(-1, 2), 1, 5))
    if wish:
        answers["wish"] = wish
    qr = survey != "LJFL" and rng.random() < 0.6
    return {
        "round": round_, "community": community, "at": at, "channel": "qr" if qr else "staff",
        "answers": answers, "name": person(rng) if survey == "LJFL" else None,
    }  # fmt: skip
