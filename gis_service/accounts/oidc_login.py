"""From a person the provider vouches for to a session of an account."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from gis_service.accounts.audit import record
from gis_service.accounts.identities import TOPIC
from gis_service.accounts.identity import Identity
from gis_service.accounts.login import identity_of, open_session
from gis_service.accounts.models import Account
from gis_service.accounts.oidc import NotThrough, Person
from gis_service.accounts.oidc_settings import role_of
from gis_service.accounts.service import Actor, add_account, find_account
from gis_service.errors import DomainError
from gis_service.events.feed import publish
from gis_service.settings import Settings

HOW = {"by": "oidc"}


def sign_in(
    session: Session, settings: Settings, person: Person, address: str
) -> tuple[Identity, str] | NotThrough:
    """The identity and a new session's cookie, or (not raised) why not; both stand in the audit
    log, and the caller commits both.

    The first time, an account is found by its name and from then on belongs to this subject,
    whatever the person is called later. Second factors are the provider's affair.
    """
    account = session.scalars(
        select(Account).where(Account.oidc_subject == person.subject).with_for_update()
    ).one_or_none()
    found = account or _first_time(session, settings, person, address)
    if isinstance(found, NotThrough):
        record(session, action="login", success=False, address=address,
               actor=name_of(settings, person) or person.subject,
               detail={**HOW, "why": found.reason})  # fmt: skip
        return found
    identity = identity_of(session, found)
    reason = ""
    if not found.active:
        reason = "inactive"
    elif found.locked_until is not None and found.locked_until > datetime.now(UTC):
        reason = "locked"
    if reason:
        record(session, action="login", success=False, account=identity, address=address,
               detail={**HOW, "why": reason})  # fmt: skip
        return NotThrough(reason)
    if account is None:
        found.oidc_subject = person.subject
        Actor(None, "oidc", address).note(session, "account.link", found.name)
        publish(session, TOPIC, account=found.id)
    cookie = open_session(session, found.id)
    record(session, action="login", success=True, account=identity, address=address, detail=HOW)
    return identity, cookie


def name_of(settings: Settings, person: Person) -> str | None:
    """The account's name by the claim that the settings name; an address that the provider says
    nobody has confirmed is none."""
    claim = settings.oidc_claim
    value = person.claims.get(claim)
    if claim == "email" and person.claims.get("email_verified") is False:
        return None
    return value.strip() or None if isinstance(value, str) else None


def _first_time(
    session: Session, settings: Settings, person: Person, address: str
) -> Account | NotThrough:
    """The account of the person's name, which is nobody's yet, or a new one where the mapping of
    roles grants it."""
    name = name_of(settings, person)
    if name is None:
        return NotThrough("unnamed", f"no claim {settings.oidc_claim!r}")
    account = find_account(session, name)
    if account is not None:
        return account if account.oidc_subject is None else NotThrough("taken", name)
    granted = role_of(settings, _values(person.claims.get(settings.oidc_role_claim)))
    if granted is None:
        return NotThrough("unknown", name)
    role, scopes = granted
    called = person.claims.get("name")
    try:
        return add_account(
            session, settings, Actor(None, "oidc", address), name=name, role=role, password=None,
            scopes=scopes, display_name=called[:100] if isinstance(called, str) else None,
        )  # fmt: skip
    except DomainError as problem:
        return NotThrough("unnamed", problem.message)


def _values(claim: Any) -> list[Any]:
    return claim if isinstance(claim, list) else [claim]
