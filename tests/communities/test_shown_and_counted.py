"""What is entered is shown where it belongs and counted: rosters, photos, pledges, kinds that the
bureau added, the address behind a QR code."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import openpyxl
import pytest
import segno
from fastapi.testclient import TestClient
from PIL import Image

from gis_service.app import create_app
from gis_service.communities.words import DEFAULT
from tests.communities.conftest import Bureau
from tests.communities.test_activities import add
from tests.communities.test_posts import STATION
from tests.communities.test_surveys import ROUND, SURVEY
from tests.conftest import token_headers
from tests.test_http import features, tile_of

ZONE = ZoneInfo("Asia/Shanghai")


def hour(ahead: int) -> str:
    return f"{datetime.now(ZONE) + timedelta(hours=ahead):%Y-%m-%dT%H:00}"


def test_the_roster_of_a_station_is_shown_in_order_and_somebody_taken_off(bureau: Bureau) -> None:
    bureau.call("POST", "/api/stations", json=STATION)
    bureau.call("POST", "/api/stations", json={**STATION, "code": "YZ2", "name": "东街驿站"})
    path = "/api/stations/YZ1/shifts"
    made = {}
    for person, start, unit in (("林二", 30, "ZFDD"), ("陈一", 2, None), ("旧班", -60, None)):
        body = {"person": person, "starts_at": hour(start), "ends_at": hour(start + 4),
                "unit": unit, "note": "带钥匙"}  # fmt: skip
        answer = bureau.call("POST", path, "worker", json=body)
        assert answer.status_code == 201, answer.text
        made[person] = answer.json()["id"]
    shown = bureau.get("/api/stations/YZ1", "viewer")["shifts"]
    # what is over is not shown
    assert [(one["id"], one["person"], one["unit"], one["note"]) for one in shown] == [
        (made["陈一"], "陈一", None, "带钥匙"), (made["林二"], "林二", "ZFDD", "带钥匙"),
    ]  # fmt: skip
    begins = datetime.fromisoformat(shown[0]["starts_at"]).astimezone(ZONE)
    assert f"{begins:%Y-%m-%dT%H:%M}" == hour(2)
    # who is on duty is nobody's business outside
    notice = bureau.client.get("/api/public/communities/S0C0/notice")
    assert notice.json()["stations"][0]["code"] == "YZ1"
    assert "陈一" not in notice.text
    for gone, who, status in (
        (f"{path}/{made['陈一']}", "viewer", 403),
        (f"/api/stations/YZ2/shifts/{made['陈一']}", "worker", 404),  # of another station
        (f"{path}/{made['陈一']}", "worker", 204), (f"{path}/{made['陈一']}", "worker", 404),
    ):  # fmt: skip
        assert bureau.call("DELETE", gone, who).status_code == status
    left = bureau.get("/api/stations/YZ1", "worker")["shifts"]
    assert [one["person"] for one in left] == ["林二"]


def picture(colour: str) -> bytes:
    out = io.BytesIO()
    image = Image.new("RGB", (80, 60), colour)
    exif = image.getexif()
    exif[0x010F] = "SomebodysPhone"
    exif.get_ifd(0x8825)[1] = "N"
    image.save(out, "JPEG", exif=exif)
    return out.getvalue()


def test_photos_of_an_activity_are_shown_without_what_the_phone_wrote_in(bureau: Bureau) -> None:
    numbers = []
    for colour in ("red", "blue", "green"):
        files = {"photo": (f"{colour}.jpg", picture(colour), "image/jpeg")}
        sent = bureau.call("POST", "/api/attachments", "worker", files=files)
        numbers.append(sent.json()["id"])
    first, second, other = numbers
    made = add(bureau, "worker", photos=[second, first])
    assert made.status_code == 201, made.text
    code = made.json()["code"]
    assert bureau.get(f"/api/activities/{code}", "viewer")["photos"] == [first, second]
    for number, red in ((first, True), (second, False)):
        shown = bureau.call("GET", f"/api/activities/{code}/photos/{number}", "viewer")
        assert (shown.status_code, shown.headers["content-type"]) == (200, "image/jpeg")
        assert b"SomebodysPhone" not in shown.content
        image = Image.open(io.BytesIO(shown.content))
        assert not image.getexif()
        pixel = image.convert("RGB").getpixel((40, 30))
        assert isinstance(pixel, tuple)
        assert (pixel[0] > 200) == red
    small = bureau.call("GET", f"/api/activities/{code}/photos/{first}?size=thumb", "viewer")
    assert Image.open(io.BytesIO(small.content)).size <= (80, 60)
    # a photo of something else, another's community, a visitor
    path = f"/api/activities/{code}/photos"
    assert bureau.call("GET", f"{path}/{other}").status_code == 404
    assert bureau.client.get(f"{path}/{first}").status_code == 401
    east = token_headers(
        bureau.database, "community_worker", name="east", scopes=["community=S1C0"]
    )
    assert bureau.client.get(f"{path}/{first}", headers=east).status_code in (403, 404)


def test_signed_pledges_are_counted_where_somebody_counted_them(bureau: Bureau) -> None:
    day = f"{datetime.now(ZONE) - timedelta(days=3):%Y-%m-%d}"
    for number, pledges in enumerate((30, 0, None)):
        made = add(bureau, "worker", title=f"签名 {number}", pledges=pledges,
                   starts_at=f"{day}T0{number}:30", ends_at=None)  # fmt: skip
        assert made.json()["pledges"] == pledges
    # what is planned signed nothing yet
    add(bureau, "worker", title="以后", state="planned", starts_at=hour(50), ends_at=None)
    (row,) = bureau.get("/api/activities/counts")["items"]
    # nought was counted; nobody's count is none
    assert (row["done"], row["pledges"], row["pledges_of"]) == (3, 30, 2)
    (row,) = bureau.get("/api/activities/counts?by=community&street=S0")["items"]
    assert (row["pledges"], row["pledges_of"]) == (30, 2)
    notice = bureau.client.get("/api/public/communities/S0C0/notice").json()["done"]
    assert notice["pledges"] == {"sum": 30, "of": 2}
    sheet = bureau.call("GET", "/api/activities?format=xlsx&lang=zh&state=done").content
    head, *lines = openpyxl.load_workbook(io.BytesIO(sheet)).worksheets[0].values
    assert sorted(str(line[head.index("承诺签名数")]) for line in lines) == ["0", "30", "None"]


@pytest.fixture
def with_kind(bureau: Bureau, tmp_path: Path) -> Iterator[TestClient]:
    """The service of a bureau that added a kind of activity to its word list."""
    words = DEFAULT.read_text(encoding="utf-8-sig").rstrip("\n")
    file = tmp_path / "words.csv"
    file.write_text(f"{words}\nactivity_kind,old_things,以旧换新,Old for new,waste\n")
    settings = bureau.database.settings.model_copy(update={"community_words": file})
    headers = {"accept-language": "zh", **token_headers(bureau.database)}
    with TestClient(create_app(settings), headers=headers) as client:
        yield client


def test_a_kind_added_to_the_data_is_in_form_sheet_counts_map_and_ledger(
    with_kind: TestClient,
) -> None:
    # what the form offers
    kinds = with_kind.get("/api/community-words").json()["activity_kind"]
    assert kinds[-1] == {
        "code": "old_things", "name": "以旧换新", "name_en": "Old for new", "part": "waste",
    }  # fmt: skip
    body = {"kind": "old_things", "title": "换一袋", "community": "S0C0", "state": "done",
            "starts_at": "2026-05-01T09:00", "residents": 7}  # fmt: skip
    made = with_kind.post("/api/activities", json=body)
    assert made.status_code == 201, made.text
    assert made.json()["kind"]["name"] == "以旧换新"
    (counted,) = with_kind.get("/api/activities/counts").json()["items"]
    assert (counted["kind"], counted["done"], counted["residents"]) == ("old_things", 1, 7)
    assert len(with_kind.get("/api/activities?kind=old_things").json()["items"]) == 1
    # a sheet says it in words, and is read so
    sheet = with_kind.get("/api/activities?format=xlsx").content
    book = openpyxl.load_workbook(io.BytesIO(sheet))
    head, line = list(book.worksheets[0].values)
    assert line[head.index("活动类型")] == "以旧换新"
    found = with_kind.post("/api/activities/import", files={"file": ("a.xlsx", sheet)}).json()
    assert (found["read"], found["faults"]) == (1, [])
    # the map draws it
    x, y = tile_of(118.605, 24.905, 10)
    span = {"from": "2026-05-01", "to": "2026-05-02"}
    tile = with_kind.get(f"/tiles/activities/10/{x}/{y}.mvt", params=span)
    (point,) = features(tile.content, "activities")
    assert (point["properties"]["kind"], point["properties"]["part"]) == ("old_things", "waste")
    # and it goes into the ledger
    assert with_kind.post("/api/ledger/collect", params=span).json() == {"added": 1}
    (entry,) = with_kind.get("/api/ledger").json()["items"]
    assert (entry["kind"], entry["title"], entry["people"]) == ("activity", "换一袋", 7)
    # a kind that is in no list is told with what there is
    refused = with_kind.post("/api/activities", json={**body, "kind": "nothing"})
    assert (refused.status_code, refused.json()["where"]) == (400, "kind")
    assert "以旧换新" in refused.json()["detail"]


def drawn(svg: str) -> str:
    found = re.search(r' d="([^"]+)"', svg)
    assert found
    return found[1]


def test_the_qr_code_of_a_round_leads_to_its_questions(bureau: Bureau) -> None:
    assert bureau.call("POST", "/api/surveys", json=SURVEY).status_code == 201
    assert bureau.call("POST", "/api/surveys/MYD/rounds", json=ROUND).status_code == 201
    answer = bureau.client.get("/api/public/communities/S0C1/qr.svg?round=R1")
    address = "/survey/R1?community=S0C1"
    out = io.BytesIO()
    segno.make(f"http://testserver{address}", error="q", micro=False).save(
        out, kind="svg", border=2
    )
    assert drawn(answer.text) == drawn(out.getvalue().decode())
    # who follows it finds the questions, and what they answer counts for that community
    page = bureau.client.get(address)
    assert page.headers["content-type"].startswith("text/html")
    assert page.status_code == 200
    asked = bureau.client.get("/api/public/surveys/R1").json()
    assert [one["key"] for one in asked["questions"]] == [
        one["key"] for one in SURVEY["questions"]
    ]  # fmt: skip
    sent: dict[str, Any] = {"community": "S0C1", "key": "0" * 32,
                            "answers": {"overall": 4, "battery": "other"}}  # fmt: skip
    took = bureau.client.post("/api/public/surveys/R1", json=sent)
    assert took.status_code == 201, took.text
    (counted,) = bureau.get("/api/survey-rounds/R1/results")["communities"]
    assert (counted["community"]["code"], counted["responses"]) == ("S0C1", 1)
