"""Whatever the description of the API allows, and much that it does not: no role gets a 5xx."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode

from gis_service.accounts.permissions import ROLES
from tests.browser.conftest import service
from tests.conftest import Database, token_headers
from tests.incidents.test_loading import row
from tests.test_http import fill

ENDLESS = "/events"
EVERYDAY, LONG = 30, 600  # requests a role


@pytest.fixture(scope="module")
def address(module_database: Database, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A running service on a small district."""
    folder = tmp_path_factory.mktemp("fuzz")
    rows = [row(i, lon=118.605 + (i % 4) * 0.01, lat=24.905) for i in range(40)]
    fill(module_database, folder, rows)
    with service(module_database, folder / "service.log", "serve") as address:
        yield address


@pytest.fixture(scope="module")
def description(address: str) -> Any:
    schema = schemathesis.openapi.from_url(f"{address}/api/openapi.json")
    schema.config.generation.update(modes=[GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
    return schema.exclude(path=ENDLESS)


def send(database: Database, description: Any, role: str | None, examples: int) -> None:
    headers = token_headers(database, role, name=f"{role}-{examples}") if role else {}
    seen: list[int] = []

    @settings(
        max_examples=examples, deadline=None, derandomize=examples == EVERYDAY, database=None,
        phases=[Phase.generate], suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(case=description.as_strategy())
    def ask(case: Any) -> None:
        case.headers = {**(case.headers or {}), **headers}
        answer = case.call(timeout=30)
        seen.append(answer.status_code)
        assert answer.status_code < 500, f"{case.as_curl_command()}\n{answer.text}"

    ask()
    # a fuzzer that is only ever refused at the door finds nothing
    assert len(set(seen)) > 1
    assert any(status not in (401, 403) for status in seen)


@pytest.mark.parametrize("role", [None, *ROLES])
def test_no_request_breaks_the_service(
    module_database: Database, description: Any, role: str | None
) -> None:
    send(module_database, description, role, EVERYDAY)


@pytest.mark.long
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("role", [None, *ROLES])
def test_many_requests_do_not_break_the_service(
    module_database: Database, description: Any, role: str | None, tmp_path: Path
) -> None:
    send(module_database, description, role, LONG)
