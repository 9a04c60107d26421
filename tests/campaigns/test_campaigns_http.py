"""Setting up campaigns, their tasks and photos; what is refused, and in which words."""

from __future__ import annotations

import io
from datetime import timedelta
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient
from PIL import Image
from sqlalchemy import text
from sqlalchemy.orm import Session

from gis_service.campaigns.weak_spots import PRIOR, find_weak_spots
from gis_service.demo.incidents import latest_midnight
from gis_service.maps.checking import check_layers
from tests.campaigns.conftest import Loaded
from tests.campaigns.test_effect_http import campaign
from tests.conftest import token_headers


def day(ago: int) -> str:
    """So many days before today in the district."""
    return (latest_midnight().date() - timedelta(days=ago)).isoformat()


def photo() -> bytes:
    out = io.BytesIO()
    Image.fromarray(np.full((40, 60, 3), 120, dtype=np.uint8)).save(out, "JPEG")
    return out.getvalue()


def test_a_campaign_from_setting_up_to_cancelling(service: TestClient, loaded: Loaded) -> None:
    today = day(0)
    body = campaign("LIFE", loaded, starts_on=day(3), ends_on=day(-10), units=["ZFZH", "JDZD"])
    added = service.post("/api/campaigns", json=body)
    assert added.status_code == 201, added.text
    found = added.json()
    assert (found["state"], found["grids"], found["version"]) == ("running", 1, 1)
    assert [one["code"] for one in found["units"]] == ["ZFZH"]  # who leads does not assist
    assert [one["code"] for one in found["class_names"]] == found["classes"]
    assert all(one["name"] not in (None, one["code"]) for one in found["class_names"])
    again = service.post("/api/campaigns", json=body)
    assert (again.status_code, again.json()["where"]) == (409, "code")

    task = {"title": "集中整治", "unit": "JDZD", "due_on": day(1)}
    made = service.post("/api/campaigns/LIFE/tasks", json=task).json()
    assert made["late"] is True
    done = service.put(
        f"/api/campaigns/LIFE/tasks/{made['id']}", json={**task, "done_on": today}
    ).json()
    assert (done["late"], done["done_on"]) == (False, today)
    # what is due today is not late yet
    later = service.post("/api/campaigns/LIFE/tasks", json={**task, "due_on": today}).json()
    assert later["late"] is False

    sent = service.post(
        "/api/campaigns/LIFE/photos", data={"moment": "before", "note": "整治前"},
        files={"photo": ("a.jpg", photo(), "image/jpeg")},
    )  # fmt: skip
    assert sent.status_code == 201, sent.text
    shown = service.get(f"/api/campaigns/LIFE/photos/{sent.json()['id']}?size=thumb")
    assert shown.headers["content-type"] == "image/jpeg"
    other = loaded.truth.campaigns[0].code
    assert service.get(f"/api/campaigns/{other}/photos/{sent.json()['id']}").status_code == 404

    whole = service.get("/api/campaigns/LIFE").json()
    assert [one["moment"] for one in whole["photos"]] == ["before"]
    # those of the demo show a place before and after, and say that they are of none
    demo = service.get(f"/api/campaigns/{other}").json()["photos"]
    assert {one["moment"] for one in demo} == {"before", "after"}
    assert all("示意数据" in one["note"] for one in demo)
    assert (whole["tasks"], whole["tasks_done"], whole["tasks_late"]) == (2, 1, 0)
    change = {**body, "name": "试验二", "version": 1}
    del change["code"]
    assert service.put("/api/campaigns/LIFE", json=change).json()["version"] == 2
    stale = service.put("/api/campaigns/LIFE", json=change)
    assert (stale.status_code, stale.json()["where"]) == (409, "version")
    assert service.delete("/api/campaigns/LIFE").status_code == 204
    assert service.get("/api/campaigns/LIFE").json()["state"] == "cancelled"
    assert service.post("/api/campaigns/LIFE/tasks", json=task).status_code == 409
    assert service.delete("/api/campaigns/LIFE").status_code == 409


SQUARE = {"type": "Polygon", "coordinates": [[[0, 0], [0, 1], [1, 1], [1, 0], [0, 0]]]}


@pytest.mark.parametrize(
    ("changes", "where", "words"),
    [
        ({"classes": ["E-01", "X-9"]}, "classes", "X-9"),
        ({"lead": "NOBODY"}, "lead", "NOBODY"),
        ({"units": ["NOBODY"]}, "units", "NOBODY"),
        ({"areas": [{"level": "grid", "code": "1"}]}, "areas", "1"),
        ({"areas": []}, "areas", "绘制"),
        ({"areas": [], "polygon": SQUARE}, "polygon", "一半"),
        ({"areas": [], "polygon": {"type": "Point", "coordinates": [0, 0]}}, "polygon", ""),
        ({"starts_on": "2026-05-02", "ends_on": "2026-05-01"}, "ends_on", "早于"),
        ({"starts_on": "2020-05-02"}, "ends_on", "两年"),
        ({"classes": []}, "classes", ""),
        ({"name": "  "}, "name", ""),
    ],
)
def test_what_is_wrong_is_named_and_nothing_is_kept(
    service: TestClient, loaded: Loaded, changes: dict[str, Any], where: str, words: str
) -> None:
    got = service.post(
        "/api/campaigns", json=campaign("WRONG", loaded, **changes),
        headers={"accept-language": "zh"},
    )  # fmt: skip
    assert got.status_code == 400, got.text
    assert got.json()["where"] == where
    assert words in got.json()["detail"]
    assert service.get("/api/campaigns/WRONG").status_code == 404


def test_lists_narrow(service: TestClient, loaded: Loaded) -> None:
    def codes(**query: Any) -> list[str]:
        got = service.get("/api/campaigns", params=query)
        assert got.status_code == 200, got.text
        return [one["code"] for one in got.json()["items"] if one["state"] != "cancelled"]

    every = codes()
    assert len(every) == 6
    planned = loaded.truth.campaigns
    with_communities = next(one for one in planned if one.communities)
    assert with_communities.code in codes(community=with_communities.communities[0])
    assert codes(unit="HWZX") == [
        one.code for one in planned if "HWZX" in (one.lead, *one.units)
    ]  # fmt: skip
    assert codes(state="planned") == []
    first = service.get("/api/campaigns", params={"limit": 4, "state": "ended"}).json()
    behind = service.get(
        "/api/campaigns", params={"limit": 4, "state": "ended", "cursor": first["next"]}
    ).json()
    assert [one["code"] for one in first["items"] + behind["items"]] == every
    assert behind["next"] is None
    start = planned[0].starts_on
    assert codes(to=start.isoformat()) == []
    assert codes(to=(start + timedelta(days=1)).isoformat()) == [planned[0].code]


def test_who_takes_part_works_on_it_and_nobody_else(service: TestClient, loaded: Loaded) -> None:
    planned = next(one for one in loaded.truth.campaigns if one.communities and not one.drawn)
    streets = {code[:9] for code in planned.communities}
    others = [code for code in loaded.district.street["code"] if code not in streets]
    task = {"title": "巡查", "due_on": day(0)}
    for name, scopes, wanted in (
        ("here", [f"street={min(streets)}"], 201), ("there", [f"street={others[0]}"], 403),
        ("led", [f"unit={planned.lead}"], 201),
    ):  # fmt: skip
        role = "unit_handler" if name == "led" else "street_office"
        headers = token_headers(loaded.database, role, name=name, scopes=scopes)
        got = service.post(f"/api/campaigns/{planned.code}/tasks", json=task, headers=headers)
        assert got.status_code == wanted, (name, got.text)


def test_weak_spots_have_their_numbers(service: TestClient, loaded: Loaded) -> None:
    since, until = day(300), day(200)
    got = service.get("/api/campaigns/weak-spots", params={"from": since, "to": until})
    assert got.status_code == 200, got.text
    items = got.json()["items"]
    assert items
    assert [one["score"] for one in items] == sorted((one["score"] for one in items), reverse=True)
    # the planted hot spots before the campaigns: street vendors lead, with their numbers
    top = items[0]
    hot = set(loaded.truth.hotspots)
    assert set(top["hot_grids"]) & hot
    count = loaded.database.value(
        """
        SELECT count(*) FROM incident i JOIN incident_class c ON c.id = i.class_id
        JOIN grid g ON g.area_id = i.grid_id JOIN area a ON a.id = g.parent_id
        WHERE a.code = %s AND c.code LIKE %s
          AND i.state NOT IN ('not_accepted', 'cancelled', 'merged')
          AND i.reported_at >= %s::timestamp AT TIME ZONE 'Asia/Shanghai'
          AND i.reported_at < %s::timestamp AT TIME ZONE 'Asia/Shanghai'
        """,
        top["community"]["code"], top["group"]["code"] + "-%", since, until,
    )  # fmt: skip
    assert top["count"] == count >= top["hot_count"]
    assert top["overdue"]["of"] >= top["overdue"]["n"]
    wrong = service.get("/api/campaigns/weak-spots", params={"from": until, "to": since})
    assert wrong.json()["where"] == "from"


# the cases of a group of classes in a community, as ids
_CASES = """
    SELECT i.id FROM incident i JOIN incident_class k ON k.id = i.class_id
    JOIN grid g ON g.area_id = i.grid_id AND g.valid_to IS NULL
    JOIN area c ON c.id = g.parent_id
    WHERE c.code = :community AND upper(left(k.kind, 1)) || '-' || k.major = :group
"""
_LATE = text(f"""
    UPDATE incident SET due_at = reported_at + interval '1 minute'
    WHERE due_at IS NOT NULL AND id IN ({_CASES})
""")
_AGAIN = text(f"""
    UPDATE incident SET rework_count = 1 WHERE resolved_at IS NOT NULL AND id IN ({_CASES})
""")


def spots(session: Session, loaded: Loaded) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    until = loaded.as_of.date() + timedelta(days=1)
    return find_weak_spots(
        session, loaded.database.settings, until - timedelta(days=366), until, loaded.as_of, 1000
    )


def score(one: dict[str, Any], usual: dict[str, Any]) -> float:
    """As its docstring says it, from the numbers that stand beside it."""
    out = float(one["hot_count"])
    for part in ("overdue", "rework"):
        if usual[part]:  # where nobody had to do anything again, nobody is the worse for it
            drawn_to_usual = (one[part]["n"] + PRIOR * usual[part]) / (one[part]["of"] + PRIOR)
            out *= drawn_to_usual / usual[part]
    return round(out, 1)


def test_the_score_grows_with_overdue_and_again_with_rework(loaded: Loaded) -> None:
    with loaded.database.sessions() as session:  # nothing of it is kept
        before, usual = spots(session, loaded)
        # one in the middle, whose cases are neither all late nor all done again
        place = min(5, len(before) // 2)
        own = before[place]
        names = {"community": own["community"]["code"], "group": own["group"]["code"]}

        def again() -> tuple[int, dict[str, Any], list[dict[str, Any]], dict[str, Any]]:
            found, shares = spots(session, loaded)
            at = next(n for n, one in enumerate(found) if one["community"] == own["community"]
                      and one["group"] == own["group"])  # fmt: skip
            return at, found[at], found, shares

        session.execute(_LATE, names)
        at_late, late, all_late, usual_late = again()
        session.execute(_AGAIN, names)
        at_both, both, all_both, usual_both = again()
        session.rollback()
    assert 0 < own["overdue"]["n"] < own["overdue"]["of"]
    assert late["overdue"] == {"n": own["overdue"]["of"], "of": own["overdue"]["of"], "share": 1.0}
    assert late["rework"] == own["rework"]
    assert both["rework"]["share"] == 1.0
    assert own["score"] < late["score"] < both["score"]
    assert place >= at_late >= at_both
    # where they are has not changed, only how they were handled
    assert own["hot_grids"] == late["hot_grids"] == both["hot_grids"]
    for found, shares in ((before, usual), (all_late, usual_late), (all_both, usual_both)):
        assert [one["score"] for one in found] == pytest.approx(
            [score(one, shares) for one in found], abs=0.11
        )
        assert [one["score"] for one in found] == sorted(
            (one["score"] for one in found), reverse=True
        )


def test_the_layers_are_as_described(loaded: Loaded) -> None:
    problems = check_layers(loaded.database.engine, loaded.database.settings)
    assert [one for one in problems if "campaign" in one] == []
