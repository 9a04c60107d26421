"""What an operator sees of a running service: one log line and one measurement a request, each
with an id that the answer carries too, and figures for Prometheus."""

from __future__ import annotations

import logging
import re
import secrets
import time
from contextvars import ContextVar
from typing import Any

import orjson
from fastapi import APIRouter, Depends, FastAPI, Request, Response
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gis_service.accounts.dependencies import allow

log = logging.getLogger("gis_service.request")
request_id: ContextVar[str] = ContextVar("request_id", default="")
_GIVEN = re.compile(r"[A-Za-z0-9._-]{1,64}")
# of what is asked by the thousand a second a line each would be the work itself
QUIET = ("/static", "/tiles", "/healthz", "/readyz", "/api/positions")
BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30)
router = APIRouter(include_in_schema=False)


class Figures:
    """The figures of one process; gauges are read from ``state`` when they are asked for."""

    def __init__(self, state: Any) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "gis_requests", "answered requests", ("method", "route", "status"),
            registry=self.registry,
        )  # fmt: skip
        self.seconds = Histogram(
            "gis_request_seconds", "time to the end of the answer, event streams excepted",
            ("route",), buckets=BUCKETS, registry=self.registry,
        )  # fmt: skip
        for name, words, read in (
            ("gis_ready", "1 while the feed of changes is followed",
             lambda: float(state.follower.problem is None)),
            ("gis_feed_seq", "the last change that this process has taken in",
             lambda: state.follower.seq),
            ("gis_event_streams", "open event streams", lambda: len(state.hub.streams)),
            ("gis_incidents", "incidents in memory",
             lambda: len(state.incidents.current)),
            ("gis_database_connections", "pooled connections in use",
             lambda: state.sessions.kw["bind"].pool.checkedout()),
        ):  # fmt: skip
            Gauge(name, words, registry=self.registry).set_function(read)

    def note(self, method: str, route: str, status: int, seconds: float, *, endless: bool) -> None:
        """Count an answered request."""
        self.requests.labels(method, route, str(status)).inc()
        if not endless:
            self.seconds.labels(route).observe(seconds)


class Observed:
    """Gives every request its id (or keeps a proxy's ``X-Request-ID``), measures and logs it."""

    def __init__(self, app: ASGIApp, figures: Figures) -> None:
        self.app = app
        self.figures = figures

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        given = next((v.decode("latin-1") for k, v in scope["headers"] if k == b"x-request-id"), "")
        own = given if _GIVEN.fullmatch(given) else secrets.token_hex(16)
        token = request_id.set(own)
        began = time.perf_counter()
        status, endless = 500, False

        async def send_with_id(message: Message) -> None:
            nonlocal status, endless
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = message["headers"]
                endless = any(
                    k == b"content-type" and v.startswith(b"text/event-stream") for k, v in headers
                )
                message["headers"] = [*headers, (b"x-request-id", own.encode())]
            await send(message)

        try:
            await self.app(scope, receive, send_with_id)
        finally:
            seconds = time.perf_counter() - began
            route = getattr(scope.get("route"), "path", None) or "none"
            self.figures.note(scope["method"], route, status, seconds, endless=endless)
            if status >= 500 or not scope["path"].startswith(QUIET):
                log.info(
                    "%s %s %s", scope["method"], scope["path"], status,
                    extra={"method": scope["method"], "route": route, "status": status,
                           "ms": round(seconds * 1000, 1)},
                )  # fmt: skip
            request_id.reset(token)


class JsonLines(logging.Formatter):
    """One JSON object a line: time, level, logger, message, request_id, and what a record adds."""

    ADDED = ("method", "route", "status", "ms")

    def format(self, record: logging.LogRecord) -> str:
        told: dict[str, Any] = {
            "time": f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(record.created))}"
            f".{int(record.msecs):03d}Z",
            "level": record.levelname.lower(), "logger": record.name,
            "message": record.getMessage(),
        }  # fmt: skip
        if request_id.get():
            told["request_id"] = request_id.get()
        told |= {name: getattr(record, name) for name in self.ADDED if hasattr(record, name)}
        if record.exc_info:
            told["exception"] = self.formatException(record.exc_info)
        return orjson.dumps(told, default=str).decode()


def log_to_stderr(form: str) -> None:
    """Write the service's log, ``text`` or ``json``."""
    handler = logging.StreamHandler()
    words = logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s")
    handler.setFormatter(JsonLines() if form == "json" else words)
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)
    ours = logging.getLogger("gis_service")
    ours.setLevel(logging.INFO)
    # in words a line a request is noise; what goes wrong is told anyway
    log.setLevel(logging.INFO if form == "json" else logging.WARNING)


def observe(app: FastAPI) -> None:
    """Measure ``app`` and answer ``/metrics``."""
    app.state.figures = Figures(app.state)
    app.add_middleware(Observed, figures=app.state.figures)
    app.router.routes.extend(router.routes)


@router.get("/metrics", dependencies=[Depends(allow("system.read"))])
async def read_metrics(request: Request) -> Response:
    """Figures of this process for Prometheus."""
    body = generate_latest(request.app.state.figures.registry)
    return Response(
        body, headers={"content-type": CONTENT_TYPE_LATEST, "cache-control": "no-store"}
    )
