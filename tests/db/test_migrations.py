"""A database of each earlier version comes up to date with what it holds."""

from __future__ import annotations

import pytest
from alembic import command
from alembic.script import ScriptDirectory
from fastapi.testclient import TestClient
from sqlalchemy import inspect

from gis_service.app import create_app
from gis_service.db.migrate import config, drop_views, metadata, migrate, pending
from tests.conftest import Database, token_headers
from tests.incidents.conftest import Bureau

CHAIN = [step.revision for step in ScriptDirectory.from_config(config()).walk_revisions()]


def rows(database: Database, columns: dict[str, list[str]]) -> dict[str, list[tuple[str, ...]]]:
    """Every row of these columns, as text."""
    return {
        table: sorted(
            database.rows(f"SELECT {', '.join(f'{name}::text' for name in names)} FROM {table}"),
            key=str,
        )
        for table, names in columns.items()
    }


def columns(database: Database) -> dict[str, list[str]]:
    look = inspect(database.engine)
    return {
        table: [f'"{column["name"]}"' for column in look.get_columns(table)]
        for table in look.get_table_names()
        if table not in ("spatial_ref_sys", "alembic_version")
    }


@pytest.fixture
def held(bureau: Bureau) -> Database:
    for number in range(3):
        bureau.report(description=f"垃圾 {number}")
    return bureau.database


def test_each_earlier_version_comes_up_to_date_with_its_data(held: Database) -> None:
    assert len(CHAIN) > 5
    for revision in CHAIN[1:]:
        with held.engine.begin() as connection:
            steps = config()
            steps.attributes["connection"] = connection
            drop_views(connection)
            command.downgrade(steps, revision)
        assert pending(held.engine)
        before = columns(held)
        kept = rows(held, before)
        assert len(kept["incident"]) == 3
        assert kept["grid"]
        migrate(held.engine)
        assert not pending(held.engine)
        after = rows(held, before)
        for table, lines in kept.items():
            assert set(map(str, lines)) <= set(map(str, after[table])), (revision, table)
            assert len(after[table]) == len(lines) or not lines, (revision, table)
    with held.engine.connect() as connection:
        missing = set(metadata().tables) - set(inspect(connection).get_table_names())
    assert not missing
    with TestClient(create_app(held.settings), headers=token_headers(held)) as client:
        assert len(client.get("/api/incidents").json()["items"]) == 3
        assert client.get("/api/locate?lon=118.605&lat=24.905").json()["grid"]
