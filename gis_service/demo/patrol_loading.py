"""Load the demo's officers, contracts and absences by the same doors that files use."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import text
from sqlalchemy.orm import Session

from gis_service.demo.district import District
from gis_service.demo.promises import Plan, plan_patrols
from gis_service.responsibility.contract_loading import load_contracts, load_officers
from gis_service.settings import Settings

_ABSENCE = text("""
    INSERT INTO officer_absence (officer_id, from_day, to_day, stand_in_id, kind)
    SELECT o.id, :from_day, :to_day, s.id, :kind FROM officer o, officer s
    WHERE o.code = :officer AND s.code = :stand_in
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
