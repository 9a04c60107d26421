"""The application: routers and lifespan."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from zoneinfo import ZoneInfo

import orjson
from fastapi import Depends, FastAPI, Request, Response
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError
from starlette.middleware.gzip import GZipMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gis_service.accounts.attempts import Attempts
from gis_service.accounts.dependencies import anyone
from gis_service.accounts.identities import Identities
from gis_service.accounts.oidc import Provider
from gis_service.accounts.oidc_router import router as oidc_router
from gis_service.accounts.router import router as accounts_router
from gis_service.attachments.router import router as attachments_router
from gis_service.campaigns.router import router as campaigns_router
from gis_service.communities.activity_router import router as activities_router
from gis_service.communities.community_router import router as communities_router
from gis_service.communities.frontage_router import router as frontages_router
from gis_service.communities.opinion_router import router as opinions_router
from gis_service.communities.party_router import router as party_router
from gis_service.communities.public_router import answer_limit
from gis_service.communities.public_router import router as residents_router
from gis_service.communities.router import router as posts_router
from gis_service.communities.station_router import router as stations_router
from gis_service.communities.survey_router import router as surveys_router
from gis_service.db.embedded import Cluster
from gis_service.db.engine import (
    async_session_factory,
    conninfo,
    make_async_engine,
    make_engine,
    make_tile_connections,
    session_factory,
)
from gis_service.events.follower import Follower
from gis_service.hierarchy.live import LiveLocator
from gis_service.hierarchy.router import locate_router
from gis_service.hierarchy.router import router as hierarchy_router
from gis_service.housekeeping import Housekeeping
from gis_service.incidents.desk import LiveReference
from gis_service.incidents.live import LiveIncidents
from gis_service.incidents.metrics.router import router as metrics_router
from gis_service.incidents.public_router import PublicLimits
from gis_service.incidents.public_router import router as public_router
from gis_service.incidents.queries import AreaNames
from gis_service.incidents.router import router as incidents_router
from gis_service.incidents.router import stream_router
from gis_service.incidents.stream import Hub, Subject
from gis_service.incidents.watches.router import router as watches_router
from gis_service.incidents.watches.running import Watching
from gis_service.interop.exports.router import router as exports_router
from gis_service.interop.exports.sending import Slots
from gis_service.interop.ogc.application import PREFIX as OGC
from gis_service.interop.ogc.application import make_ogc
from gis_service.interop.ogc.collections import OgcCatalog
from gis_service.interop.open311.router import router as open311_router
from gis_service.interop.positions.intake import PositionIntake
from gis_service.interop.positions.router import router as positions_router
from gis_service.interop.tables.router import router as tables_router
from gis_service.ledger.router import router as ledger_router
from gis_service.maps.registry import read_registry
from gis_service.maps.router import router as maps_router
from gis_service.maps.tiles import Tiles
from gis_service.observing import observe
from gis_service.patrols.coverage_live import TOPICS as COVERAGE_TOPICS
from gis_service.patrols.coverage_live import LivePatrols
from gis_service.patrols.coverage_router import router as coverage_router
from gis_service.patrols.coverage_table import CoverageTable
from gis_service.patrols.following import VisitFollower
from gis_service.patrols.swath_service import SwathBook
from gis_service.patrols.track_router import router as tracks_router
from gis_service.patrols.walk_router import router as walks_router
from gis_service.planning.behind_router import router as behind_router
from gis_service.planning.live import LivePlanning
from gis_service.planning.places_router import router as places_router
from gis_service.planning.progress.router import router as progress_router
from gis_service.planning.round_router import router as round_router
from gis_service.planning.router import router as planning_router
from gis_service.problems import answer_problems
from gis_service.reference.router import router as reference_router
from gis_service.reports.router import router as reports_router
from gis_service.responsibility.contract_router import router as contract_router
from gis_service.responsibility.router import router as responsibility_router
from gis_service.settings import Settings, get_settings
from gis_service.web.router import router as web_router
from gis_service.wiring import CALENDAR_FOLLOWERS

READY_S = 2.0  # longest wait for the database when asked whether the service is ready


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
        # a public report with its photos; a form would be spooled to disk whatever its length
        max_body_size=settings.photo_bytes * (settings.public_photos + 1) + 2**20,
    )
    app.state.settings = settings
    app.state.oidc = Provider(settings) if settings.oidc_issuer else None
    app.state.registry = read_registry(settings.layers_dir)
    app.state.calendar_followers = CALENDAR_FOLLOWERS
    # /api/areas/{level}/series stands before /api/areas/{level}/{code}
    # and what is asked by the thousand a second before all.
    # The routes themselves, for the routers have nothing that would have to be added to them: an
    # included router makes each anew, 0.8 s before the first answer, and is asked twice every time
    for router in (
        positions_router,
        locate_router,
        maps_router,
        hierarchy_router,
        incidents_router,
        stream_router,
        metrics_router,
        open311_router,
        exports_router,
        tables_router,
        watches_router,
        public_router,
        attachments_router,
        accounts_router,
        oidc_router,
        reference_router,
        responsibility_router,
        contract_router,
        coverage_router,
        walks_router,
        tracks_router,
        posts_router,
        stations_router,
        activities_router,
        opinions_router,
        frontages_router,
        residents_router,
        planning_router,
        behind_router,
        round_router,
        surveys_router,
        communities_router,
        party_router,
        campaigns_router,
        progress_router,
        reports_router,
        ledger_router,
        places_router,
        web_router,
    ):
        app.router.routes.extend(router.routes)
    for path, answer in (("/healthz", _alive), ("/readyz", _ready)):
        app.add_api_route(path, answer, include_in_schema=False, dependencies=[Depends(anyone())])
    answer_problems(app)
    app.mount(OGC, make_ogc(app))
    # a page of the inbox: 0.3 ms; the sixth level takes more than twice that for a fifth less
    app.add_middleware(Compression, minimum_size=1024, compresslevel=1)
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
    app.state.reading_sessions = async_session_factory(
        engine.execution_options(isolation_level="AUTOCOMMIT")
    )
    app.state.blocking_sessions = session_factory(blocking)
    app.state.identities = Identities(app.state.sessions, settings)
    app.state.attempts = Attempts(settings)
    app.state.public_limits = PublicLimits(settings)
    app.state.public_answers = answer_limit(settings)
    app.state.area_names = AreaNames()
    app.state.locator = LiveLocator(app.state.blocking_sessions, settings)
    app.state.incidents = LiveIncidents(
        app.state.blocking_sessions, ZoneInfo(settings.timezone), settings.data_dir
    )
    app.state.reference = LiveReference(app.state.blocking_sessions, settings)
    app.state.patrols = LivePatrols(app.state.blocking_sessions, settings)
    app.state.swath = SwathBook()
    app.state.exports = Slots()
    app.state.planning = LivePlanning(app.state.blocking_sessions, settings)
    app.state.follower = Follower(
        address,
        make_async_engine(address, settings, size=1),
        None if settings.database_url else Cluster(settings.data_dir).revive,
    )
    feed_sessions = async_session_factory(app.state.follower.engine)
    app.state.hub = Hub(
        app.state.sessions, feed_sessions, app.state.incidents, app.state.area_names,
        [Subject("coverage", COVERAGE_TOPICS, "coverage.read")],
    )  # fmt: skip
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
        state.identities, state.locator, state.area_names, state.reference, state.incidents,
        state.patrols, state.positions, state.tiles, state.hub, state.watching, state.planning,
        state.ogc,
    ):  # fmt: skip
        state.follower.subscribe(part.hear)
    await state.follower.start(load)
    state.positions.start()
    state.watching.start()
    visits = VisitFollower(state.blocking_sessions, settings, state.locator)
    visits.start()
    table = CoverageTable(state.blocking_sessions, state.patrols, settings)
    table.start()
    housekeeping = Housekeeping(state.blocking_sessions, settings)
    housekeeping.start()
    yield
    await housekeeping.stop()
    await table.stop()
    await visits.stop()
    await state.watching.stop()
    await state.positions.stop()
    state.hub.close()
    await state.follower.stop()
    await state.incidents.stop()
    await state.ogc.close()
    await tile_connections.close()
    await engine.dispose()
    blocking.dispose()


async def _alive() -> Response:
    return Response("ok\n", media_type="text/plain")


async def _ready(request: Request) -> Response:
    """200 when requests will be served with current data, else 503 with the reasons: told from
    the feed, and by asking the database as a request does."""
    state, reasons = request.app.state, []
    if state.follower.problem is not None:
        reasons.append(f"changes are not followed: {state.follower.problem}")
    try:
        async with asyncio.timeout(READY_S), state.sessions() as session:
            await session.execute(text("SELECT 1"))
    except TimeoutError:
        reasons.append(f"no answer from the database within {READY_S:.0f} s, or no connection left")
    except SQLAlchemyError as problem:
        reasons.append(f"the database does not answer: {type(problem).__name__}")
    return Response(
        orjson.dumps({"ready": not reasons, "reasons": reasons}),
        status_code=503 if reasons else 200,
        media_type="application/json",
        headers={"cache-control": "no-store"},
    )


class Compression(GZipMiddleware):
    """Compresses what it pays for: tiles, exports and features are made and sent faster than
    they are squeezed."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"].startswith(
            ("/tiles/", "/api/positions/", "/api/exports/", "/ogc/")
        ):
            await self.app(scope, receive, send)
        else:
            await super().__call__(scope, receive, send)


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
