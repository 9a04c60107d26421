"""The application under ``/ogc``: tipg's endpoints, our collections, checks and errors."""

from __future__ import annotations

import logging
from functools import lru_cache
from typing import Any

from asyncpg.exceptions import (
    InterfaceError,
    InternalClientError,
    PostgresError,
    QueryCanceledError,
)
from fastapi import Depends, FastAPI, Request, Response
from fastapi.responses import RedirectResponse
from starlette.types import Receive, Scope, Send
from tipg import model
from tipg.dependencies import filter_query
from tipg.errors import NotFound as NothingThere
from tipg.errors import TiPgError
from tipg.factory import COMMON_CONFORMS, Endpoints
from tipg.resources.response import ORJSONResponse

from gis_service.accounts.dependencies import public
from gis_service.errors import InvalidInput, NotFound, NotReady
from gis_service.interop.ogc.checking import asked_filter, check_request
from gis_service.interop.ogc.collections import collection_of, collections_of

log = logging.getLogger(__name__)

PREFIX = "/ogc"


class JsonEndpoints(Endpoints):
    """Features and tiles without pages: those of the library fetch their scripts elsewhere."""

    @property
    def conforms_to(self) -> list[str]:
        return [one for one in super().conforms_to if not one.endswith("/html")]

    def _conformance_route(self) -> None:
        @self.router.get("/conformance", response_class=ORJSONResponse, tags=["OGC Common"])
        async def conformance() -> dict[str, Any]:
            """What the service conforms to."""
            common = [one for one in COMMON_CONFORMS if not one.endswith("/html")]
            return model.Conformance(conformsTo=[*common, *self.conforms_to]).model_dump()


class JsonOnly:
    """Browsers ask for HTML first; they get what programs get. Links are those of an application
    of its own: the one it is mounted in has routes of the same names."""

    def __init__(self, app: FastAPI) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            headers = [
                (name, value)
                for name, value in scope["headers"]
                if name != b"accept" or b"text/html" not in value
            ]
            kept = {name: scope[name] for name in scope if name not in ("router", "app_root_path")}
            scope = {**kept, "headers": headers}
        await self.app(scope, receive, send)


@lru_cache
def _endpoints(title: str) -> JsonEndpoints:
    """The library's routes: they hold nothing of an application, and take long to describe."""
    return JsonEndpoints(
        title=title, with_tiles_viewer=False,
        # FastAPI awaits them, the annotations of the library do not say so
        collection_dependency=collection_of,  # type: ignore[arg-type]
        collections_dependency=collections_of,  # type: ignore[arg-type]
    )  # fmt: skip


def make_ogc(app: FastAPI) -> JsonOnly:
    """The application to mount at ``/ogc``; it shares the state of ``app``, and its errors."""
    ogc = FastAPI(
        title="OGC API – Features and Tiles", version=app.version, openapi_url=None,
        docs_url=None, redoc_url=None, dependencies=[Depends(public()), Depends(check_request)],
    )  # fmt: skip
    ogc.state = app.state
    ogc.include_router(_endpoints(app.title).router)
    ogc.dependency_overrides[filter_query] = asked_filter

    @ogc.get("/api", name="openapi", include_in_schema=False)
    async def definition() -> dict[str, Any]:
        return {**ogc.openapi(), "servers": [{"url": PREFIX}]}

    # the library's landing page links to a page of documentation by this name
    @ogc.get("/api.html", name="swagger_ui_html", include_in_schema=False)
    async def describe(request: Request) -> Response:
        return RedirectResponse(request.url_for("openapi"))

    for kind, handler in app.exception_handlers.items():
        ogc.add_exception_handler(kind, handler)

    async def refused(request: Request, problem: Exception) -> Response:
        told = NotFound if isinstance(problem, NothingThere) else InvalidInput
        return await _told(app, request, told(str(problem)))

    async def away(request: Request, problem: Exception) -> Response:
        """The database is gone, is coming back, or has no connection left."""
        log.warning("database, at %s: %s: %s", request.url.path, type(problem).__name__, problem)
        return await _told(app, request, NotReady(
            "the database does not answer in time; try again in a moment",
            "数据库暂时没有响应，请稍后重试"))  # fmt: skip

    async def database_refused(request: Request, problem: Exception) -> Response:
        assert isinstance(problem, PostgresError)  # noqa: S101 - registered for these only
        if isinstance(problem, QueryCanceledError):
            return await _told(app, request, NotReady("takes too long; ask for less",
                                                      "查询超时，请缩小范围"))  # fmt: skip
        if problem.sqlstate and problem.sqlstate[:2] in ("08", "53", "57"):
            return await away(request, problem)
        # 22: a value, 42: an operator that the property's type does not have, XX: a geometry
        if problem.sqlstate and problem.sqlstate[:2] in ("22", "42", "XX"):
            return await _told(app, request, InvalidInput(f"not possible: {problem}",
                                                          f"无法执行：{problem}"))  # fmt: skip
        raise problem

    ogc.add_exception_handler(TiPgError, refused)
    ogc.add_exception_handler(PostgresError, database_refused)
    # a connection that was lost, in the midst of an operation too, or cannot be made
    for kind in (InterfaceError, InternalClientError, OSError):
        ogc.add_exception_handler(kind, away)
    return JsonOnly(ogc)


async def _told(app: FastAPI, request: Request, problem: Exception) -> Response:
    for kind in type(problem).__mro__:
        handler = app.exception_handlers.get(kind)
        if handler is not None:
            answer: Response = await handler(request, problem)  # type: ignore[misc]
            return answer
    raise problem
