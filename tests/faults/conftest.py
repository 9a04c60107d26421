"""Services that run as processes of their own, and clusters that may be broken."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from gis_service.db.embedded import Cluster
from gis_service.db.engine import make_engine, session_factory
from gis_service.ready import bring_up_to_date
from gis_service.settings import Settings
from tests.conftest import Database, token_headers
from tests.district import load_small_district
from tests.faults.served import Served
from tests.incidents.conftest import Bureau, bureau

__all__ = ["bureau"]


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[..., Served]]:
    """Starts services; all are gone at the end."""
    made: list[Served] = []

    def start(
        database: Database, headers: dict[str, str] | None = None, **environment: str
    ) -> Served:
        headers = headers or token_headers(database)
        service = Served({**database.environment, **environment}, tmp_path, headers)
        made.append(service)
        service.start()
        return service

    yield start
    for service in made:
        if service.process is not None and service.process.poll() is None:
            service.kill()


@pytest.fixture
def service(bureau: Bureau, serve: Callable[..., Served]) -> Served:
    """A service on a small district in the tests' database."""
    return serve(bureau.database)


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that the database server's user may enter, which those of pytest are not."""
    parent = Settings().data_dir.resolve()
    parent.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="faults-", dir=parent))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@dataclass
class Shared:
    """A service that several tests share, with little patience and few connections."""

    service: Served
    database: Database
    viewer: dict[str, str]  # headers of one who may see incidents and little else


@pytest.fixture(scope="session")
def shared(
    create_database: Callable[[], Database], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Shared]:
    """One process for the faults that it has to live through: starting takes longest."""
    database, folder = create_database(), tmp_path_factory.mktemp("shared")
    load_small_district(database)
    service = Served(
        {
            **database.environment,
            "GIS_DATABASE_POOL": "3", "GIS_POOL_WAIT_S": "1", "GIS_CLIENT_TIMEOUT_S": "2",
        },
        folder, token_headers(database),
    )  # fmt: skip
    # an account that is made later would end the streams
    viewer = token_headers(database, "viewer")
    service.start()
    yield Shared(service, database, viewer)
    service.kill()


def own_district(folder: Path, tmp_path: Path) -> Database:
    """The small district in a private cluster in ``folder``, as the service makes it itself."""
    address = Cluster(folder).ensure()
    engine = make_engine(address)
    bring_up_to_date(engine)
    made = Database(
        address, Settings(database_url=None, data_dir=folder), engine, session_factory(engine),
        {"GIS_DATA_DIR": str(folder), "GIS_DATABASE_URL": ""},
    )  # fmt: skip
    load_small_district(made)
    engine.dispose()
    return made


@pytest.fixture
def own(open_folder: Path, tmp_path: Path) -> Iterator[Database]:
    """A district in a cluster of its own, which a test may break."""
    yield own_district(open_folder, tmp_path)
    stop_for_good(open_folder)


def stop_for_good(folder: Path) -> None:
    """Stop a cluster, also one that is broken."""
    with suppress(Exception):
        Cluster(folder).stop()
