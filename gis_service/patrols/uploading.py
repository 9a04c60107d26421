"""A file of a walk becomes fixes, tracks and visits of one officer, all or nothing."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import text
from sqlalchemy.orm import Session

from gis_service.hierarchy.locating import Locator
from gis_service.patrols.cleaning import Fixes
from gis_service.patrols.deriving import rebuild_visits
from gis_service.patrols.devices import UPLOAD, upload_device
from gis_service.patrols.reading import read_walk
from gis_service.patrols.storing import store_fixes
from gis_service.responsibility.models import Officer
from gis_service.settings import Settings

SETTLE = text("""
    UPDATE received_day SET pending = false
    WHERE officer_id = :officer AND pending AND day BETWEEN :first AND :last
""")
_ON_LEAVE = (
    "{n:,} positions were recorded while {officer} is on leave; they are not kept",
    "{n:,} 个位置在 {officer} 请假期间记录，未保存",
)
_OFF_DUTY = (
    "{n:,} positions lie outside duty hours; they are not kept unless the officer wants it",
    "{n:,} 个位置在上班时间之外，除非队员本人要求，不予保存",
)
_CONFLICTING = (
    "{n:,} positions differ from those kept of the same moments; the kept ones stay",
    "{n:,} 个位置与已保存的同一时刻不一致，保留原有位置",
)
_UNTIMED = ("{n:,} points have no usable time", "{n:,} 个点没有可用的时间")
_NOTES = {
    "on_leave": _ON_LEAVE, "dropped_off_duty": _OFF_DUTY, "conflicting": _CONFLICTING,
    "untimed": _UNTIMED,
}  # fmt: skip


def take_tracks(
    session: Session,
    settings: Settings,
    locator: Locator,
    data: bytes,
    officer: Officer,
    *,
    where: str,
    now: datetime,
    crs: str | None = None,
    label: str = UPLOAD,
    keep_off_duty: bool = False,
    locale: str = "zh",
) -> dict[str, Any]:
    """Keep a GPX or GeoJSON file of ``officer``, recorded by a device called ``label``, and derive
    its visits; the caller commits.

    Answers the counts of :class:`gis_service.patrols.storing.Stored` and ``unplaced`` (loaded
    fixes in no grid), ``tracks``, ``visits`` and the cleaning's ``report`` of the walks touched,
    ``crs``, and ``warnings`` in words. Raises InvalidInput; nothing is kept then.
    """
    walk = read_walk(data, where, crs, ZoneInfo(settings.timezone))
    device = upload_device(session, officer, label)
    grids = locator.placer.polygons("grid") if locator.placer else None
    stored = store_fixes(
        session, settings, device.id, walk.at, walk.lon, walk.lat, walk.accuracy_m,
        now=now, keep_off_duty=keep_off_duty, grids=grids[0] if grids else None,
    )  # fmt: skip
    _, out_of_order = Fixes.sort([0] * len(walk), walk.at, walk.lon, walk.lat)
    answer: dict[str, Any] = {
        **stored.as_json(), "out_of_order": out_of_order, "crs": walk.crs, "format": walk.format,
        "officer": officer.code, "tracks": 0, "visits": 0, "report": {},
    }  # fmt: skip
    if stored.since is not None and stored.until is not None:
        derived = rebuild_visits(
            session, settings, officers=[officer.id], since=stored.since, until=stored.until,
            locator=locator,
        )  # fmt: skip
        answer |= {"tracks": derived.tracks, "visits": derived.visits, "report": derived.report}
        zone = ZoneInfo(settings.timezone)
        days = {"first": stored.since.astimezone(zone).date(),
                "last": stored.until.astimezone(zone).date()}  # fmt: skip
        session.execute(SETTLE, {"officer": officer.id, **days})
    answer["warnings"] = [
        words[0 if locale == "en" else 1].format(n=answer[name], officer=officer.code)
        for name, words in _NOTES.items()
        if answer[name]
    ]
    return answer
