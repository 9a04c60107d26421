"""Measure a campaign: read, analyse, tell."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
from sqlalchemy import select
from sqlalchemy.orm import Session

from gis_service.analysis.effect import AFTER, BEFORE, Effect, measure
from gis_service.campaigns import measure_queries as read
from gis_service.campaigns import words
from gis_service.campaigns.measuring import (
    LONGEST_DAYS,
    SEED,
    SOURCE_GROUPS,
    TooSoon,
    Windows,
    choose_windows,
    panel_of,
    weeks_of,
)
from gis_service.campaigns.models import Campaign
from gis_service.campaigns.queries import class_ids
from gis_service.errors import NotFound
from gis_service.events.feed import publish
from gis_service.settings import Settings

MOST_AT_ONCE = 50  # campaigns that one turn measures again
EFFORT = 1.5  # visits that changed by this factor, against the comparison, are told
METHOD = "difference in differences of counts, permutation over grids"


@dataclass(frozen=True)
class Measurement:
    """What was measured; ``effect`` None where no windows could be made. ``warnings`` are what
    speaks against a claim or prevents one, ``notes`` what could not be checked or was left out.
    ``visits``: of the treated and the compared grids, (before, after)."""

    code: str
    warnings: tuple[str, ...]
    notes: tuple[str, ...] = ()
    ready_on: date | None = None
    span: tuple[date, date] | None = None
    windows: Windows | None = None
    effect: Effect | None = None
    visits: tuple[tuple[int, int], tuple[int, int]] | None = None
    unplaced: int = 0
    grids: tuple[tuple[int, str, str, int, int], ...] = ()  # id, code, part, before, after
    weeks: tuple[tuple[date, str, int, int], ...] = ()

    @property
    def claims(self) -> bool:
        """Whether the data support that the campaign worked."""
        return bool(self.effect and self.effect.effect)


def measure_campaign(session: Session, settings: Settings, code: str, now: datetime) -> Measurement:
    """The effect of a campaign as the data stand. Raises NotFound.

    Every grid of the working kind is an area. Comparison grids lie neither within
    ``GIS_SPILLOVER_M`` of the campaign nor in another campaign about a class of this one whose
    period meets the windows. Equal data give equal answers.
    """
    row = session.scalar(select(Campaign).where(Campaign.code == code))
    if row is None:
        raise NotFound(f"no campaign {code!r}", f"没有专项整治 {code!r}", where="code")
    zone = settings.timezone
    if row.cancelled_at is not None:
        return Measurement(code, ("cancelled",))
    span = read.data_span(session, zone, now.astimezone(ZoneInfo(zone)).date())
    if span is None:
        return Measurement(code, ("no_cases",))
    windows = choose_windows(row.starts_on, row.ends_on, *span)
    if isinstance(windows, TooSoon):
        return Measurement(code, (windows.reason,), ready_on=windows.ready_on, span=span)
    classes = {one for ids in class_ids(session, row.classes).values() for one in ids}
    others = [
        number
        for number, codes in read.other_campaigns(
            session, row.id, windows.earlier if windows.checked else windows.before, windows.behind
        )
        if classes & {one for ids in class_ids(session, codes).values() for one in ids}
    ]
    ids, codes, ground = read.read_ground(
        session, row.id, settings.grid_kind, settings.spillover_m, others
    )
    if not ground.treated.any():
        return Measurement(code, ("no_grids",), span=span, windows=windows)
    cases, unplaced = read.read_cases(session, zone, windows, classes, ids)
    ground.every[:] = read.read_every(session, zone, windows, ids)
    panel = panel_of(cases, ground, windows)
    effect = measure(panel, SEED)
    counts = panel.counts.sum(axis=2)
    part = np.select(
        [panel.treated, panel.near, effect.comparison], ["treated", "near", "compared"], ""
    )
    grids = tuple(
        (ids[n], codes[n], str(part[n]), int(counts[n, BEFORE]), int(counts[n, AFTER]))
        for n in np.flatnonzero(part != "").tolist()
    )  # fmt: skip
    visits = read.read_visits(
        session, zone, windows,
        [[g[0] for g in grids if g[2] == part] for part in ("treated", "compared")],
    )  # fmt: skip
    quiet = {"placebo_unchecked"}
    warnings = [one for one in effect.warnings if one not in quiet]
    notes = [one for one in effect.warnings if one in quiet]
    pair = ((visits[0][0], visits[0][1]), (visits[1][0], visits[1][1])) if visits else None
    if pair is None:
        notes.append("effort_unknown")
    elif effort_changed(pair):
        warnings.append("patrol_effort")
    if windows.late:
        notes.append("chosen_late")
    if unplaced:
        notes.append("unplaced")
    return Measurement(
        code, tuple(warnings), tuple(notes), None, span, windows, effect, pair, unplaced, grids,
        tuple(weeks_of(cases, windows, panel.treated, effect.comparison)),
    )  # fmt: skip


def effort_changed(visits: tuple[tuple[int, int], tuple[int, int]]) -> bool:
    """Whether patrols went elsewhere: the visits' ratio of ratios beyond ``EFFORT``."""
    (b, a), (cb, ca) = visits
    ratio = ((a + 0.5) / (b + 0.5)) / ((ca + 0.5) / (cb + 0.5))
    return not 1 / EFFORT <= ratio <= EFFORT


def keep(session: Session, found: Measurement, now: datetime) -> None:
    """Keep a measurement for the map and the ledger, where it differs from what was kept."""
    effect = found.effect
    facts = {
        "verdict": effect.verdict if effect else "unknown",
        "effect": found.claims,
        "estimate": effect.main.change if effect and effect.main else None,
        "low": effect.low if effect else None,
        "high": effect.high if effect else None,
        "warnings": list(found.warnings),
    }
    number = session.scalars(select(Campaign.id).where(Campaign.code == found.code)).one()
    areas = [(area, part, before, after) for area, _, part, before, after in found.grids]
    if read.keep_result(session, number, now, facts, areas):
        publish(session, "campaigns")


def measure_again(session: Session, settings: Settings, now: datetime) -> int:
    """Measure those campaigns whose cases, areas, visits or days are other ones since they were
    measured; how many. The map and the ledger show them without anybody having asked."""
    midnight = now.astimezone(ZoneInfo(settings.timezone)).replace(
        hour=0, minute=0, second=0, microsecond=0
    )  # fmt: skip
    codes = read.stale_campaigns(session, midnight, LONGEST_DAYS + 2, MOST_AT_ONCE)
    for code in codes:
        keep(session, measure_campaign(session, settings, code, now), now)
        read.note_measured(session, code, now)
    return len(codes)


def tell(found: Measurement, locale: str) -> dict[str, Any]:
    """A measurement as the API answers it."""
    effect, windows = found.effect, found.windows
    main = effect.main if effect else None
    by_part = {
        part: [code for _, code, own, _, _ in found.grids if own == part]
        for part in ("treated", "compared", "near")
    }
    scale = main.treated[0] / main.compared[0] if main and main.compared[0] else None
    return {
        "code": found.code,
        "effect": found.claims,
        "estimate": main.change if main else None,
        "low": effect.low if effect else None,
        "high": effect.high if effect else None,
        "verdict": effect.verdict if effect else "unknown",
        "summary": words.summary(found, locale),
        "warnings": [
            {"code": one, "text": words.warning(one, found, locale)} for one in found.warnings
        ],
        "notes": [{"code": one, "text": words.warning(one, found, locale)} for one in found.notes],
        "method": METHOD,
        "data": {"from": found.span[0], "to": found.span[1]} if found.span else None,
        "ready_on": found.ready_on,
        "windows": {
            "days": windows.days,
            "earlier": {"from": windows.earlier, "to": windows.before} if windows.checked else None,
            "before": {"from": windows.before, "to": windows.start},
            "after": {"from": windows.after, "to": windows.behind},
        } if windows else None,
        "treated": _counts(by_part["treated"], main.treated if main else None),
        "comparison": _counts(by_part["compared"], main.compared if main else None),
        "nearby": _nearby(effect, by_part["near"]),
        "p": effect.p if effect else None,
        "detectable": effect.detectable if effect else None,
        "placebo": _placebo(effect),
        "sources": [
            {
                "source": SOURCE_GROUPS[one.source],
                "name": words.source_name(one.source, locale),
                "before": one.own.treated[0], "after": one.own.treated[1],
                **words.interval_of(one.own), "moved": one.moved,
            }
            for one in (effect.shifts if effect else ())
        ],
        "visits": {"treated": found.visits[0], "comparison": found.visits[1]}
        if found.visits else None,
        "unplaced": found.unplaced,
        "weeks": [
            {"from": day, "phase": phase, "treated": own,
             "expected": None if scale is None else other * scale}
            for day, phase, own, other in found.weeks
        ],
    }  # fmt: skip


def _counts(codes: list[str], sums: tuple[int, int] | None) -> dict[str, Any]:
    before, after = sums or (None, None)
    return {"grids": codes, "before": before, "after": after}


def _nearby(effect: Effect | None, codes: list[str]) -> dict[str, Any] | None:
    if effect is None or effect.nearby is None:
        return None
    return {**_counts(codes, effect.nearby.treated), **words.interval_of(effect.nearby)}


def _placebo(effect: Effect | None) -> dict[str, Any] | None:
    if effect is None or effect.placebo is None:
        return None
    one = effect.placebo
    return {"before": one.treated[0], "after": one.treated[1], **words.interval_of(one)}
