"""What a route says about who may use it.

Every route carries one of :func:`allow`, :func:`public`, :func:`page`, :func:`anyone` (or a guard
of its own that :func:`mark` names); a test reads it from there and tries every role.

Requests from other sites: a cookie is sent by the browser, whoever made it ask. So a request that
is identified by the cookie and may change something has to show that it comes from the service's
own pages: by ``Sec-Fetch-Site``, which browsers write and pages cannot, or, over plain HTTP where
it is missing, by an ``Origin`` with the host that was asked. One that shows neither is refused;
programs use tokens, which no browser sends by itself. (The cookie is SameSite=Lax besides.)
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated
from urllib.parse import quote, urlsplit

from fastapi import Depends, HTTPException, Request

from gis_service.accounts.identities import Identities, Known
from gis_service.accounts.identity import Identity
from gis_service.accounts.permissions import PERMISSIONS
from gis_service.dependencies import SAFE_METHODS
from gis_service.errors import Forbidden, NotSignedIn

COOKIE = "gis_session"
_SCOPE_KEY = "gis_service.known"

Guard = Callable[[Request], Awaitable[None]]


async def known_of(request: Request) -> Known | None:
    """The identity behind the request and how it was shown; None for a visitor.

    A token wins over a cookie. Raises NotSignedIn for a token that is not valid, Forbidden for a
    changing request that another site may have caused.
    """
    scope = request.scope
    if _SCOPE_KEY not in scope:
        scope[_SCOPE_KEY] = await _ask(request)
    known: Known | None = scope[_SCOPE_KEY]
    return known


async def _ask(request: Request) -> Known | None:
    identities: Identities = request.app.state.identities
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        known = await identities.find("token", token.strip())
        if known is None:
            raise NotSignedIn(
                "the token is unknown, expired or revoked", "令牌无效、已过期或已吊销"
            )
        return known
    cookie = request.cookies.get(COOKIE)
    if not cookie:
        return None
    known = await identities.find("session", cookie)
    if known is not None and request.method not in SAFE_METHODS:
        check_same_origin(request, wanted=True)
    return known


def check_same_origin(request: Request, *, wanted: bool) -> None:
    """Raise Forbidden for a request that another site caused; with ``wanted`` also for one that
    does not say where it comes from."""
    site = request.headers.get("sec-fetch-site")
    origin = request.headers.get("origin")
    if site is not None:
        own = site in ("same-origin", "none")
    elif origin is not None:
        own = urlsplit(origin).netloc.lower() == request.headers.get("host", "").lower()
    else:
        own = not wanted
    if not own:
        raise Forbidden(
            "the request does not come from this service's own pages",
            "该请求并非来自本系统页面，已拒绝",
        )


async def current_identity(request: Request) -> Identity | None:
    """Who is asking; None for a visitor."""
    known = await known_of(request)
    return known.identity if known else None


async def signed_in(request: Request) -> Identity:
    """Who is asking; NotSignedIn for a visitor."""
    known = await known_of(request)
    if known is None:
        raise NotSignedIn("sign in first", "请先登录")
    return known.identity


CurrentIdentity = Annotated[Identity | None, Depends(current_identity)]
SignedIn = Annotated[Identity, Depends(signed_in)]


def mark(guard: Guard, access: str) -> Guard:
    """Write on a guard what it asks for; :func:`access_of` reads it."""
    guard.__dict__["access"] = access
    return guard


def access_of(guard: object) -> str | None:
    """A permission, ``public``, ``anyone``, or what :func:`mark` wrote; None on other callables."""
    access: str | None = getattr(guard, "__dict__", {}).get("access")
    return access


def allow(permission: str) -> Guard:
    """A dependency that lets through whose role (and token) has ``permission``."""
    if permission not in PERMISSIONS:
        raise ValueError(f"{permission!r} stands in no row of the table of permissions")

    async def guard(request: Request) -> None:
        await check_access(request, permission)

    return mark(guard, permission)


def public() -> Guard:
    """A dependency that lets everybody through, or, where the setting ``public`` is off, every
    account."""

    async def guard(request: Request) -> None:
        await check_access(request, None)

    return mark(guard, "public")


def anyone() -> Guard:
    """A dependency for what is open whatever the settings: signing in, static files, health."""

    async def guard(request: Request) -> None:
        return None

    return mark(guard, "anyone")


def page(permission: str | None = None) -> Guard:
    """Like :func:`allow` (without ``permission`` like :func:`public`) for pages: who is not signed
    in is sent to sign in and comes back."""

    async def guard(request: Request) -> None:
        try:
            await check_access(request, permission)
        except NotSignedIn:
            here = request.url.path + (f"?{request.url.query}" if request.url.query else "")
            target = f"/login?next={quote(here, safe='')}"
            raise HTTPException(303, headers={"Location": target}) from None

    return mark(guard, permission or "public")


async def check_access(request: Request, permission: str | None) -> None:
    """Raise NotSignedIn or Forbidden unless the asker has ``permission`` (None: whatever is
    public, see the setting)."""
    if permission is not None:
        (await signed_in(request)).require(permission)
    elif not request.app.state.settings.public:
        await signed_in(request)
