"""What the demo plans for its communities follows their quality, and only their seed."""

from __future__ import annotations

from collections import Counter

from gis_service.communities.questions import Question, checked_answers
from gis_service.communities.words import DEFAULT, _read
from gis_service.demo.communities import ACTIVITIES, life, plan_communities
from tests.demo.checks import AS_OF

NAMES = {f"3505020010{number:02d}": f"社区{number}" for number in range(40)}
UNITS = ["HWZX", "ZFDD", "FGK"]


def test_a_plan_is_the_same_every_time() -> None:
    plan, again = (plan_communities(5, "full", NAMES, UNITS, AS_OF) for _ in range(2))
    assert plan == again
    assert plan_communities(6, "full", NAMES, UNITS, AS_OF).vacant != plan.vacant
    assert len(plan.activities) == ACTIVITIES["full"] == 600
    assert len(plan.stations) == 8
    assert len(plan.rounds) == 3
    keys = {(a["community"], a["kind"], a["starts_at"], a["title"]) for a in plan.activities}
    assert len(keys) == 600


def test_it_follows_the_quality_of_the_communities() -> None:
    plan = plan_communities(5, "full", NAMES, UNITS, AS_OF)
    best = {code for code, value in plan.quality.items() if value > 0.8}
    worst = {code for code, value in plan.quality.items() if value < 0.2}
    assert {*plan.without_post, *plan.vacant} <= {c for c, q in plan.quality.items() if q < 0.25}
    held = Counter(one["community"] for one in plan.activities)
    assert sum(held[code] for code in best) > 1.5 * sum(held[code] for code in worst)

    def satisfied(codes: set[str]) -> float:
        given = [one["answers"]["overall"] for one in plan.responses
                 if one["community"] in codes and "overall" in one["answers"]]  # fmt: skip
        return sum(value >= 4 for value in given) / len(given)

    assert satisfied(best) > satisfied(worst) + 0.25


def test_some_communities_answered_too_little() -> None:
    plan = plan_communities(5, "small", dict(list(NAMES.items())[:6]), UNITS, AS_OF)
    counts = Counter((one["round"], one["community"]) for one in plan.responses)
    assert min(counts.values()) < 10 <= max(counts.values())


def test_what_was_not_counted_is_none_and_what_is_ahead_did_not_happen() -> None:
    plan = plan_communities(5, "full", NAMES, UNITS, AS_OF)
    done = [one for one in plan.activities if one["state"] == "done"]
    assert any(one["residents"] is None for one in done)
    assert all(one["starts_at"] < AS_OF for one in done)
    assert all(one["residents"] is None for one in plan.activities if one["state"] != "done")


def test_its_words_and_answers_are_known() -> None:
    lists = _read(DEFAULT, 0)
    assert set(life()["weights"]) == set(life()["titles"]) == set(lists["activity_kind"])
    plan = plan_communities(5, "full", NAMES, UNITS, AS_OF)
    questions = {
        one["code"]: [Question.model_validate(q).model_dump(mode="json") for q in one["questions"]]
        for one in life()["survey"]
    }
    rounds = {one["code"]: one["survey"] for one in plan.rounds}
    for one in plan.responses[::20]:
        assert checked_answers(questions[rounds[one["round"]]], one["answers"]) == one["answers"]
    assert {one["kind"] for one in life()["survey"]} <= set(lists["survey_kind"])
    assert {duty for post in plan.posts for duty in post["duties"]} <= set(lists["post_duty"])
    for station in plan.stations:
        assert set(station["services"]) <= set(lists["station_service"])
        assert {m["outcome"] for m in station["mediations"]} <= set(lists["mediation_outcome"])
