"""GeoReport v2: a real client reads it, and every refusal has the standard's form."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import httpx2 as httpx
import pytest
from fastapi.testclient import TestClient
from georeport import GeoReport
from sqlalchemy import text

from gis_service.app import create_app
from tests.browser.conftest import service
from tests.conftest import token_headers
from tests.incidents.conftest import CLASS, MANHOLE, Bureau
from tests.incidents.people import somebody

ROOT = "/open311/v2"
PERSON = {"first_name": "小明", "last_name": "陈", "phone": "13800000000", "email": "c@example.cn"}
PLACE = {"lat": "24.905123", "long": "118.605123"}
WORDS = "王老师家门口有垃圾"


@pytest.fixture
def key(bureau: Bureau) -> str:
    return token_headers(bureau.database, "community_worker")["Authorization"].split()[1]


@pytest.fixture
def client(bureau: Bureau) -> Iterator[TestClient]:
    with TestClient(
        create_app(bureau.database.settings), headers={"accept-language": "en"}
    ) as client:
        yield client


def asked(**more: Any) -> dict[str, Any]:
    return {"service_code": CLASS, "description": WORDS, **PLACE, **PERSON, **more}


def file_now(bureau: Bureau, code: str, *, close: bool = False) -> None:
    """Verified and filed (and closed) as the desk does it, now."""
    incident = bureau.database.value("SELECT id FROM incident WHERE code = %s", code)
    desk, handler = somebody("dispatcher"), somebody("unit_handler", ("unit", "U1"))
    bureau.at(datetime.now(UTC))
    steps = [(desk, "verify"), (desk, "file")]
    if close:
        steps += [(desk, "dispatch"), (handler, "accept"), (handler, "resolve"), (desk, "check"),
                  (desk, "close")]  # fmt: skip
    for who, action in steps:
        bureau.act(who, incident, action)


@pytest.mark.parametrize("kind", ["json", "xml"])
def test_the_python_client_reads_a_running_service(
    bureau: Bureau, key: str, tmp_path: Path, kind: str
) -> None:
    with service(bureau.database, tmp_path / "service.log", "serve") as address:
        client = GeoReport(f"{address}{ROOT}", api_key=key, output_format=kind)
        services = client.get_service_list()
        by_code = {one["service_code"]: one for one in services}
        assert by_code[CLASS]["service_name"]
        assert by_code[CLASS]["type"] == "realtime"
        definition = client.get_service_definition(MANHOLE)
        assert definition["service_code"] == MANHOLE
        attributes = definition["attributes"]
        first = attributes[0] if kind == "json" else attributes["attribute"]
        assert first["code"] == "CONDITION"
        # the client only reads
        answer = httpx.post(
            f"{address}{ROOT}/requests.{kind}", data=asked(api_key=key), trust_env=False,
            timeout=30,
        )  # fmt: skip
        assert answer.status_code == 201, answer.text
        code = bureau.database.value("SELECT code FROM incident")
        assert code in answer.text
        found = client.get_service_request(code)
        request = found[0] if isinstance(found, list) else found
        assert request["service_request_id"] == code
        assert request["status"] == "open"
        file_now(bureau, code)
        listed = client.get_service_requests(service_code=f"{CLASS},{MANHOLE}", status="open")
        one = listed[0] if isinstance(listed, list) else listed
        assert one["service_request_id"] == code
        assert one["expected_datetime"] is not None
        moment = datetime.fromisoformat(one["requested_datetime"])
        assert moment.utcoffset() == timedelta(hours=8)


def test_nothing_personal_comes_out(bureau: Bureau, client: TestClient, key: str) -> None:
    posted = client.post(f"{ROOT}/requests.json", data=asked(api_key=key)).json()[0]
    assert posted["account_id"] is None
    code = posted["service_request_id"]
    # not filed: who has the number may follow it, the list does not tell
    assert client.get(f"{ROOT}/requests.json").json() == []
    file_now(bureau, code, close=True)
    for answer in (
        client.get(f"{ROOT}/requests.json"),
        client.get(f"{ROOT}/requests/{code}.xml"),
        client.get(f"{ROOT}/requests.json", params={"service_request_id": f"{code},nope"}),
        client.get(f"{ROOT}/requests.json", params={"api_key": key}),
    ):
        assert answer.status_code == 200, answer.text
        for secret in (*PERSON.values(), WORDS, "王老师"):
            assert secret not in answer.text
    one = client.get(f"{ROOT}/requests.json").json()[0]
    assert (one["status"], one["lat"], one["long"]) == ("closed", 24.905, 118.605)
    assert one["updated_datetime"][:10] == one["requested_datetime"][:10]
    exact = client.get(f"{ROOT}/requests.json", params={"api_key": key})
    assert exact.json()[0]["lat"] == pytest.approx(24.905123)
    assert exact.headers["cache-control"] == "private, no-store"
    assert bureau.database.value("SELECT description FROM incident") == WORDS
    assert bureau.database.value("SELECT count(*) FROM reporter") == 1


def test_a_token_leads_to_its_request(client: TestClient, bureau: Bureau, key: str) -> None:
    code = client.post(f"{ROOT}/requests.json", data=asked(api_key=key)).json()[0][
        "service_request_id"
    ]
    token = bureau.database.value("SELECT follow_code FROM report")
    assert client.get(f"{ROOT}/tokens/{token}.json").json() == [
        {"service_request_id": code, "token": token}
    ]
    assert client.get(f"{ROOT}/tokens/NOPE.xml").status_code == 404


def test_what_exactly_it_is_goes_into_the_words(
    client: TestClient, bureau: Bureau, key: str
) -> None:
    form = asked(service_code=MANHOLE, api_key=key) | {"attribute[CONDITION]": "2"}
    assert client.post(f"{ROOT}/requests.json", data=form).status_code == 201
    assert bureau.database.value("SELECT description FROM incident") == f"c2\n{WORDS}"


def test_without_a_key_only_where_the_setting_says_so(bureau: Bureau, client: TestClient) -> None:
    refused = client.post(f"{ROOT}/requests.xml", data=asked())
    assert refused.status_code == 403
    assert ET.fromstring(refused.content).findtext("error/code") == "403"  # noqa: S314
    assert client.post(f"{ROOT}/requests.xml", data=asked(api_key="x")).status_code == 403
    viewer = token_headers(bureau.database, "viewer")["Authorization"].split()[1]
    assert client.post(f"{ROOT}/requests.xml", data=asked(api_key=viewer)).status_code == 403
    assert bureau.database.value("SELECT count(*) FROM incident") == 0
    settings = bureau.database.settings.model_copy(
        update={"georeport_key": False, "public_reports_per_hour": 2}
    )
    with TestClient(create_app(settings)) as free:
        codes = [free.post(f"{ROOT}/requests.json", data=asked()).status_code for _ in range(3)]
        flood = free.post(f"{ROOT}/requests.json", data=asked())
    assert codes == [201, 201, 400]
    assert flood.json()[0]["code"] == 429
    assert int(flood.headers["retry-after"]) > 0
    assert bureau.database.value("SELECT count(*) FROM incident WHERE source = 'resident'") == 2


@pytest.mark.parametrize(
    ("more", "status", "where"),
    [
        ({"service_code": ""}, 400, "service_code"),
        ({"service_code": "nope"}, 404, "service_code"),
        ({"lat": ""}, 400, "lat"),
        ({"lat": "", "long": ""}, 400, "lat"),
        ({"lat": "north"}, 400, "lat"),
        ({"lat": "nan"}, 400, "lat"),
        ({"description": "x" * 4001}, 400, "description"),
        ({"phone": "1" * 300}, 400, "phone"),
        ({"attribute[CONDITION]": "9"}, 400, "attribute[CONDITION]"),
        ({"attribute[COLOUR]": "9"}, 400, "attribute[COLOUR]"),
        ({"address_string": "a\0b"}, 400, "NUL"),
    ],
)
def test_a_bad_request_is_refused_whole(
    client: TestClient, bureau: Bureau, key: str, more: dict[str, str], status: int, where: str
) -> None:
    answer = client.post(f"{ROOT}/requests.json", data=asked(api_key=key, **more))
    assert answer.status_code == status, answer.text
    assert where in answer.text
    assert bureau.database.value("SELECT count(*) FROM incident") == 0


def test_all_that_is_wrong_is_told_at_once(client: TestClient, key: str) -> None:
    answer = client.post(f"{ROOT}/requests.json", data={"api_key": key, "phone": "1" * 300})
    words = [one["description"] for one in answer.json()]
    assert len(words) == 3
    assert [word.split(":")[0] for word in words] == ["service_code", "lat", "phone"]


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("requests.json?start_date=yesterday", 400),
        ("requests.json?start_date=2026-01-01T00:00:00Z&end_date=2026-06-01T00:00:00Z", 400),
        ("requests.json?start_date=2026-06-01T00:00:00Z&end_date=2026-01-01T00:00:00Z", 400),
        ("requests.json?end_date=0001-01-01T00:00:00Z", 400),
        ("requests.json?status=ajar", 400),
        ("requests.json?page=0", 400),
        ("requests.json?page_size=5000", 400),
        ("requests.json?service_code=nope", 404),
        ("requests.json?service_code=", 200),
        ("requests.json?start_date=2026-01-01T00:00:00+08:00", 200),
        ("requests/20260101-1.json", 404),
        ("requests/99999999999999999999999.json", 404),
        ("services/nope.xml", 404),
        ("services.yaml", 404),
        ("requests.json?api_key=wrong", 403),
    ],
)
def test_a_bad_question_is_refused(client: TestClient, path: str, status: int) -> None:
    answer = client.get(f"{ROOT}/{path}")
    assert answer.status_code == status, answer.text
    if status != 200:
        if path.split("?")[0].endswith(".json"):
            assert {tuple(one) for one in answer.json()} == {("code", "description")}
        else:
            assert ET.fromstring(answer.content).tag == "errors"  # noqa: S314
            assert answer.content.startswith(b"<?xml")


def test_jurisdiction_and_discovery(bureau: Bureau) -> None:
    settings = bureau.database.settings.model_copy(update={"georeport_jurisdiction": "licheng"})
    with TestClient(create_app(settings)) as client:
        ours = client.get(f"{ROOT}/services.json", params={"jurisdiction_id": "licheng"})
        assert ours.status_code == 200
        assert "charset=utf-8" in ours.headers["content-type"]
        assert client.get(f"{ROOT}/services.json?jurisdiction_id=other").status_code == 404
        found = ET.fromstring(client.get("/open311/discovery.xml").content)  # noqa: S314
        assert found.findtext("endpoints/endpoint/url", "").endswith("/open311/v2")


def test_pages_and_spans(bureau: Bureau, client: TestClient) -> None:
    with bureau.database.sessions.begin() as session:
        session.execute(
            text(
                """
                INSERT INTO incident (code, state, class_id, class_name, source, origin,
                    external_id, reported_at, crs, placement_method, filed_path, filed_at)
                SELECT 'd-' || n, CASE WHEN n % 2 = 0 THEN 'closed' ELSE 'filed' END,
                    (SELECT id FROM incident_class WHERE code = 'E-01-12' LIMIT 1), 'n', 'resident',
                    't', n::text, now() - make_interval(days => n), 'wgs84', 'none', '{}', now()
                FROM generate_series(1, 120) n
                """
            )
        )
    assert len(client.get(f"{ROOT}/requests.json").json()) == 89
    assert len(client.get(f"{ROOT}/requests.json?status=closed").json()) == 44
    assert len(client.get(f"{ROOT}/requests.json?status=open,closed").json()) == 89
    first = client.get(f"{ROOT}/requests.json?page_size=50").json()
    second = client.get(f"{ROOT}/requests.json?page_size=50&page=2").json()
    ids = [one["service_request_id"] for one in first + second]
    assert ids == [f"d-{n}" for n in range(1, 90)]
    # an hour more: the rounding to seconds must not move a case across the other end
    since = (datetime.now(UTC) - timedelta(days=121, hours=-1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    old = client.get(f"{ROOT}/requests.json", params={"start_date": since}).json()
    assert old[-1]["service_request_id"] == "d-120"
    assert len(old) == 90
