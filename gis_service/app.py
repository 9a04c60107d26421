"""The application: routers, one table from domain errors to statuses, lifespan."""

from __future__ import annotations

import logging
import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import orjson
from fastapi import Depends, FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from sqlalchemy.exc import DataError, IntegrityError, OperationalError
from starlette.exceptions import HTTPException
from starlette.middleware.gzip import GZipMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gis_service import errors
from gis_service.accounts.attempts import Attempts
from gis_service.accounts.dependencies import anyone
from gis_service.accounts.identities import Identities
from gis_service.accounts.router import router as accounts_router
from gis_service.attachments.router import router as attachments_router
from gis_service.campaigns.router import router as campaigns_router
from gis_service.communities.activity_router import router as activities_router
from gis_service.communities.community_router import router as communities_router
from gis_service.communities.frontage_router import router as frontages_router
from gis_service.communities.opinion_router import router as opinions_router
from gis_service.communities.public_router import answer_limit
from gis_service.communities.public_router import router as residents_router
from gis_service.communities.router import router as posts_router
from gis_service.communities.station_router import router as stations_router
from gis_service.communities.survey_router import router as surveys_router
from gis_service.db.engine import (
    async_session_factory,
    conninfo,
    make_async_engine,
    make_engine,
    make_tile_connections,
    session_factory,
)
from gis_service.dependencies import locale_of
from gis_service.events.follower import Follower
from gis_service.hierarchy.live import LiveLocator
from gis_service.hierarchy.router import locate_router
from gis_service.hierarchy.router import router as hierarchy_router
from gis_service.incidents.desk import LiveReference
from gis_service.incidents.live import LiveIncidents
from gis_service.incidents.metrics.router import router as metrics_router
from gis_service.incidents.public_router import PublicLimits
from gis_service.incidents.public_router import router as public_router
from gis_service.incidents.router import router as incidents_router
from gis_service.incidents.router import stream_router
from gis_service.incidents.stream import Hub
from gis_service.incidents.watches.router import router as watches_router
from gis_service.incidents.watches.running import Watching
from gis_service.interop.ogc.application import PREFIX as OGC
from gis_service.interop.ogc.application import make_ogc
from gis_service.interop.ogc.collections import OgcCatalog
from gis_service.interop.open311.router import router as open311_router
from gis_service.interop.positions.intake import PositionIntake
from gis_service.interop.positions.router import router as positions_router
from gis_service.ledger.router import router as ledger_router
from gis_service.maps.registry import read_registry
from gis_service.maps.router import router as maps_router
from gis_service.maps.tiles import Tiles
from gis_service.observing import observe
from gis_service.patrols.coverage_live import LivePatrols
from gis_service.patrols.coverage_router import router as coverage_router
from gis_service.patrols.coverage_table import CoverageTable
from gis_service.patrols.following import VisitFollower
from gis_service.patrols.swath_service import SwathBook
from gis_service.patrols.track_router import router as tracks_router
from gis_service.planning.live import LivePlanning
from gis_service.planning.places_router import router as places_router
from gis_service.planning.progress.router import router as progress_router
from gis_service.planning.round_router import router as round_router
from gis_service.planning.router import router as planning_router
from gis_service.reference.router import router as reference_router
from gis_service.reports.router import router as reports_router
from gis_service.responsibility.contract_router import router as contract_router
from gis_service.responsibility.router import router as responsibility_router
from gis_service.settings import Settings, get_settings
from gis_service.web.router import router as web_router
from gis_service.wiring import CALENDAR_FOLLOWERS

log = logging.getLogger(__name__)

STATUSES: dict[type[errors.DomainError], tuple[int, str, str]] = {
    errors.InvalidInput: (400, "请求无效", "invalid request"),
    errors.NotSignedIn: (401, "需要登录", "sign in first"),
    errors.Forbidden: (403, "无权限", "not allowed"),
    errors.NotFound: (404, "未找到", "not found"),
    errors.Conflict: (409, "冲突", "conflict"),
    errors.TooLarge: (413, "内容过大", "too large"),
    errors.TooMany: (429, "过于频繁", "too many requests"),
    errors.NotReady: (503, "尚未就绪", "not ready"),
    errors.ConfigurationError: (500, "配置错误", "configuration error"),
}
TITLES = {404: ("未找到", "not found"), 405: ("方法不允许", "method not allowed")}


def create_app(settings: Settings | None = None) -> FastAPI:
    """The service on the database that ``settings`` name (started where it is the private one)."""
    settings = settings or get_settings()
    app = FastAPI(
        title="gis_service",
        version="0.1.0",
        openapi_url="/api/openapi.json",
        docs_url=None,
        redoc_url=None,
        lifespan=_lifespan,
    )
    app.state.settings = settings
    app.state.registry = read_registry(settings.layers_dir)
    app.state.calendar_followers = CALENDAR_FOLLOWERS
    # /api/areas/{level}/series stands before /api/areas/{level}/{code}
    # and what is asked by the thousand a second before all
    for router in (
        positions_router,
        locate_router,
        maps_router,
        hierarchy_router,
        incidents_router,
        stream_router,
        metrics_router,
        open311_router,
        watches_router,
        public_router,
        attachments_router,
        accounts_router,
        reference_router,
        responsibility_router,
        contract_router,
        coverage_router,
        tracks_router,
        posts_router,
        stations_router,
        activities_router,
        opinions_router,
        frontages_router,
        residents_router,
        planning_router,
        round_router,
        surveys_router,
        communities_router,
        campaigns_router,
        progress_router,
        reports_router,
        ledger_router,
        places_router,
        web_router,
    ):
        app.include_router(router)
    for path, answer in (("/healthz", _alive), ("/readyz", _ready)):
        app.add_api_route(path, answer, include_in_schema=False, dependencies=[Depends(anyone())])
    app.add_exception_handler(errors.DomainError, _domain_problem)
    app.add_exception_handler(RequestValidationError, _validation_problem)
    app.add_exception_handler(HTTPException, _http_problem)
    app.add_exception_handler(OperationalError, _database_problem)
    app.add_exception_handler(DataError, _value_problem)
    app.add_exception_handler(IntegrityError, _race_problem)
    app.add_exception_handler(Exception, _unexpected)
    app.mount(OGC, make_ogc(app))
    # the last levels take three times as long for a tenth less
    app.add_middleware(Compression, minimum_size=1024, compresslevel=6)
    app.add_middleware(SecurityHeaders)
    observe(app)
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    settings: Settings = app.state.settings
    address = conninfo(settings)
    engine = make_async_engine(address, settings)
    blocking = make_engine(address)  # for what runs in threads: loading arrays and structures
    app.state.sessions = async_session_factory(engine)
    app.state.blocking_sessions = session_factory(blocking)
    app.state.identities = Identities(app.state.sessions, settings)
    app.state.attempts = Attempts(settings)
    app.state.public_limits = PublicLimits(settings)
    app.state.public_answers = answer_limit(settings)
    app.state.locator = LiveLocator(app.state.blocking_sessions, settings)
    app.state.incidents = LiveIncidents(app.state.blocking_sessions)
    app.state.reference = LiveReference(app.state.blocking_sessions, settings)
    app.state.patrols = LivePatrols(app.state.blocking_sessions, settings)
    app.state.swath = SwathBook()
    app.state.planning = LivePlanning(app.state.blocking_sessions, settings)
    app.state.follower = Follower(address, engine)
    app.state.hub = Hub(app.state.sessions, app.state.incidents)
    app.state.positions = PositionIntake(address, app.state.blocking_sessions, settings)
    app.state.watching = Watching(app.state.blocking_sessions, settings)
    tile_connections = make_tile_connections(address, settings)
    await tile_connections.open()
    app.state.tiles = Tiles(
        app.state.registry, tile_connections, app.state.sessions, app.state.incidents,
        app.state.follower, settings,
    )  # fmt: skip

    app.state.ogc = OgcCatalog(address, settings)
    await app.state.ogc.open()
    # where tipg looks for them
    app.state.pool, app.state.collection_catalog = app.state.ogc.pool, app.state.ogc.catalog

    async def load() -> None:
        await app.state.locator.load()
        await app.state.reference.load()
        await app.state.incidents.load(app.state.follower.seq)
        await app.state.patrols.load()
        app.state.hub.begin(app.state.follower.seq)

    state = app.state
    # in this order: what a stream tells is decided by the arrays, and who may by the identities
    for part in (
        state.identities, state.locator, state.reference, state.incidents, state.patrols,
        state.positions, state.tiles, state.hub, state.watching, state.planning, state.ogc,
    ):  # fmt: skip
        state.follower.subscribe(part.hear)
    await state.follower.start(load)
    state.positions.start()
    state.watching.start()
    visits = VisitFollower(state.blocking_sessions, settings, state.locator)
    visits.start()
    table = CoverageTable(state.blocking_sessions, state.patrols, settings)
    table.start()
    yield
    await table.stop()
    await visits.stop()
    await state.watching.stop()
    await state.positions.stop()
    state.hub.close()
    await state.follower.stop()
    await state.ogc.close()
    await tile_connections.close()
    await engine.dispose()
    blocking.dispose()


async def _alive() -> Response:
    return Response("ok\n", media_type="text/plain")


async def _ready(request: Request) -> Response:
    """200 when requests will be served with current data, else 503 with the reasons."""
    problem = request.app.state.follower.problem
    body = {"ready": problem is None, "reasons": [problem] if problem else []}
    return Response(
        orjson.dumps(body), status_code=503 if problem else 200, media_type="application/json"
    )


def _problem(
    status: int, title: str, detail: str, where: str | None = None, changes: Any = None
) -> Response:
    """RFC 9457; ``changes`` are the log rows that the sender of a stale edit has not seen."""
    body = {"type": "about:blank", "title": title, "status": status, "detail": detail}
    if where:
        body["where"] = where
    if changes is not None:
        body["changes"] = changes
    return Response(orjson.dumps(body), status_code=status, media_type="application/problem+json")


async def _domain_problem(request: Request, problem: Exception) -> Response:
    assert isinstance(problem, errors.DomainError)  # noqa: S101 - registered for these only
    status, zh, en = STATUSES[type(problem)]
    locale = locale_of(request)
    response = _problem(
        status, zh if locale == "zh" else en, problem.text(locale), problem.where,
        problem.data.get("changes"),
    )  # fmt: skip
    if isinstance(problem, errors.NotSignedIn):
        response.headers["WWW-Authenticate"] = "Bearer"
    if "retry_after_s" in problem.data:
        response.headers["Retry-After"] = str(math.ceil(problem.data["retry_after_s"]))
    return response


async def _validation_problem(request: Request, problem: Exception) -> Response:
    assert isinstance(problem, RequestValidationError)  # noqa: S101 - registered for these only
    first = problem.errors()[0]
    where = str(first["loc"][-1]) if first["loc"] else None
    locale = locale_of(request)
    if first["type"] == "extra_forbidden":
        words = "unknown parameter or field" if locale == "en" else "未知参数或字段"
        return _problem(400, "请求无效" if locale == "zh" else "invalid request",
                        f"{where}: {words}", where)  # fmt: skip
    words = f"{where}: {first['msg']}"
    return _problem(400, "请求无效" if locale == "zh" else "invalid request", words, where)


async def _http_problem(request: Request, problem: Exception) -> Response:
    assert isinstance(problem, HTTPException)  # noqa: S101 - registered for these only
    zh, en = TITLES.get(problem.status_code, (str(problem.detail), str(problem.detail)))
    title = zh if locale_of(request) == "zh" else en
    response = _problem(problem.status_code, title, f"{title}: {request.url.path}")
    response.headers.update(problem.headers or {})
    return response


class Compression(GZipMiddleware):
    """Compresses what it pays for: tiles are made and sent faster than they are squeezed."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"].startswith(("/tiles/", "/api/positions/")):
            await self.app(scope, receive, send)
        else:
            await super().__call__(scope, receive, send)


async def _database_problem(request: Request, problem: Exception) -> Response:
    """The database is away, restarting, or took longer than a request may."""
    log.warning("database: %s", problem)
    return await _domain_problem(
        request,
        errors.NotReady(
            "the database does not answer in time; try again in a moment",
            "数据库暂时没有响应，请稍后重试",
        ),
    )


async def _value_problem(request: Request, problem: Exception) -> Response:
    """A value that passed every check and yet is none the database can keep, such as NUL."""
    log.warning("value refused at %s: %s", request.url.path, problem)
    return await _domain_problem(
        request,
        errors.InvalidInput("a value cannot be stored (NUL?)", "有无法存储的值（如空字符 NUL）"),
    )


async def _race_problem(request: Request, problem: Exception) -> Response:
    """Two did the same at once, and the database let one of them."""
    log.warning("refused by a constraint at %s: %s", request.url.path, problem)
    return await _domain_problem(
        request,
        errors.Conflict(
            "somebody else was faster, or it is still referred to; look again",
            "他人已先行提交，或仍被其他记录引用，请刷新后重试",
        ),
    )


async def _unexpected(request: Request, problem: Exception) -> Response:
    """A fault of ours: logged with its trace, told without it."""
    log.error("unexpected error at %s", request.url.path, exc_info=problem)
    zh = locale_of(request) == "zh"
    return _problem(
        500,
        "服务器内部错误" if zh else "internal error",
        "服务出现错误，已记入日志，请联系管理员" if zh else "logged; tell the administrator",
    )


POLICY = (
    "default-src 'self'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; "
    "worker-src 'self' blob:; connect-src 'self'{tiles}; object-src 'none'; base-uri 'none'; "
    "form-action 'self'; frame-ancestors 'none'"
)


class SecurityHeaders:
    """Headers that every answer carries."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        url = get_settings().basemap_url
        origin = " " + "/".join(url.split("/")[:3]) if url else ""
        self.headers = [
            (b"content-security-policy", POLICY.format(tiles=origin).encode()),
            (b"x-content-type-options", b"nosniff"),
            (b"referrer-policy", b"same-origin"),
            (b"cross-origin-opener-policy", b"same-origin"),
        ]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], *self.headers]
            await send(message)

        await self.app(scope, receive, send_with_headers)
