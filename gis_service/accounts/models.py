"""Accounts, their sessions and tokens, and the audit log.

A scope is a level and a code as text: accounts know nothing of areas, units or squads.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    DateTime,
    ForeignKey,
    Identity,
    Index,
    Integer,
    LargeBinary,
    Text,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, mapped_column

from gis_service.db.engine import Base


class Account(Base):
    """A person who can sign in. Never deleted, only switched off: the logs name it."""

    __tablename__ = "account"
    __table_args__ = (
        Index("account_login", text("lower(name)"), unique=True),
        Index("account_oidc", "oidc_subject", unique=True),
    )

    id: Mapped[int] = mapped_column(Integer, Identity(always=True), primary_key=True)
    name: Mapped[str] = mapped_column(Text)  # what is typed to sign in
    display_name: Mapped[str] = mapped_column(Text)
    role: Mapped[str] = mapped_column(Text)
    active: Mapped[bool] = mapped_column(Boolean, server_default=text("true"))
    password_hash: Mapped[str | None] = mapped_column(Text)
    password_changed_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    failed_logins: Mapped[int] = mapped_column(Integer, server_default=text("0"))
    locked_until: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    totp_secret: Mapped[bytes | None] = mapped_column(LargeBinary)  # encrypted
    totp_last_step: Mapped[int | None] = mapped_column(BigInteger)  # no code works twice
    oidc_subject: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())


class AccountScope(Base):
    """One street, community, unit or squad an account is limited to."""

    __tablename__ = "account_scope"

    account_id: Mapped[int] = mapped_column(ForeignKey("account.id"), primary_key=True)
    level: Mapped[str] = mapped_column(Text, primary_key=True)
    code: Mapped[str] = mapped_column(Text, primary_key=True)


class LoginSession(Base):
    """A browser that signed in. The cookie's SHA-256 is kept, never the cookie."""

    __tablename__ = "login_session"
    __table_args__ = (Index("login_session_account", "account_id"),)

    token_hash: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("account.id"))
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())
    seen_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())
    ended_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))


class ApiToken(Base):
    """A token for programs; ``permissions`` NULL: all that its account may do."""

    __tablename__ = "api_token"
    __table_args__ = (Index("api_token_hash", "token_hash", unique=True),)

    id: Mapped[int] = mapped_column(Integer, Identity(always=True), primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("account.id"))
    label: Mapped[str] = mapped_column(Text)
    token_hash: Mapped[bytes] = mapped_column(LargeBinary)
    permissions: Mapped[list[str] | None] = mapped_column(ARRAY(Text))
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())
    expires_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    revoked_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))


class AuditEntry(Base):
    """A login or a read of personal data. Rows are chained by hash and never changed; those older
    than the retention setting may be purged from the front."""

    __tablename__ = "audit_entry"
    __table_args__ = (Index("audit_entry_at", "at"),)

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    account_id: Mapped[int | None] = mapped_column(Integer)
    actor: Mapped[str] = mapped_column(Text)
    action: Mapped[str] = mapped_column(Text)
    subject: Mapped[str] = mapped_column(Text, server_default="")
    success: Mapped[bool] = mapped_column(Boolean)
    address: Mapped[str] = mapped_column(Text, server_default="")  # of the client
    detail: Mapped[dict[str, Any] | None] = mapped_column(JSONB)
    chain: Mapped[bytes] = mapped_column(LargeBinary)
