"""HTTP: GeoReport v2 in XML and JSON, with its own form of errors."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Depends, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException

from gis_service.accounts.dependencies import public
from gis_service.accounts.identity import Identity
from gis_service.accounts.router import address_of
from gis_service.dependencies import (
    LocaleDependency,
    SessionDependency,
    SettingsDependency,
    locale_of,
)
from gis_service.errors import (
    DomainError,
    Forbidden,
    InvalidInput,
    NotFound,
    NotReady,
    NotSignedIn,
    TooMany,
)
from gis_service.incidents.intake import take_in
from gis_service.incidents.queries import names_of
from gis_service.incidents.router import desk_of
from gis_service.interop.open311 import queries
from gis_service.interop.open311 import services as georeport
from gis_service.interop.open311.formats import FORMATS, Item, rendered, rendered_one

Handler = Callable[[Request], Awaitable[Response]]
# HTTP knows three errors of the standard, the body may be finer: (HTTP, body). 401 comes only where
# a setting closes the service to visitors
_CODES: tuple[tuple[type[Exception], tuple[int, int]], ...] = (
    (NotFound, (404, 404)), (NotSignedIn, (401, 401)), (Forbidden, (403, 403)),
    (TooMany, (400, 429)), (NotReady, (503, 503)), (DomainError, (400, 400)),
)  # fmt: skip


class Refused(Exception):
    """Several things are wrong at once, and all are told."""

    def __init__(self, problems: list[DomainError]) -> None:
        super().__init__(str(problems))
        self.problems = problems


class GeoReportRoute(APIRoute):
    """Answers refusals as the standard wants them."""

    def get_route_handler(self) -> Any:
        inner = super().get_route_handler()

        async def handle(request: Request) -> Response:
            try:
                answer: Response = await inner(request)
            except Refused as refused:
                return _errors(request, refused.problems)
            except DomainError as problem:
                return _errors(request, [problem])
            except RequestValidationError as problem:
                first = problem.errors()[0]
                where = str(first["loc"][-1]) if first["loc"] else None
                return _errors(request, [InvalidInput(first["msg"], where=where)])
            except HTTPException as problem:
                return _errors(request, [InvalidInput(str(problem.detail))])
            return answer

        return handle


router = APIRouter(
    prefix="/open311",
    tags=["open311"],
    route_class=GeoReportRoute,
    dependencies=[Depends(public())],
)


@router.get("/discovery.{format}")
async def discovery(request: Request, format: str, settings: SettingsDependency) -> Response:
    """Where the endpoint is and what it speaks."""
    _known_format(format)
    root = str(request.base_url)
    item: Item = {
        "changeset": "2026-11-25T00:00:00Z",
        "contact": settings.title,
        "key_service": None if not settings.georeport_key else "gis-service user token",
        "endpoints": [
            {
                "specification": "http://wiki.open311.org/GeoReport_v2",
                "url": f"{root}open311/v2",
                "changeset": "2026-11-25T00:00:00Z",
                "type": "production",
                "formats": list(FORMATS.values()),
            }
        ],
    }
    return _answer(format, rendered_one(format, "discovery", item))


@router.get("/v2/services.{format}")
async def services(
    request: Request, format: str, locale: LocaleDependency, settings: SettingsDependency
) -> Response:
    """The classes that can be asked for."""
    _check(request, format)
    reference = request.app.state.reference.current
    found = georeport.offered(reference, _today(settings.timezone))
    items = [georeport.service(row, reference, locale) for row in found.values()]
    return _answer(format, rendered(format, "services", "service", items))


@router.get("/v2/services/{code}.{format}")
async def definition(
    request: Request, code: str, format: str, locale: LocaleDependency, settings: SettingsDependency
) -> Response:
    """What may be said when asking for a class."""
    _check(request, format)
    reference = request.app.state.reference.current
    row = georeport.offered(reference, _today(settings.timezone)).get(code)
    if row is None:
        raise georeport.unknown_service(code)
    item = georeport.definition(row, reference, locale)
    return _answer(format, rendered_one(format, "service_definition", item))


@router.post("/v2/requests.{format}", status_code=201)
async def ask(
    request: Request,
    format: str,
    session: SessionDependency,
    settings: SettingsDependency,
    locale: LocaleDependency,
) -> Response:
    """Take a request in, form-encoded; everything that is wrong with it is told at once."""
    form = await _form(request)
    _check(request, format, form)
    desk = desk_of(request)
    report, problems = georeport.report_of(form, desk.reference, _today(settings.timezone), locale)
    if problems:
        raise Refused(problems)
    identity = await _key_holder(request, form)
    if identity is None:
        if settings.georeport_key:
            raise Forbidden("an api_key is needed", "需要 api_key", where="api_key")
        request.app.state.public_limits.reports.count(address_of(request))
    else:
        identity.require("incident.report")
    owner = identity.name if identity else "public"
    taken = await session.run_sync(take_in, desk, identity, report, owner=owner)
    await session.commit()
    assert taken.follow_code is not None  # noqa: S101 - every report of a resident has one
    code = await queries.code_of_token(session, taken.follow_code)
    notice = (
        f"查询码 {taken.follow_code}" if locale == "zh" else f"follow it by {taken.follow_code}"
    )
    item: Item = {"service_request_id": code, "service_notice": notice, "account_id": None}
    return _answer(format, rendered(format, "service_requests", "request", [item]), 201)


@router.get("/v2/requests.{format}")
async def requests(
    request: Request,
    format: str,
    session: SessionDependency,
    settings: SettingsDependency,
    locale: LocaleDependency,
) -> Response:
    """Filed incidents of a span of at most 90 days, or those of given numbers."""
    _check(request, format)
    given = dict(request.query_params)
    codes = georeport.asked_ids(given)
    desk = desk_of(request)
    if codes:
        rows = await queries.requests_by_code(session, codes)
    else:
        zone = ZoneInfo(settings.timezone)
        wanted = georeport.wanted_requests(given, desk.reference, zone, desk.now)
        limit, offset = georeport.page_of(given)
        rows = await queries.list_requests(session, wanted, limit=limit, offset=offset)
    return await _told(request, format, rows, session, settings.timezone, locale)


@router.get("/v2/requests/{code}.{format}")
async def one_request(
    request: Request,
    code: str,
    format: str,
    session: SessionDependency,
    settings: SettingsDependency,
    locale: LocaleDependency,
) -> Response:
    """One request, inside a list of one."""
    _check(request, format)
    rows = await queries.requests_by_code(session, [code])
    if not rows:
        raise NotFound(f"no request {code!r}", f"没有请求 {code!r}", where="service_request_id")
    return await _told(request, format, rows, session, settings.timezone, locale)


@router.get("/v2/tokens/{token}.{format}")
async def token(request: Request, token: str, format: str, session: SessionDependency) -> Response:
    """The number of the request that a follow code belongs to."""
    _check(request, format)
    request.app.state.public_limits.lookups.count(address_of(request))
    code = await queries.code_of_token(session, token)
    if code is None:
        raise NotFound(f"no request for token {token!r}", f"没有查询码 {token!r}", where="token")
    items = [{"service_request_id": code, "token": token}]
    return _answer(format, rendered(format, "service_requests", "request", items))


async def _told(
    request: Request,
    format: str,
    rows: list[dict[str, Any]],
    session: Any,
    timezone: str,
    locale: str,
) -> Response:
    identity = await _key_holder(request, dict(request.query_params))
    exact = identity is not None and identity.may("incident.read") and not identity.scopes
    areas = {row[f"{level}_id"] for row in rows for level in ("street", "community", "grid")}
    names = await names_of(session, areas - {None})
    items = [georeport.request(row, names, ZoneInfo(timezone), locale, exact=exact) for row in rows]
    answer = _answer(format, rendered(format, "service_requests", "request", items))
    if exact:
        answer.headers["Cache-Control"] = "private, no-store"
    return answer


async def _key_holder(request: Request, given: dict[str, str]) -> Identity | None:
    """Whose token ``api_key`` (or the Bearer header) is. Raises Forbidden for one that is none.

    The browser's cookie counts for nothing here: it would be sent whoever made the browser ask.
    """
    scheme, _, bearer = request.headers.get("authorization", "").partition(" ")
    key = given.get("api_key") or (bearer if scheme.lower() == "bearer" else "")
    if not key:
        return None
    known = await request.app.state.identities.find("token", key.strip())
    if known is None:
        raise Forbidden("no such api_key", "api_key 无效", where="api_key")
    identity: Identity = known.identity
    return identity


async def _form(request: Request) -> dict[str, str]:
    async with request.form(max_files=10, max_fields=100) as form:
        return {
            name: value for name, value in form.items() if not isinstance(value, UploadFile)
        }  # fmt: skip


def _known_format(format: str) -> None:
    if format not in FORMATS:
        raise NotFound(f"no format {format!r}; xml or json", f"没有格式 {format!r}；可用 xml、json")


def _check(request: Request, format: str, form: dict[str, str] | None = None) -> None:
    _known_format(format)
    asked = (form or {}).get("jurisdiction_id") or request.query_params.get("jurisdiction_id")
    ours = request.app.state.settings.georeport_jurisdiction
    if asked and ours and asked != ours:
        raise NotFound(f"no jurisdiction {asked!r}", f"没有辖区 {asked!r}", where="jurisdiction_id")


def _today(timezone: str) -> Any:
    return datetime.now(ZoneInfo(timezone)).date()


def _answer(format: str, body: bytes, status: int = 200) -> Response:
    return Response(body, status, headers={"Content-Type": FORMATS[format]})


def _errors(request: Request, problems: list[DomainError]) -> Response:
    locale = locale_of(request)
    codes = [
        next(code for kind, code in _CODES if isinstance(problem, kind)) for problem in problems
    ]
    items: list[Item] = [
        {"code": code, "description": problem.text(locale)}
        for problem, (_, code) in zip(problems, codes, strict=True)
    ]
    kind = "json" if request.url.path.endswith(".json") else "xml"
    answer = _answer(kind, rendered(kind, "errors", "error", items), max(http for http, _ in codes))
    for problem in problems:
        if "retry_after_s" in problem.data:
            answer.headers["Retry-After"] = str(int(problem.data["retry_after_s"]) + 1)
    return answer
