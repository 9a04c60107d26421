"""What routers share: session, language, box, page size, and the refusal of unknown parameters.

Dependencies are coroutines even where they await nothing: others are run in a thread, each time.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection
from typing import Annotated, Any, TypeVar

from fastapi import Depends, Query, Request
from fastapi.dependencies.utils import get_flat_params
from fastapi.exceptions import RequestValidationError
from fastapi.params import Query as QueryParameter
from fastapi.routing import APIRoute
from pydantic import BaseModel, ValidationError
from sqlalchemy.ext.asyncio import AsyncSession

from gis_service.errors import InvalidInput
from gis_service.settings import Settings

Model = TypeVar("Model", bound=BaseModel)
LANGUAGES = ("zh", "en")
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


async def get_session(request: Request) -> AsyncIterator[AsyncSession]:
    """A session that lives until the route's function returns; writing routes commit.

    What is asked for with GET needs no transaction: each statement sees what is committed, as it
    would inside one, and the round trips of beginning and ending it are saved.
    """
    state = request.app.state
    sessions = state.reading_sessions if request.method in SAFE_METHODS else state.sessions
    async with sessions() as session:
        yield session


async def get_app_settings(request: Request) -> Settings:
    """The settings this application was made with."""
    settings: Settings = request.app.state.settings
    return settings


def service_address(request: Request) -> str:
    """The address by which browsers know this service, without a slash at its end."""
    settings: Settings = request.app.state.settings
    return (settings.public_url or str(request.base_url)).rstrip("/")


def locale_of(request: Request) -> str:
    """``zh`` or ``en``: ``?lang=``, else the first known language of Accept-Language, else zh."""
    asked = request.query_params.get("lang")
    if asked in LANGUAGES:
        return asked
    for part in request.headers.get("accept-language", "").split(","):
        tag = part.split(";")[0].strip().lower()[:2]
        if tag in LANGUAGES:
            return tag
    return "zh"


async def asked_locale(request: Request) -> str:
    """:func:`locale_of` as a dependency."""
    return locale_of(request)


async def refuse_unknown_parameters(request: Request) -> None:
    """A misspelt filter must not silently mean 'everything': 400 names it."""
    route = request.scope.get("route")
    if request.query_params and isinstance(route, APIRoute):
        check_parameters(request, parameters_of(route))


def parameters_of(route: APIRoute) -> frozenset[str]:
    """The query parameters that a route declares, its dependencies' included."""
    known: frozenset[str] | None = route.__dict__.get("query_parameters")
    if known is None:
        known = frozenset(
            field.alias
            for field in get_flat_params(route.dependant)
            if isinstance(field.field_info, QueryParameter)
        )
        route.__dict__["query_parameters"] = known  # collected once: it walks every dependency
    return known


def check_parameters(request: Request, known: Collection[str]) -> None:
    """Raise InvalidInput for a query parameter outside ``known`` (``lang`` is always known)."""
    for name in request.query_params:
        if name not in known and name != "lang":
            raise InvalidInput(
                f"unknown parameter; known here: {', '.join(sorted(known)) or 'none'}",
                f"未知参数；可用参数：{'、'.join(sorted(known)) or '无'}",
                where=name,
            )


def read_query(request: Request, model: type[Model]) -> Model:
    """The query parameters as ``model``, checked in one go: for routes that are asked most, where
    a declared parameter each costs more than the answer. Describe them by
    :func:`describe_query`. Raises RequestValidationError naming the parameter."""
    try:
        return model.model_validate(dict(request.query_params))
    except ValidationError as problem:
        raise RequestValidationError(problem.errors()) from None


def describe_query(model: type[BaseModel]) -> dict[str, Any]:
    """The ``openapi_extra`` of a route that uses :func:`read_query`."""
    schema = model.model_json_schema()
    required = set(schema.get("required", ()))
    return {
        "parameters": [
            {"name": name, "in": "query", "required": name in required,
             "description": field.pop("description", ""), "schema": field}
            for name, field in schema["properties"].items()
        ]
    }  # fmt: skip


def parse_bbox(value: str | None) -> tuple[float, float, float, float] | None:
    """``west,south,east,north`` in WGS84 degrees. Raises InvalidInput for anything else."""
    if value is None:
        return None
    try:
        west, south, east, north = (float(part) for part in value.split(","))
    except ValueError:
        raise InvalidInput(
            f"{value!r} is no west,south,east,north", f"{value!r} 不是 西,南,东,北",
            where="bbox",
        ) from None  # fmt: skip
    if not (-180 <= west < east <= 180 and -90 <= south < north <= 90):
        raise InvalidInput(
            f"{value!r}: want -180 ≤ west < east ≤ 180 and -90 ≤ south < north ≤ 90",
            f"{value!r}：须满足 -180 ≤ 西 < 东 ≤ 180，-90 ≤ 南 < 北 ≤ 90",
            where="bbox",
        )
    return west, south, east, north


# given back before the answer is sent: a client that takes its answer slowly must not hold a
# connection to the database meanwhile. What streams rows takes a session of its own.
SessionDependency = Annotated[AsyncSession, Depends(get_session, scope="function")]
SettingsDependency = Annotated[Settings, Depends(get_app_settings)]
LocaleDependency = Annotated[str, Depends(asked_locale)]
Limit = Annotated[int, Query(ge=1, le=1000, description="items per page")]
Page = dict[str, Any]
