"""What an account whose scope is a part of the district may promise there."""

from __future__ import annotations

from collections.abc import Collection

from gis_service.errors import Forbidden
from gis_service.responsibility.contracts import Names
from gis_service.responsibility.queries import RosterScope


def check_squad(scope: RosterScope | None, squad_id: int | None) -> None:
    """Raise Forbidden for an officer of another squad."""
    if scope and squad_id not in scope.squads:
        raise Forbidden("the officer is not of your squads", "该队员不属于您的中队",
                        where="officer")  # fmt: skip


def check_grids(scope: RosterScope | None, names: Names, grids: Collection[int]) -> None:
    """Raise Forbidden for grids (area ids) outside the account's streets."""
    if not scope:
        return
    outside = [
        code
        for code, area in names.grids.items()
        if area in grids and names.streets[area] not in scope.streets
    ]
    if outside:
        raise Forbidden(
            f"not within your streets: {', '.join(outside[:10])}",
            f"不在您负责的街道内：{'、'.join(outside[:10])}",
            where="grids",
        )
