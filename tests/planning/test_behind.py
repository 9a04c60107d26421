"""The list behind a figure has as many rows as the figure counted, for every indicator."""

from __future__ import annotations

import csv
import io
from typing import Any

import pytest
from sqlalchemy import text

from gis_service.planning.registry import built_in
from tests.conftest import token_headers
from tests.planning.conftest import TO, Demo

INDICATORS = [one.id for one in built_in()]


def table_of(demo: Demo, **asked: str) -> dict[str, Any]:
    found: dict[str, Any] = demo.client.get(
        "/api/planning/indicators", params={"to": TO, **asked}
    ).json()
    return found


def behind(demo: Demo, indicator: str, community: str, **more: object) -> dict[str, Any]:
    """The whole list, page by page."""
    asked = {"indicator": indicator, "community": community, "to": TO, "limit": 150, **more}
    answer = demo.client.get("/api/planning/behind", params=asked)
    assert answer.status_code == 200, answer.text
    whole: dict[str, Any] = answer.json()
    following = whole["next"]
    while following is not None:
        page = demo.client.get("/api/planning/behind", params={**asked, "cursor": following}).json()
        whole["items"] += page["items"]
        following = page["next"]
    return whole


@pytest.mark.parametrize("indicator", INDICATORS)
def test_as_many_rows_as_were_counted(demo: Demo, indicator: str) -> None:
    table = table_of(demo)
    seen = 0
    for item in table["items"]:
        cell = item["cells"][indicator]
        found = behind(demo, indicator, item["community"]["code"])
        assert found["cell"] == cell
        assert found["hidden"] == 0
        rows, of = found["items"], {"one": 1}.get(found["is"], cell.get(found["is"]))
        assert len(rows) == found["rows"] == int(of or 0), (item["community"], cell)
        codes = [row["code"] for row in rows]
        if indicator not in ("covered_on_time", "buildings"):
            assert len(set(codes)) == len(codes)
        hits = [row for row in rows if row["counted"]]
        if found["hits"] is not None:
            assert len(hits) == found["hits"]
            assert cell["numerator"] == len(hits)
        if found["indicator"]["kind"] == "duration" and rows:
            hours = sorted(row["value"] for row in rows)
            middle = (hours[(len(hours) - 1) // 2] + hours[len(hours) // 2]) / 2
            assert cell["value"] == pytest.approx(middle, abs=0.02)
        seen += len(rows)
    # the demo has records of everything but of a few things that nobody entered
    assert seen > 0 or all(
        item["cells"][indicator]["value"] in (None, 0) for item in table["items"]
    )


def test_officers_of_the_grids_are_the_denominator(demo: Demo) -> None:
    item = next(one for one in table_of(demo)["items"]
                if one["cells"]["grids_per_officer"]["denominator"])  # fmt: skip
    found = behind(demo, "grids_per_officer", item["community"]["code"])
    names = {
        words.split(" · ")[1]
        for row in found["items"] for words in row["note"]["en"].split("；")
    }  # fmt: skip
    assert len(names) == item["cells"]["grids_per_officer"]["denominator"]


def test_answers_to_a_survey_do_not_tell_who_gave_them(demo: Demo) -> None:
    """Neither when nor as which response; those of a round stand together by what they say."""
    seen = 0
    with demo.database.sessions() as session:
        rounds = {
            row.code: str(row.opens_on)
            for row in session.execute(text("SELECT code, opens_on FROM survey_round"))
        }
    for item in table_of(demo)["items"]:
        rows = behind(demo, "satisfied", item["community"]["code"])["items"]
        by_round: dict[str, list[tuple[int, bool]]] = {}
        for row in rows:
            code, number = row["code"].rsplit("/", 1)
            assert row["at"] == rounds[code]
            by_round.setdefault(code, []).append((int(number), row["counted"]))
        for some in by_round.values():
            assert sorted(some) == [(n + 1, hit) for n, hit in enumerate(
                sorted(hit for _, hit in some)
            )]  # fmt: skip
        seen += len(rows)
    assert seen


def test_what_ended_yesterday_is_not_counted_and_what_ends_today_is(demo: Demo) -> None:
    """Days are the district's, not those of Greenwich, where a day there begins at four."""
    table = table_of(demo)
    item = next(one for one in table["items"] if one["cells"]["frontages"]["value"])
    code = item["community"]["code"]
    last = "CAST(:to AS date) - 1"  # the last day of the period
    for ends, counted in ((f"{last}", 0), (f"{last} - 1", -1)):
        with demo.database.sessions.begin() as session:
            chosen = behind(demo, "frontages", code)["items"][0]["code"]
            before = session.execute(
                text("SELECT valid_to FROM frontage_contract WHERE code = :code"), {"code": chosen}
            ).scalar_one()
            session.execute(
                text(f"UPDATE frontage_contract SET valid_to = {ends} WHERE code = :code"),
                {"code": chosen, "to": TO},
            )
        found = behind(demo, "frontages", code)
        with demo.database.sessions.begin() as session:
            session.execute(
                text("UPDATE frontage_contract SET valid_to = :before WHERE code = :code"),
                {"code": chosen, "before": before},
            )
        assert found["rows"] == item["cells"]["frontages"]["value"] + counted


def test_a_list_goes_home_as_a_table(demo: Demo) -> None:
    code = table_of(demo)["items"][0]["community"]["code"]
    asked = {"indicator": "closed_in_time", "community": code, "to": TO, "format": "csv"}
    answer = demo.client.get("/api/planning/behind", params=asked)
    lines = list(csv.reader(io.StringIO(answer.content.decode("utf-8-sig"))))
    assert lines[0][:4] == ["code", "name", "time", "in_numerator"]
    assert len(lines) - 1 == behind(demo, "closed_in_time", code)["rows"]
    assert {line[3] for line in lines[1:]} <= {"yes", "no"}


def test_an_account_sees_the_lists_of_its_own_communities(demo: Demo) -> None:
    items = table_of(demo)["items"]
    own, other = (
        items[0],
        next(one for one in items if one["street"]["code"] != items[0]["street"]["code"]),
    )
    headers = token_headers(
        demo.database, "street_office", name="behind-street",
        scopes=[f"street={own['street']['code']}"],
    )  # fmt: skip
    for item, status in ((own, 200), (other, 403)):
        asked = {"indicator": "early_found", "community": item["community"]["code"], "to": TO}
        answer = demo.client.get("/api/planning/behind", params=asked, headers=headers)
        assert answer.status_code == status, answer.text
    # a squad sees its own cases; that there are more is said
    with demo.database.sessions() as session:
        squad = session.execute(
            text("""
                SELECT q.code FROM squad q JOIN incident i ON i.squad_id = q.id
                JOIN community c ON c.area_id = i.community_id AND c.code = :code
                WHERE :street = ANY(q.street_codes) LIMIT 1
            """),
            {"code": own["community"]["code"], "street": own["street"]["code"]},
        ).scalar()
    assert squad
    headers = token_headers(
        demo.database, "squad_leader", name="behind-squad", scopes=[f"squad={squad}"]
    )
    asked = {"indicator": "early_found", "community": own["community"]["code"], "to": TO,
             "limit": "500"}  # fmt: skip
    found = demo.client.get("/api/planning/behind", params=asked, headers=headers).json()
    whole = behind(demo, "early_found", own["community"]["code"])
    assert (found["rows"], found["hits"]) == (whole["rows"], whole["hits"])
    with demo.database.sessions() as session:
        others = session.execute(
            text("""
                SELECT i.code FROM incident i LEFT JOIN squad q ON q.id = i.squad_id
                WHERE q.code IS DISTINCT FROM :squad
            """),
            {"squad": squad},
        ).scalars()
        foreign = {row["code"] for row in whole["items"]} & set(others)
    assert not foreign & {row["code"] for row in found["items"]}
    assert found["hidden"] == len(foreign)


@pytest.mark.parametrize(
    ("asked", "status", "where"),
    [({"indicator": "nonsense"}, 404, "indicator"), ({"community": "nowhere"}, 404, "community"),
     ({"to": "yesterday"}, 400, "to"), ({"limit": "0"}, 400, "limit")],
)  # fmt: skip
def test_a_list_that_cannot_be_asked_for(
    demo: Demo, asked: dict[str, str], status: int, where: str
) -> None:
    code = table_of(demo)["items"][0]["community"]["code"]
    whole = {"indicator": "rework", "community": code, "to": TO, **asked}
    answer = demo.client.get("/api/planning/behind", params=whole)
    assert (answer.status_code, answer.json()["where"]) == (status, where)
