"""The published feed: one row per change that others must hear of."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, DateTime, Identity, Index, Integer, Text, func, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from gis_service.db.engine import Base


class Event(Base):
    """A change. ``seq`` is given by the sequencer after the commit, so that readers who ask for
    ``seq > last`` lose nothing although ids commit out of order. A bulk load is one event."""

    __tablename__ = "event"
    __table_args__ = (Index("event_unnumbered", "id", postgresql_where=text("seq IS NULL")),)

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    seq: Mapped[int | None] = mapped_column(BigInteger, unique=True)
    topic: Mapped[str] = mapped_column(Text)
    payload: Mapped[dict[str, Any]] = mapped_column(JSONB)
    at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())


class Job(Base):
    """Work to be done outside a request, tried again until it is done or given up."""

    __tablename__ = "job"
    __table_args__ = (
        Index("job_due", "kind", "run_at", postgresql_where=text("given_up_at IS NULL")),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    kind: Mapped[str] = mapped_column(Text)
    payload: Mapped[dict[str, Any]] = mapped_column(JSONB)
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())
    run_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())
    attempts: Mapped[int] = mapped_column(Integer, server_default=text("0"))
    problem: Mapped[str | None] = mapped_column(Text)  # of the last attempt
    given_up_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
