"""Signing in and out.

An attempt is counted and committed before the password is looked at, so that many at once cannot
slip past the lock-out; the slow comparison then holds neither lock nor connection.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from gis_service.accounts import second_factor
from gis_service.accounts.audit import record
from gis_service.accounts.identities import TOPIC, make_identity, secret_hash
from gis_service.accounts.identity import Identity
from gis_service.accounts.models import Account, AccountScope, LoginSession
from gis_service.accounts.passwords import hash_password, outdated
from gis_service.errors import DomainError, NotSignedIn, TooMany
from gis_service.events.feed import publish
from gis_service.settings import Settings


@dataclass(frozen=True)
class Attempt:
    """A counted attempt: whose password hash to compare with (None: nobody's)."""

    name: str
    address: str
    account_id: int | None
    password_hash: str | None


@dataclass(frozen=True)
class Outcome:
    """Either a cookie for an identity, or why not. The caller commits both."""

    identity: Identity | None = None
    cookie: str = ""
    problem: DomainError | None = None


def begin(session: Session, settings: Settings, name: str, address: str) -> Attempt | TooMany:
    """Count an attempt; the caller commits. TooMany (not raised) where the account is locked."""
    account = session.scalars(
        select(Account).where(func.lower(Account.name) == name.lower()).with_for_update()
    ).one_or_none()
    if account is None or not account.active:
        return Attempt(name, address, None, None)
    now = datetime.now(UTC)
    if account.locked_until is not None:
        if account.locked_until > now:
            record(
                session, action="login", success=False, account=identity_of(session, account),
                address=address, detail={"why": "locked"},
            )  # fmt: skip
            return locked((account.locked_until - now).total_seconds())
        account.locked_until = None
        account.failed_logins = 0
    account.failed_logins += 1
    if account.failed_logins > settings.lockout_failures:
        # attempts at once: this one is beyond the last that is compared
        account.locked_until = now + timedelta(minutes=settings.lockout_minutes)
        record(
            session, action="login", success=False, account=identity_of(session, account),
            address=address, detail={"why": "locked"},
        )  # fmt: skip
        return locked(settings.lockout_minutes * 60)
    return Attempt(name, address, account.id, account.password_hash)


def locked(seconds: float) -> TooMany:
    """What a locked account is told; an unknown one that is tried as often, too."""
    minutes = max(1, round(seconds / 60))
    return TooMany(
        f"too many failed attempts; try again in {minutes} min",
        f"失败次数过多，请 {minutes} 分钟后再试",
        retry_after_s=seconds,
    )


def finish(
    session: Session,
    settings: Settings,
    attempt: Attempt,
    *,
    right: bool,
    password: str,
    code: str | None,
) -> Outcome:
    """Sign in where the password was ``right`` and the second factor is, or say why not."""
    account = (
        session.get(Account, attempt.account_id, with_for_update=True)
        if attempt.account_id
        else None
    )
    if account is None or not account.active:
        record(session, action="login", success=False, actor=attempt.name, address=attempt.address,
               detail={"why": "unknown"})  # fmt: skip
        return Outcome(problem=_refused())
    identity = identity_of(session, account)
    if right and account.totp_secret is not None:
        if not code:
            account.failed_logins -= 1  # half of a login is no failed one
            return Outcome(
                problem=NotSignedIn(
                    "the code of the authenticator is needed", "请输入动态验证码", where="totp"
                )
            )
        secret = second_factor.open_secret(account.totp_secret)
        step = second_factor.step_of(secret, code, account.totp_last_step)
        if step is None:
            return _failed(session, settings, account, identity, attempt, "code")
        account.totp_last_step = step
    elif not right:
        return _failed(session, settings, account, identity, attempt, "password")
    account.failed_logins = 0
    account.locked_until = None
    if account.password_hash and outdated(account.password_hash):
        account.password_hash = hash_password(password)
    cookie = open_session(session, account.id)
    record(session, action="login", success=True, account=identity, address=attempt.address)
    return Outcome(identity, cookie)


def _failed(
    session: Session,
    settings: Settings,
    account: Account,
    identity: Identity,
    attempt: Attempt,
    why: str,
) -> Outcome:
    record(session, action="login", success=False, account=identity, address=attempt.address,
           detail={"why": why})  # fmt: skip
    if account.failed_logins >= settings.lockout_failures:
        account.locked_until = datetime.now(UTC) + timedelta(minutes=settings.lockout_minutes)
        record(session, action="account.locked", success=True, account=identity,
               address=attempt.address, detail={"failures": account.failed_logins})  # fmt: skip
    if why == "code":
        return Outcome(
            problem=NotSignedIn(
                "the code is wrong or was used already", "验证码错误或已使用过", where="totp"
            )
        )
    return Outcome(problem=_refused())


def _refused() -> NotSignedIn:
    """One answer for an unknown name and a wrong password."""
    return NotSignedIn("name or password is wrong", "账号或密码错误")


def open_session(session: Session, account_id: int) -> str:
    """A new session of an account; the cookie, which is kept nowhere."""
    cookie = secrets.token_urlsafe(32)
    session.add(LoginSession(token_hash=secret_hash(cookie), account_id=account_id))
    session.flush()
    return cookie


def replace_session(session: Session, cookie: str) -> None:
    """End the session that a browser had before it signed in again."""
    account_id = session.execute(
        update(LoginSession)
        .where(LoginSession.token_hash == secret_hash(cookie), LoginSession.ended_at.is_(None))
        .values(ended_at=func.now())
        .returning(LoginSession.account_id)
    ).scalar()
    if account_id is not None:
        publish(session, TOPIC, account=account_id)


def log_out(session: Session, identity: Identity, cookie: str, address: str) -> None:
    """End the session of a cookie."""
    session.execute(
        update(LoginSession)
        .where(LoginSession.token_hash == secret_hash(cookie), LoginSession.ended_at.is_(None))
        .values(ended_at=func.now())
    )
    record(session, action="logout", success=True, account=identity, address=address)
    publish(session, TOPIC, account=identity.account_id)


def end_sessions(session: Session, account_id: int, *, but: str = "") -> None:
    """End every session of an account, except that of the cookie ``but``."""
    session.execute(
        update(LoginSession)
        .where(
            LoginSession.account_id == account_id,
            LoginSession.ended_at.is_(None),
            LoginSession.token_hash != secret_hash(but),
        )
        .values(ended_at=func.now())
    )


def identity_of(session: Session, account: Account) -> Identity:
    """An account with its scopes."""
    scopes = session.execute(
        select(AccountScope.level + "=" + AccountScope.code)
        .where(AccountScope.account_id == account.id)
        .order_by(AccountScope.level, AccountScope.code)
    )
    account_row = _Row(
        account.id, account.name, account.display_name, account.role, list(scopes.scalars())
    )
    return make_identity(account_row)


@dataclass(frozen=True)
class _Row:
    id: int
    name: str
    display_name: str
    role: str
    scopes: list[str]
