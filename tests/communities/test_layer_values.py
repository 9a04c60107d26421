"""The layers of communities draw what is entered: their values, not only their columns."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from gis_service.incidents import filters
from gis_service.planning.progress.plan_file import load_plan
from tests.communities.conftest import Bureau
from tests.communities.test_activities import add
from tests.communities.test_posts import POST, STATION
from tests.days import ZONE, day
from tests.test_http import features, tile_of

PLAN = """
[[stage]]
code = "one"
name = "一"
name_en = "One"
begins_on = 2026-01-01
ends_on = {last}
[[part]]
name = "部分"
name_en = "Part"
units = ["ZFZH"]
tasks = [
  {{ code = "T1", stage = "one", due_on = {owed}, scope = "all", name = "甲", name_en = "A" }},
  {{ code = "T2", stage = "one", due_on = {owed}, scope = "all", name = "乙", name_en = "B", measure = "activity:consultation" }},
  {{ code = "T3", stage = "one", due_on = {today}, scope = "all", name = "丙", name_en = "C" }},
  {{ code = "T4", stage = "one", due_on = {owed}, scope = "demonstration", name = "丁", name_en = "D" }},
  {{ code = "T5", stage = "one", due_on = {owed}, scope = "bureau", name = "戊", name_en = "E" }},
]
"""  # noqa: E501


def drawn(bureau: Bureau, layer: str, part: str = "", **query: Any) -> dict[str, dict[str, Any]]:
    """What a tile of the whole district draws, by code."""
    x, y = tile_of(118.63, 24.91, 9)
    answer = bureau.call("GET", f"/tiles/{layer}/9/{x}/{y}.mvt", "viewer", params=query)
    assert answer.status_code == 200, answer.text
    found = features(answer.content, part or layer)
    assert len({one["properties"]["code"] for one in found}) == len(found)
    return {one["properties"].pop("code"): one["properties"] for one in found}


def test_posts_staffed_vacant_and_none(bureau: Bureau) -> None:
    bureau.call("POST", "/api/posts", json={"community": "S0C0", **POST, "since": "2026-05-01"})
    bureau.call("POST", "/api/posts", json={"community": "S1C0", "phone": "1"})
    found = drawn(bureau, "posts")
    assert {code: one["state"] for code, one in found.items()} == {
        "S0C0": "staffed", "S0C1": "none", "S1C0": "vacant", "S1C1": "none",
    }  # fmt: skip
    # what a notice lacks is counted as the list names it; without a post nothing can be said
    lists = {one["community"]["code"]: one["gaps"] for one in bureau.get("/api/posts")["items"]}
    assert lists["S0C0"] == ["no_photo"]
    assert found["S0C0"]["gaps"] == 1
    assert found["S1C0"]["gaps"] == len(set(lists["S1C0"]) - {"vacant"})
    assert found["S0C1"].get("gaps") is None
    assert (found["S0C0"]["name"], found["S0C0"]["since"]) == ("00社区", "2026-05-01")


def test_stations_open_and_closed(bureau: Bureau) -> None:
    bureau.call("POST", "/api/stations", json={**STATION, "services": ["mediation", "on_site"]})
    for code, closed in (("YZ2", day(0)), ("YZ3", day(1)), ("YZ4", day(-1))):
        body = {**STATION, "code": code, "name": code}
        assert bureau.call("POST", "/api/stations", json=body).status_code == 201
        changed = {**body, "closed_on": closed}
        del changed["code"]
        assert bureau.call("PUT", f"/api/stations/{code}", json=changed).status_code == 200
    found = drawn(bureau, "stations")
    assert {code: one["open"] for code, one in found.items()} == {
        one["code"]: one["open"] for one in bureau.get("/api/stations")["items"]
    }  # fmt: skip
    assert {code for code, one in found.items() if one["open"]} == {"YZ1", "YZ3"}
    assert set(found["YZ1"]["services"].split(",")) == {"mediation", "on_site"}


def test_activities_of_a_time_and_none_that_was_called_off(bureau: Bureau) -> None:
    codes = {}
    for name, ago, state in (("old", 200, "done"), ("last", 10, "done"), ("next", -5, "planned"),
                             ("off", 9, "cancelled"), ("far", -60, "planned")):  # fmt: skip
        made = add(bureau, title=name, state=state, starts_at=f"{day(-ago)}T07:30", ends_at=None,
                   kind="consultation", community="S1C0")  # fmt: skip
        assert made.status_code == 201, made.text
        codes[name] = made.json()["code"]
    found = drawn(bureau, "activities")
    assert set(found) == {codes["last"], codes["next"]}
    last = found[codes["last"]]
    assert (last["name"], last["kind"], last["state"]) == ("last", "consultation", "done")
    assert last["part"] == "duties"
    began = datetime.fromtimestamp(last["starts_at"], ZONE)
    assert f"{began:%Y-%m-%dT%H:%M}" == f"{day(-10)}T07:30"
    assert found[codes["next"]]["state"] == "planned"
    # a period is its own
    old = drawn(bureau, "activities", **{"from": day(-201), "to": day(-199)})
    assert set(old) == {codes["old"]}


def test_what_a_layer_says_of_today_goes_with_the_clock(
    bureau: Bureau, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, new = (
        add(bureau, title=f"{ago}", state="done", starts_at=f"{day(-ago)}T07:30", ends_at=None,
            kind="consultation", community="S1C0").json()["code"]
        for ago in (89, 5)
    )  # fmt: skip
    assert set(drawn(bureau, "activities")) == {old, new}
    # the database's clock cannot be put on; the activities are put back, as if days had gone by
    with bureau.database.sessions.begin() as session:
        session.execute(text("UPDATE activity SET starts_at = starts_at - interval '3 days'"))

    class Later(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> datetime:
            return datetime.now(tz) + timedelta(minutes=1)

    monkeypatch.setattr(filters, "datetime", Later)
    assert set(drawn(bureau, "activities")) == {new}


def test_campaigns_draw_their_grids_once_each(bureau: Bureau) -> None:
    def body(code: str, *areas: tuple[str, str]) -> dict[str, Any]:
        return {
            "code": code, "name": f"整治{code}", "classes": ["E-04"], "starts_on": day(-3),
            "ends_on": day(10), "lead": "ZFZH",
            "areas": [{"level": level, "code": area} for level, area in areas],
        }  # fmt: skip

    for one in (body("K1", ("community", "S0C0"), ("grid", "S0C0G0")),
                body("K2", ("grid", "S0C0G1")), body("K3", ("street", "S1"))):  # fmt: skip
        made = bureau.call("POST", "/api/campaigns", json=one)
        assert made.status_code == 201, made.text
    gone = bureau.call("DELETE", "/api/campaigns/K3")
    assert gone.status_code in (200, 204), gone.text
    x, y = tile_of(118.63, 24.91, 9)
    tile = bureau.call("GET", f"/tiles/campaigns/9/{x}/{y}.mvt", "viewer")
    found = [one["properties"] for one in features(tile.content, "campaigns")]
    assert sorted((one["code"], one["campaign"]) for one in found) == [
        ("S0C0G0", "K1"), ("S0C0G1", "K1"), ("S0C0G1", "K2"),
    ]  # fmt: skip
    assert {(one["title"], one["starts_on"], one["ends_on"]) for one in found} == {
        ("整治K1", day(-3), day(10)), ("整治K2", day(-3), day(10)),
    }  # fmt: skip


@pytest.fixture
def planned(bureau: Bureau, tmp_path: Path) -> Bureau:
    file = tmp_path / "plan.toml"
    file.write_text(PLAN.format(owed=day(-1), today=day(0), last=day(30)))
    with bureau.database.sessions.begin() as session:
        load_plan(session, file)
    return bureau


def test_progress_counts_what_is_owed_by_now_and_no_more(planned: Bureau) -> None:
    # T1 and T2 are owed; T3 is owed tomorrow, T4 of demonstration communities, T5 by the bureau
    done = {"task": "T1", "community": "S0C0", "done_on": day(0)}
    assert planned.call("PUT", "/api/progress/records", json=done).status_code == 200
    # early in the morning, when elsewhere it is yesterday
    add(planned, community="S0C0", kind="consultation", starts_at=f"{day(-1)}T00:30", ends_at=None)
    add(planned, community="S1C1", kind="consultation", starts_at=f"{day(-2)}T09:00", ends_at=None)
    found = drawn(planned, "progress")
    numbers = {c: (o["owed"], o["done"], o["missing"], o["share"]) for c, o in found.items()}
    assert numbers == {
        "S0C0": (2, 2, 0, 1.0), "S0C1": (2, 0, 2, 0.0), "S1C0": (2, 0, 2, 0.0),
        "S1C1": (2, 1, 1, 0.5),
    }  # fmt: skip
    (item,) = planned.get("/api/progress/items?task=T2&community=S0C0")["items"]
    assert (item["done_on"], item["late"]) == (day(-1), False)
    # the same as the list says
    items = planned.get("/api/progress/items?state=missing")["items"]
    for code, one in found.items():
        assert one["missing"] == sum(item["community"] == code for item in items)
    labels = drawn(planned, "progress", "progress_label")
    assert {code: one["missing"] for code, one in labels.items()} == {
        code: one["missing"] for code, one in found.items() if one["missing"]
    }  # fmt: skip


def choose(bureau: Bureau, decided: str, *communities: str) -> None:
    """A round that was decided then for these communities."""
    with bureau.database.engine.begin() as connection:
        made = connection.exec_driver_sql(
            "INSERT INTO selection_round (name, state, question, frozen, answer, digest, library, "
            "created_by, decided_by, decided_at) VALUES ('轮', 'decided', '{}', '{}', '{}', '', "
            "'', 'test', 'test', %s) RETURNING id", (decided,),
        ).scalar_one()  # fmt: skip
        connection.exec_driver_sql(
            "INSERT INTO round_choice (round_id, area_id, rank, reason) SELECT %s, id, 1, '好' "
            "FROM area WHERE level = 'community' AND code = ANY(%s)", (made, list(communities)),
        )  # fmt: skip


def test_what_demonstration_communities_owe_is_asked_of_nobody_else(planned: Bureau) -> None:
    def owing() -> dict[str, str]:
        items = planned.get("/api/progress/items?task=T4")["items"]
        return {one["community"]: one["state"] for one in items}

    assert owing() == {}  # nobody is chosen yet, so nothing is red
    record = {"task": "T4", "community": "S1C0", "done_on": day(-2)}
    refused = planned.call("PUT", "/api/progress/records", json=record)
    assert (refused.status_code, refused.json()["where"]) == (400, "task")
    choose(planned, "2026-05-20T10:00+08:00", "S0C0", "S1C0")
    assert owing() == {"S0C0": "missing", "S1C0": "missing"}
    assert planned.call("PUT", "/api/progress/records", json=record).status_code == 200
    assert owing() == {"S0C0": "missing", "S1C0": "done"}
    others = planned.get("/api/progress/items?task=T1")["items"]
    assert len(others) == 4  # what all owe is owed by all
    # the round decided last says who they are
    choose(planned, "2026-06-20T10:00+08:00", "S1C1", "S1C0")
    assert owing() == {"S1C0": "done", "S1C1": "missing"}
