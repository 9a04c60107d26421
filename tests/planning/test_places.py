"""Siting and review over HTTP on a whole district."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import text

from tests.demo.checks import AS_OF
from tests.planning.conftest import Demo


def test_new_stations_reach_more_along_streets_and_less_than_straight(demo: Demo) -> None:
    body = {"stations": 2, "reach_m": 300}
    along = demo.client.post("/api/planning/siting", json=body)
    assert along.status_code == 201, along.text
    found = along.json()["run"]["answer"]
    assert found["distance"] == "streets"
    assert found["reached_after"] - found["reached_before"] == sum(
        one["covered"] for one in found["sites"]
    )
    assert [one["place"] for one in found["sites"]] == [1, 2]
    assert found["sites"][0]["covered"] >= found["sites"][1]["covered"] > 0
    assert demo.client.get("/api/planning/siting").json()["run"]["answer"] == found
    tile = demo.database.value("SELECT count(*) FROM siting_site")
    assert tile == 2
    with demo.database.sessions.begin() as session:
        session.execute(text("UPDATE basemap_feature SET theme = 'hidden' WHERE theme = 'road'"))
    try:
        answer = demo.client.post("/api/planning/siting", json=body).json()
    finally:
        with demo.database.sessions.begin() as session:
            session.execute(
                text("UPDATE basemap_feature SET theme = 'road' WHERE theme = 'hidden'")
            )
    straight = answer["run"]["answer"]
    assert straight["distance"] == "straight"
    assert straight["reached_after"] > found["reached_after"]


def test_siting_refuses_what_makes_no_sense(demo: Demo) -> None:
    for body in ({"stations": 0}, {"reach_m": -1}, {"station": 2}):
        assert demo.client.post("/api/planning/siting", json=body).status_code == 400


def test_a_review_says_what_it_compares_and_claims_nothing_where_nothing_was_done(
    demo: Demo,
) -> None:
    at = (AS_OF - timedelta(days=120)).date().isoformat()
    asked = {"community": list(demo.planted.best), "at": at, "days": 100}
    found = demo.client.get("/api/planning/review", params=asked).json()
    assert {one["code"] for one in found["communities"]} == set(demo.planted.best)
    controls = {one["code"] for one in found["controls"]}
    assert controls
    assert not controls & set(demo.planted.best)
    by_id = {one["id"]: one for one in found["indicators"]}
    assert "buildings" not in by_id
    closing = by_id["closed_in_time"]
    assert closing["treated"]["before"] is not None
    verdicts = {one["verdict"] for one in found["indicators"]}
    assert verdicts <= {"better", "worse", "unclear", "no_baseline", "thin", "too_few_compared",
                        "constant"}  # fmt: skip


def test_a_community_without_cases_has_no_baseline(demo: Demo) -> None:
    at = (AS_OF - timedelta(days=120)).date().isoformat()
    asked = {"community": demo.planted.trap, "at": at}
    found = demo.client.get("/api/planning/review", params=asked).json()
    by_id = {one["id"]: one for one in found["indicators"]}
    assert by_id["closed_in_time"]["verdict"] == "no_baseline"
    assert by_id["closed_in_time"]["treated"]["before"] is None
    assert by_id["closed_in_time"]["words"]["zh"] == "无基线：起点前样本不足"


def test_a_review_too_early_is_refused(demo: Demo) -> None:
    asked = {"community": demo.planted.trap, "at": "2999-01-01"}
    refused = demo.client.get("/api/planning/review", params=asked)
    assert (refused.status_code, refused.json()["where"]) == (400, "at")
