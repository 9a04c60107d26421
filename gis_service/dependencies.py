"""What routers share: session, language, box, page size, and the refusal of unknown parameters."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import Depends, Query, Request
from fastapi.dependencies.utils import get_flat_params
from fastapi.params import Query as QueryParameter
from fastapi.routing import APIRoute
from sqlalchemy.ext.asyncio import AsyncSession

from gis_service.errors import InvalidInput
from gis_service.settings import Settings

LANGUAGES = ("zh", "en")


async def get_session(request: Request) -> AsyncIterator[AsyncSession]:
    """A session that lives as long as the request; writing routes commit."""
    async with request.app.state.sessions() as session:
        yield session


def get_app_settings(request: Request) -> Settings:
    """The settings this application was made with."""
    settings: Settings = request.app.state.settings
    return settings


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


def refuse_unknown_parameters(request: Request) -> None:
    """A misspelt filter must not silently mean 'everything': 400 names it."""
    route = request.scope.get("route")
    if not isinstance(route, APIRoute):
        return
    known = {
        field.alias
        for field in get_flat_params(route.dependant)
        if isinstance(field.field_info, QueryParameter)
    }
    check_parameters(request, known)


def check_parameters(request: Request, known: set[str]) -> None:
    """Raise InvalidInput for a query parameter outside ``known`` (``lang`` is always known)."""
    for name in request.query_params:
        if name not in known and name != "lang":
            raise InvalidInput(
                f"unknown parameter; known here: {', '.join(sorted(known)) or 'none'}",
                f"未知参数；可用参数：{'、'.join(sorted(known)) or '无'}",
                where=name,
            )


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


SessionDependency = Annotated[AsyncSession, Depends(get_session)]
SettingsDependency = Annotated[Settings, Depends(get_app_settings)]
LocaleDependency = Annotated[str, Depends(locale_of)]
Limit = Annotated[int, Query(ge=1, le=1000, description="items per page")]
Page = dict[str, Any]
