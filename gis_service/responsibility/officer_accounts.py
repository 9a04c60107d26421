"""Which account is an officer's: who signs in with it sends the officer's walks."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import select
from sqlalchemy.orm import Session

from gis_service.accounts.models import Account
from gis_service.accounts.permissions import permissions_of
from gis_service.errors import InvalidInput
from gis_service.responsibility.models import Officer

SENDS = "track.upload"


class OfficerAccounts:
    """The accounts of some names, and whose they are already."""

    def __init__(self, session: Session, names: Iterable[str]) -> None:
        rows = session.execute(
            select(Account.id, Account.name, Account.role, Officer.code)
            .outerjoin(Officer, Officer.account_id == Account.id)
            .where(Account.name.in_(set(names)))
        )
        self._known = {row.name: row for row in rows}

    def of(self, name: str, officer: str) -> int:
        """The id of the account ``name``, for the officer of a code. Raises InvalidInput where
        there is none, where it may not send walks, or where it is another officer's."""
        found = self._known.get(name)
        if found is None:
            raise InvalidInput(f"no account {name!r}", f"没有账号 {name!r}", where="account")
        if SENDS not in permissions_of(found.role):
            raise InvalidInput(
                f"the account {name!r} ({found.role}) is of no role that patrols",
                f"账号 {name!r} 的角色不参与巡查", where="account",
            )  # fmt: skip
        if found.code not in (None, officer):
            raise InvalidInput(
                f"the account {name!r} is officer {found.code}'s",
                f"账号 {name!r} 已属于队员 {found.code}", where="account",
            )  # fmt: skip
        return int(found.id)
