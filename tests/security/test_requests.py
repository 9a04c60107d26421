"""Requests made to get more than is given: headers, bodies, addresses, injections."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from gis_service.app import create_app
from gis_service.errors import InvalidInput
from gis_service.incidents.watches.service import check_address
from gis_service.settings import Settings
from tests.conftest import ROOT, Database, token_headers
from tests.incidents.test_loading import row
from tests.test_http import fill

INJECTIONS = (
    "' OR '1'='1", "'; DROP TABLE incident; --", "1) UNION SELECT name FROM account --",
    "%27%3B", "{{7*7}}", "${jndi:ldap://x}", "../../etc/passwd", "<script>alert(1)</script>",
)  # fmt: skip


@pytest.fixture(scope="module")
def served(
    module_database: Database, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[TestClient]:
    rows = [row(i, lon=118.605, lat=24.905) for i in range(5)]
    fill(module_database, tmp_path_factory.mktemp("files"), rows)
    settings = module_database.settings.model_copy(update={"photo_bytes": 4096})
    headers = {"accept-language": "en", **token_headers(module_database)}
    with TestClient(create_app(settings), headers=headers) as client:
        yield client


@pytest.mark.parametrize("words", INJECTIONS)
def test_what_looks_like_code_is_words(served: TestClient, words: str) -> None:
    count = served.get("/api/incidents/count").json()["count"]
    assert count == 5
    assert served.get("/api/incidents", params={"q": words}).json()["items"] == []
    for path in ("/api/incidents", "/api/metrics", "/tiles/incidents/12/3397/1758.mvt"):
        answer = served.get(path, params={"street": words})
        assert answer.status_code == 400, answer.text
    assert served.get("/api/incidents", params={"sort": words}).status_code == 400
    assert served.get("/ogc/collections/grid/items", params={"filter": words}).status_code == 400
    assert served.get("/api/locate", params={"address": words}).status_code == 200
    for path in (f"/static/{words}", f"/api/layers/{words}", f"/api/exports/{words}.csv"):
        assert served.get(path).status_code in (400, 404)
    assert served.get("/api/incidents/count").json()["count"] == count


@pytest.mark.parametrize(
    "path",
    ["/static/../settings.py", "/static/%2e%2e/%2e%2e/settings.py", "/static/..%2f..%2fcli.py",
     "/static/js/..%5c..%5csettings.py", "/static//etc/passwd"],
)  # fmt: skip
def test_files_beside_the_static_ones_are_not_served(served: TestClient, path: str) -> None:
    answer = served.get(path)
    assert answer.status_code in (400, 404)
    assert "class Settings" not in answer.text
    assert "root:" not in answer.text


@pytest.mark.parametrize("path", ["/api/session", "/api/public/reports", "/api/attachments"])
def test_a_body_without_end_is_cut_off(served: TestClient, path: str) -> None:
    answer = served.post(path, content=b"x" * (2 * 2**20))
    assert answer.status_code == 413

    def endless() -> Iterator[bytes]:
        for _ in range(64):
            yield b"x" * 2**16

    # what no form is has been refused before it was read
    assert served.post(path, content=endless()).status_code in (400, 413)


def test_pages_run_no_script_but_their_own(served: TestClient) -> None:
    policy = served.get("/").headers["content-security-policy"]
    rules = dict(part.strip().split(" ", 1) for part in policy.split(";"))
    assert rules["script-src"] == "'self'"
    assert rules["style-src"] == "'self'"
    assert rules["object-src"] == rules["base-uri"] == rules["frame-ancestors"] == "'none'"
    assert "unsafe" not in policy
    for template in (ROOT / "gis_service/web/templates").glob("*.html"):
        words = template.read_text(encoding="utf-8")
        assert not re.search(r"<script(?![^>]*\bsrc=)(?![^>]*type=\"application/json\")", words), (
            template
        )
        assert not re.search(r"\son\w+=", words), template
        assert "|safe" not in words, template


def test_errors_tell_nothing_of_the_inside(served: TestClient) -> None:
    for path in ("/api/incidents/0", "/api/incidents?cursor=%00", "/api/nothing", "/tiles/x"):
        answer = served.get(path)
        assert 400 <= answer.status_code < 500
        for word in ("Traceback", "gis_service/", "SELECT", "psycopg", str(ROOT)):
            assert word not in answer.text
    assert "server" not in {name.lower() for name in served.get("/healthz").headers}


@pytest.mark.parametrize(
    "url",
    ["http://127.0.0.1/", "http://169.254.169.254/latest/meta-data", "http://[::1]:5432/",
     "file:///etc/passwd", "gopher://x/", "https://other.example/", "http://hooks.example/",
     "https://hooks.example@127.0.0.1/", "https://hooks.example.attacker.example/",
     "https://hooks.example:22/", "//hooks.example/"],
)  # fmt: skip
def test_the_service_calls_only_hosts_that_the_settings_name(url: str) -> None:
    settings = Settings(webhook_hosts=["hooks.example"])
    check_address("https://hooks.example/robot?key=1", settings)
    with pytest.raises(InvalidInput):
        check_address(url, settings)


def test_the_lock_pins_every_package_with_its_hash() -> None:
    lock = (ROOT / "requirements.lock").read_text()
    pins = re.findall(r"^([A-Za-z0-9._-]+(?:\[[^\]]+\])?)==\S+", lock, re.MULTILINE)
    assert len(pins) > 50
    assert lock.count("--hash=sha256:") >= len(pins)


def test_each_test_that_the_security_page_names_exists() -> None:
    text = (ROOT / "docs/security.md").read_text(encoding="utf-8")
    named = re.findall(r"`(tests/[\w/]+\.py)(?:::(\w+))?`", text)
    assert len(named) > 30
    for path, name in named:
        source = ROOT / path
        assert source.exists(), path
        if name:
            assert re.search(rf"^(async )?def {name}\(", source.read_text(), re.MULTILINE), name


def test_the_points_of_both_lists_are_walked() -> None:
    text = Path(ROOT / "docs/security.md").read_text(encoding="utf-8")
    for number in range(1, 11):
        assert f"A{number:02}:2021" in text
        assert f"A{number:02}:2025" in text
