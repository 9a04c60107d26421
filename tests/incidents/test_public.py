"""Residents without an account: report, follow by code, rate; nothing personal comes out."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

import pytest
from fastapi.testclient import TestClient
from PIL import Image

from gis_service.app import create_app
from tests.conftest import Database, token_headers
from tests.incidents.conftest import CLASS, INSIDE, Bureau
from tests.incidents.people import somebody

PHONE = "13800000000"
HANDLER = somebody("unit_handler")


def photo(colour: str = "green", exif: bool = True) -> bytes:
    """A JPEG that says where it was taken."""
    image = Image.new("RGB", (640, 480), colour)
    out = io.BytesIO()
    data = Image.Exif()
    data[0x010E] = "taken at home"
    data.get_ifd(0x8825)[1] = "N"
    image.save(out, "JPEG", **({"exif": data} if exif else {}))
    return out.getvalue()


@pytest.fixture
def resident(bureau: Bureau) -> Iterator[TestClient]:
    with TestClient(
        create_app(bureau.database.settings), headers={"accept-language": "en"}
    ) as client:
        yield client


def fields(**more: Any) -> dict[str, Any]:
    return {"class": CLASS, **INSIDE, "description": "路面积水", "name": "陈", "phone": PHONE,
            **more}  # fmt: skip


@pytest.mark.parametrize(
    ("more", "status", "where"),
    [
        ({"class": "E-99-99"}, 400, "class"),
        ({"description": ""}, 400, "description"),
        ({"lon": "", "lat": "", "crs": ""}, 400, "address"),
        ({"crs": ""}, 400, "crs"),
        ({"crs": "moon"}, 400, "crs"),
        ({"lat": "99999999999"}, 400, "lat"),
        ({"description": "x" * 4001}, 400, "description"),
    ],
)
def test_a_bad_report_says_what_is_wrong_and_leaves_nothing(
    bureau: Bureau, resident: TestClient, more: dict[str, Any], status: int, where: str
) -> None:
    answer = resident.post("/api/public/reports", data=fields(**more))
    assert answer.status_code == status, answer.text
    assert answer.json()["where"] == where
    assert bureau.database.value("SELECT count(*) FROM incident") == 0


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.jpg", b"<svg xmlns='http://www.w3.org/2000/svg'><script>1</script></svg>"),
        ("a.jpg", b"PK\x03\x04" + b"\0" * 200),
        ("a.png", b""),
    ],
)
def test_what_is_no_photo_is_refused_with_the_whole_report(
    bureau: Bureau, resident: TestClient, name: str, content: bytes
) -> None:
    files = [("photos", ("good.jpg", photo(), "image/jpeg")), ("photos", (name, content))]
    answer = resident.post("/api/public/reports", data=fields(), files=files)
    assert (answer.status_code, answer.json()["where"]) == (400, "photo")
    assert bureau.database.value("SELECT count(*) FROM incident") == 0
    assert bureau.database.value("SELECT count(*) FROM attachment") == 0


def test_the_whole_way_of_a_report(bureau: Bureau, resident: TestClient) -> None:
    answer = resident.post(
        "/api/public/reports", data=fields(), files=[("photos", ("a.jpg", photo()))]
    )
    assert answer.status_code == 201, answer.text
    code = answer.json()["follow_code"]
    assert answer.json()["placed"] is True
    told = resident.get(f"/api/public/reports/{code.lower()}").json()
    assert [step["step"] for step in told["steps"]] == ["reported"]
    assert told["community"] is not None
    incident = bureau.database.value("SELECT id FROM incident")
    early = resident.post(f"/api/public/reports/{code}/rating", json={"rating": 5})
    assert early.status_code == 409

    desk, handler = somebody("dispatcher"), somebody("unit_handler", ("unit", "U0"))
    unit = bureau.database.value("SELECT code FROM unit ORDER BY id LIMIT 1")
    handler = somebody("unit_handler", ("unit", unit))
    for identity, action, more in [
        (desk, "verify", {}), (desk, "file", {}), (desk, "dispatch", {"unit": unit}),
        (handler, "accept", {}), (handler, "resolve", {}), (desk, "check", {}),
        (desk, "close", {}),
    ]:  # fmt: skip
        bureau.act(identity, incident, action, **more)
    told = resident.get(f"/api/public/reports/{code}").json()
    assert [step["step"] for step in told["steps"]] == [
        "reported", "verified", "filed", "dispatched", "accepted", "resolved", "closed"
    ]  # fmt: skip
    assert told["ended"]
    assert told["unit"]["code"] == unit
    assert PHONE not in str(told)
    rated = resident.post(f"/api/public/reports/{code}/rating", json={"rating": 4, "words": "快"})
    assert (rated.status_code, rated.json()["rating"]) == (200, 4)
    again = resident.post(f"/api/public/reports/{code}/rating", json={"rating": 1})
    assert again.status_code == 409
    assert ("rate", "public") in [(row[0], row[1]) for row in bureau.database.rows(
        "SELECT action, actor FROM incident_log")]  # fmt: skip

    place = told["community"]["code"]
    cases = resident.get(f"/api/public/communities/{place}").json()
    assert (cases["filed"], cases["closed"], cases["open"]) == (1, 1, 0)
    assert cases["on_time"] == {"count": 1, "of": 1}
    assert "路面积水" not in str(cases)


def test_photos_of_the_result_are_shown_without_metadata(
    bureau: Bureau, resident: TestClient, database: Database
) -> None:
    code = resident.post(
        "/api/public/reports", data=fields(), files=[("photos", ("a.jpg", photo()))]
    ).json()["follow_code"]
    incident, own = bureau.database.rows(
        "SELECT incident_id, attachment_id FROM incident_attachment"
    )[0]
    desk = somebody("dispatcher")
    unit = bureau.database.value("SELECT code FROM unit ORDER BY id LIMIT 1")
    handler = somebody("unit_handler", ("unit", unit))
    headers = token_headers(database, "squad_leader", name="uploader")
    uploaded = resident.post(
        "/api/attachments", files={"photo": ("b.jpg", photo("blue"))}, headers=headers
    ).json()
    for identity, action, more in [
        (desk, "verify", {}), (desk, "file", {}), (desk, "dispatch", {"unit": unit}),
        (handler, "accept", {}), (handler, "resolve", {"photos": [uploaded["id"]]}),
    ]:  # fmt: skip
        bureau.act(identity, incident, action, **more)
    told = resident.get(f"/api/public/reports/{code}").json()
    assert [one["id"] for one in told["photos"]] == [uploaded["id"]]
    shown = resident.get(f"/api/public/reports/{code}/photos/{uploaded['id']}")
    assert not Image.open(io.BytesIO(shown.content)).getexif()
    assert "no-store" in shown.headers["cache-control"]
    # the photos of reporters are not for whoever else has a code
    assert resident.get(f"/api/public/reports/{code}/photos/{own}").status_code == 404


def test_a_lost_answer_sent_again_is_one_report(bureau: Bureau, resident: TestClient) -> None:
    def send(**more: Any) -> Any:
        return resident.post(
            "/api/public/reports", data=fields(**more), headers={"Idempotency-Key": "k"},
            files=[("photos", ("a.jpg", photo()))],
        )  # fmt: skip

    first, second = send(), send()
    assert (first.status_code, second.status_code) == (201, 200)
    assert first.json() == second.json()
    assert send(description="另一处").status_code == 409
    assert bureau.database.value("SELECT count(*) FROM incident") == 1


def test_unknown_codes_and_communities_are_not_found(resident: TestClient, bureau: Bureau) -> None:
    assert resident.get("/api/public/reports/ABCDEFGHJK").status_code == 404
    assert resident.get("/api/public/reports/ab'--x").status_code == 400
    assert resident.get("/api/public/communities/nowhere").status_code == 404


def test_one_address_cannot_flood(bureau: Bureau) -> None:
    settings = bureau.database.settings.model_copy(
        update={"public_reports_per_hour": 2, "public_lookups_per_minute": 3}
    )
    with TestClient(create_app(settings), headers={"accept-language": "en"}) as client:
        statuses = [client.post("/api/public/reports", data=fields()).status_code for _ in range(3)]
        assert statuses == [201, 201, 429]
        answers = [client.get("/api/public/reports/ABCDEFGHJK") for _ in range(4)]
        assert [one.status_code for one in answers] == [404, 404, 404, 429]
        assert int(answers[-1].headers["retry-after"]) >= 1


def test_a_closed_service_takes_no_public_report(bureau: Bureau) -> None:
    settings = bureau.database.settings.model_copy(update={"public": False})
    with TestClient(create_app(settings)) as client:
        assert client.post("/api/public/reports", data=fields()).status_code == 401


def test_merged_reports_follow_the_case_that_goes_on(bureau: Bureau, resident: TestClient) -> None:
    codes = [
        resident.post("/api/public/reports", data=fields()).json()["follow_code"] for _ in range(2)
    ]
    first, second = (one for (one,) in bureau.database.rows("SELECT id FROM incident ORDER BY id"))
    bureau.act(somebody("dispatcher"), second, "merge", into=str(first))
    bureau.act(somebody("dispatcher"), first, "decline", reason="内部理由")
    told = [resident.get(f"/api/public/reports/{code}").json() for code in codes]
    assert [one["merged"] for one in told] == [False, True]
    assert {one["state"] for one in told} == {"not_accepted"}
    # reasons are written for colleagues
    assert "内部理由" not in str(told)
