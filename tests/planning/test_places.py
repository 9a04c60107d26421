"""Siting and review over HTTP on a whole district."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from sqlalchemy import text

from tests.conftest import token_headers
from tests.demo.checks import AS_OF
from tests.planning.conftest import Demo
from tests.planning.test_rounds import begin
from tests.test_http import features, tile_of


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
    # what had no weight stands there, too, and says so; of today's state there is no baseline
    assert [one["weighed"] for one in found["indicators"]] == sorted(
        (one["weighed"] for one in found["indicators"]), reverse=True
    )
    size = by_id["buildings"]
    assert (size["weighed"], size["verdict"], size["treated"]["before"]) == (
        False, "no_baseline", None
    )  # fmt: skip
    assert size["words"]["en"] == "no baseline: only today's state is on record"
    assert by_id["post_staffed"]["verdict"] == "no_baseline"
    assert by_id["stations"]["verdict"] != "no_baseline"
    assert not by_id["campaigns"]["weighed"]
    tested = sum(one["p"] is not None for one in found["indicators"])
    several = [one for one in found["warnings"] if one["kind"] == "several_tests"]
    assert [str(tested) in one["en"] for one in several] == ([True] if tested > 1 else [])
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


def test_the_weights_of_a_review_are_those_of_the_round(demo: Demo) -> None:
    number = begin(demo, weights={"campaigns": 1.0, "rework": 0.0})["id"]
    at = (AS_OF - timedelta(days=120)).date().isoformat()
    asked = {"community": list(demo.planted.best), "at": at, "days": 100, "round": number}
    found = demo.client.get("/api/planning/review", params=asked).json()
    round_ = demo.client.get(f"/api/planning/rounds/{number}").json()
    used = {one["id"] for one in round_["answer"]["indicators"] if one["used"]}
    assert {one["id"] for one in found["indicators"] if one["weighed"]} == used
    assert "rework" not in used
    missing = demo.client.get("/api/planning/review", params={**asked, "round": 2**31 - 1})
    assert missing.status_code == 404


def test_the_review_proposes_notes_that_are_put_into_words_and_kept(demo: Demo) -> None:
    at = (AS_OF - timedelta(days=120)).date().isoformat()
    asked = {"community": [*demo.planted.best, demo.planted.trap], "at": at, "days": 100}
    found = demo.client.get("/api/planning/review", params=asked).json()
    told = {one["community"]["code"]: one for one in found["proposals"]}
    assert set(told) == {one["code"] for one in found["communities"]}
    by_id = {one["id"]: one for one in found["indicators"]}
    best, trap = (told[code]["body"] for code in (demo.planted.best[0], demo.planted.trap))
    # five cases: nothing is said of what they look like
    silent = next(line for line in trap["en"].splitlines() if "Time to close" in line)
    assert "→" not in silent
    # a figure of one community is its own, and says how many cases it rests on
    for name, one in by_id.items():
        if one["verdict"] in ("better", "worse") and one["weighed"] and name == "close_hours":
            assert "interval" in best["en"]
    assert "Time to close (median)" in best["en"]
    assert "cases)" in best["en"]
    assert "样本不足或无基线" in trap["zh"]
    code = demo.planted.best[0]
    kept = {
        "community": code, "title": told[code]["title"]["zh"], "body": best["zh"] + "早市错峰",
        "proposed": {"at": at, "until": found["after"][1][:10], "body": best["zh"]},
    }  # fmt: skip
    number = demo.client.post("/api/planning/experience", json=kept).json()["id"]
    address = f"/api/planning/experience/{number}"
    changed = {"title": "早市错峰", "body": "与市场方约定开市时间"}
    assert demo.client.put(address, json=changed).status_code == 204
    note = demo.client.get("/api/planning/experience", params={"community": code}).json()["items"][
        0
    ]
    assert (note["title"], note["body"]) == (changed["title"], changed["body"])
    assert note["proposed"]["body"] == best["zh"]
    assert note["changed_by"] == "chooser"
    assert demo.client.put(f"{address[:-1]}999999", json=changed).status_code == 404
    assert demo.client.put(address, json={**changed, "title": ""}).status_code == 400
    headers = token_headers(demo.database, "squad_leader", name="no-notes")
    assert demo.client.put(address, json=changed, headers=headers).status_code == 403


def drawn(
    demo: Demo, layer: str, bounds: tuple[float, float, float, float]
) -> list[dict[str, Any]]:
    """What the tiles of a layer hold within some bounds (WGS84)."""
    west, south, east, north = bounds
    (x0, y1), (x1, y0) = tile_of(west, south, 13), tile_of(east, north, 13)
    out = []
    for x in range(x0, x1 + 1):
        for y in range(y0, y1 + 1):
            answer = demo.client.get(f"/tiles/{layer}/13/{x}/{y}.mvt")
            assert answer.status_code in (200, 204), answer.text
            out += features(answer.content, layer) if answer.content else []
    return out


def test_tiles_draw_who_was_chosen_and_where_stations_are_proposed(demo: Demo) -> None:
    with demo.database.sessions() as session:
        row = session.execute(text("""
            SELECT ST_XMin(e), ST_YMin(e), ST_XMax(e), ST_YMax(e)
            FROM (SELECT ST_Extent(geom) AS e FROM street WHERE valid_to IS NULL) s
        """)).one()  # fmt: skip
    bounds = (row[0], row[1], row[2], row[3])
    number = begin(demo, name="图层样例")["id"]
    ranked = demo.client.get(f"/api/planning/rounds/{number}").json()["answer"]["items"]
    first, last = ranked[0], ranked[-1]
    body = {
        "choices": [{"community": one["community"]["code"], "reason": "示例"}
                    for one in (first, last)],
        "approval": "91号", "override_reason": "示例",
    }  # fmt: skip
    decided = demo.client.post(f"/api/planning/rounds/{number}/decision", json=body).json()
    chosen = {one["properties"]["code"]: one["properties"]
              for one in drawn(demo, "demonstration", bounds)}  # fmt: skip
    assert chosen == {
        one["community"]["code"]: {
            "code": one["community"]["code"], "name": one["community"]["name"],
            "round": "图层样例", "rank": one["rank"], "decided_on": decided["decided_at"][:10],
        }
        for one in (first, last)
    }  # fmt: skip
    run = demo.client.post("/api/planning/siting", json={"stations": 2, "reach_m": 300}).json()
    sites = {one["place"]: one for one in run["run"]["answer"]["sites"]}
    told = {one["properties"]["place"]: one["properties"] for one in drawn(demo, "siting", bounds)}
    assert set(told) == set(sites) == {1, 2}
    for place, one in told.items():
        site = sites[place]
        assert (one["covered"], one["reach_m"]) == (site["covered"], 300.0)
        assert one["code"] == site["community"]["code"]
    for layer in ("demonstration", "siting"):
        headers = token_headers(demo.database, "viewer", name=f"no-{layer}")
        x, y = tile_of(bounds[0], bounds[1], 13)
        refused = demo.client.get(f"/tiles/{layer}/13/{x}/{y}.mvt", headers=headers)
        assert refused.status_code == 403
