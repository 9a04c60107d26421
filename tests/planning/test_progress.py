"""The plan's progress: what is owed, done, missing; records, evidence and rectifications."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from gis_service.errors import InvalidInput
from gis_service.maps.checking import check_layers
from gis_service.planning.progress.plan_file import load_plan
from tests.conftest import Database, token_headers
from tests.days import day
from tests.incidents.test_loading import row
from tests.test_http import fill

RECTIFY = "/api/progress/rectifications"


def plan() -> str:
    """A file of two stages around today."""
    return f"""
[[stage]]
code = "one"
name = "一"
name_en = "One"
begins_on = {day(-90)}
ends_on = {day(-5)}
[[stage]]
code = "two"
name = "二"
name_en = "Two"
begins_on = {day(-4)}
ends_on = {day(60)}
[[part]]
name = "部分"
name_en = "Part"
units = ["ZFZH", "JDZD"]
tasks = [
  {{ code = "T1", stage = "one", due_on = {day(-5)}, scope = "bureau", name = "方案", name_en = "Plan" }},
  {{ code = "T2", stage = "one", due_on = {day(-5)}, scope = "all", name = "服务岗", name_en = "Post", measure = "post" }},
  {{ code = "T3", stage = "two", due_on = {day(0)}, scope = "all", name = "今日", name_en = "Today" }},
  {{ code = "T4", stage = "two", due_on = {day(40)}, scope = "all", name = "将来", name_en = "Later", measure = "activity:waste_sorting", target = 2 }},
  {{ code = "T5", stage = "two", due_on = {day(-1)}, scope = "demonstration", name = "示范", name_en = "Demonstration", units = ["JDZD"] }},
]
"""  # noqa: E501


@pytest.fixture
def filled(database: Database, tmp_path: Path) -> None:
    """The small district of two streets with a community each."""
    fill(database, tmp_path, [row(1, lon=118.605, lat=24.905)])


@pytest.fixture
def planned(filled: None, client: TestClient, database: Database, tmp_path: Path) -> TestClient:
    """A service for it, with the plan."""
    file = tmp_path / "plan.toml"
    file.write_text(plan())
    with database.sessions.begin() as session:
        assert load_plan(session, file) == {"read": 5, "loaded": 5, "removed": 0}
    return client


def states(client: TestClient, **query: Any) -> dict[str, set[str]]:
    found = client.get("/api/progress/items", params=query)
    assert found.status_code == 200, found.text
    out: dict[str, set[str]] = {}
    for item in found.json()["items"]:
        out.setdefault(item["task"], set()).add(item["state"])
    return out


def test_nothing_is_missing_that_is_not_yet_owed(planned: TestClient) -> None:
    assert states(planned) == {
        "T1": {"missing"}, "T2": {"missing"}, "T3": {"soon"}, "T4": {"open"},
    }  # fmt: skip
    # as things stood before anything was due
    early = planned.get("/api/progress", params={"as_of": day(-60)}).json()
    assert early["total"]["missing"] == 0
    assert [one["now"] for one in early["stages"]] == [True, False]
    whole = planned.get("/api/progress").json()
    assert whole["total"]["of"] == sum(one["of"] for one in whole["tasks"])
    # T1 to T4 have two units that answer for them, T5 is owed by nobody yet: nothing is chosen
    assert [one["unit"] for one in whole["units"]] == ["JDZD", "ZFZH"]
    for one in whole["units"]:
        own = planned.get("/api/progress/items", params={"unit": one["unit"]}).json()["items"]
        assert one["of"] == len(own) == whole["total"]["of"]
    missing = planned.get("/api/progress/items", params={"state": "missing"}).json()["items"]
    assert len(missing) == whole["total"]["missing"]


def test_records_of_the_district_fulfil_a_task(planned: TestClient, database: Database) -> None:
    community = planned.get("/api/progress").json()["communities"][0]["community"]
    with database.engine.begin() as connection:
        area = connection.exec_driver_sql(
            "SELECT id FROM area WHERE level = 'community' AND code = %s", (community,)
        ).scalar_one()
        connection.exec_driver_sql(
            "INSERT INTO service_post (community_id, contact, established_on) VALUES (%s, 'x', %s)",
            (area, day(-3)),
        )
    [item] = planned.get(
        "/api/progress/items", params={"task": "T2", "community": community}
    ).json()["items"]
    assert (item["state"], item["done_on"], item["late"]) == ("done", day(-3), True)
    # one of two activities is not yet two
    for n, wanted in ((1, "open"), (2, "done")):
        with database.engine.begin() as connection:
            connection.exec_driver_sql(
                "INSERT INTO activity (code, kind, title, state, community_id, starts_at) "
                "VALUES (%s, 'waste_sorting', %s, 'done', %s, %s)",
                (f"H{n}", f"t{n}", area, day(-10 * n)),
            )
        [item] = planned.get(
            "/api/progress/items", params={"task": "T4", "community": community}
        ).json()["items"]
        assert (item["state"], item["events"]) == (wanted, n)


def test_people_record_within_their_part(planned: TestClient, database: Database) -> None:
    communities = [one["community"] for one in planned.get("/api/progress").json()["communities"]]
    body = {"task": "T3", "community": communities[0], "done_on": day(0), "note": "已完成"}
    assert planned.put("/api/progress/records", json=body).json()["state"] == "done"
    # recorded again: the later word holds
    again = planned.put("/api/progress/records", json={**body, "done_on": day(-1)}).json()
    assert again["done_on"] == day(-1)
    own = token_headers(
        database, "community_worker", name="cw", scopes=[f"community={communities[1]}"]
    )
    refused = planned.put("/api/progress/records", json=body, headers=own)
    assert (refused.status_code, refused.json()["where"]) == (403, "community")
    fine = {**body, "community": communities[1]}
    assert planned.put("/api/progress/records", json=fine, headers=own).status_code == 200
    bureau = {"task": "T1", "done_on": day(-6)}
    assert planned.put("/api/progress/records", json=bureau, headers=own).status_code == 403
    assert planned.put("/api/progress/records", json=bureau).json()["late"] is False
    number = again["record_id"]
    assert planned.delete(f"/api/progress/records/{number}").status_code == 204
    assert planned.delete(f"/api/progress/records/{number}").status_code == 404


@pytest.mark.parametrize(
    ("changes", "where"),
    [
        ({"done_on": "tomorrow"}, "done_on"), ({"task": "T9"}, "task"),
        ({"community": "NONE"}, "community"), ({"community": None}, "community"),
    ],
)  # fmt: skip
def test_a_wrong_record_is_named(planned: TestClient, changes: dict[str, Any], where: str) -> None:
    community = planned.get("/api/progress").json()["communities"][0]["community"]
    body = {"task": "T3", "community": community, "done_on": day(0), **changes}
    if body["done_on"] == "tomorrow":
        body["done_on"] = day(1)
    refused = planned.put("/api/progress/records", json=body)
    assert (refused.status_code, refused.json()["where"]) == (400, where)


def test_a_shortfall_is_put_right(planned: TestClient) -> None:
    body = {"task": "T1", "problem": "方案未印发", "unit": "ZFZH", "deadline": day(7)}
    late = planned.post("/api/progress/rectifications", json={**body, "deadline": day(-1)})
    assert late.json()["where"] == "deadline"
    made = planned.post("/api/progress/rectifications", json=body)
    assert made.status_code == 201, made.text
    assert planned.post("/api/progress/rectifications", json=body).status_code == 409
    [item] = planned.get("/api/progress/items", params={"task": "T1"}).json()["items"]
    assert item["rectify_by"] == day(7)
    path = f"/api/progress/rectifications/{made.json()['id']}"
    closed = planned.put(path, json={"closed_on": day(0), "result": "已印发"})
    assert (closed.status_code, closed.json()["result"]) == (200, "已印发")
    assert planned.put(path, json={"closed_on": day(0), "result": "再"}).status_code == 409
    assert (
        planned.get("/api/progress/rectifications", params={"state": "open"}).json()["items"] == []
    )


def test_owner_and_deadline_of_a_shortfall_are_changed(planned: TestClient) -> None:
    body = {"task": "T1", "problem": "方案未印发", "unit": "ZFZH", "deadline": day(7)}
    path = f"/api/progress/rectifications/{planned.post(RECTIFY, json=body).json()['id']}"
    for wrong, where in (
        ({"unit": "NOBODY"}, "unit"), ({"deadline": day(-1)}, "deadline"), ({"task": "T2"}, None),
        ({"problem": " "}, None),
    ):  # fmt: skip
        refused = planned.patch(path, json={**wrong, "problem": wrong.get("problem", "别的")})
        assert refused.status_code in (400, 422), wrong
        assert where is None or refused.json()["where"] == where
    # nothing of it was half applied
    [row] = planned.get(RECTIFY).json()["items"]
    assert (row["problem"], row["unit"], row["deadline"]) == ("方案未印发", "ZFZH", day(7))
    [seen] = planned.get(RECTIFY).json()["items"]
    changed = planned.patch(
        path, json={"unit": "JDZD", "deadline": day(20), "version": seen["version"]}
    ).json()
    assert changed["version"] == seen["version"] + 1
    # who read it before that overwrites nothing
    stale = planned.patch(path, json={"problem": "另一措辞", "version": seen["version"]})
    assert (stale.status_code, stale.json()["where"]) == (409, "version")
    assert planned.get(RECTIFY).json()["items"][0]["problem"] == "方案未印发"
    assert (changed["unit"], changed["deadline"]) == ("JDZD", day(20))
    assert planned.patch(path, json={"deadline": day(20)}).status_code == 200  # nothing to log
    log = planned.get(f"{path}/log").json()["items"]
    assert [one["action"] for one in log] == ["change", "add"]
    assert log[0]["detail"] == {"unit": ["ZFZH", "JDZD"], "deadline": [day(7), day(20)]}
    closed = {"closed_on": day(0), "result": "已印发"}
    assert planned.put(path, json=closed).status_code == 200
    assert planned.patch(path, json={"unit": "ZFZH"}).status_code == 409
    assert planned.patch("/api/progress/rectifications/99", json={}).status_code == 404


def test_the_rectification_list_of_a_day(planned: TestClient) -> None:
    body = {"problem": "缺", "unit": "ZFZH", "deadline": day(1)}
    first = planned.post(RECTIFY, json={**body, "task": "T1"}).json()["id"]
    community = planned.get("/api/progress").json()["communities"][0]["community"]
    planned.post(RECTIFY, json={**body, "task": "T2", "community": community})
    planned.put(f"{RECTIFY}/{first}", json={"closed_on": day(0), "result": "好"})

    def listed(**asked: str) -> int:
        return len(planned.get(RECTIFY, params=asked).json()["items"])

    assert (listed(), listed(state="open"), listed(state="closed"), listed(state="late")) == (
        2, 1, 1, 0,
    )  # fmt: skip
    # before it was opened nothing stood there; past the deadline the open one is late
    assert listed(as_of=day(-1)) == 0
    assert (listed(as_of=day(2), state="late"), listed(as_of=day(2))) == (1, 2)


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        ('stage = "two", due_on', 'stage = "three", due_on', "three"),
        ('code = "T2"', 'code = "T1"', "T1"),
        ('units = ["ZFZH", "JDZD"]', 'units = ["NOBODY"]', "NOBODY"),
        ('scope = "bureau"', 'scope = "everybody"', "part.0.tasks.0.scope"),
        ("[[stage]]", "[[stage", "TOML"),
    ],
)
def test_a_wrong_plan_is_named_and_nothing_applied(
    planned: TestClient, database: Database, tmp_path: Path, before: str, after: str, words: str
) -> None:
    file = tmp_path / "wrong.toml"
    file.write_text(plan().replace(before, after, 1).replace("方案", "别的"))
    with pytest.raises(InvalidInput) as refused, database.sessions.begin() as session:
        load_plan(session, file)
    assert words in refused.value.text("en")
    assert planned.get("/api/progress").json()["tasks"][0]["name"] == "方案"


def test_a_new_plan_keeps_what_was_recorded(
    planned: TestClient, database: Database, tmp_path: Path
) -> None:
    planned.put("/api/progress/records", json={"task": "T1", "done_on": day(-6)})
    file = tmp_path / "next.toml"
    lines = plan().replace('name = "方案"', 'name = "新方案"').splitlines()
    file.write_text("\n".join(line for line in lines if '"T2"' not in line))
    with database.sessions.begin() as session:
        assert load_plan(session, file)["removed"] == 1
    first = planned.get("/api/progress").json()["tasks"][0]
    assert (first["name"], first["done"]) == ("新方案", 1)
    assert "T2" not in states(planned)


def test_the_layer_is_as_described(planned: TestClient, database: Database) -> None:
    problems = check_layers(database.engine, database.settings)
    assert [one for one in problems if one.startswith("progress")] == []
