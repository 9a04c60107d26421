"""What the lists of communities share: places, spans, and the same rows as JSON, CSV or XLSX."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

import orjson
from fastapi import Depends, File, Query, Request, Response, UploadFile
from sqlalchemy import text
from sqlalchemy.orm import Session

from gis_service.accounts.dependencies import SignedIn
from gis_service.accounts.identity import Identity
from gis_service.communities.scope import Scope, scope_of
from gis_service.dependencies import LocaleDependency, SessionDependency, SettingsDependency
from gis_service.errors import InvalidInput, TooLarge
from gis_service.incidents.filters import parse_moment
from gis_service.settings import Settings
from gis_service.sheet_reading import MOST_BYTES
from gis_service.sheets import as_csv, as_xlsx, cell

MOST_EXPORTED = 20_000
PRIVATE = {"Cache-Control": "private, no-store"}
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
Format = Annotated[
    Literal["json", "csv", "xlsx"], Query(description="csv and xlsx open in a spreadsheet")
]
Cursor = Annotated[str | None, Query(max_length=100, description="'next' of the page before")]
_KNOWN = text("""
    SELECT EXISTS (SELECT 1 FROM area WHERE level = :level AND code = :code)
""")


@dataclass(frozen=True)
class Places:
    """Which communities are asked for, inside the asker's scope."""

    scope: Scope
    street: str | None
    community: str | None

    @property
    def conditions(self) -> dict[str, Any]:
        """As arguments of the queries."""
        return {"scope": self.scope.ids, "street": self.street, "community": self.community}


async def _places(
    session: SessionDependency,
    identity: SignedIn,
    street: Annotated[str | None, Query(max_length=64, description="code")] = None,
    community: Annotated[str | None, Query(max_length=64, description="code")] = None,
) -> Places:
    def read(sync: Session) -> Places:
        for level, code, zh in (("street", street, "街道"), ("community", community, "社区")):
            known = _KNOWN, {"level": level, "code": code}
            if code is not None and not sync.execute(*known).scalar():
                raise InvalidInput(f"no {level} {code!r}", f"没有{zh} {code!r}", where=level)
        return Places(scope_of(sync, identity), street, community)

    return await session.run_sync(read)


AskedPlaces = Annotated[Places, Depends(_places)]


@dataclass(frozen=True)
class Span:
    """``[since, until)``, UTC; None is open."""

    since: datetime | None
    until: datetime | None


async def _span(
    settings: SettingsDependency,
    from_: Annotated[
        str | None, Query(alias="from", description="ISO date or time, inclusive")
    ] = None,
    to: Annotated[str | None, Query(description="ISO date or time, exclusive")] = None,
) -> Span:
    zone = ZoneInfo(settings.timezone)
    since, until = parse_moment(from_, zone, "from"), parse_moment(to, zone, "to")
    if since and until and since >= until:
        raise InvalidInput("'from' must lie before 'to'", "from 须早于 to", where="from")
    return Span(since, until)


AskedSpan = Annotated[Span, Depends(_span)]


def json_of(body: Any, status: int = 200) -> Response:
    """JSON that no cache on the way keeps."""
    return Response(orjson.dumps(body), status, media_type="application/json", headers=PRIVATE)


@dataclass(frozen=True)
class GivenSheet:
    """A sheet that is sent to be taken in."""

    request: Request
    settings: Settings
    identity: Identity
    locale: str
    file: UploadFile
    dry_run: bool

    async def taken_by(self, load: Callable[..., dict[str, Any]], **more: Any) -> Response:
        """Take it in with ``load(session, settings, identity, data, file name, …)``, which writes
        all of it or, where a row has a fault, nothing but what it read of people into the audit
        log."""
        data = await self.file.read(MOST_BYTES + 1)
        name = (self.file.filename or "sheet").replace("\x00", "")[:200]

        def work() -> dict[str, Any]:
            with self.request.app.state.blocking_sessions() as session:
                found = load(
                    session, self.settings, self.identity, data, name,
                    locale=self.locale, dry_run=self.dry_run, **more,
                )  # fmt: skip
                session.commit()
                return found

        return imported(await asyncio.to_thread(work), name, self.locale)


async def _given(
    request: Request,
    settings: SettingsDependency,
    identity: SignedIn,
    locale: LocaleDependency,
    file: Annotated[UploadFile, File(description="XLSX or CSV")],
    dry_run: Annotated[bool, Query(description="check only")] = False,
) -> GivenSheet:
    return GivenSheet(request, settings, identity, locale, file, dry_run)


AskedSheet = Annotated[GivenSheet, Depends(_given)]


def imported(found: dict[str, Any], name: str, locale: str) -> Response:
    """What became of a sheet: 400 with every fault and its cell where it has one."""
    if not found["faults"]:
        return json_of(found)
    zh = locale == "zh"
    count = found["faults_in_all"]
    problem = {
        "type": "about:blank", "status": 400, "title": "请求无效" if zh else "invalid request",
        "detail": f"{name}：{count} 处错误，未导入任何行" if zh
        else f"{name}: {count} faults, nothing was imported",
        **found,
    }  # fmt: skip
    return Response(orjson.dumps(problem), 400, media_type="application/problem+json")


def sheet_file(
    format_: str, name: str, title: tuple[str, str], table: tuple[Any, Any], locale: str
) -> Response:
    """A ``table`` (head, lines) as a file to download; ``title`` in zh and en names its sheet."""
    if format_ == "csv":
        body, media = as_csv(*table), "text/csv; charset=utf-8"
    else:
        body, media = as_xlsx(*table, title[locale != "zh"]), XLSX
    disposition = {"Content-Disposition": f'attachment; filename="{name}.{format_}"'}
    return Response(body, media_type=media, headers={**disposition, **PRIVATE})


def whole(rows: Sequence[Any]) -> Sequence[Any]:
    """The rows of an export. Raises TooLarge rather than leave some out."""
    if len(rows) > MOST_EXPORTED:
        raise TooLarge(
            f"more than {MOST_EXPORTED} rows: ask for less at once",
            f"超过 {MOST_EXPORTED} 行，请缩小范围",
        )
    return rows


def page_of(rows: Sequence[Any], limit: int, cursor: Any) -> tuple[Sequence[Any], str | None]:
    """Of up to ``limit`` + 1 rows the page, and the cursor that ``cursor(row)`` makes of its last
    one where there are more."""
    return rows[:limit], (str(cursor(rows[limit - 1])) if len(rows) > limit else None)


@dataclass(frozen=True)
class Sheet:
    """A table to take home: ``columns`` is field → heading in zh and en."""

    name: str
    title: tuple[str, str]
    columns: Mapping[str, tuple[str, str]]

    def response(self, format_: str, rows: Iterable[Mapping[str, Any]], locale: str) -> Response:
        """The rows as a file to download."""
        place = 0 if locale == "zh" else 1
        head = [heading[place] for heading in self.columns.values()]
        lines = [[cell(row.get(field), locale) for field in self.columns] for row in rows]
        return sheet_file(format_, self.name, self.title, (head, lines), locale)
