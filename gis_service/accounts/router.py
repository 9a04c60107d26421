"""HTTP: signing in and out, one's own password and tokens, accounts, the audit log."""

from __future__ import annotations

import asyncio
import logging
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Depends, Path, Query, Request, Response
from pydantic import AwareDatetime

from gis_service.accounts import login, queries, service
from gis_service.accounts.attempts import Attempts
from gis_service.accounts.dependencies import (
    COOKIE,
    SignedIn,
    allow,
    anyone,
    check_same_origin,
    current_identity,
    known_of,
    signed_in,
)
from gis_service.accounts.identity import Identity, Scope
from gis_service.accounts.models import Account
from gis_service.accounts.oidc import NotThrough, Provider
from gis_service.accounts.permissions import ROLE_NAMES
from gis_service.accounts.schemas import (
    AccountChange,
    AccountItem,
    AccountPage,
    AuditPage,
    Login,
    Me,
    NewAccount,
    NewToken,
    PasswordChange,
    SecondFactor,
    SignedOut,
    Token,
    TokenPage,
)
from gis_service.accounts.service import Actor
from gis_service.dependencies import (
    Limit,
    LocaleDependency,
    SessionDependency,
    SettingsDependency,
    refuse_unknown_parameters,
    service_address,
)
from gis_service.errors import ConfigurationError, InvalidInput, NotFound, TooMany
from gis_service.settings import Settings

log = logging.getLogger(__name__)
router = APIRouter(
    prefix="/api", tags=["accounts"], dependencies=[Depends(refuse_unknown_parameters)]
)
# a cookie beside the session's: it was begun at the OpenID provider
AT_PROVIDER, AT_PROVIDER_PATH = "gis_at_provider", "/api/session"
Own = [Depends(allow("self"))]
Manages = [Depends(allow("account.manage"))]
Number = Annotated[int, Path(ge=1, lt=2**31)]


@router.post("/session", response_model=Me, dependencies=[Depends(anyone())])
async def sign_in(
    request: Request, body: Login, session: SessionDependency, settings: SettingsDependency
) -> Response:
    """Sign in; the answer sets the session's cookie. 401 with ``where: totp`` asks for the code of
    the authenticator, 429 says when to try again."""
    check_same_origin(request, wanted=False)
    attempts: Attempts = request.app.state.attempts
    address = address_of(request)
    attempts.count(address)
    attempt = await session.run_sync(login.begin, settings, body.name, address)
    await commit(request, session)
    if not isinstance(attempt, TooMany) and attempt.account_id is None:
        attempt = attempts.count_unknown(body.name) or attempt
    if isinstance(attempt, TooMany):
        raise attempt
    right = await attempts.compare(attempt.password_hash, body.password)
    outcome = await session.run_sync(
        login.finish, settings, attempt, right=right, password=body.password, code=body.totp
    )
    old = request.cookies.get(COOKIE)
    if outcome.identity is not None and old:
        await session.run_sync(login.replace_session, old)
    await commit(request, session)
    if outcome.identity is None:
        assert outcome.problem is not None  # noqa: S101 - one of the two is there
        raise outcome.problem
    response = _json(await _me(session, outcome.identity))
    set_session_cookie(request, response, outcome.cookie, settings)
    return response


@router.get("/session", response_model=Me, dependencies=Own)
async def who_am_i(session: SessionDependency, identity: SignedIn) -> Response:
    """Who is signed in, with role, scopes and permissions; 401 for a visitor."""
    return _json(await _me(session, identity))


@router.delete(
    "/session", status_code=204, responses={200: {"model": SignedOut}},
    dependencies=[Depends(anyone())],
)  # fmt: skip
async def sign_out(
    request: Request, session: SessionDependency, settings: SettingsDependency
) -> Response:
    """End the session; done also where there is none. 200 where the one at the OpenID provider is
    to be ended, too: ``provider`` is the address to go to."""
    identity = await current_identity(request)
    cookie = request.cookies.get(COOKIE)
    if identity is not None and cookie:
        await session.run_sync(login.log_out, identity, cookie, address_of(request))
        await commit(request, session)
    elsewhere = await _session_elsewhere(request, settings)
    response = _json({"provider": elsewhere}) if elsewhere else Response(status_code=204)
    for name, path in ((COOKIE, "/"), (AT_PROVIDER, AT_PROVIDER_PATH)):
        response.delete_cookie(name, path=path, httponly=True, samesite="lax")
    return response


async def _session_elsewhere(request: Request, settings: Settings) -> str | None:
    """Where a session that was begun at the provider is ended there, if it is to be."""
    provider: Provider | None = request.app.state.oidc
    if not settings.oidc_logout or provider is None or AT_PROVIDER not in request.cookies:
        return None
    try:
        return await asyncio.to_thread(provider.leave, f"{service_address(request)}/login")
    except (NotThrough, ConfigurationError) as problem:
        log.warning("nobody can sign out at the provider: %s", problem)
        return None


@router.post("/session/password", status_code=204, dependencies=Own)
async def change_password(
    request: Request,
    body: PasswordChange,
    session: SessionDependency,
    settings: SettingsDependency,
) -> Response:
    """A new password for oneself; ends one's other sessions."""
    await _count_own(request)
    await session.run_sync(
        service.change_own_password, settings, await _actor(request), old=body.old, new=body.new,
        cookie=request.cookies.get(COOKIE, ""),
    )  # fmt: skip
    await commit(request, session)
    return Response(status_code=204)


@router.post("/session/totp", dependencies=Own)
async def second_factor(
    request: Request, body: SecondFactor, session: SessionDependency, locale: LocaleDependency
) -> Response:
    """Propose a secret for an authenticator, or, called with it and a code, put it into force."""
    await _count_own(request)
    if body.off:
        await session.run_sync(service.end_second_factor, await _actor(request), body.password)
        await commit(request, session)
        return _json({"totp": False})
    settings = request.app.state.settings
    proposed = await session.run_sync(
        service.start_second_factor, await _actor(request), body.password, body.code, body.secret,
        settings.title if locale == "zh" else settings.title_en,
    )  # fmt: skip
    await commit(request, session)
    return _json({"totp": proposed is None, **(proposed or {})})


@router.get("/tokens", response_model=TokenPage, dependencies=Own)
async def list_tokens(session: SessionDependency, identity: SignedIn) -> Response:
    """One's own tokens in force, without their texts."""
    return _json({"items": await queries.list_tokens(session, identity.account_id), "next": None})


@router.post("/tokens", status_code=201, response_model=Token, dependencies=Own)
async def add_token(
    request: Request, body: NewToken, session: SessionDependency, identity: SignedIn
) -> Response:
    """A token for programs: ``Authorization: Bearer``. Its text is told this once. A token that
    ends makes none that lives longer."""
    known = await known_of(request)
    ends = [at for at in (body.expires_at, known.expires_at if known else None) if at is not None]
    actor = await _actor(request)

    def add(blocking: Any) -> tuple[Any, str]:
        account = blocking.get_one(Account, identity.account_id)
        return service.add_token(
            blocking, actor, account, label=body.label, permissions=body.permissions,
            expires_at=min(ends, default=None),
        )  # fmt: skip

    token, text = await session.run_sync(add)
    await session.refresh(token)
    await commit(request, session)
    return _json(
        {
            "id": token.id, "label": token.label, "permissions": token.permissions,
            "created_at": token.created_at, "expires_at": token.expires_at, "token": text,
        },
        201,
    )  # fmt: skip


@router.delete("/tokens/{token_id}", status_code=204, dependencies=Own)
async def revoke_token(
    request: Request, token_id: Number, session: SessionDependency, identity: SignedIn
) -> Response:
    """End one of one's own tokens."""
    await session.run_sync(
        service.revoke_token, await _actor(request), identity.account_id, token_id
    )
    await commit(request, session)
    return Response(status_code=204)


@router.get("/accounts", response_model=AccountPage, dependencies=Manages)
async def list_accounts(
    session: SessionDependency,
    cursor: Annotated[str | None, Query(description="'next' of the page before")] = None,
    limit: Limit = 100,
) -> Response:
    """Every account, by number."""
    rows = await queries.list_accounts(session, after=_number(cursor, 0), limit=limit + 1)
    return _page(rows, limit)


@router.post("/accounts", status_code=201, response_model=AccountItem, dependencies=Manages)
async def add_account(
    request: Request, body: NewAccount, session: SessionDependency, settings: SettingsDependency
) -> Response:
    """Make an account."""
    account = await session.run_sync(
        service.add_account, settings, await _actor(request), name=body.name, role=body.role,
        password=body.password, display_name=body.display_name or None,
        scopes=[Scope(scope.level, scope.code) for scope in body.scopes],
    )  # fmt: skip
    await commit(request, session)
    return _json((await queries.list_accounts(session, account_id=account.id))[0], 201)


@router.patch("/accounts/{account_id}", response_model=AccountItem, dependencies=Manages)
async def change_account(
    request: Request,
    account_id: Number,
    body: AccountChange,
    session: SessionDependency,
    settings: SettingsDependency,
) -> Response:
    """Change an account, switch it off or on, set its password, unlock it."""
    account = await session.get(Account, account_id, with_for_update=True)
    if account is None:
        raise NotFound(f"no account {account_id}", f"没有账号 {account_id}")
    changes = {
        name: value
        for name, value in body.model_dump(exclude_unset=True).items()
        if value is not None
    }
    if "scopes" in changes:
        changes["scopes"] = [Scope(**scope) for scope in changes["scopes"]]
    await session.run_sync(
        service.change_account, settings, await _actor(request), account, changes
    )
    await commit(request, session)
    return _json((await queries.list_accounts(session, account_id=account_id))[0])


@router.get("/audit", response_model=AuditPage, dependencies=[Depends(allow("audit.read"))])
async def audit_log(
    session: SessionDependency,
    action: Annotated[str | None, Query(max_length=100)] = None,
    actor: Annotated[str | None, Query(max_length=100, description="name of the account")] = None,
    from_: Annotated[AwareDatetime | None, Query(alias="from", description="inclusive")] = None,
    to: Annotated[AwareDatetime | None, Query(description="exclusive")] = None,
    cursor: Annotated[str | None, Query(description="'next' of the page before")] = None,
    limit: Limit = 100,
) -> Response:
    """Logins, changes of accounts and reads of personal data, newest first."""
    rows = await queries.list_audit(
        session, before=_number(cursor, 2**63 - 1), limit=limit + 1, action=action, actor=actor,
        since=from_, until=to,
    )  # fmt: skip
    return _page(rows, limit)


def address_of(request: Request) -> str:
    """The client's address, as the proxy in front tells it."""
    return request.client.host if request.client else ""


async def commit(request: Request, session: Any) -> None:
    """Commit; this process doubts what it knows at once, others when the feed tells them."""
    await session.commit()
    request.app.state.identities.doubt()


async def _actor(request: Request) -> Actor:
    return Actor(await signed_in(request), address=address_of(request))


async def _count_own(request: Request) -> None:
    """A stolen session must not try passwords without end."""
    attempts: Attempts = request.app.state.attempts
    attempts.count(address_of(request))


async def _me(session: Any, identity: Identity) -> dict[str, Any]:
    account = await session.get(Account, identity.account_id)
    zh, en = ROLE_NAMES[identity.role]
    return {
        "id": identity.account_id,
        "name": identity.name,
        "display_name": identity.display_name,
        "role": identity.role,
        "role_name": {"zh": zh, "en": en},
        "scopes": [{"level": scope.level, "code": scope.code} for scope in identity.scopes],
        "permissions": sorted(identity.permissions),
        "password": account is not None and account.password_hash is not None,
        "totp": account is not None and account.totp_secret is not None,
    }


def set_session_cookie(
    request: Request,
    response: Response,
    cookie: str,
    settings: Settings,
    *,
    at_provider: bool = False,
) -> None:
    """Hand a new session's cookie to the browser, and whether the session was begun at the OpenID
    provider."""
    kept = [(COOKIE, cookie, "/")]
    if at_provider:
        kept.append((AT_PROVIDER, "1", AT_PROVIDER_PATH))
    elif AT_PROVIDER in request.cookies:
        response.delete_cookie(AT_PROVIDER, path=AT_PROVIDER_PATH, httponly=True, samesite="lax")
    for name, value, path in kept:
        response.set_cookie(
            name, value, max_age=settings.session_hours * 3600, path=path, httponly=True,
            samesite="lax", secure=over_https(request, settings),
        )  # fmt: skip


def over_https(request: Request, settings: Settings) -> bool:
    """Whether cookies stay on HTTPS: as set, else as the request came."""
    secure = settings.secure_cookies
    return request.url.scheme == "https" if secure is None else secure


def _number(cursor: str | None, default: int) -> int:
    if cursor is None:
        return default
    if not cursor.isascii() or not cursor.isdigit() or len(cursor) > 18:
        raise InvalidInput("no cursor of this list", "不是本列表的游标", where="cursor")
    return int(cursor)


def _page(rows: list[dict[str, Any]], limit: int) -> Response:
    page = rows[:limit]
    return _json({"items": page, "next": str(page[-1]["id"]) if len(rows) > limit else None})


def _json(body: Any, status: int = 200) -> Response:
    # who is asking decides what is told
    return Response(
        orjson.dumps(body), status_code=status, media_type="application/json",
        headers={"Cache-Control": "private, no-store"},
    )  # fmt: skip
