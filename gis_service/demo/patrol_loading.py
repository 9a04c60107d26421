"""Load the demo's officers, contracts and walks by the same doors that files and phones use."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import numpy as np
from sqlalchemy import select, text
from sqlalchemy.orm import Session, sessionmaker

from gis_service.demo.district import District
from gis_service.demo.promises import Plan, plan_patrols
from gis_service.demo.walks import walk
from gis_service.patrols.coverage_table import refresh_now
from gis_service.patrols.deriving import rebuild_visits
from gis_service.patrols.devices import add_device
from gis_service.patrols.storing import store_fixes
from gis_service.responsibility.contract_loading import load_contracts, load_officers
from gis_service.responsibility.models import Officer
from gis_service.settings import Settings

_ABSENCE = text("""
    INSERT INTO officer_absence (officer_id, from_day, to_day, stand_in_id, kind)
    SELECT o.id, :from_day, :to_day, s.id, :kind FROM officer o, officer s
    WHERE o.code = :officer AND s.code = :stand_in
""")
# the demo's account of an officer is one of those that walk
_LINK = text("""
    UPDATE officer SET account_id = a.id
    FROM account a JOIN account_scope s ON s.account_id = a.id AND s.level = 'squad'
    WHERE a.role = 'officer' AND a.name = 'officer' AND officer.id = (
        SELECT o.id FROM officer o JOIN squad q ON q.id = o.squad_id
        JOIN received_day r ON r.officer_id = o.id
        WHERE q.code = s.code GROUP BY o.id ORDER BY count(*) DESC, o.id LIMIT 1)
      AND NOT EXISTS (SELECT 1 FROM officer l WHERE l.account_id = a.id)
""")


def load_demo_promises(
    session: Session, settings: Settings, district: District, as_of: datetime
) -> Plan:
    """Officers, contracts and who stands in for whom; returns the plan they come from."""
    plan = plan_patrols(district, district.seed, as_of)
    source = f"{district.label} seed={district.seed}"
    load_officers(session, plan.officers, source)
    load_contracts(session, plan.contracts, source, settings.grid_kind, "demo")
    for absence in plan.absences:
        session.execute(_ABSENCE, absence)
    return plan


def load_demo_walks(
    sessions: sessionmaker[Session],
    settings: Settings,
    district: District,
    as_of: datetime,
    progress: Callable[[float], None] = lambda share: None,
) -> int:
    """The fixes of the walks, and the visits that follow from them; the number of fixes. What a
    load that was cut off has stored is not stored again."""
    plan = plan_patrols(district, district.seed, as_of)
    fixes = walk(district, plan, district.seed, as_of)
    bounds = np.searchsorted(fixes.officer, np.arange(len(fixes.officers) + 1))
    with sessions.begin() as session:
        officers = {one.code: one for one in session.scalars(select(Officer))}
        known = set(session.scalars(text("SELECT officer_id FROM device")))
        for number, code in enumerate(fixes.officers):
            officer = officers[code]
            progress(0.6 * number / len(fixes.officers))
            if officer.id in known:
                continue
            device, _ = add_device(session, officer, "owntracks", f"{officer.name} 手机")
            own = slice(int(bounds[number]), int(bounds[number + 1]))
            store_fixes(
                session, settings, device.id, fixes.at[own], fixes.lon[own], fixes.lat[own],
                fixes.accuracy_m[own], now=as_of, keep_off_duty=True,
            )  # fmt: skip
        rebuild_visits(session, settings)
        session.execute(text("UPDATE received_day SET pending = false"))
        refresh_now(session, settings)
    progress(1.0)
    return len(fixes.at)


def link_demo_officer(session: Session) -> None:
    """The officer's account is one of the squad's officers who walk."""
    session.execute(_LINK)
