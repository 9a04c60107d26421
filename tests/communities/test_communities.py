"""All communities at a glance, members who registered, meetings on orders, the public notice."""

from __future__ import annotations

import csv
import io
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import segno

from tests.communities.conftest import Bureau
from tests.communities.test_activities import add, planned
from tests.communities.test_posts import POST, STATION

MEETING = {"held_on": "2026-06-01", "title": "六月联席会"}


def order(bureau: Bureau, **change: Any) -> Any:
    some = bureau.database.value("SELECT code FROM incident_class ORDER BY id LIMIT 1")
    body = {"class": some, "lon": 118.605, "lat": 24.905, "crs": "wgs84", "source": "resident",
            "is_order": True, "description": "路灯不亮", **change}  # fmt: skip
    return bureau.call("POST", "/api/incidents", "street", json=body).json()


def test_members_are_counted_against_the_full_roster(bureau: Bureau) -> None:
    branch = {"name": "机关第一支部", "community": "S0C0"}
    assert bureau.call("PUT", "/api/party-branches/ZB1", json=branch).status_code == 204
    for number, community in enumerate(("S0C0", "S0C1", None)):
        body = {"branch": "ZB1", "name": f"党员{number}", "community": community}
        path = f"/api/party-members/DY{number}"
        assert bureau.call("PUT", path, json=body).status_code == 204
    code = add(bureau, members=["DY0"], kind="party_day").json()["code"]
    assert bureau.get(f"/api/activities/{code}")["members"] == ["DY0"]
    found = bureau.get("/api/party-members")
    assert (found["members"], found["registered"], len(found["items"])) == (3, 2, 3)
    own = bureau.get("/api/party-members", "worker")
    assert (own["members"], own["here"]) == (3, 1)  # the roster is the denominator
    assert (own["items"][0]["code"], own["items"][0]["activities"]) == ("DY0", 1)
    assert "党员0" not in str(own)
    path = "/api/party-members/names?community=S0C0"
    assert bureau.get(path, "worker")["items"] == [{"code": "DY0", "name": "党员0"}]
    assert bureau.call("GET", path, "planner").status_code == 403
    # a worker takes in whom nobody has, and nobody else's
    body = {"branch": "ZB1", "community": "S0C0"}
    assert bureau.call("PUT", "/api/party-members/DY2", "worker", json=body).status_code == 204
    assert bureau.call("PUT", "/api/party-members/DY1", "worker", json=body).status_code == 403
    assert bureau.get(path, "worker")["items"][1]["name"] == "党员2"  # the name stayed
    wrong = {**body, "branch": "ZB9"}
    assert bureau.call("PUT", "/api/party-members/DY9", json=wrong).json()["where"] == "branch"


def test_activities_are_counted_per_branch_and_branches_against_the_roster(bureau: Bureau) -> None:
    for code, community in (("ZB1", "S0C0"), ("ZB2", None), ("ZB3", None)):
        body = {"name": f"{code}支部", "community": community, "active": code != "ZB3"}
        assert bureau.call("PUT", f"/api/party-branches/{code}", json=body).status_code == 204
    for number, branch in enumerate(("ZB1", "ZB1", "ZB2")):
        body = {"branch": branch, "community": "S0C0" if number == 0 else None}
        assert bureau.call("PUT", f"/api/party-members/DY{number}", json=body).status_code == 204
    # two members of one branch at one activity are one activity of that branch
    add(bureau, members=["DY0", "DY1", "DY2"])
    add(bureau, members=["DY1"], starts_at="2026-06-01T09:00", ends_at=None)
    add(bureau, members=["DY2"], state="planned", starts_at="2026-06-02T09:00", ends_at=None)
    found = bureau.get("/api/party-branches")
    assert {one["code"]: one["activities"] for one in found["items"]} == {
        "ZB1": 2, "ZB2": 1, "ZB3": 0,
    }  # fmt: skip
    assert found["roster"] == {
        "branches": 2, "branches_registered": 1, "members": 3, "members_registered": 1,
    }  # fmt: skip
    june = bureau.get("/api/party-branches?from=2026-06-01")["items"]
    assert [one["activities"] for one in june] == [1, 0, 0]
    for one in found["items"]:
        listed = bureau.get("/api/activities", params={"branch": one["code"], "state": "done"})
        assert len(listed["items"]) == one["activities"]
    assert [one["code"] for one in bureau.get("/api/party-branches?registered=false")["items"]] == [
        "ZB2"
    ]
    assert bureau.get("/api/party-members", "worker")["roster"] == found["roster"]
    overview = bureau.get("/api/communities")
    assert overview["roster"] == found["roster"]
    here = {one["community"]["code"]: one["branches"] for one in overview["items"]}
    assert (here["S0C0"], here["S0C1"]) == (1, 0)


def test_a_community_takes_assigns_and_tables_an_order(bureau: Bureau) -> None:
    taken = order(bureau)
    path = f"/api/incidents/{taken['id']}"
    for action, body in (
        ("verify", {}), ("file", {}), ("dispatch", {"unit": "JDZD"}),
    ):  # fmt: skip
        done = bureau.call("POST", f"{path}/{action}", "worker", json=body)
        assert done.status_code == 200, (action, done.text)
    assert done.json()["unit"]["code"] == "JDZD"
    other = order(bureau, is_order=False, description="不是点单")
    bureau.call("POST", f"/api/incidents/{other['id']}/verify", "worker")
    refused = bureau.call("POST", f"/api/incidents/{other['id']}/file", "worker", json={})
    assert refused.status_code == 403

    held = bureau.call("POST", "/api/communities/S0C0/meetings", "worker", json=MEETING)
    assert held.status_code == 201, held.text
    meeting = f"/api/meetings/{held.json()['id']}"
    tabled = bureau.call("POST", f"{meeting}/items", "worker", params={"incident": taken["code"]})
    assert tabled.status_code == 201, tabled.text
    again = bureau.call("POST", f"{meeting}/items", "worker", params={"incident": taken["id"]})
    assert again.status_code == 409
    wrong = bureau.call("POST", f"{meeting}/items", "worker", params={"incident": other["id"]})
    assert wrong.json()["where"] == "incident"
    item = tabled.json()["items"][0]
    decision = {"decision": "市政中心一周内修复", "unit": "JDZD", "due_on": "2026-06-08"}
    nobody = {**decision, "unit": None}
    refused = bureau.call("PUT", f"{meeting}/items/{item['id']}", "worker", json=nobody)
    assert refused.json()["where"] == "follower"
    told = bureau.call("PUT", f"{meeting}/items/{item['id']}", "worker", json=decision).json()
    assert (told["items"][0]["decision"], told["items"][0]["unit"]) == (
        "市政中心一周内修复", "JDZD",
    )  # fmt: skip
    assert bureau.get("/api/communities/S0C0/meetings", "worker")["items"] == [told]
    elsewhere = bureau.call("POST", "/api/communities/S0C1/meetings", "worker", json=MEETING)
    assert elsewhere.status_code == 403
    # taken home: one's own meetings, a row for each order on the table
    for who, query in (("worker", ""), ("planner", "?community=S0C0")):
        file = bureau.get_file(f"/api/exports/meetings.csv{query}", who)
        (line,) = csv.DictReader(io.StringIO(file))
        assert (line["community code"], line["items incident code"], line["items decision"]) == (
            "S0C0", taken["code"], "市政中心一周内修复",
        )  # fmt: skip
    refused = bureau.call("GET", "/api/exports/meetings.csv?community=S9")
    assert (refused.status_code, refused.json()["where"]) == (404, "community")
    refused = bureau.call("GET", "/api/exports/meetings.csv?colour=red")
    assert (refused.status_code, refused.json()["where"]) == (400, "colour")


def test_every_community_at_a_glance(bureau: Bureau) -> None:
    bureau.call("POST", "/api/posts", json={"community": "S0C0", **POST})
    bureau.call("POST", "/api/stations", json=STATION)
    recent = (datetime.now(UTC) - timedelta(days=5)).isoformat()
    add(bureau, starts_at=recent, ends_at=None)
    add(bureau, starts_at=recent, ends_at=None, title="没有记录入户", households=None)
    order(bureau)
    items = bureau.get("/api/communities")["items"]
    assert [one["community"]["code"] for one in items] == ["S0C0", "S0C1", "S1C0", "S1C1"]
    first = items[0]
    assert first["activities"] == {"done": 2, "kinds": 1, "households": 12, "households_of": 1}
    assert first["orders"] == {"count": 1, "open": 1}
    assert first["reach"] == {"buildings": 2, "covered": 1, "share": 0.5}
    assert first["satisfaction"] is None
    assert items[1]["activities"]["households"] is None  # nobody counted: not zero
    assert len(bureau.get("/api/communities", "worker")["items"]) == 1
    text = bureau.call("GET", "/api/communities?format=csv&lang=zh").content.decode("utf-8-sig")
    assert text.splitlines()[1].startswith("S0C0,00社区,0街,在岗,缺照片,1,2,12,1,1,1")


def test_the_notice_is_for_everybody_and_names_nobody_else(bureau: Bureau) -> None:
    body = {"community": "S0C0", **POST, "note": "内部备注"}
    bureau.call("POST", "/api/posts", json=body)
    coming = planned(bureau, signup_limit=5, title="周末清洁")
    planned(bureau, public=False, title="内部会议")
    recent = (datetime.now(UTC) - timedelta(days=5)).isoformat()
    add(bureau, starts_at=recent, ends_at=None)
    answer = bureau.client.get("/api/public/communities/S0C0/notice")
    told = answer.json()
    assert (told["post"]["contact"], told["post"]["gaps"]) == ("陈一", ["no_photo"])
    assert [one["code"] for one in told["coming"]] == [coming]
    assert told["done"]["activities"] == 1
    assert told["done"]["households"] == {"sum": 12, "of": 1}
    assert told["done"]["residents"] == {"sum": None, "of": 0}
    for hidden in ("内部", "created_by", "planner"):
        assert hidden not in answer.text
    assert bureau.client.get("/api/public/communities/S9/notice").status_code == 404


def test_the_qr_code_leads_to_the_page(bureau: Bureau) -> None:
    answer = bureau.client.get("/api/public/communities/S0C0/qr.svg")
    assert answer.headers["content-type"] == "image/svg+xml"
    drawn = re.search(r' d="([^"]+)"', answer.text)
    out = io.BytesIO()
    segno.make("http://testserver/communities/S0C0", error="q", micro=False).save(
        out, kind="svg", border=2
    )
    wanted = re.search(r' d="([^"]+)"', out.getvalue().decode())
    assert drawn
    assert wanted
    assert drawn[1] == wanted[1]
    assert bureau.client.get("/api/public/communities/S0C0/qr.svg?round=R9").status_code == 404
