"""What requests about coverage have in common: whose, of which period, within which scope."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import orjson
from fastapi import Depends, Query, Request, Response

from gis_service.accounts.dependencies import SignedIn
from gis_service.accounts.identity import Identity
from gis_service.dependencies import SessionDependency, SettingsDependency
from gis_service.patrols.coverage_service import Wanted, parse_span
from gis_service.responsibility.queries import roster_scope

STEP_S = 10
PRIVATE = {"Cache-Control": "private, no-store"}


async def _wanted(
    request: Request,
    session: SessionDependency,
    settings: SettingsDependency,
    identity: SignedIn,
    squad: Annotated[str | None, Query(max_length=50, description="code")] = None,
    officer: Annotated[str | None, Query(max_length=50, description="code")] = None,
    from_: Annotated[
        str | None, Query(alias="from", description="ISO date or time; 30 days before 'to'")
    ] = None,
    to: Annotated[str | None, Query(description="ISO date or time, exclusive; now")] = None,
) -> Wanted:
    # the end of the running ten seconds: who asks again in them is told from memory
    now = datetime.fromtimestamp((datetime.now(UTC).timestamp() // STEP_S + 1) * STEP_S, UTC)
    since, until = parse_span(from_, to, ZoneInfo(settings.timezone), now)
    streets, squads = await _scope(request, session, identity)
    return Wanted(since, until, squad, officer, streets, squads)


async def _scope(
    request: Request, session: Any, identity: Identity
) -> tuple[frozenset[str] | None, frozenset[str] | None]:
    """The streets and squads (codes) of the account; None for the whole district."""
    scope = await session.run_sync(roster_scope, identity)
    if scope is None:
        return None, None
    squads = request.app.state.reference.current.squads
    codes = frozenset(code for code, row in squads.items() if row["id"] in scope.squads)
    return scope.streets, codes


WantedDependency = Annotated[Wanted, Depends(_wanted)]


def json_of(body: dict[str, Any], status: int = 200) -> Response:
    """JSON that nobody else is shown."""
    return Response(orjson.dumps(body), status, PRIVATE, "application/json")
