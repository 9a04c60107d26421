"""Several processes on one database, and a stand-by that takes over."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest

from gis_service.db.embedded import Cluster, bindir
from tests.conftest import Database
from tests.faults.conftest import stop_for_good
from tests.faults.served import Reporters, Served, until
from tests.faults.test_recovery import as_server
from tests.incidents.conftest import Bureau


@pytest.mark.long
def test_what_one_process_takes_in_the_other_tells(
    bureau: Bureau, serve: Callable[..., Served]
) -> None:
    first = serve(bureau.database)
    second = serve(bureau.database, headers=first.headers)
    page = second.open_stream("/events")
    messages = page.messages()
    assert next(messages)[1] == "hello"
    one, other = Reporters(first), Reporters(second)
    with one.at_work(2):
        one.wait_for(30)
    for key in ("a", "b"):  # the same report through both is one
        answers = [service.report(key) for service in (first, second)]
        assert [answer.status for answer in answers] == [201, 200]
        assert answers[0].json()["id"] == answers[1].json()["id"]
        other.sent.append(key)
        other.acknowledged[key] = answers[0].json()["id"]
    one.sent += other.sent
    one.acknowledged |= other.acknowledged
    one.check(bureau.database.rows)
    wanted, told = set(one.acknowledged.values()), []
    while not wanted <= set(told):
        _, event, data = next(messages)
        if event == "incidents":
            told += [item["id"] for item in data["items"]]
    assert len(told) == len(set(told))
    page.close()
    listed = [
        {item["id"] for item in service.ask("GET", "/api/incidents?limit=1000").json()["items"]}
        for service in (first, second)
    ]
    assert listed == [wanted, wanted]


@pytest.mark.long
def test_a_streaming_stand_by_holds_what_was_acknowledged_and_takes_over(
    own: Database, open_folder: Path, serve: Callable[..., Served]
) -> None:
    cluster = Cluster(own.settings.data_dir)
    there = open_folder / "standby"
    there.mkdir()
    shutil.chown(there, "postgres")
    as_server(
        str(bindir() / "pg_basebackup"), "-h", str(cluster.socket_dir), "-U", "gis",
        "-D", str(there / "postgres"), "--checkpoint=fast", "--write-recovery-conf",
    )  # fmt: skip
    standby = Cluster(there)
    standby._start()
    try:
        service = serve(own)
        reported = [service.report(f"r{n}").json()["id"] for n in range(30)]
        with psycopg.connect(standby.url(), autocommit=True) as reader:

            def there_too() -> bool:
                rows = reader.execute("SELECT id FROM incident ORDER BY id").fetchall()
                return [number for (number,) in rows] == reported

            until(there_too, 10, "replicated")
            with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
                reader.execute("DELETE FROM incident")
        service.kill()
        cluster.stop()
        as_server(str(bindir() / "pg_ctl"), "promote", "-D", str(standby.folder), "-w")
        environment = {"GIS_DATA_DIR": str(there), "GIS_DATABASE_URL": ""}
        taken_over = serve(replace(own, environment=environment), headers=service.headers)
        assert taken_over.report("after").status == 201
        shown = taken_over.ask("GET", "/api/incidents?limit=100").json()["items"]
        assert {item["id"] for item in shown} > set(reported)
        taken_over.kill()
    finally:
        stop_for_good(there)
