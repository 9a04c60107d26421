"""The page and its files over HTTP."""

from __future__ import annotations

import posixpath
import re

import pytest
from fastapi.testclient import TestClient

from gis_service.web import router


@pytest.mark.parametrize(
    ("accepted", "query", "lang"),
    [
        ("zh-CN,zh;q=0.9,en;q=0.8", "", "zh-CN"),
        ("en-GB,en;q=0.9", "", "en"),
        ("fr-FR,fr;q=0.9", "", "zh-CN"),
        ("en", "?lang=zh", "zh-CN"),
        ("zh", "?lang=en", "en"),
        ("zh", "?lang=<script>", "zh-CN"),
    ],
)
def test_language_of_the_page(client: TestClient, accepted: str, query: str, lang: str) -> None:
    answer = client.get(f"/{query}", headers={"accept-language": accepted})
    assert answer.status_code == 200
    assert f'<html lang="{lang}"' in answer.text
    assert "<script>" not in answer.text


def test_everything_the_page_names_is_there(client: TestClient) -> None:
    html = client.get("/").text
    named = set(re.findall(r'(?:href|src)="(/[^"#]+)"', html))
    assert len(named) > 25
    assert {path: client.get(path).status_code for path in named} == dict.fromkeys(named, 200)


def test_modules_import_only_what_is_there(client: TestClient) -> None:
    for name in router.page_modules():
        text = client.get(f"/static/js/{name}").text
        for target in re.findall(r'from "(\./[^"]+|\.\./[^"]+)"', text):
            path = posixpath.normpath(f"/static/js/{posixpath.dirname(name)}/{target}")
            assert client.get(path).status_code == 200, f"{name}: {target}"


def test_static_files_are_asked_for_again_but_not_sent_again(client: TestClient) -> None:
    first = client.get("/static/js/main.js")
    assert first.headers["cache-control"] == "no-cache"
    assert "javascript" in first.headers["content-type"]
    again = client.get("/static/js/main.js", headers={"if-none-match": first.headers["etag"]})
    assert again.status_code == 304
    head = client.head("/static/js/main.js")
    assert head.status_code == 200
    assert head.content == b""


@pytest.mark.parametrize(
    "path",
    [
        "/static/../router.py",
        "/static/%2e%2e/router.py",
        "/static/js/..%2f..%2frouter.py",
        "/static/js",
        "/static/none.js",
        "/static/strings/fr.json",
        "/static/strings/..%2frouter.json",
    ],
)
def test_nothing_else_is_served(client: TestClient, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 404
    assert "APIRouter" not in answer.text


def test_missing_maplibre_is_named(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(router, "MAPLIBRE", "vendor/nothing.mjs")
    answer = client.get("/")
    assert answer.status_code == 500
    assert "scripts/vendor.sh" in answer.json()["detail"]
