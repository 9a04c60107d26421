"""Figures for Prometheus, ids of requests, and the log as JSON."""

from __future__ import annotations

import logging
import sys

import orjson
import pytest
from fastapi.testclient import TestClient
from prometheus_client.parser import text_string_to_metric_families

from gis_service.observing import JsonLines, request_id


def figures(client: TestClient) -> dict[tuple[str, str], float]:
    answer = client.get("/metrics")
    assert answer.status_code == 200
    return {
        (one.name, one.labels.get("route", "")): one.value
        for family in text_string_to_metric_families(answer.text)
        for one in family.samples
    }


def test_requests_are_counted_by_route(client: TestClient, anonymous_client: TestClient) -> None:
    before = figures(client)
    for code in ("a", "b", "c"):
        assert client.get(f"/api/areas/grid/{code}").status_code == 404
    after = figures(client)
    key = ("gis_requests_total", "/api/areas/{level}/{code}")
    assert after[key] - before.get(key, 0) == 3
    assert after["gis_request_seconds_count", key[1]] == after[key]
    assert after["gis_ready", ""] == 1
    assert after["gis_incidents", ""] == 0
    assert anonymous_client.get("/metrics").status_code == 401


def test_every_answer_has_an_id(client: TestClient) -> None:
    first, second = (client.get("/api/district").headers["x-request-id"] for _ in range(2))
    assert len(first) == 32
    assert first != second
    kept = client.get("/api/district", headers={"x-request-id": "proxy-7"})
    assert kept.headers["x-request-id"] == "proxy-7"
    forged = client.get("/api/district", headers={"x-request-id": "a b\tc"})
    assert forged.headers["x-request-id"] != "a b\tc"


def test_a_line_is_one_object(client: TestClient, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "gis_service.request"):
        client.get("/api/district")
    record = next(one for one in caplog.records if one.name == "gis_service.request")
    told = orjson.loads(JsonLines().format(record))
    assert (told["route"], told["status"], told["method"]) == ("/api/district", 200, "GET")
    assert told["ms"] > 0
    token = request_id.set("r1")
    try:
        raise ValueError("换行\n")
    except ValueError:
        broken = logging.LogRecord(
            "x", logging.ERROR, "f", 1, "went %s", ("wrong",), sys.exc_info()
        )
    line = JsonLines().format(broken)
    request_id.reset(token)
    assert "\n" not in line
    assert orjson.loads(line)["request_id"] == "r1"
    assert "ValueError" in orjson.loads(line)["exception"]
