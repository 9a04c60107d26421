"""Rounds: recorded, replayed to the same numbers, decided with reasons."""

from __future__ import annotations

from typing import Any

from sqlalchemy import text

from tests.conftest import token_headers
from tests.planning.conftest import TO, Demo


def begin(demo: Demo, name: str = "2026 年第一批", **question: Any) -> dict[str, Any]:
    body = {"name": name, "question": question, "to": TO}
    answer = demo.client.post("/api/planning/rounds", json=body)
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


def test_a_round_is_replayed_to_the_same_numbers_whatever_happens_since(demo: Demo) -> None:
    made = begin(demo, weights={"close_hours": 2.0}, one_per_street=True, top=2)
    assert made["library"].startswith("scikit-criteria 0.")
    before = demo.client.get(f"/api/planning/rounds/{made['id']}").json()
    assert before["answer"]["draws"] == 10_000
    with demo.database.sessions.begin() as session:
        session.execute(text("UPDATE incident SET closed_at = closed_at + interval '9 days'"))
    again = demo.client.get(f"/api/planning/rounds/{made['id']}/replay").json()
    assert again == {"same": True, "digest": made["digest"], "recorded": made["digest"]}
    after = demo.client.get(f"/api/planning/rounds/{made['id']}").json()
    assert after == before
    with demo.database.sessions.begin() as session:
        session.execute(text("UPDATE incident SET closed_at = closed_at - interval '9 days'"))


def test_the_demo_has_a_choice_to_look_back_on(demo: Demo) -> None:
    """Decided months ago from figures of then: replayed to the same, and reviewed."""
    made = demo.client.get("/api/planning/rounds").json()["items"][-1]
    assert made["state"] == "decided"
    assert len(made["choices"]) == 3
    again = demo.client.get(f"/api/planning/rounds/{made['id']}/replay").json()
    assert again["same"]
    codes = [one["community"]["code"] for one in made["choices"]]
    asked = {"community": codes, "at": made["decided_at"][:10], "days": 90}
    found = demo.client.get("/api/planning/review", params=asked).json()
    assert [one["code"] for one in found["communities"]] == sorted(codes)
    assert {one["verdict"] for one in found["indicators"]} & {"unclear", "better", "worse"}


def test_a_changed_figure_is_found_out(demo: Demo) -> None:
    made = begin(demo)
    with demo.database.sessions.begin() as session:
        session.execute(
            text("""
                UPDATE selection_round SET frozen = jsonb_set(frozen, '{columns,7,value,0}', '0.5')
                WHERE id = :id
            """),
            {"id": made["id"]},
        )
    assert demo.client.get(f"/api/planning/rounds/{made['id']}/replay").json()["same"] is False


def test_a_changed_answer_is_found_out_too(demo: Demo) -> None:
    made = begin(demo)
    address = f"/api/planning/rounds/{made['id']}/replay"
    assert demo.client.get(address).json()["same"] is True
    with demo.database.sessions.begin() as session:
        session.execute(
            text("""
                UPDATE selection_round SET answer = jsonb_set(answer, '{items,0,score}', '0.999')
                WHERE id = :id
            """),
            {"id": made["id"]},
        )
    assert demo.client.get(address).json()["same"] is False


def test_a_profile_of_a_round_stands_on_what_it_froze(demo: Demo) -> None:
    made = begin(demo)
    code = demo.planted.best[0]
    asked = {"community": code, "round": made["id"]}
    [before] = demo.client.get("/api/planning/profile", params=asked).json()["items"]
    with demo.database.sessions.begin() as session:
        session.execute(
            text("""
                UPDATE selection_round SET frozen = jsonb_set(frozen, '{columns,0,value}', (
                    SELECT jsonb_agg(0) FROM jsonb_array_elements(frozen->'columns'->0->'value')))
                WHERE id = :id
            """),
            {"id": made["id"]},
        )
    [after] = demo.client.get("/api/planning/profile", params=asked).json()["items"]
    assert before["cells"] != after["cells"]
    assert before["months"] == after["months"] != []
    missing = demo.client.get("/api/planning/profile", params={**asked, "round": 2**31 - 1})
    assert missing.status_code == 404


def test_choosing_with_reasons_and_an_override_with_its_own(demo: Demo) -> None:
    number = begin(demo)["id"]
    ranked = demo.client.get(f"/api/planning/rounds/{number}").json()["answer"]["items"]
    first, last = ranked[0]["community"]["code"], ranked[-1]["community"]["code"]
    address = f"/api/planning/rounds/{number}"
    nominated = {"community": first, "reason": "党建基础好"}
    assert demo.client.post(f"{address}/nominations", json=nominated).status_code == 201
    assert demo.client.post(f"{address}/nominations", json=nominated).status_code == 409
    seen = {"community": last, "visited_on": TO, "visitors": "股室二人",
            "findings": "场地充足，街道支持", "verdict": "suitable"}  # fmt: skip
    assert demo.client.post(f"{address}/visits", json=seen).status_code == 201
    later = {**seen, "visited_on": "2999-01-01"}
    assert demo.client.post(f"{address}/visits", json=later).json()["where"] == "visited_on"
    choices = [{"community": first, "reason": "三项指标居首"},
               {"community": last, "reason": "代表老旧小区"}]  # fmt: skip
    body: dict[str, Any] = {"choices": choices, "approval": "泉鲤城管〔2026〕88号"}
    refused = demo.client.post(f"{address}/decision", json=body)
    assert (refused.status_code, refused.json()["where"]) == (400, "override_reason")
    fewer = {**body, "choices": choices[:1]}  # who is left out is owed a reason, too
    assert demo.client.post(f"{address}/decision", json=fewer).json()["where"] == "override_reason"
    twice = {**body, "choices": [choices[0], choices[0]]}
    assert demo.client.post(f"{address}/decision", json=twice).json()["where"] == "choices"
    unknown = {**body, "choices": [{"community": "nowhere", "reason": "x"}], "override_reason": "x"}
    assert demo.client.post(f"{address}/decision", json=unknown).status_code == 404
    assert demo.client.get(address).json()["choices"] == []  # nothing was half applied
    body["override_reason"] = "每类型社区各一个"
    done = demo.client.post(f"{address}/decision", json=body).json()
    assert done["state"] == "decided"
    assert {one["community"]["code"]: one["rank"] for one in done["choices"]} == {
        first: ranked[0]["rank"], last: ranked[-1]["rank"],
    }  # fmt: skip
    assert demo.client.post(f"{address}/decision", json=body).status_code == 409
    assert demo.client.post(f"{address}/nominations", json=nominated).status_code == 409
    whole = demo.client.get(address).json()
    assert whole["visits"][0]["findings"] == "场地充足，街道支持"
    assert whole["approval"] == "泉鲤城管〔2026〕88号"


def test_a_street_office_nominates_its_own_communities_only(demo: Demo) -> None:
    number = begin(demo)["id"]
    ranked = demo.client.get(f"/api/planning/rounds/{number}").json()["answer"]["items"]
    street = ranked[0]["street"]["code"]
    headers = token_headers(
        demo.database, "street_office", name="street", scopes=[f"street={street}"]
    )
    own = next(item for item in ranked if item["street"]["code"] == street)
    other = next(item for item in ranked if item["street"]["code"] != street)
    for item, status in ((own, 201), (other, 403)):
        body = {"community": item["community"]["code"], "reason": "推荐"}
        answer = demo.client.post(
            f"/api/planning/rounds/{number}/nominations", json=body, headers=headers
        )
        assert answer.status_code == status


def test_a_round_that_ranks_nobody_is_not_recorded(demo: Demo) -> None:
    before = len(demo.client.get("/api/planning/rounds").json()["items"])
    body = {"name": "空", "question": {"require": ["buildings>=1000000"]}, "to": TO}
    answer = demo.client.post("/api/planning/rounds", json=body)
    assert answer.status_code == 400
    assert "no community meets the limits" in answer.json()["detail"]
    assert len(demo.client.get("/api/planning/rounds").json()["items"]) == before
    assert demo.client.get("/api/planning/rounds/999999").status_code == 404


def test_experience_of_a_community(demo: Demo) -> None:
    code = demo.planted.best[0]
    body = {"community": code, "title": "早市错峰", "body": "与市场方约定……"}
    assert demo.client.post("/api/planning/experience", json=body).status_code == 201
    found = demo.client.get("/api/planning/experience", params={"community": code}).json()["items"]
    assert found[0]["title"] == "早市错峰"
    assert (
        demo.client.post("/api/planning/experience", json={**body, "community": "x"}).status_code
        == 404
    )
