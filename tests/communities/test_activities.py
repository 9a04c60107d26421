"""Activities: entered, repeated, signed up for, and what people said there."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from gis_service.communities.activity_schemas import Repeat
from gis_service.communities.recurring import occurrences
from gis_service.errors import InvalidInput
from tests.communities.conftest import Bureau

ACTIVITY: dict[str, Any] = {
    "kind": "waste_sorting", "title": "垃圾分类宣传", "community": "S0C0", "state": "done",
    "starts_at": "2026-05-01T09:00", "ends_at": "2026-05-01T11:00", "unit": "HJWSZX",
    "households": 12, "materials": [{"item": "图册", "count": 120}, {"item": "展板"}],
    "media": [{"outlet": "泉州晚报", "url": "https://example.com/a"}],
}  # fmt: skip


@pytest.fixture
def unit(bureau: Bureau) -> str:
    return str(bureau.database.value("SELECT code FROM unit WHERE active ORDER BY id LIMIT 1"))


def add(bureau: Bureau, who: str = "planner", **change: Any) -> Any:
    body = {**ACTIVITY, "unit": None, **change}
    return bureau.call("POST", "/api/activities", who, json=body)


def test_an_activity_and_what_was_not_counted(bureau: Bureau, unit: str) -> None:
    made = add(bureau, "worker", unit=unit)
    assert made.status_code == 201, made.text
    told = made.json()
    assert (told["code"], told["unit"]["code"]) == ("HD20260501-01", unit)
    assert (told["households"], told["residents"]) == (12, None)
    assert told["starts_at"] == "2026-05-01T01:00:00+00:00"
    assert add(bureau, kind="consultation", households=None).json()["code"] == "HD20260501-02"
    # the same again is told, not kept twice
    again = add(bureau)
    assert (again.status_code, again.json()["where"]) == (409, "title")
    counts = bureau.get("/api/activities/counts")["items"]
    waste = next(one for one in counts if one["kind"] == "waste_sorting")
    assert (waste["done"], waste["households"], waste["households_of"]) == (1, 12, 1)
    asked = next(one for one in counts if one["kind"] == "consultation")
    assert (asked["households"], asked["households_of"]) == (None, 0)


def test_a_change_keeps_what_others_changed(bureau: Bureau) -> None:
    code = add(bureau).json()["code"]
    body = {**ACTIVITY, "unit": None, "results": "发放 120 册", "version": 1}
    assert bureau.call("PUT", f"/api/activities/{code}", "worker", json=body).json()["version"] == 2
    assert bureau.call("PUT", f"/api/activities/{code}", json=body).status_code == 409
    log = bureau.get(f"/api/activities/{code}/log")["items"]
    assert log[0]["detail"] == {"fields": ["results"], "state": "done"}


FAULTY: list[tuple[dict[str, Any], str | None]] = [
    ({"kind": "party"}, "kind"),
    ({"community": "S9"}, "community"),
    ({"unit": "NOBODY"}, "unit"),
    ({"units": ["NOBODY"]}, "units"),
    ({"members": ["M1"]}, "members"),
    ({"photos": [99]}, "photos"),
    ({"ends_at": "2026-05-01T08:00"}, "ends_at"),
    ({"ends_at": "2026-07-01T08:00"}, "ends_at"),
    ({"starts_at": "2099-01-01T08:00", "ends_at": None}, "state"),
    ({"households": -1}, "households"),
    ({"quizzed": 10, "passed": 11}, "passed"),
    ({"passed": 3}, "passed"),
    ({"round": "R9"}, "round"),
    ({"media": [{"outlet": "x", "url": "javascript:alert(1)"}]}, "url"),
    ({"materials": [{"item": "a；b"}]}, "item"),
    ({"lon": 118.605, "lat": 24.905}, "crs"),
    ({"title": " "}, "title"),
]


def test_a_faulty_activity_is_refused_by_name(bureau: Bureau) -> None:
    for change, where in FAULTY:
        answer = add(bureau, **change)
        assert (answer.status_code, answer.json()["where"]) == (400, where), answer.text
    assert bureau.database.value("SELECT count(*) FROM activity") == 0


def test_a_quiz_and_the_round_that_was_asked(bureau: Bureau) -> None:
    survey = {
        "code": "FL", "kind": "waste_knowledge", "title": "分类知识", "state": "released",
        "questions": [{"key": "q", "type": "yes_no", "text": "电池可回收吗？"}],
    }  # fmt: skip
    assert bureau.call("POST", "/api/surveys", json=survey).status_code == 201
    asked = {"code": "FL1", "name": "五月", "opens_on": "2026-05-01", "closes_on": "2026-05-31"}
    assert bureau.call("POST", "/api/surveys/FL/rounds", json=asked).status_code == 201
    bureau.call("PUT", "/api/party-branches/ZB1", json={"name": "一支部", "community": None})
    bureau.call("PUT", "/api/party-members/DY0", json={"branch": "ZB1", "community": None})
    made = add(bureau, quizzed=30, passed=21, round="FL1", members=["DY0"])
    assert made.status_code == 201, made.text
    told = made.json()
    assert (told["quizzed"], told["passed"], told["round"]) == (
        30, 21, {"code": "FL1", "name": "五月"},
    )  # fmt: skip
    (waste,) = bureau.get("/api/activities/counts")["items"]
    assert (waste["quizzed"], waste["quizzed_of"], waste["passed"]) == (30, 1, 21)
    # to a sheet and back: nothing changes, and an edit leaves the rest, members included
    sheet = bureau.get_file("/api/activities?format=csv&lang=zh")
    assert ",21,FL1" in sheet

    def bring(text: str) -> Any:
        files = {"file": ("activities.csv", text.encode("utf-8-sig"))}
        return bureau.call("POST", "/api/activities/import", files=files).json()

    again = bring(sheet)
    assert (again["already"], again["changed"]) == (1, 0)
    assert bring(sheet.replace(",21,FL1", ",22,FL1"))["changed"] == 1
    after = bureau.get(f"/api/activities/{told['code']}")
    assert (after["passed"], after["round"]["code"], after["members"]) == (22, "FL1", ["DY0"])
    wrong = bring(sheet.replace(",21,FL1", ",99,FL1"))
    assert "passed" in wrong["faults"][0]["message"]


def test_scope_and_filters(bureau: Bureau) -> None:
    assert add(bureau, "worker", community="S0C1").status_code == 403
    add(bureau), add(bureau, community="S0C1", starts_at="2026-06-01T09:00", ends_at=None)
    add(bureau, community="S1C0", kind="consultation")
    own = bureau.get("/api/activities", "worker")["items"]
    assert [one["community"]["code"] for one in own] == ["S0C0"]
    for one in bureau.get("/api/activities")["items"]:
        told = bureau.get(f"/api/activities/{one['code']}/log", "worker")["items"]
        assert bool(told) == (one["community"]["code"] == "S0C0")
    for query, count in (
        ("", 3), ("street=S0", 2), ("community=S1C0", 1), ("kind=consultation", 1),
        ("from=2026-06-01", 1), ("to=2026-06-01", 2), ("state=planned", 0), ("q=宣传", 3),
        ("q=%25", 0), ("kind=consultation,waste_sorting", 3),
        ("counted=households", 3), ("counted=residents", 0), ("counted=households&street=S0", 2),
    ):  # fmt: skip
        assert len(bureau.get(f"/api/activities?{query}")["items"]) == count, query
    for query in (
        "street=X",
        "kind=x",
        "counted=money",
        "cursor=x",
        "form=csv",
        "from=2026-07-01&to=2026-06-01",
    ):
        assert bureau.call("GET", f"/api/activities?{query}").status_code == 400, query
    first = bureau.get("/api/activities?limit=2")
    rest = bureau.get("/api/activities", params={"limit": 2, "cursor": first["next"]})
    assert len(rest["items"]) == 1


def test_a_series_keeps_its_clock_and_its_rest_can_be_taken_back(bureau: Bureau) -> None:
    start = (datetime.now(UTC) + timedelta(days=3)).strftime("%Y-%m-%dT09:00")
    made = add(bureau, state="planned", starts_at=start, ends_at=None,
               repeat={"every": "week", "times": 4})  # fmt: skip
    assert made.status_code == 201, made.text
    items = made.json()["items"]
    assert len(items) == 4
    assert {one["starts_at"][11:16] for one in items} == {"01:00"}
    assert len({one["series"] for one in items}) == 1
    path = f"/api/activities/{items[2]['code']}"
    assert bureau.call("DELETE", path, params={"following": True}).status_code == 204
    left = bureau.get("/api/activities", params={"series": items[0]["series"]})["items"]
    assert len(left) == 2


def test_days_of_recurring_activities() -> None:
    first = datetime(2026, 1, 31, 9)  # noqa: DTZ001 - local, as the rule takes it

    def days(**rule: Any) -> list[str]:
        return [f"{one:%m-%d}" for one in occurrences(first, Repeat(**rule))]

    assert days(every="month", times=3) == ["01-31", "03-31", "05-31"]
    assert days(every="month_weekday", times=3) == ["01-31", "02-28", "03-28"]  # last Saturday
    assert days(every="day", interval=10, until="2026-02-20") == ["01-31", "02-10", "02-20"]
    for rule in (
        {"every": "week"}, {"every": "week", "times": 3, "until": "2026-05-01"},
        {"every": "week", "until": "2026-02-01"}, {"every": "day", "until": "2026-12-31"},
    ):  # fmt: skip
        with pytest.raises(InvalidInput):
            occurrences(first, Repeat(**rule))


def planned(bureau: Bureau, **change: Any) -> str:
    start = (datetime.now(UTC) + timedelta(days=3)).isoformat()
    made = add(bureau, state="planned", starts_at=start, ends_at=None, **change)
    assert made.status_code == 201, made.text
    return str(made.json()["code"])


PERSON = {"name": "王五", "phone": "13911112222", "people": 2}


def test_volunteers_sign_up_and_take_it_back(bureau: Bureau) -> None:
    code = planned(bureau, signup_limit=3)
    path = f"/api/public/activities/{code}/signups"
    taken = bureau.client.post(path, json=PERSON)
    assert taken.status_code == 201, taken.text
    full = bureau.client.post(path, json=PERSON)
    assert (full.status_code, full.json()["where"]) == (409, "people")
    assert "1 places" in full.json()["detail"]
    people = bureau.get(f"/api/activities/{code}/signups", "worker")["items"]
    assert (people[0]["name"], people[0]["phone"]) == ("王五", "13911112222")
    assert bureau.call("GET", f"/api/activities/{code}/signups", "planner").status_code == 403
    number = people[0]["id"]
    here = {"attended": True}
    assert bureau.call("PUT", f"/api/activities/{code}/signups/{number}", "worker", json=here
                       ).status_code == 204  # fmt: skip
    assert bureau.call("DELETE", f"/api/activities/{code}", "worker").status_code == 409
    back = f"/api/public/signups/{taken.json()['code']}"
    assert bureau.client.delete(back).status_code == 204
    assert bureau.client.delete(back).status_code == 404
    assert bureau.database.value("SELECT count(*) FROM community_person") == 0  # forgotten
    assert "王五" not in str(bureau.database.rows("SELECT detail FROM community_log"))


def test_two_who_want_the_last_place(bureau: Bureau) -> None:
    code = planned(bureau, signup_limit=2)
    answers: list[int] = []

    def ask() -> None:
        answers.append(
            bureau.client.post(f"/api/public/activities/{code}/signups", json=PERSON).status_code
        )

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert sorted(answers) == [201, 409, 409, 409]


def test_nobody_signs_up_for_what_is_closed(bureau: Bureau) -> None:
    for code in (planned(bureau), add(bureau, signup_limit=5).json()["code"]):
        path = f"/api/public/activities/{code}/signups"
        assert bureau.client.post(path, json=PERSON).status_code == 409
    hidden = planned(bureau, signup_limit=5, public=False, title="内部")
    path = f"/api/public/activities/{hidden}/signups"
    assert bureau.client.post(path, json=PERSON).status_code == 404
    assert bureau.client.post(path, json={**PERSON, "people": 0}).status_code == 400


def test_an_opinion_is_answered_followed_up_and_made_an_order(bureau: Bureau) -> None:
    code = add(bureau, lon=118.605, lat=24.905, crs="wgs84").json()["code"]
    said = {"activity": code, "words": "垃圾桶不够", "name": "赵六", "phone": "13700000000"}
    made = bureau.call("POST", "/api/opinions", "worker", json=said)
    assert made.status_code == 201, made.text
    opinion = made.json()
    assert (opinion["state"], opinion["community"]["code"]) == ("open", "S0C0")
    assert "赵六" not in made.text
    path = f"/api/opinions/{opinion['id']}"
    assert bureau.get(f"{path}/person", "worker")["name"] == "赵六"
    answer = {
        "answer": "本周增设",
        "adopted": True,
        "follow_up": "增设两组",
        "follow_up_by": "环卫",
    }
    told = bureau.call("PUT", path, "worker", json=answer).json()
    assert (told["state"], told["adopted"]) == ("following", True)
    done = bureau.call("PUT", path, "worker", json={"followed_up_on": "2026-05-09"}).json()
    assert (done["state"], done["answer"]) == ("answered", "本周增设")
    order = bureau.call("POST", f"{path}/incident", "worker", params={"class": "0101"})
    if order.status_code == 400:  # whichever code the default scheme has
        some = bureau.database.value("SELECT code FROM incident_class WHERE unit_id IS NOT NULL "
                                     "ORDER BY id LIMIT 1")  # fmt: skip
        order = bureau.call("POST", f"{path}/incident", "worker", params={"class": some})
    assert order.status_code == 201, order.text
    incident = bureau.get(f"/api/incidents/{order.json()['incident']['id']}", "worker")
    assert (incident["is_order"], incident["community"]["code"]) == (True, "S0C0")
    assert "垃圾桶不够" in incident["description"]
    twice = bureau.call("POST", f"{path}/incident", "worker", params={"class": "0101"})
    assert twice.status_code == 409
    assert bureau.get("/api/opinions?state=open")["items"] == []
    for query, count in (
        ("heard=true", 1), ("heard=false", 0), ("adopted=true", 1), ("adopted=false", 0),
        ("origin=post", 0), ("origin=survey", 0), ("origin=activity", 1),
    ):  # fmt: skip
        assert len(bureau.get(f"/api/opinions?{query}")["items"]) == count, query


def test_an_opinion_becomes_an_incident_of_the_proposed_class(bureau: Bureau) -> None:
    code = add(bureau, lon=118.605, lat=24.905, crs="wgs84").json()["code"]
    said = {"activity": code, "words": "人行道上电动车乱停，推婴儿车过不去", "answer": "已转派",
            "adopted": True}  # fmt: skip
    opinion = bureau.call("POST", "/api/opinions", "worker", json=said).json()
    assert (opinion["answer"], opinion["adopted"], opinion["origin"]) == (
        "已转派", True, "activity",
    )  # fmt: skip
    assert opinion["proposed_class"]["name"] == "非机动车乱停放"
    path = f"/api/opinions/{opinion['id']}/incident"
    order = bureau.call("POST", path, "worker")
    assert order.status_code == 201, order.text
    assert order.json()["proposed_class"] is None
    incident = bureau.get(f"/api/incidents/{order.json()['incident']['id']}", "worker")
    assert incident["class"]["code"] == opinion["proposed_class"]["code"]
    assert (incident["lon"], incident["lat"]) == pytest.approx((118.605, 24.905))
    # nothing is guessed from words that name nothing
    vague = {"community": "S0C0", "words": "希望增加夜间巡查"}
    opinion = bureau.call("POST", "/api/opinions", "worker", json=vague).json()
    assert opinion["proposed_class"] is None
    refused = bureau.call("POST", f"/api/opinions/{opinion['id']}/incident", "worker")
    assert (refused.status_code, refused.json()["where"]) == (400, "class")


def test_the_place_of_an_opinion_is_not_made_up(bureau: Bureau) -> None:
    opinion = bureau.call("POST", "/api/opinions", json={"community": "S0C0", "words": "路灯不亮"})
    some = bureau.database.value("SELECT code FROM incident_class ORDER BY id LIMIT 1")
    path = f"/api/opinions/{opinion.json()['id']}/incident"
    order = bureau.call("POST", path, "worker", params={"class": some}).json()
    incident = bureau.get(f"/api/incidents/{order['incident']['id']}", "worker")
    assert incident["reported"]["accuracy_m"] > 900  # as far as the community reaches
    assert incident["building"] is None
    assert "位置为社区中心，待核实" in incident["description"]
    both = {"community": "S0C0", "activity": "x", "words": "y"}
    assert bureau.call("POST", "/api/opinions", json=both).status_code == 400
