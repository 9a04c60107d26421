"""The effect of the demo's campaigns over HTTP, from incidents as they were filed and placed."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import text

from gis_service.campaigns.measurement import measure_again
from gis_service.events.feed import publish
from tests.campaigns.conftest import Loaded


def test_the_truth_is_told_from_filed_incidents(service: TestClient, loaded: Loaded) -> None:
    for planted in loaded.truth.to_json()["campaigns"]:
        found = service.get(f"/api/campaigns/{planted['code']}/effect").json()
        assert found["effect"] == planted["effect"], (planted, found)
        if planted["spurious"]:
            assert {one["code"] for one in found["warnings"]} & {"one_source", "few_sources"}
        if planted["effect"]:
            assert found["high"] < 0
            assert found["low"] < found["estimate"] < found["high"]
            assert found["verdict"] == "fewer"
            assert "the campaign worked" in found["summary"]
        assert found["windows"]["days"] == 84


def answer(service: TestClient, code: str, lang: str = "en") -> dict[str, Any]:
    got = service.get(f"/api/campaigns/{code}/effect", headers={"accept-language": lang})
    assert got.status_code == 200, got.text
    found: dict[str, Any] = got.json()
    return found


def test_every_number_can_be_counted_again(service: TestClient, loaded: Loaded) -> None:
    planted = next(one for one in loaded.truth.campaigns if one.effect)
    found = answer(service, planted.code)
    codes = loaded.district.grid["code"].to_numpy()
    assert found["treated"]["grids"] == sorted(codes[list(planted.grids)])
    total = loaded.database.value(
        """
        SELECT count(*) FROM incident i JOIN incident_class c ON c.id = i.class_id
        JOIN area a ON a.id = i.grid_id
        WHERE a.code = ANY(%s) AND c.code = ANY(%s)
          AND (i.reported_at AT TIME ZONE 'Asia/Shanghai')::date BETWEEN %s AND %s
          AND i.state NOT IN ('not_accepted', 'cancelled', 'merged')
        """,
        found["treated"]["grids"], planted.class_codes(), planted.ends_on + timedelta(days=1),
        planted.ends_on + timedelta(days=84),
    )  # fmt: skip
    assert found["treated"]["after"] == total
    assert sum(one["after"] for one in found["sources"]) <= total
    weeks = found["weeks"]
    by_phase = {
        phase: sum(one["treated"] for one in weeks if one["phase"] == phase)
        for phase in ("before", "after")
    }
    # the weeks reach back over the earlier window, too
    assert by_phase["after"] == total
    assert by_phase["before"] == found["treated"]["before"] + found["placebo"]["before"]
    before = [one for one in weeks if one["phase"] == "before"][12:]
    assert sum(one["expected"] for one in before) == pytest.approx(found["treated"]["before"])
    around = set(found["nearby"]["grids"])
    assert around
    assert not around & set(found["comparison"]["grids"])
    assert not set(found["treated"]["grids"]) & set(found["comparison"]["grids"])


def test_it_speaks_chinese(service: TestClient, loaded: Loaded) -> None:
    by_kind = {
        (one.effect, bool(one.lost)): answer(service, one.code, "zh")
        for one in loaded.truth.campaigns
    }
    assert "可以认为整治有效" in by_kind[True, False]["summary"]
    assert "可以认为整治有效" not in by_kind[False, False]["summary"]
    assert "上报来源发生变化" in str(by_kind[False, True]["warnings"])
    assert {"effort_unknown"} <= {one["code"] for one in by_kind[True, False]["notes"]}


def campaign(code: str, loaded: Loaded, **changes: Any) -> dict[str, Any]:
    grid = sorted(loaded.district.grid["code"])[0]
    return {
        "code": code, "name": "试验", "classes": ["E-01"], "lead": "JDZD",
        "areas": [{"level": "grid", "code": grid}],
        "starts_on": (loaded.as_of.date() - timedelta(days=120)).isoformat(),
        "ends_on": (loaded.as_of.date() - timedelta(days=92)).isoformat(), **changes,
    }  # fmt: skip


def told(service: TestClient, body: dict[str, Any]) -> tuple[set[str], dict[str, Any]]:
    added = service.post("/api/campaigns", json=body)
    assert added.status_code == 201, added.text
    found = answer(service, body["code"])
    assert found["effect"] is False
    service.delete(f"/api/campaigns/{body['code']}")
    return {one["code"] for one in found["warnings"]}, found


def day(loaded: Loaded, ago: int) -> str:
    return (loaded.as_of.date() - timedelta(days=ago)).isoformat()


def test_a_campaign_that_leaves_nothing_to_compare_with_is_told(
    service: TestClient, loaded: Loaded
) -> None:
    streets = [{"level": "street", "code": code} for code in loaded.district.street["code"]]
    codes, found = told(service, campaign("EVERYWHERE", loaded, areas=streets))
    assert codes == {"no_comparison"}
    assert found["estimate"] is found["low"] is found["high"] is None
    assert "Nothing is left to compare with" in found["warnings"][0]["text"]
    rare = campaign("RARE", loaded, classes=["C-01-92"])
    assert told(service, rare)[0] & {"too_few_cases", "too_few_areas", "no_comparison"}


@pytest.mark.parametrize(
    ("starts", "ends", "warning"),
    [(-5, -20, "not_begun"), (5, -5, "running"), (40, 10, "too_soon"), (360, 340, "no_before")],
)
def test_a_window_without_data_is_told(
    service: TestClient, loaded: Loaded, starts: int, ends: int, warning: str
) -> None:
    body = campaign("WINDOW", loaded, starts_on=day(loaded, starts), ends_on=day(loaded, ends))
    body["code"] += warning.upper()
    codes, found = told(service, body)
    assert codes == {warning}
    assert found["verdict"] == "unknown"
    assert found["windows"] is None
    if warning in ("running", "too_soon"):
        assert date.fromisoformat(found["ready_on"]) == loaded.as_of.date() + timedelta(
            days=28 + 1 - ends
        )


def test_the_map_follows_the_cases_without_being_asked(loaded: Loaded) -> None:
    planted = next(one for one in loaded.truth.campaigns if one.effect)
    kept = (
        "SELECT sum(a.after) FROM campaign_effect_area a JOIN campaign c ON c.id = a.campaign_id "
        "WHERE a.part = 'treated' AND c.code = %s"
    )
    settings, sessions = loaded.database.settings, loaded.database.sessions
    later = datetime.now(UTC) + timedelta(minutes=1)  # after the load told of its cases
    with sessions.begin() as session:
        measure_again(session, settings, later)
    with sessions.begin() as session:
        assert measure_again(session, settings, later) == 0  # nothing has happened since
    before = loaded.database.value(kept, planted.code)
    number = loaded.database.value(
        "SELECT min(i.id) FROM incident i JOIN incident_class c ON c.id = i.class_id "
        "JOIN campaign_grid g ON g.area_id = i.grid_id JOIN campaign k ON k.id = g.campaign_id "
        "WHERE k.code = %s AND c.code = ANY(%s) AND i.state = 'closed' "
        "AND i.reported_at >= k.ends_on + 2 AND i.reported_at < k.ends_on + 80",
        planted.code, planted.class_codes(),
    )  # fmt: skip
    moved = text("UPDATE incident SET state = :state WHERE id = :id")
    for state, fewer in (("cancelled", 1), ("closed", 0)):
        with sessions.begin() as session:
            session.execute(moved, {"id": number, "state": state})
            publish(session, "incidents", ids=[])
            session.execute(text("UPDATE campaign_effect SET measured_at = now() - interval '1 s'"))
        with sessions.begin() as session:
            assert measure_again(session, settings, datetime.now(UTC)) == 6
        assert loaded.database.value(kept, planted.code) == before - fewer


def test_another_campaign_about_the_same_is_not_compared_with(
    service: TestClient, loaded: Loaded
) -> None:
    planted = next(one for one in loaded.truth.campaigns if one.effect)
    before = answer(service, planted.code)
    assert before["comparison"]["grids"]
    chosen = before["comparison"]["grids"][:4]
    body = campaign(
        "OTHER", loaded, classes=planted.class_codes()[:1],
        areas=[{"level": "grid", "code": code} for code in chosen],
    )  # fmt: skip
    assert service.post("/api/campaigns", json=body).status_code == 201
    with_other = answer(service, planted.code)
    assert not set(chosen) & set(with_other["comparison"]["grids"])
    assert service.delete("/api/campaigns/OTHER").status_code == 204
    assert answer(service, planted.code)["comparison"] == before["comparison"]
    assert answer(service, "OTHER")["warnings"][0]["code"] == "cancelled"


def test_what_was_measured_is_kept_for_the_map(service: TestClient, loaded: Loaded) -> None:
    planted = next(one for one in loaded.truth.campaigns if one.effect)
    found = answer(service, planted.code)
    kept = loaded.database.rows(
        """
        SELECT part, count(*) FROM campaign_effect_area e JOIN campaign k ON k.id = e.campaign_id
        WHERE k.code = %s GROUP BY 1
        """,
        planted.code,
    )
    assert dict(kept) == {
        "treated": len(found["treated"]["grids"]),
        "compared": len(found["comparison"]["grids"]),
        "near": len(found["nearby"]["grids"]),
    }
    listed = service.get("/api/campaigns").json()["items"]
    row = next(one for one in listed if one["code"] == planted.code)
    assert row["effect"] is True
    assert row["estimate"] == pytest.approx(found["estimate"])


def test_patrols_that_changed_are_told(service: TestClient, loaded: Loaded) -> None:
    planted = next(one for one in loaded.truth.campaigns if one.effect)
    found = answer(service, planted.code)
    with loaded.database.engine.begin() as connection:
        connection.exec_driver_sql(
            "INSERT INTO received_day (officer_id, day, fixes) SELECT min(id), d::date, 9 "
            "FROM officer, generate_series(%s::date, %s::date, '1 day') d GROUP BY d",
            (found["windows"]["before"]["from"], found["windows"]["after"]["to"]),
        )
        # four times as often in the campaign's grids afterwards, as before elsewhere
        connection.exec_driver_sql(
            """
            INSERT INTO visit
                (officer_id, area_id, grid_code, entered_at, left_at, stay_s, length_m)
            SELECT o.id, a.id, a.code, d, d + interval '5 minutes', 300, 100
            FROM (SELECT min(id) AS id FROM officer) o, area a,
                 generate_series(%s::timestamptz, %s::timestamptz, '1 week') d
            WHERE a.level = 'grid'
            UNION ALL
            SELECT o.id, a.id, a.code, d + interval '1 hour', d + interval '2 hours', 300, 100
            FROM (SELECT min(id) AS id FROM officer) o, area a,
                 generate_series(%s::timestamptz, %s::timestamptz, '2 days') d
            WHERE a.code = ANY(%s)
            """,
            (
                found["windows"]["before"]["from"], found["windows"]["after"]["to"],
                found["windows"]["after"]["from"], found["windows"]["after"]["to"],
                found["treated"]["grids"],
            ),
        )  # fmt: skip
    again = answer(service, planted.code)
    assert "patrol_effort" in {one["code"] for one in again["warnings"]}
    assert again["effect"] is True  # found by every source, not only by patrols
    assert again["visits"]["treated"][1] > 3 * again["visits"]["treated"][0]
