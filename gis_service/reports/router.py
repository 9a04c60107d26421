"""HTTP: the review documents."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import HTMLResponse

from gis_service.accounts.dependencies import allow
from gis_service.dependencies import (
    LocaleDependency,
    SettingsDependency,
    refuse_unknown_parameters,
)
from gis_service.reports.document import Document
from gis_service.reports.review import Review, parse_period
from gis_service.reports.writing import as_docx, as_html

DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"

router = APIRouter(
    prefix="/api", tags=["reports"], dependencies=[Depends(refuse_unknown_parameters)]
)


@router.get("/reports/review", dependencies=[Depends(allow("report.read"))])
async def review(
    request: Request,
    settings: SettingsDependency,
    locale: LocaleDependency,
    period: Annotated[str, Query(max_length=10, description="2026 or 2026-10")],
    format: Annotated[Literal["html", "docx"], Query()] = "html",
) -> Response:
    """月度通报或年终总结: the review of a month or a year, with maps and charts; every figure leads
    to its list."""
    asked = parse_period(period)
    state = request.app.state

    def gather() -> Document:
        with state.blocking_sessions() as session:
            return Review(
                session, settings, state.incidents.current, asked, locale, datetime.now(UTC)
            ).document()

    document = await asyncio.to_thread(gather)
    if format == "docx":
        origin = f"{request.url.scheme}://{request.url.netloc}"
        data = await asyncio.to_thread(as_docx, document, origin)
        name = f"review-{asked.label}.docx"
        return Response(
            data, media_type=DOCX,
            headers={"Content-Disposition": f'attachment; filename="{name}"'},
        )  # fmt: skip
    other = "en" if locale == "zh" else "zh"
    here = f"{request.url.path}?period={asked.label}"
    return HTMLResponse(
        as_html(document, f"{here}&lang={other}", f"{here}&format=docx&lang={locale}"),
        headers={"Cache-Control": "private, no-cache"},
    )
