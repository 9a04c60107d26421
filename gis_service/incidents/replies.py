"""What goes back to who reported: a reply, the return of a report (退单), a call-back (回访)."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Session

from gis_service.accounts.identity import Identity
from gis_service.errors import InvalidInput, NotFound
from gis_service.incidents.changing import locked, write
from gis_service.incidents.filters import IncidentFilter, to_sql
from gis_service.incidents.models import ENDED_STATES
from gis_service.incidents.visibility import Visible, may_see

# what a report may wait for, once its incident has ended
WAITING = {
    "reply": "r.reply IS NULL AND r.returned_at IS NULL",
    "call_back": "r.called_back_at IS NULL AND r.returned_at IS NULL AND r.rating IS NULL",
    "nothing": "r.reply IS NOT NULL",
}
FIELDS = ("reply", "returned", "called_back", "rating", "rating_text")


def answer(
    session: Session,
    identity: Identity,
    incident_id: int,
    report_id: int,
    fields: dict[str, Any],
    at: datetime,
) -> None:
    """Note what was sent back or heard; one log row. The caller commits.

    ``fields`` are those given of ``FIELDS``: ``reply`` (text), ``returned`` and ``called_back``
    (True: now), ``rating`` (1 to 5, heard in a call-back) with ``rating_text``. Raises NotFound
    for a report of another incident or scope, InvalidInput for a rating without a call-back.
    """
    row = locked(session, incident_id)
    if not may_see(session, identity, row):
        raise NotFound(f"no incident {incident_id}", f"没有案件 {incident_id}")
    report = session.execute(
        text("SELECT id, called_back_at FROM report WHERE id = :id AND incident_id = :incident"),
        {"id": report_id, "incident": incident_id},
    ).one_or_none()
    if report is None:
        raise NotFound(f"no report {report_id} of this incident", f"该案件没有上报 {report_id}")
    given = {name: value for name, value in fields.items() if value not in (None, False, "")}
    if not given:
        raise InvalidInput(
            "nothing to note: a reply, a return or a call-back", "请填写答复、退单或回访",
            where="reply",
        )  # fmt: skip
    if "rating" in given and not (given.get("called_back") or report.called_back_at):
        raise InvalidInput(
            "a rating is heard in a call-back; note that too", "满意度须在回访时登记",
            where="called_back",
        )  # fmt: skip
    values: dict[str, Any] = {
        name: given[name] for name in ("reply", "rating", "rating_text") if name in given
    }
    for name in ("returned", "called_back"):
        if given.get(name):
            values[f"{name}_at"] = at
    sets = ", ".join(f"{name} = :{name}" for name in values)
    session.execute(text(f"UPDATE report SET {sets} WHERE id = :id"), {**values, "id": report_id})
    write(
        session, row, action="reply", actor=identity.name, at=at,
        detail={"report": report_id, **given},
    )  # fmt: skip


async def list_reports(
    session: AsyncSession,
    visible: Visible | None,
    *,
    waiting: str | None,
    source: str | None,
    before: int | None,
    limit: int,
) -> list[dict[str, Any]]:
    """Reports of ended incidents in a scope, newest first: what was said, what became of it, what
    was sent back. ``waiting``: only those that wait for that."""
    condition, values = to_sql(IncidentFilter(states=tuple(ENDED_STATES), visible=visible))
    wanted = WAITING[waiting] if waiting else "TRUE"
    rows = await session.execute(
        text(
            "SELECT r.id, r.incident_id, i.code, i.state, i.class_name, r.source, r.external_id, "
            "r.reported_at, r.description, i.closed_at, i.due_at, i.their_due_at, u.name AS unit, "
            "r.reply, r.returned_at, r.called_back_at, r.rating, r.rating_text "
            "FROM report r JOIN incident i ON i.id = r.incident_id "
            f"LEFT JOIN unit u ON u.id = i.unit_id WHERE {condition} AND {wanted} "
            "AND (CAST(:source AS text) IS NULL OR r.source = :source) "
            "AND (CAST(:before AS bigint) IS NULL OR r.id < :before) "
            "ORDER BY r.id DESC LIMIT :limit"
        ),
        {**values, "source": source, "before": before, "limit": limit},
    )
    return [dict(row) for row in rows.mappings()]


COLUMNS = {
    "source": ("来源", "source"),
    "external_id": ("外部编号", "external number"),
    "code": ("案件编号", "case"),
    "class_name": ("类别", "class"),
    "reported_at": ("上报时间", "reported"),
    "description": ("内容", "what was said"),
    "state": ("状态", "state"),
    "unit": ("承办单位", "unit"),
    "due_at": ("时限", "due"),
    "their_due_at": ("来源方时限", "due by the source"),
    "closed_at": ("结案时间", "closed"),
    "reply": ("答复", "reply"),
    "returned_at": ("退单时间", "returned"),
    "called_back_at": ("回访时间", "called back"),
    "rating": ("满意度", "rating"),
    "rating_text": ("评价", "in words"),
}


def sheet(
    rows: list[dict[str, Any]], locale: str, zone: ZoneInfo
) -> tuple[list[str], list[list[Any]]]:
    """Head and rows of ``list_reports`` for a spreadsheet; times in ``zone``."""

    def cell(value: Any) -> Any:
        if isinstance(value, datetime):
            return value.astimezone(zone).strftime("%Y-%m-%d %H:%M")
        return "" if value is None else value

    head = [names[0 if locale == "zh" else 1] for names in COLUMNS.values()]
    return head, [[cell(row[name]) for name in COLUMNS] for row in rows]
