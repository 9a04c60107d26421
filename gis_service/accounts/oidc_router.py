"""HTTP: signing in through an OpenID provider. Whatever goes wrong is told on the login page,
where a password still does."""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import RedirectResponse

from gis_service.accounts import login, oidc_login
from gis_service.accounts.attempts import Attempts
from gis_service.accounts.dependencies import COOKIE, anyone
from gis_service.accounts.oidc import PENDING_S, NotThrough, Pending, Provider, own_path
from gis_service.accounts.personal import open_sealed, seal
from gis_service.accounts.router import address_of, commit, over_https, set_session_cookie
from gis_service.dependencies import (
    SessionDependency,
    SettingsDependency,
    locale_of,
    service_address,
)
from gis_service.errors import ConfigurationError, DomainError, NotFound, TooMany

log = logging.getLogger(__name__)
router = APIRouter(include_in_schema=False, dependencies=[Depends(anyone())])
PATH = "/login/oidc"
PENDING = "gis_oidc"


@router.get(PATH)
async def begin(
    request: Request,
    settings: SettingsDependency,
    next: Annotated[str, Query(max_length=2000)] = "/",
) -> Response:
    """To the provider, which sends the browser back to :func:`come_back`."""
    provider = _provider(request)
    target, lang = own_path(next), locale_of(request)
    try:
        _count(request)
        address, pending = await asyncio.to_thread(provider.begin, _here(request), target, lang)
        kept = seal(pending.facts()).decode()
    except (NotThrough, ConfigurationError) as problem:
        return _to_login(problem, target, lang)
    response = RedirectResponse(address, 303, headers={"Cache-Control": "no-store"})
    response.set_cookie(
        PENDING, kept, max_age=int(PENDING_S), path=PATH, httponly=True, samesite="lax",
        secure=over_https(request, settings),
    )  # fmt: skip
    return response


@router.get(f"{PATH}/callback")
async def come_back(
    request: Request,
    session: SessionDependency,
    settings: SettingsDependency,
    state: Annotated[str, Query(max_length=500)] = "",
    code: Annotated[str, Query(max_length=4000)] = "",
    error: Annotated[str, Query(max_length=500)] = "",
) -> Response:
    """From the provider, with a code that stands for who signed in there, or its refusal."""
    provider = _provider(request)
    target, lang = "/", locale_of(request)
    try:
        _count(request)
        pending = _pending(request)
        target, lang = pending.target, pending.lang
        if error:  # harmless, so it is told whichever login it belongs to
            raise NotThrough("refused", error)
        if not secrets.compare_digest(pending.state.encode(), state.encode()):
            raise NotThrough("stale", "another login's answer")
        person = await asyncio.to_thread(provider.finish, _here(request), pending, code)
        found = await session.run_sync(oidc_login.sign_in, settings, person, address_of(request))
        if isinstance(found, NotThrough):
            await commit(request, session)
            raise found
    except (NotThrough, ConfigurationError) as problem:
        return _to_login(problem, target, lang)
    identity, cookie = found
    old = request.cookies.get(COOKIE)
    if old:
        await session.run_sync(login.replace_session, old)
    await commit(request, session)
    log.debug("account %s signed in through the provider", identity.account_id)
    response = RedirectResponse(target, 303, headers={"Cache-Control": "no-store"})
    set_session_cookie(request, response, cookie, settings, at_provider=True)
    response.delete_cookie(PENDING, path=PATH, httponly=True, samesite="lax")
    return response


def _provider(request: Request) -> Provider:
    provider: Provider | None = request.app.state.oidc
    if provider is None:
        raise NotFound("no OpenID provider is set", "未配置统一身份认证")
    return provider


def _here(request: Request) -> str:
    """The address the provider sends browsers back to, as it is registered there."""
    return f"{service_address(request)}{PATH}/callback"


def _count(request: Request) -> None:
    attempts: Attempts = request.app.state.attempts
    try:
        attempts.count(address_of(request))
    except TooMany:
        raise NotThrough("busy") from None


def _pending(request: Request) -> Pending:
    """What this browser set out with. Raises NotThrough where it did not, or long ago: somebody
    else's answer must not sign anybody in."""
    try:
        pending = Pending(**open_sealed(request.cookies.get(PENDING, "").encode()))
    except (DomainError, TypeError):
        raise NotThrough("stale", "no login was begun in this browser") from None
    if not 0 <= time.time() - pending.since <= PENDING_S:
        raise NotThrough("stale", "begun too long ago")
    return pending


def _to_login(problem: NotThrough | ConfigurationError, target: str, lang: str) -> Response:
    reason = problem.reason if isinstance(problem, NotThrough) else "settings"
    if reason in ("unreachable", "answer", "settings", "unnamed"):
        log.warning("nobody can sign in through the provider: %s", problem)
    else:
        log.info("not signed in through the provider: %s", problem)
    query = urlencode({"next": target, "problem": reason, "lang": lang})
    response = RedirectResponse(f"/login?{query}", 303, headers={"Cache-Control": "no-store"})
    response.delete_cookie(PENDING, path=PATH, httponly=True, samesite="lax")
    return response
