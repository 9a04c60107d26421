"""Service posts and stations over HTTP."""

from __future__ import annotations

import io
import threading
from typing import Any

from openpyxl import load_workbook
from PIL import Image

from gis_service.communities.hours import hours_in_words
from tests.communities.conftest import Bureau

HOURS = [{"weekdays": [1, 2, 3, 4, 5], "from": "08:30", "to": "12:00"},
         {"weekdays": [1, 2, 3, 4, 5], "from": "14:30", "to": "17:30"}]  # fmt: skip
POST: dict[str, Any] = {
    "contact": "陈一", "phone": "0595-1234567", "duties": ["sanitation", "gas"], "opening": HOURS,
    "window": "一楼2号窗口", "lon": 118.605, "lat": 24.905, "crs": "wgs84",
}  # fmt: skip
STATION: dict[str, Any] = {
    "code": "YZ1", "name": "西街驿站", "services": ["mediation"], "lon": 118.605, "lat": 24.91,
    "crs": "wgs84",
}  # fmt: skip


def test_every_community_stands_in_the_list_with_what_it_lacks(bureau: Bureau) -> None:
    made = bureau.call("POST", "/api/posts", "worker", json={"community": "S0C0", **POST})
    assert made.status_code == 201, made.text
    assert made.json()["gaps"] == ["no_photo"]
    vacant = bureau.call("POST", "/api/posts", json={"community": "S1C0", "phone": "1"})
    assert vacant.json()["state"] == "vacant"
    items = bureau.get("/api/posts", "viewer")["items"]
    assert [(one["community"]["code"], one["state"]) for one in items] == [
        ("S0C0", "staffed"), ("S0C1", "none"), ("S1C0", "vacant"), ("S1C1", "none"),
    ]  # fmt: skip
    assert items[1]["gaps"] == ["no_post"]
    assert items[2]["gaps"] == ["vacant", "no_photo", "no_duties", "no_opening", "no_window"]
    assert bureau.get("/api/posts?state=none&street=S0")["items"] == [items[1]]
    page = bureau.get("/api/posts?limit=3")
    assert bureau.get(f"/api/posts?limit=3&cursor={page['next']}")["items"] == [items[3]]


def test_a_vacancy_takes_the_photo_away_and_is_dated(bureau: Bureau) -> None:
    picture = io.BytesIO()
    Image.new("RGB", (40, 30), "red").save(picture, "JPEG")
    files = {"photo": ("a.jpg", picture.getvalue(), "image/jpeg")}
    photo = bureau.call("POST", "/api/attachments", "worker", files=files).json()["id"]
    body = {"community": "S0C0", **POST, "photo_id": photo}
    assert bureau.call("POST", "/api/posts", "worker", json=body).json()["gaps"] == []
    shown = bureau.client.get("/api/posts/S0C0/photo")  # everybody may see a notice
    assert (shown.status_code, shown.headers["content-type"]) == (200, "image/jpeg")
    left = bureau.call("PUT", "/api/posts/S0C0", "worker", json={**POST, "contact": None,
                       "photo_id": photo, "since": "2026-10-01", "version": 1})  # fmt: skip
    assert (left.json()["state"], left.json()["photo"]) == ("vacant", None)
    assert left.json()["since"] == "2026-10-01"
    assert bureau.client.get("/api/posts/S0C0/photo").status_code == 404
    stale = bureau.call("PUT", "/api/posts/S0C0", "worker", json={**POST, "version": 1})
    assert stale.status_code == 409
    log = bureau.get("/api/posts/S0C0/log")["items"]
    assert [one["action"] for one in log] == ["change", "add"]
    assert "陈一" not in str(log)


def test_posts_are_changed_inside_the_scope_only(bureau: Bureau) -> None:
    other = {"community": "S0C1", **POST}
    assert bureau.call("POST", "/api/posts", "worker", json=other).status_code == 403
    far = {**other, "lon": 118.625}
    assert bureau.call("POST", "/api/posts", "street", json=far).status_code == 201
    assert bureau.call("POST", "/api/posts", "street", json=far).status_code == 409
    assert bureau.call("DELETE", "/api/posts/S0C1", "worker").status_code == 403
    assert bureau.call("DELETE", "/api/posts/S0C1", "street").status_code == 204
    assert bureau.call("DELETE", "/api/posts/S0C1", "street").status_code == 404


FAULTY: list[tuple[dict[str, Any], str | None]] = [
    ({"duties": ["dancing"]}, "duties"),
    ({"photo_id": 77}, "photo_id"),
    ({"crs": None}, "crs"),
    ({"lat": None}, "lat"),
    ({"lon": 24.905, "lat": 118.605}, "lon"),  # swapped
    ({"lon": 118.7}, "lon"),  # ten kilometres off
    ({"opening": [{"weekdays": [8], "from": "08:00", "to": "09:00"}]}, None),
    ({"opening": [{"weekdays": [1], "from": "09:00", "to": "08:00"}]}, None),
    ({"community": "S9"}, "code"),
    ({"colour": "red"}, "colour"),
]


def test_a_faulty_post_is_refused_by_name(bureau: Bureau) -> None:
    for change, where in FAULTY:
        answer = bureau.call("POST", "/api/posts", json={"community": "S0C0", **POST, **change})
        assert answer.status_code in (400, 404), answer.text
        assert where is None or answer.json()["where"] == where
    assert bureau.database.value("SELECT count(*) FROM service_post") == 0


def test_posts_as_a_workbook(bureau: Bureau) -> None:
    bureau.call("POST", "/api/posts", json={"community": "S0C0", **POST, "contact": "=x"})
    answer = bureau.call("GET", "/api/posts?format=xlsx&lang=zh")
    sheet = load_workbook(io.BytesIO(answer.content))["服务岗"]
    head, first, second = (list(row) for row in sheet.iter_rows(values_only=True, max_row=3))
    row = dict(zip(head, first, strict=True))
    assert (row["社区编码"], row["状态"], row["职责"]) == ("S0C0", "在岗", "环境卫生、燃气安全")
    assert row["服务时间"] == "周一至周五 08:30–12:00、14:30–17:30"
    assert dict(zip(head, second, strict=True))["缺项"] == "未设岗"


def test_hours_in_words() -> None:
    assert hours_in_words(HOURS, "en") == "Mon–Fri 08:30–12:00, 14:30–17:30"
    odd = [{"weekdays": [1, 3, 6, 7], "from": "09:00", "to": "11:00"}]
    assert hours_in_words(odd, "zh") == "周一、周三、周六至周日 09:00–11:00"


# -- stations ------------------------------------------------------------------------------------


def test_a_station_with_its_roster_and_mediations(bureau: Bureau) -> None:
    made = bureau.call("POST", "/api/stations", "worker", json=STATION)
    assert made.status_code == 201, made.text
    assert made.json()["community"]["code"] == "S0C0"  # where it lies
    shift = {"starts_at": "2030-01-01T08:00", "ends_at": "2030-01-01T12:00", "person": "林二"}
    assert bureau.call("POST", "/api/stations/YZ1/shifts", "worker", json=shift).status_code == 201
    backwards = {**shift, "ends_at": "2030-01-01T07:00"}
    refused = bureau.call("POST", "/api/stations/YZ1/shifts", "worker", json=backwards)
    assert refused.json()["where"] == "ends_at"
    told = {"held_at": "2026-05-01T10:00", "subject": "油烟纠纷", "outcome": "agreed",
            "parties": "张三 13800000000"}  # fmt: skip
    path = "/api/stations/YZ1/mediations"
    number = bureau.call("POST", path, "worker", json=told).json()["id"]
    listed = bureau.get(path, "worker")["items"]
    assert (listed[0]["outcome"]["name"], listed[0]["has_parties"]) == ("达成一致", True)
    assert "张三" not in str(listed)
    assert b"\xe5\xbc\xa0\xe4\xb8\x89" not in bureau.database.value(
        "SELECT sealed FROM community_person"
    )
    assert bureau.call("GET", f"{path}/{number}/parties", "planner").status_code == 403
    for query, lines in (("", 2), ("?station=YZ1", 2), ("?from=2026-06-01", 1)):
        file = bureau.get_file(f"/api/exports/mediations.csv{query}", "worker")
        assert len(file.splitlines()) == lines
        assert "张三" not in file
    assert "YZ1" in bureau.get_file("/api/exports/mediations.csv", "worker").splitlines()[1]
    assert bureau.get(f"{path}/{number}/parties", "worker")["parties"] == "张三 13800000000"
    assert bureau.database.value(
        "SELECT count(*) FROM audit_entry WHERE action = 'personal.read'"
    ) == 1  # fmt: skip
    wrong = bureau.call("POST", path, "worker", json={**told, "outcome": "won"})
    assert wrong.json()["where"] == "outcome"
    # what has records is closed, not removed
    assert bureau.call("DELETE", "/api/stations/YZ1", "worker").status_code == 409
    closed = {**{k: v for k, v in STATION.items() if k != "code"}, "closed_on": "2026-06-01"}
    assert bureau.call("PUT", "/api/stations/YZ1", "worker", json=closed).json()["open"] is False
    assert bureau.get("/api/stations?open=true")["items"] == []


def test_what_share_of_buildings_a_station_reaches(bureau: Bureau) -> None:
    nothing = bureau.get("/api/stations/reach")
    assert (nothing["buildings"], nothing["covered"], nothing["share"]) == (8, 0, 0.0)
    # beside the building of S0C0G0, whose inner point is at 118.605, 24.91; the next is 1 km east
    bureau.call("POST", "/api/stations", json=STATION)
    found = bureau.get("/api/stations/reach")
    assert (found["within_m"], found["measured"]) == (500.0, "straight_line")
    assert found["metric_crs"].startswith("EPSG:")
    first = found["items"][0]
    assert (first["community"]["code"], first["buildings"], first["covered"]) == ("S0C0", 2, 1)
    assert (found["covered"], found["share"]) == (1, 0.125)
    assert bureau.get("/api/stations/reach?within_m=1100")["covered"] == 2


def test_a_station_wants_a_place(bureau: Bureau) -> None:
    nowhere = {k: v for k, v in STATION.items() if k not in ("lon", "lat", "crs")}
    assert bureau.call("POST", "/api/stations", json=nowhere).json()["where"] == "lon"
    elsewhere = {**STATION, "community": "S1C1"}
    assert bureau.call("POST", "/api/stations", json=elsewhere).json()["where"] == "lon"
    assert bureau.call("POST", "/api/stations", "worker", json={**STATION, "lon": 118.625}
                       ).status_code == 403  # fmt: skip


def test_two_who_set_up_the_same_post_at_once(bureau: Bureau) -> None:
    answers: list[int] = []

    def ask() -> None:
        body = {"community": "S0C0", **POST}
        answers.append(bureau.call("POST", "/api/posts", json=body).status_code)

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert sorted(answers) == [201, 409, 409, 409]
