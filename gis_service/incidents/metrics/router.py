"""HTTP: figures of incidents in groups, as JSON and as tables to take home."""

from __future__ import annotations

import asyncio
import base64
import binascii
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

import orjson
from fastapi import APIRouter, Depends, Query, Request, Response
from sqlalchemy.ext.asyncio import AsyncSession

from gis_service.accounts.dependencies import SignedIn, allow
from gis_service.accounts.identity import Identity
from gis_service.dependencies import LocaleDependency, SessionDependency, check_parameters
from gis_service.errors import InvalidInput
from gis_service.hierarchy.models import LEVELS, Level
from gis_service.incidents.filters import PARAMETERS
from gis_service.incidents.metrics import telling
from gis_service.incidents.metrics.grouping import (
    DIMENSIONS,
    PERIODS,
    Boundaries,
    Groups,
    Moment,
    measure_all,
)
from gis_service.incidents.metrics.schemas import MetricsPage
from gis_service.incidents.router import FILTERS, filter_of, scoped
from gis_service.sheets import as_csv, as_xlsx

router = APIRouter(prefix="/api", tags=["metrics"], dependencies=[Depends(allow("metrics.read"))])
MOST_DIMENSIONS = 3
MOST_EXPORTED = 100_000
MEDIA = {
    "csv": "text/csv; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}

By = Annotated[
    str | None,
    Query(max_length=100, description=f"up to 3 of {', '.join(DIMENSIONS)}, joined by commas"),
]
LevelAsked = Annotated[Level | None, Query(description="groups by areas of this level first")]
BoundariesAsked = Annotated[Boundaries, Query(description="areas as they are, or as filed")]
TimeAsked = Annotated[
    Moment, Query(description="what from, to and periods mean: the report, or the deadline")
]


@dataclass(frozen=True)
class Asked:
    """Groups with the names of what they are."""

    groups: Groups
    names: telling.Names
    total: dict[str, Any]
    version: int
    now: datetime


@router.get("/metrics", response_model=MetricsPage, openapi_extra=FILTERS)
async def metrics(
    request: Request,
    session: SessionDependency,
    identity: SignedIn,
    locale: LocaleDependency,
    level: LevelAsked = None,
    by: By = None,
    boundaries: BoundariesAsked = "current",
    time: TimeAsked = "reported",
    cursor: Annotated[str | None, Query(max_length=400)] = None,
    limit: Annotated[int, Query(ge=1, le=5000, description="groups per page")] = 1000,
) -> Response:
    """How early incidents are found and how fast and well they are handled, in the asker's scope.

    Durations run from the report by the clock; shares and durations say what they rest on."""
    check_parameters(request, {*PARAMETERS, "level", "by", "boundaries", "time", "cursor", "limit"})
    dimensions = parse_dimensions(level, by)
    asked = await _ask(request, session, identity, dimensions, boundaries, time, locale)
    groups = asked.groups
    first = _place_behind(groups, cursor)
    page = telling.items(groups, asked.names, first, limit)
    more = first + len(page) < len(groups)
    return Response(
        orjson.dumps(
            {
                "items": page,
                "next": _write_cursor(groups, first + len(page) - 1) if more else None,
                "groups": len(groups),
                "total": asked.total,
                "by": list(dimensions),
                "boundaries": boundaries,
                "time": time,
                "now": asked.now,
                "data_version": asked.version,
            }
        ),
        media_type="application/json",
    )


@router.get("/metrics/export", openapi_extra=FILTERS)
async def export_metrics(
    request: Request,
    session: SessionDependency,
    identity: SignedIn,
    locale: LocaleDependency,
    format: Annotated[Literal["csv", "xlsx"], Query()] = "xlsx",
    level: LevelAsked = None,
    by: By = None,
    boundaries: BoundariesAsked = "current",
    time: TimeAsked = "reported",
) -> Response:
    """The same figures as a table, hours instead of seconds; blank where nothing was measured."""
    check_parameters(request, {*PARAMETERS, "format", "level", "by", "boundaries", "time"})
    dimensions = parse_dimensions(level, by)
    asked = await _ask(request, session, identity, dimensions, boundaries, time, locale)
    if len(asked.groups) > MOST_EXPORTED:
        raise InvalidInput(
            f"{len(asked.groups)} groups are too many for a table; group by less or filter more",
            f"分组过多（{len(asked.groups)} 组），请减少分组维度或缩小筛选范围",
            where="by",
        )

    def made() -> bytes:
        rows = telling.items(asked.groups, asked.names, 0, len(asked.groups))
        head, lines = telling.table(rows, dimensions, locale)
        if format == "csv":
            return as_csv(head, lines)
        return as_xlsx(head, lines, "指标" if locale == "zh" else "figures")

    return Response(
        await asyncio.to_thread(made),
        media_type=MEDIA[format],
        headers={"Content-Disposition": f'attachment; filename="metrics.{format}"'},
    )


def parse_dimensions(level: str | None, by: str | None) -> tuple[str, ...]:
    """The dimensions of ``level`` and ``by``. Raises InvalidInput naming ``by``."""
    names = ([level] if level else []) + [part for part in (by or "").split(",") if part]
    out = tuple(dict.fromkeys(names))
    for name in out:
        if name not in DIMENSIONS:
            raise InvalidInput(
                f"unknown {name!r}; one of {', '.join(DIMENSIONS)}",
                f"未知分组 {name!r}；可用：{'、'.join(DIMENSIONS)}",
                where="by",
            )
    if len(out) > MOST_DIMENSIONS or len([name for name in out if name in PERIODS]) > 1:
        raise InvalidInput(
            f"at most {MOST_DIMENSIONS} dimensions, and one period among them",
            f"最多 {MOST_DIMENSIONS} 个分组维度，且只能有一个时间维度",
            where="by",
        )
    return out


async def _ask(
    request: Request,
    session: AsyncSession,
    identity: Identity,
    dimensions: tuple[str, ...],
    boundaries: Boundaries,
    time: Moment,
    locale: str,
) -> Asked:
    state = request.app.state
    snapshot, reference = state.incidents.current, state.reference.current
    wanted = replace(filter_of(request), visible=scoped(request, identity))
    zone = ZoneInfo(state.settings.timezone)
    now = datetime.now(UTC).replace(second=0, microsecond=0)

    def work() -> tuple[Groups, dict[str, Any]]:
        groups, whole = measure_all(
            snapshot, wanted, (dimensions, ()), zone, now, boundaries=boundaries, moment=time
        )
        return groups, telling.figures(whole, 0) if len(whole) else telling.nothing()

    groups, total = await asyncio.to_thread(work)
    name = "name" if locale == "zh" else "name_en"

    def named(rows: Any) -> dict[int, dict[str, str]]:
        return {row["id"]: {"code": row["code"], "name": row[name]} for row in rows.values()}

    names: dict[str, Any] = {
        "class": named(reference.classes), "unit": named(reference.units),
        "squad": named(reference.squads),
    }  # fmt: skip
    areas = {int(one) for level in LEVELS if level in groups.values for one in groups.values[level]}
    found = await state.area_names.of(session, areas - {-1})
    names.update(dict.fromkeys(LEVELS, found))
    return Asked(groups, names, total, snapshot.version, now)


def _write_cursor(groups: Groups, row: int) -> str:
    values = [int(groups.values[name][row]) for name in groups.dimensions]
    return base64.urlsafe_b64encode(orjson.dumps([groups.dimensions, values])).decode().rstrip("=")


def _place_behind(groups: Groups, cursor: str | None) -> int:
    """The first group behind the one of the cursor; groups stand in the order of their values."""
    if not cursor:
        return 0
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        dimensions, values = orjson.loads(base64.urlsafe_b64decode(padded))
        if tuple(dimensions) != groups.dimensions:
            raise ValueError
        last = tuple(int(value) for value in values)
        if len(last) != len(groups.dimensions):
            raise ValueError
    except (ValueError, TypeError, binascii.Error):
        raise InvalidInput(
            "not a cursor of this list; start without one", "无效的翻页游标，请从头开始",
            where="cursor",
        ) from None  # fmt: skip
    columns = [groups.values[name].tolist() for name in groups.dimensions]
    rows = list(zip(*columns, strict=True)) if columns else [()] * len(groups)
    return next((place for place, row in enumerate(rows) if row > last), len(rows))
