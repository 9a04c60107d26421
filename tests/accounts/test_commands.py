"""``gis-service user``, where the service may be reached from, and the demo's accounts."""

from __future__ import annotations

import stat
from pathlib import Path
from typing import Any

import orjson
import psycopg
import pytest
from fastapi.testclient import TestClient
from typer.testing import CliRunner

from gis_service.accounts.permissions import ROLES
from gis_service.app import create_app
from gis_service.cli import app
from gis_service.demo.accounts import ensure_demo_accounts
from gis_service.errors import ConfigurationError, DomainError
from gis_service.reference.defaults import ensure_default_units
from gis_service.serving import check_host
from gis_service.settings import DEMO_ACCOUNTS, Settings
from tests.accounts.people import PASSWORD, sign_in
from tests.conftest import Database


def run(*arguments: str, stdin: str = "") -> Any:
    return CliRunner().invoke(app, ["user", *arguments], input=stdin)


@pytest.mark.parametrize(
    ("arguments", "stdin", "words"),
    [
        (["add", "li", "--role", "king", "--password-stdin"], PASSWORD, "no role"),
        (["add", "li", "--role", "viewer", "--password-stdin"], "weak\n", "at least"),
        (["add", "li", "--role", "viewer", "--password-stdin"], "", "at least"),
        (["add", "l i", "--role", "viewer", "--no-password"], "", "letters"),
        (["add", "li", "--role", "viewer", "--no-password", "--scope", "S0"], "", "LEVEL=CODE"),
        (["passwd", "nobody", "--password-stdin"], PASSWORD, "no account"),
        (["token", "nobody"], "", "no account"),
        (["off", "nobody"], "", "no account"),
    ],
)
def test_a_refusal_says_why_and_makes_nothing(
    database: Database, arguments: list[str], stdin: str, words: str
) -> None:
    result = run(*arguments, stdin=stdin)
    assert isinstance(result.exception, DomainError)
    assert words in result.exception.text("en")
    assert database.value("SELECT count(*) FROM account") == 0


def test_an_account_from_the_command_line(database: Database) -> None:
    made = run("add", "li", "--role", "street_office", "--display", "李明", "--scope", "street=S0",
               "--scope", "community=S0C1", "--password-stdin", stdin=f"{PASSWORD}\n")  # fmt: skip
    assert made.exit_code == 0, made.output
    token = run("token", "LI", "--days", "3", "--permission", "incident.read").stdout.strip()
    assert "street=S0" in run("list").stdout
    headers = {"Authorization": f"Bearer {token}"}
    with TestClient(create_app(database.settings)) as client:
        assert sign_in(client).json()["scopes"] == [
            {"level": "community", "code": "S0C1"}, {"level": "street", "code": "S0"},
        ]  # fmt: skip
        client.cookies.clear()
        assert client.get("/api/incidents", headers=headers).status_code == 200
        assert client.get("/api/session", headers=headers).status_code == 403  # not its permission
    run("passwd", "li", "--password-stdin", stdin="Loud-river-8\n")
    run("off", "li")
    with TestClient(create_app(database.settings)) as client:
        assert sign_in(client, password="Loud-river-8").status_code == 401
        run("on", "li")
        assert sign_in(client, password="Loud-river-8").status_code == 200
    actors = {
        row[0] for row in database.rows("SELECT actor FROM audit_entry WHERE action <> 'login'")
    }
    assert all(actor.endswith("(gis-service)") for actor in actors)
    verified = run("audit", "verify")
    last = database.value("SELECT max(id) FROM audit_entry")
    assert verified.stdout.split()[0] == str(last)
    assert run("audit", "purge").exit_code == 0


def test_a_changed_audit_log_is_told(database: Database) -> None:
    run("add", "li", "--role", "viewer", "--no-password")
    with psycopg.connect(database.address) as connection:
        connection.execute("ALTER TABLE audit_entry DISABLE TRIGGER ALL")
        connection.execute("UPDATE audit_entry SET actor = 'somebody else'")
        connection.execute("ALTER TABLE audit_entry ENABLE TRIGGER ALL")
    result = run("audit", "verify")
    assert isinstance(result.exception, DomainError)
    assert "entry 1" in result.exception.text("en")


def test_keys_go_out_and_in(database: Database, tmp_path: Path) -> None:
    copy = tmp_path / "copy.key"
    assert run("key", "export", str(copy)).exit_code == 0
    assert isinstance(run("key", "export", str(copy)).exception, DomainError)
    assert run("key", "new").exit_code == 0
    assert "0 new keys" in run("key", "import", str(copy)).output


# -- where it may be reached from ----------------------------------------------------------


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1"])
def test_loopback_needs_no_account(database: Database, host: str) -> None:
    check_host(database.settings.model_copy(update={"host": host}))


def test_another_address_wants_somebody_who_can_sign_in(database: Database) -> None:
    everywhere = database.settings.model_copy(update={"host": "0.0.0.0"})  # noqa: S104
    with pytest.raises(ConfigurationError, match="gis-service user add"):
        check_host(everywhere)
    run("add", "robot", "--role", "viewer", "--no-password")
    with pytest.raises(ConfigurationError):
        check_host(everywhere)
    run("add", "li", "--role", "admin", "--password-stdin", stdin=f"{PASSWORD}\n")
    check_host(everywhere)
    with pytest.raises(ConfigurationError, match="no address"):
        check_host(database.settings.model_copy(update={"host": "no.such.host.invalid"}))


def test_tables_that_are_not_there_hold_no_account(server_address: str) -> None:
    settings = Settings(database_url=server_address, host="0.0.0.0")  # noqa: S104
    with pytest.raises(ConfigurationError, match="gis-service user add"):
        check_host(settings)


# -- the demo's accounts -------------------------------------------------------------------


def test_the_demo_has_every_role_and_a_file_of_its_own(database: Database) -> None:
    with database.sessions.begin() as session:
        ensure_default_units(session)
    path = ensure_demo_accounts(database.sessions, database.settings)
    assert path == database.settings.data_dir / DEMO_ACCOUNTS
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    accounts = orjson.loads(path.read_bytes())
    assert {account["role"] for account in accounts} == set(ROLES)
    assert all(set(account) == {"name", "role", "password", "token"} for account in accounts)
    assert len({account["password"] for account in accounts}) == len(accounts)
    units = {row[0] for row in database.rows("SELECT code FROM unit")}
    assert {f"unit-{code}" for code in units} == {
        account["name"] for account in accounts if account["role"] == "unit_handler"
    }
    with TestClient(create_app(database.settings)) as client:
        for account in (accounts[0], accounts[-1]):
            answer = sign_in(client, account["name"], account["password"])
            assert answer.json()["role"] == account["role"]
            client.cookies.clear()
            headers = {"Authorization": f"Bearer {account['token']}"}
            assert client.get("/api/session", headers=headers).status_code == 200

    before = path.read_bytes()
    ensure_demo_accounts(database.sessions, database.settings)
    assert path.read_bytes() == before  # repeated: nothing changes
    path.unlink()
    ensure_demo_accounts(database.sessions, database.settings)
    again = orjson.loads(path.read_bytes())
    assert [a["name"] for a in again] == [a["name"] for a in accounts]
    assert again[0]["password"] != accounts[0]["password"]
    with TestClient(create_app(database.settings)) as client:
        assert sign_in(client, "admin", accounts[0]["password"]).status_code == 401
        old = {"Authorization": f"Bearer {accounts[0]['token']}"}
        assert client.get("/api/session", headers=old).status_code == 401
        assert sign_in(client, "admin", again[0]["password"]).status_code == 200
