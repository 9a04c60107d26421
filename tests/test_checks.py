"""``gis-service check`` names what is wrong with deployments that really are."""

from __future__ import annotations

import os
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet
from typer.testing import CliRunner

from gis_service.accounts.personal import key_file, seal
from gis_service.checks import run_checks
from gis_service.cli import app
from gis_service.db.backup import forget_backups, next_file
from gis_service.events import jobs
from gis_service.housekeeping import DUTIES, KIND
from gis_service.ready import bring_up_to_date
from tests.conftest import Database, token_headers
from tests.faults.served import COMMAND
from tests.incidents.conftest import Bureau, bureau
from tests.ports import free_port

__all__ = ["bureau"]

# what holds of the tests' server and of no deployment
EXPECTED = ("fsync or full_page_writes is off", "nobody knows of backups", "no service answers at",
            "of GIS_DATA_DIR has", "the working calendar has no")  # fmt: skip


def told(database: Database, locale: str = "en", **settings: Any) -> list[str]:
    """What is said of the deployment with changed settings, but for what is expected here."""
    changed = database.settings.model_copy(update={"port": free_port(), **settings})
    return [
        finding.text(locale)
        for finding in run_checks(changed)
        if not any(words in finding.en for words in EXPECTED)
    ]


def change(database: Database, *statements: str) -> None:
    with database.sessions.begin() as session:
        for statement in statements:
            session.connection().exec_driver_sql(statement)


def test_a_deployment_in_order_has_nothing_to_say(database: Database) -> None:
    bring_up_to_date(database.engine)
    assert told(database) == []


OPEN = "0.0.0.0"  # noqa: S104
OIDC: dict[str, Any] = {"oidc_issuer": "http://localhost:9", "oidc_client_id": "x"}
UNUSABLE: list[tuple[dict[str, Any], str]] = [
    ({"timezone": "Asia/Nowhere"}, "GIS_TIMEZONE 'Asia/Nowhere' is no time zone"),
    ({"metric_crs": "EPSG:1"}, "GIS_METRIC_CRS"),
    ({"code_rule": "("}, "GIS_CODE_RULE"),
    ({"layers_dir": Path("/nowhere")}, "GIS_LAYERS_DIR"),
    (
        {"data_dir": Path("/dev/null/x")},
        "GIS_DATA_DIR /dev/null/x cannot be written: Not a dir",
    ),
    ({"tls_certificate": Path("a.pem")}, "GIS_TLS_CERTIFICATE and GIS_TLS_KEY belong together"),
    ({"personal_key_file": Path("/nowhere.key")}, "/nowhere.key: No such file"),
    ({"host": "nowhere.invalid"}, "is no address"),
    ({"host": OPEN}, "as long as nobody can sign in"),
    ({"host": OPEN}, "in the clear"),
    ({"public_url": "http://a"}, "in the clear"),
    ({"public_url": "a.cn"}, "does not begin with https://"),
    ({"public_url": "https://a"}, "without a map approval number"),
    ({"secure_cookies": True}, "nobody can stay signed in"),
    ({"secure_cookies": False, "public_url": "https://a"}, "sessions can be read on the way"),
    ({"oidc_issuer": "http://sso.cn"}, "GIS_OIDC_ISSUER: 'http://sso.cn' does not begin with"),
    ({"oidc_issuer": "http://localhost:9"}, "GIS_OIDC_CLIENT_ID: the provider knows"),
    ({**OIDC, "oidc_client_secret_file": Path("/nowhere")}, "/nowhere cannot be read: No such"),
    ({**OIDC, "oidc_roles": {"staff": "boss"}}, "GIS_OIDC_ROLES: 'staff': role"),
    ({**OIDC, "oidc_roles": {"staff": "viewer street"}}, "GIS_OIDC_ROLES: 'staff'"),
    (OIDC, "nobody can sign in through it"),
    ({"database_url": "postgresql://x@127.0.0.1:1/x"}, "look at GIS_DATABASE_URL"),
    ({"backup_dir": Path("/nowhere")}, "there is no backup in /nowhere: gis-service backup"),
]


def test_settings_that_do_not_work(database: Database) -> None:
    bring_up_to_date(database.engine)
    for settings, words in UNUSABLE:
        found = told(database, **settings)
        assert any(words in one for one in found), (settings, found)
        # and in Chinese, with the name of the setting as it is
        chinese = told(database, "zh", **settings)
        assert len(chinese) == len(found)
        assert all(any("一" <= c <= "鿿" for c in one) for one in chinese), chinese


def test_a_database_that_is_behind(create_database: Callable[..., Database]) -> None:
    empty = create_database(migrated=False)
    assert told(empty) == ["the database is behind this version: gis-service migrate"]


def test_keys(bureau: Bureau) -> None:
    database = bureau.database
    bring_up_to_date(database.engine)
    bureau.report(reporter={"name": "林", "phone": "1380000"})
    path = key_file(database.settings)
    assert told(database) == []
    path.chmod(0o640)
    assert told(database) == [f"others may read the key {path}: chmod 600 {path}"]
    path.chmod(0o600)
    kept = path.read_bytes()
    path.write_bytes(Fernet.generate_key())
    assert "gis-service user key import" in told(database)[0]
    path.write_bytes(b"no key")
    assert any("holds no keys" in one for one in told(database))
    path.write_bytes(kept)
    os.utime(path)
    assert told(database) == []
    assert seal({})


def test_work_that_nobody_does(database: Database) -> None:
    bring_up_to_date(database.engine)
    with database.sessions.begin() as session:
        jobs.enqueue(session, "watch webhook", {})
        jobs.enqueue(session, "watch webhook", {})
        jobs.schedule(session, KIND, [duty.name for duty in DUTIES])
    assert told(database) == []
    change(
        database,
        "UPDATE job SET run_at = now() - interval '2 h' WHERE id = 1",
        "UPDATE job SET given_up_at = now() WHERE id = 2",
        "UPDATE job SET run_at = now() - interval '2 d' WHERE payload->>'name' = 'audit'",
        "UPDATE job SET problem = 'no room' WHERE payload->>'name' = 'fixes'",
        "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'incident_updated'::regclass",
    )
    found = "\n".join(told(database))
    change(
        database,
        "UPDATE pg_index SET indisvalid = true WHERE indexrelid = 'incident_updated'::regclass",
    )
    for words in (
        "1 jobs wait for more than an hour", "1 notices to other systems were given up",
        "housekeeping, audit, is a day late", "housekeeping, fixes: no room",
        "index incident_updated is invalid: REINDEX",
    ):  # fmt: skip
        assert words in found
    assert len(found.splitlines()) == 5


def test_a_calendar_that_ends(database: Database) -> None:
    def said() -> list[str]:
        return [f.en for f in run_checks(database.settings) if "working calendar" in f.en]

    assert "deadlines are provisional; gis-service load calendar --seed" in said()[0]
    # only days off and made up for are in it: the last may be over
    change(
        database,
        "INSERT INTO calendar_day (day, kind, note, source) SELECT make_date(y::int, 1, 1), 'off', "
        "'', 'test' FROM (SELECT extract(year FROM current_date) y UNION "
        "SELECT extract(year FROM current_date + 60)) years",
    )
    assert said() == []


def test_backups_that_are_old_and_only_the_newest_stay(database: Database, tmp_path: Path) -> None:
    bring_up_to_date(database.engine)
    settings = database.settings.model_copy(update={"backup_dir": tmp_path, "backup_keep": 2})
    for number in range(4):
        (tmp_path / f"district-2026-01-0{number}-000000.backup").write_text("x")
    (tmp_path / "mine.backup").write_text("x")
    made = next_file(settings)
    made.write_text("x")
    gone = forget_backups(settings, made)
    assert gone == [f"district-2026-01-0{n}-000000.backup" for n in range(3)]
    assert {p.name for p in tmp_path.iterdir()} == {
        made.name, "district-2026-01-03-000000.backup", "mine.backup",
    }  # fmt: skip
    assert forget_backups(settings, Path("/elsewhere/x.backup")) == []
    assert told(database, backup_dir=tmp_path) == []
    for path in tmp_path.iterdir():
        os.utime(path, (time.time() - 50 * 3600,) * 2)
    (old,) = told(database, backup_dir=tmp_path)
    assert "is 50 hours old: look at the timer" in old


@contextmanager
def answering(status: int, body: bytes) -> Iterator[int]:
    """A program at a port."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    yield server.server_port
    server.shutdown()
    thread.join()
    server.server_close()


def test_what_answers_at_the_port(database: Database) -> None:
    bring_up_to_date(database.engine)
    with answering(404, b"hello") as port:
        (found,) = told(database, port=port)
        assert "another program answers" in found
    with answering(503, b'{"ready": false, "reasons": ["no connection left"]}') as port:
        assert told(database, port=port) == ["the service is not ready: no connection left"]


def test_the_command(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LANG", "zh_CN.UTF-8")
    (database.settings.data_dir / "demo-accounts.json").write_text("[]")
    token_headers(database)
    monkeypatch.setenv("GIS_PUBLIC_URL", "https://a.example")
    answer = CliRunner().invoke(app, ["check"])
    assert answer.exit_code == 1
    assert "✗ 演示账号可登录" in answer.output
    assert "! 公众可见的地图没有审图号" in answer.output


@pytest.mark.long
def test_clocks_that_differ(database: Database) -> None:
    bring_up_to_date(database.engine)
    library = next(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))
    answer = subprocess.run(
        [*COMMAND, "check"], capture_output=True, text=True, check=False,
        env={**os.environ, **database.environment, "LD_PRELOAD": str(library),
             "FAKETIME": "-10m", "LANG": "C.UTF-8"},
    )  # fmt: skip
    assert answer.returncode == 1
    assert "the database's differ by +600 s: set both by NTP" in answer.stderr
