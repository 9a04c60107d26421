"""What most tests begin with is what the loaders leave."""

from __future__ import annotations

from typing import Any

from tests.conftest import Database, empty, filled_tables
from tests.district import load_small_district


def rows(database: Database) -> dict[str, Any]:
    """All rows as text; of changes what they say, not when."""
    found = {
        table: database.rows(f"SELECT t::text FROM {table} t ORDER BY 1")
        for table in sorted(filled_tables(database).keys() - {"event"})
    }
    found["event"] = database.rows("SELECT topic, payload::text FROM event ORDER BY id")
    found["sequences"] = database.rows(
        "SELECT sequencename, last_value FROM pg_sequences WHERE last_value IS NOT NULL ORDER BY 1"
    )
    found["area_name"] = database.rows("SELECT t::text FROM area_name t ORDER BY 1")
    return found


def test_the_copied_district_is_the_loaded_one(database: Database) -> None:
    load_small_district(database, anew=True)
    loaded = rows(database)
    assert len(loaded["area"]) == 22
    empty(database)
    assert rows(database).keys() == {"event", "sequences", "area_name"}
    load_small_district(database)
    assert rows(database) == loaded
