"""A migration is killed; the next one ends in the same schema."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable

from gis_service.db.embedded import bindir
from gis_service.db.migrate import MIGRATION_LOCK, migrate, pending
from tests.conftest import Database
from tests.faults.served import until
from tests.seeds import drawn_seeds

MIGRATE = """
import sys
from gis_service.db.engine import make_engine
from gis_service.db.migrate import metadata, migrate
metadata()
migrate(make_engine(sys.argv[1]))
"""
WORKING = f"""
SELECT count(*) FROM pg_locks l JOIN pg_database d ON d.oid = l.database
WHERE locktype = 'advisory' AND objid = {MIGRATION_LOCK} AND granted
    AND d.datname = current_database()
"""


def schema(database: Database) -> str:
    words = subprocess.run(
        [bindir() / "pg_dump", "--schema-only", "--no-owner", f"--dbname={database.address}"],
        check=True, capture_output=True, text=True,
    ).stdout  # fmt: skip
    return re.sub(r"^\\(un)?restrict .*$", "", words, flags=re.MULTILINE)


def test_one_that_is_killed_leaves_nothing_and_the_next_ends_the_same(
    create_database: Callable[..., Database],
) -> None:
    database, whole = create_database(migrated=False), create_database()
    empty = schema(database)
    for wait_ms in (number % 600 for number in drawn_seeds(2, "killed migration")):
        process = subprocess.Popen([sys.executable, "-c", MIGRATE, database.address])
        until(lambda: database.value(WORKING), 60, "migrating")
        time.sleep(wait_ms / 1000)
        process.send_signal(signal.SIGKILL)
        process.wait()
        # its backend notices at the end of its statement
        until(lambda: not database.value(WORKING), 60, "its backend is gone")
        assert schema(database) in (empty, schema(whole))
    if schema(database) == empty:
        assert pending(database.engine)
    migrate(database.engine)
    assert not pending(database.engine)
    assert schema(database) == schema(whole)
