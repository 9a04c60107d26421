"""Surveys: versions, answers by staff and by QR code, and results that claim what they may."""

from __future__ import annotations

import csv
import io
from typing import Any

import pytest

from gis_service.analysis.intervals import wilson
from gis_service.communities.results import question_result
from gis_service.settings import Settings
from tests.communities.conftest import Bureau
from tests.days import day
from tests.test_http import features, tile_of

SCALE: dict[str, Any] = {
    "key": "overall",
    "type": "scale",
    "text": "总体满意吗？",
    "measure": "satisfaction",
}
QUIZ: dict[str, Any] = {
    "key": "battery", "type": "quiz", "text": "废电池属于？", "right": "harmful",
    "options": [{"key": "harmful", "text": "有害垃圾"}, {"key": "other", "text": "其他垃圾"}],
}  # fmt: skip
SURVEY: dict[str, Any] = {
    "code": "MYD", "kind": "satisfaction", "title": "群众满意度", "state": "released",
    "questions": [
        SCALE, QUIZ,
        {"key": "know", "type": "yes_no", "text": "知道服务岗吗？", "required": False},
        {"key": "wish", "type": "multiple", "text": "希望改进", "required": False,
         "options": [{"key": "a", "text": "油烟"}, {"key": "b", "text": "停车"}]},
        {"key": "words", "type": "text", "text": "意见建议", "required": False},
    ],
}  # fmt: skip
ROUND = {
    "code": "R1", "name": "第一轮", "opens_on": day(-30),
    "closes_on": day(30),
}  # fmt: skip
PATH = "/api/survey-rounds/R1/responses"


@pytest.fixture
def asked(bureau: Bureau) -> Bureau:
    made = bureau.call("POST", "/api/surveys", json=SURVEY)
    assert made.status_code == 201, made.text
    opened = bureau.call("POST", "/api/surveys/MYD/rounds", json=ROUND)
    assert opened.status_code == 201, opened.text
    return bureau


def answer(bureau: Bureau, value: int, community: str = "S0C0", **more: Any) -> Any:
    body = {"community": community, "answers": {"overall": value, "battery": "harmful", **more}}
    return bureau.call("POST", PATH, json=body)


def test_three_answers_claim_nothing(asked: Bureau) -> None:
    for value in (5, 5, 4):
        assert answer(asked, value).status_code == 201
    found = asked.get("/api/survey-rounds/R1/results")
    (community,) = found["communities"]
    assert (community["responses"], community["enough"], found["minimum"]) == (3, False, 10)
    scale = community["questions"][0]
    assert (scale["answers"], scale["mean"], scale["satisfied_share"]) == (3, None, None)
    assert [one["share"] for one in scale["counts"]] == [None] * 5
    assert [one["count"] for one in scale["counts"]] == [0, 0, 0, 1, 2]  # counted all the same
    (told,) = asked.get("/api/surveys/satisfaction")["items"]
    assert (told["answers"], told["share"]) == (3, None)
    text = asked.call("GET", "/api/survey-rounds/R1/results?format=csv&lang=zh").content
    rows = list(csv.DictReader(io.StringIO(text.decode("utf-8-sig"))))
    assert {(row["比例"], row["说明"]) for row in rows} == {("", "样本不足 10 份，不作推断")}


def test_results_with_their_intervals(asked: Bureau) -> None:
    for value in (5, 5, 4, 4, 4, 3, 3, 2, 1, 5):
        assert answer(asked, value, wish=["b", "a"]).status_code == 201
    answer(asked, 5, "S1C0")
    found = asked.get("/api/survey-rounds/R1/results")
    assert (found["all"]["responses"], found["enough"]) == (11, 1)
    first = found["communities"][0]["questions"]
    low, high = wilson(6, 10)
    assert first[0]["satisfied_share"] == {"value": 0.6, "low": low, "high": high}
    assert first[0]["mean"]["value"] == 3.6
    assert 2.5 < first[0]["mean"]["low"] < 3.6 < first[0]["mean"]["high"] < 4.6
    assert first[1]["right_share"]["value"] == 1.0
    assert first[1]["right_share"]["low"] == wilson(10, 10)[0]
    assert [(one["key"], one["count"]) for one in first[3]["counts"]] == [("a", 10), ("b", 10)]
    assert found == asked.get("/api/survey-rounds/R1/results")  # the same every time
    # the map's numbers come from SQL and are the same
    told = asked.get("/api/surveys/satisfaction")["items"]
    assert told[0]["share"] == {"value": 0.6, "low": low, "high": high}
    sql = asked.database.rows(
        "SELECT wilson(6, 10, false), wilson(6, 10, true), wilson(0, 0, true)"
    )
    assert sql[0][:2] == pytest.approx((low, high))
    assert sql[0][2] is None


def test_a_released_survey_never_changes(asked: Bureau) -> None:
    answer(asked, 5)
    fields = {key: value for key, value in SURVEY.items() if key != "code"}
    other = {**fields, "version": 1, "questions": [SCALE]}
    second = asked.call("PUT", "/api/surveys/MYD", json=other)
    assert second.json()["version"] == 2
    assert asked.call("PUT", "/api/surveys/MYD", json=other).status_code == 409
    versions = asked.get("/api/surveys/MYD")["items"]
    assert [(one["version"], len(one["questions"]), one["responses"]) for one in versions] == [
        (2, 1, 0), (1, 5, 1),
    ]  # fmt: skip
    assert asked.get("/api/survey-rounds/R1")["version"] == 1  # what was asked stays
    later = {**ROUND, "code": "R2"}
    assert asked.call("POST", "/api/surveys/MYD/rounds", json=later).json()["version"] == 2
    assert asked.call("DELETE", "/api/surveys/MYD").status_code == 409


def test_a_draft_is_not_asked(bureau: Bureau) -> None:
    bureau.call("POST", "/api/surveys", json={**SURVEY, "state": "draft"})
    assert bureau.call("POST", "/api/surveys/MYD/rounds", json=ROUND).status_code == 404
    fields = {key: value for key, value in SURVEY.items() if key != "code"}
    draft = {**fields, "state": "draft", "version": 1, "questions": [SCALE]}
    assert bureau.call("PUT", "/api/surveys/MYD", json=draft).json()["version"] == 1
    assert bureau.call("DELETE", "/api/surveys/MYD").status_code == 204


def test_faulty_questions_are_refused(bureau: Bureau) -> None:
    for question in (
        {**SCALE, "type": "riddle"}, {**SCALE, "key": "A B"}, {**QUIZ, "right": None},
        {**QUIZ, "right": "x"}, {**QUIZ, "options": QUIZ["options"][:1]},
        {**QUIZ, "options": [QUIZ["options"][0]] * 2}, {**QUIZ, "measure": "satisfaction"},
        {**SCALE, "options": QUIZ["options"]}, {**SCALE, "high": 99}, {**SCALE, "text": " "},
    ):  # fmt: skip
        body = {**SURVEY, "questions": [question]}
        assert bureau.call("POST", "/api/surveys", json=body).status_code == 400, question
    for questions in ([SCALE, SCALE], [SCALE, {**SCALE, "key": "again"}], []):
        body = {**SURVEY, "questions": questions}
        assert bureau.call("POST", "/api/surveys", json=body).status_code == 400, questions
    assert bureau.database.value("SELECT count(*) FROM survey") == 0


def test_faulty_answers_are_refused_by_question(asked: Bureau) -> None:
    for answers, where in (
        ({"overall": 6, "battery": "other"}, "overall"),
        ({"overall": True, "battery": "other"}, "overall"),
        ({"overall": 3.5, "battery": "other"}, "overall"),
        ({"overall": 3}, "battery"),
        ({"overall": 3, "battery": "soup"}, "battery"),
        ({"overall": 3, "battery": "other", "wish": ["c"]}, "wish"),
        ({"overall": 3, "battery": "other", "wish": "a"}, "wish"),
        ({"overall": 3, "battery": "other", "words": "x" * 2000}, "words"),
        ({"overall": 3, "battery": "other", "more": 1}, "answers"),
        ({"overall": {}, "battery": []}, "overall"),
    ):  # fmt: skip
        body = {"community": "S0C0", "answers": answers}
        for path, who in ((PATH, "planner"), ("/api/public/surveys/R1", "")):
            got = asked.call("POST", path, who, json=body)
            assert (got.status_code, got.json()["where"]) == (400, where), answers
    assert answer(asked, 5, "S9").status_code == 400
    assert asked.database.value("SELECT count(*) FROM survey_response") == 0


def test_residents_answer_by_qr_code_once(asked: Bureau) -> None:
    shown = asked.client.get("/api/public/surveys/R1")
    assert shown.status_code == 200
    assert "harmful" in shown.text
    assert '"right"' not in shown.text
    body = {
        "community": "S0C0", "answers": {"overall": 2, "battery": "other", "words": "路灯不亮"},
        "key": "12345678-abc", "name": "孙七", "phone": "13600000000",
    }  # fmt: skip
    taken = asked.client.post("/api/public/surveys/R1", json=body)
    assert taken.json() == {"created": True, "right": 0, "of": 1}
    again = asked.client.post("/api/public/surveys/R1", json=body)
    assert (again.status_code, again.json()) == (200, {"created": False})
    assert asked.database.value("SELECT count(*) FROM survey_response") == 1
    (opinion,) = asked.get("/api/opinions?round=R1")["items"]
    assert (opinion["words"], opinion["round"]["name"]) == ("路灯不亮", "第一轮")
    assert asked.get(f"/api/opinions/{opinion['id']}/person", "worker")["name"] == "孙七"
    stored = str(asked.database.rows("SELECT answers, key FROM survey_response"))
    assert "孙七" not in stored


def test_a_named_survey_wants_the_name_and_a_closed_round_nothing(bureau: Bureau) -> None:
    bureau.call("POST", "/api/surveys", json={**SURVEY, "named": True})
    over = {**ROUND, "closes_on": day(-3), "public": False}
    bureau.call("POST", "/api/surveys/MYD/rounds", json=over)
    body = {"community": "S0C0", "answers": {"overall": 3, "battery": "other"}}
    assert bureau.client.get("/api/public/surveys/R1").status_code == 404
    assert bureau.client.post("/api/public/surveys/R1", json=body).status_code == 404
    assert bureau.call("POST", PATH, json={**body, "name": "甲"}).status_code == 409
    then = {**body, "answered_at": f"{day(-10)}T10:00"}
    assert bureau.call("POST", PATH, json=then).json()["where"] == "name"
    assert bureau.call("POST", PATH, json={**then, "name": "甲"}).status_code == 201
    backwards = {**over, "opens_on": over["closes_on"], "closes_on": over["opens_on"]}
    backwards.pop("code")
    refused = bureau.call("PUT", "/api/survey-rounds/R1", json=backwards)
    assert refused.json()["where"] == "closes_on"


def test_staff_enter_answers_of_their_own_community(asked: Bureau) -> None:
    body = {"community": "S0C1", "answers": {"overall": 3, "battery": "other"}}
    assert asked.call("POST", PATH, "worker", json=body).status_code == 403
    assert asked.call("POST", PATH, "street", json=body).status_code == 201
    assert asked.call("POST", "/api/surveys", "worker", json=SURVEY).status_code == 403
    assert asked.get("/api/survey-rounds/R1/results", "worker")["communities"] == []


def test_one_address_answers_only_so_often(asked: Bureau) -> None:
    limit = Settings.model_fields["public_answers_per_hour"].default
    body = {"community": "S0C0", "answers": {"overall": 3, "battery": "other"}}
    codes = [
        asked.client.post("/api/public/surveys/R1", json=body).status_code for _ in range(limit + 1)
    ]
    assert codes == [201] * limit + [429]


def test_equal_answers_are_no_certainty() -> None:
    question = {**SCALE, "low": 1, "high": 5}
    told = question_result(question, [5] * 20, 10)
    assert told["mean"] == {"value": 5.0, "low": None, "high": None}
    assert told["satisfied_share"]["low"] < 0.9


def test_too_few_answers_are_drawn_as_such(asked: Bureau) -> None:
    for value in (5, 5, 4):
        answer(asked, value)
    for value in (5, 5, 4, 4, 4, 3, 3, 2, 1, 5):
        answer(asked, value, "S0C1")
    x, y = tile_of(118.62, 24.91, 12)
    body = asked.call("GET", f"/tiles/satisfaction/12/{x}/{y}.mvt").content
    drawn = {one["properties"]["code"]: one["properties"] for one in features(body, "satisfaction")}
    assert drawn["S0C0"] == {"code": "S0C0", "name": "00社区", "answers": 3, "enough": False}
    assert (drawn["S0C1"]["percent"], drawn["S0C1"]["enough"]) == (60.0, True)
    low, high = wilson(6, 10)
    assert drawn["S0C1"]["low"] == pytest.approx(100 * low, abs=0.06)
    assert drawn["S0C1"]["high"] == pytest.approx(100 * high, abs=0.06)
    assert drawn["S1C0"]["answers"] == 0
    assert asked.client.get(f"/tiles/satisfaction/12/{x}/{y}.mvt").status_code == 401
