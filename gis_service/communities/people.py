"""Who signed up, answered or was there: sealed, read with a row of the audit log, deleted when
their time is over."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from gis_service.accounts.audit import record
from gis_service.accounts.identity import Identity
from gis_service.accounts.personal import open_sealed, seal
from gis_service.communities.frontage_models import FrontageContract
from gis_service.communities.models import CommunityPerson
from gis_service.settings import Settings


def keep_person(session: Session, purpose: str, **facts: str | None) -> int | None:
    """Seal who somebody is; the id, or None where nothing was said."""
    said = {name: value for name, value in facts.items() if value}
    if not said:
        return None
    person = CommunityPerson(purpose=purpose, sealed=seal(said))
    session.add(person)
    session.flush()
    return person.id


def read_people(
    session: Session, identity: Identity, ids: list[int | None], subject: str, address: str
) -> list[dict[str, Any]]:
    """What was sealed, in order, ``{}`` where nothing was; writes the audit log."""
    identity.require("personal.read")
    rows = session.execute(
        select(CommunityPerson.id, CommunityPerson.sealed).where(CommunityPerson.id.in_(
            [one for one in ids if one is not None]))
    )  # fmt: skip
    sealed = {row.id: bytes(row.sealed) for row in rows}
    record(session, action="personal.read", account=identity, subject=subject, success=True,
           address=address, detail={"people": len(sealed)})  # fmt: skip
    return [open_sealed(sealed[one]) if one in sealed else {} for one in ids]


def purge_people(session: Session, settings: Settings) -> int:
    """Delete those whose time is over, members of the party excepted; what they said stays. The
    time of who signed a frontage contract begins when it ends. The caller commits."""
    before = datetime.now(UTC) - timedelta(days=settings.personal_days)
    held = select(FrontageContract.person_id).where(
        func.coalesce(FrontageContract.ended_on, FrontageContract.valid_to) >= before.date(),
        FrontageContract.person_id.is_not(None),
    )
    gone = session.execute(
        delete(CommunityPerson)
        .where(
            CommunityPerson.created_at < before,
            CommunityPerson.purpose != "member",
            CommunityPerson.id.not_in(held),
        )
        .returning(CommunityPerson.id)
    )
    return len(gone.all())
