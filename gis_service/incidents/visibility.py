"""Which incidents an account sees: those in any of its scopes, and those it reported itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from gis_service.accounts.identity import Identity


@dataclass(frozen=True)
class Visible:
    """A scope as ids; an incident is seen when any part holds. ``incidents`` are those that one
    of the units was called to by a whistle. Not ``placed`` is who is bound to units alone: what
    stands in a community they see all over the district."""

    account_id: int
    streets: tuple[int, ...] = ()
    communities: tuple[int, ...] = ()
    units: tuple[int, ...] = ()
    squads: tuple[int, ...] = ()
    incidents: tuple[int, ...] = ()
    placed: bool = True


_ROW = text("""
    SELECT EXISTS (SELECT 1 FROM area WHERE id = ANY(:areas) AND (level, code) IN
               (SELECT * FROM unnest(CAST(:levels AS text[]), CAST(:codes AS text[]))))
        OR EXISTS (SELECT 1 FROM unit WHERE id = :unit AND code = ANY(:units))
        OR EXISTS (SELECT 1 FROM squad WHERE id = :squad AND code = ANY(:squads))
        OR EXISTS (SELECT 1 FROM whistle w JOIN whistle_unit c ON c.whistle_id = w.id
                   JOIN unit u ON u.id = c.unit_id
                   WHERE w.incident_id = :id AND u.code = ANY(:units))
""")


def may_see(session: Session, identity: Identity, row: dict[str, Any]) -> bool:
    """Whether the account sees the incident of this row, as the transaction sees it."""
    if not identity.scopes or row["reported_by"] == identity.account_id:
        return True
    areas = [scope for scope in identity.scopes if scope.level in ("street", "community")]
    return bool(
        session.execute(
            _ROW,
            {
                "id": row["id"], "unit": row["unit_id"], "squad": row["squad_id"],
                "areas": [row["street_id"], row["community_id"]],
                "levels": [scope.level for scope in areas],
                "codes": [scope.code for scope in areas],
                "units": list(identity.codes("unit")), "squads": list(identity.codes("squad")),
            },
        ).scalar_one()
    )  # fmt: skip
