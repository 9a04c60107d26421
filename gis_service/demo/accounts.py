"""Accounts of the demo district: one of each role at least, with passwords of their own in every
database. They are written to a file that only the owner of the data folder reads."""

from __future__ import annotations

import os
import secrets
import string
from pathlib import Path

import orjson
from sqlalchemy import select, text
from sqlalchemy.orm import Session, sessionmaker

from gis_service.accounts.identities import secret_hash
from gis_service.accounts.identity import Scope
from gis_service.accounts.models import Account, ApiToken
from gis_service.accounts.permissions import ROLE_NAMES, ROLES
from gis_service.accounts.service import Actor, add_account, add_token, change_account, find_account
from gis_service.settings import DEMO_ACCOUNTS, Settings

LABEL = "demo"
_LETTERS = string.ascii_letters + string.digits
# the street and the community with most to do have an account; the squad is that street's
_PLACES = text("""
    SELECT s.code AS street, c.code AS community,
        (SELECT q.code FROM squad q WHERE s.code = ANY(q.street_codes) AND q.active
         ORDER BY q.code LIMIT 1) AS squad
    FROM incident i
    JOIN area s ON s.id = i.street_id
    JOIN area c ON c.id = i.community_id
    GROUP BY s.code, c.code ORDER BY count(*) DESC, c.code LIMIT 1
""")


def ensure_demo_accounts(sessions: sessionmaker[Session], settings: Settings) -> Path:
    """Make the accounts and their file, unless the file is there and of this database."""
    path = settings.data_dir / DEMO_ACCOUNTS
    with sessions.begin() as session:
        if not _holds(session, path):
            _write(path, _make(session, settings))
    return path


def _make(session: Session, settings: Settings) -> list[dict[str, str]]:
    place = session.execute(_PLACES).one_or_none()
    street = [Scope("street", place.street)] if place else []
    squad = [Scope("squad", place.squad)] if place and place.squad else street
    scopes = {
        "street_office": street, "squad_leader": squad, "officer": squad,
        "community_worker": [Scope("community", place.community)] if place else [],
    }  # fmt: skip
    wanted = [
        (role, role, ROLE_NAMES[role][0], scopes.get(role, []))
        for role in ROLES
        if role != "unit_handler"
    ]
    units = session.execute(text("SELECT code, name FROM unit WHERE active ORDER BY id")).all()
    wanted += [
        (f"unit-{unit.code}", "unit_handler", unit.name, [Scope("unit", unit.code)])
        for unit in units
    ]
    return [_account(session, settings, *facts) for facts in wanted]


def _account(
    session: Session, settings: Settings, name: str, role: str, shown: str, scopes: list[Scope]
) -> dict[str, str]:
    """Make an account, or give one that is there a new password and token."""
    actor = Actor(None, "demo")
    password = _password(settings)
    account = find_account(session, name)
    if account is None:
        account = add_account(
            session, settings, actor, name=name, role=role, password=password, display_name=shown,
            scopes=scopes,
        )  # fmt: skip
    else:
        change_account(session, settings, actor, account, {"password": password, "scopes": scopes})
        session.query(ApiToken).filter_by(account_id=account.id, label=LABEL).delete()
    _, token = add_token(session, actor, account, label=LABEL)
    return {"name": name, "role": role, "password": password, "token": token}


def _password(settings: Settings) -> str:
    """Random, and of every kind that the settings may ask for."""
    length = max(16, settings.password_min_length)
    while True:
        made = "-" + "".join(secrets.choice(_LETTERS) for _ in range(length))
        if any(map(str.islower, made)) and any(map(str.isupper, made)) and any(
            map(str.isdigit, made)
        ):  # fmt: skip
            return made


def _holds(session: Session, path: Path) -> bool:
    """Whether the file's first account is this database's."""
    try:
        token = orjson.loads(path.read_bytes())[0]["token"]
    except (OSError, ValueError, LookupError, TypeError):
        return False
    return session.scalar(
        select(Account.id).join(ApiToken, ApiToken.account_id == Account.id)
        .where(ApiToken.token_hash == secret_hash(token), Account.active)
    ) is not None  # fmt: skip


def _write(path: Path, accounts: list[dict[str, str]]) -> None:
    draft = path.with_suffix(".part")
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "wb") as out:
        out.write(orjson.dumps(accounts, option=orjson.OPT_INDENT_2))
    draft.replace(path)
