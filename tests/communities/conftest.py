"""A small district with units, and who works in it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from fastapi.testclient import TestClient

from gis_service.app import create_app
from gis_service.reference.units import load_units
from tests.conftest import Database, token_headers
from tests.district import load_small_district


@dataclass
class Bureau:
    """The application on a district of two streets (S0, S1) with two communities each (S0C0, …),
    and a token of each role that matters: ``worker`` is of S0C0, ``street`` of S0."""

    database: Database
    client: TestClient
    planner: dict[str, str]
    worker: dict[str, str]
    street: dict[str, str]
    viewer: dict[str, str]

    def call(self, method: str, path: str, who: str = "planner", **options: Any) -> Any:
        headers = getattr(self, who) if who else {}
        return self.client.request(method, path, headers=headers, **options)

    def get(self, path: str, who: str = "planner", **options: Any) -> Any:
        answer = self.call("GET", path, who, **options)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def get_file(self, path: str, who: str = "planner") -> str:
        answer = self.call("GET", path, who)
        assert answer.status_code == 200, answer.text
        return str(answer.content.decode("utf-8-sig"))


@pytest.fixture
def bureau(database: Database) -> Iterator[Bureau]:
    squad = {"kind": "squad", "code": "Q0", "name": "0中队", "parent": "JDZD", "streets": "S0"}
    load_small_district(database)
    with database.sessions.begin() as session:
        load_units(session, [squad], "squads")
    with TestClient(create_app(database.settings), headers={"accept-language": "en"}) as client:
        yield Bureau(
            database, client,
            planner=token_headers(database, "planner"),
            worker=token_headers(database, "community_worker", scopes=["community=S0C0"]),
            street=token_headers(database, "street_office", scopes=["street=S0"]),
            viewer=token_headers(database, "viewer"),
        )  # fmt: skip
