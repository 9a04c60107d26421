"""A small demo district of a seed drawn now, loaded once; tests of this folder share it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest
from fastapi.testclient import TestClient

from gis_service.app import create_app
from gis_service.demo.district import make_district
from gis_service.demo.loading import load_demo
from gis_service.demo.planted import Planted, plant_communities
from gis_service.wiring import REVISION_FOLLOWERS
from tests.conftest import Database, token_headers
from tests.demo.checks import AS_OF
from tests.seeds import drawn_seeds

TO = AS_OF.date().isoformat()


@dataclass
class Demo:
    """The service on a loaded district, and what was planted in it."""

    database: Database
    client: TestClient
    planted: Planted
    seed: int


def load(database: Database, seed: int) -> Planted:
    """The district of a seed by the demo's own door."""
    load_demo(
        database.sessions, database.settings, seed=seed, scale="small",
        followers=REVISION_FOLLOWERS, as_of=AS_OF,
    )  # fmt: skip
    return plant_communities(make_district(seed, "small"))


@pytest.fixture(scope="session")
def demo(create_database: Callable[[], Database]) -> Iterator[Demo]:
    database = create_database()
    seed = drawn_seeds(1, "planning")[0]
    planted = load(database, seed)
    headers = {"accept-language": "en", **token_headers(database, "planner", name="chooser")}
    with TestClient(create_app(database.settings), headers=headers) as client:
        yield Demo(database, client, planted, seed)
