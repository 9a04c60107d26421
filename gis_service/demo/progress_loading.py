"""Load the demo's plan, and what people recorded of the tasks that no other record shows."""

from __future__ import annotations

from datetime import date, datetime
from importlib import resources
from pathlib import Path

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from gis_service.demo.district import District
from gis_service.demo.noise import stream
from gis_service.planning.progress.models import PlanRecord, PlanTask
from gis_service.planning.progress.plan_file import load_plan

ACTOR = "demo"
ISSUED_ON = date(2026, 4, 7)  # of the plan
RECORDED_SHARE = 0.7  # of the communities, of what each of them owes and people record

_COMMUNITIES = text("""
    SELECT c.area_id FROM community c WHERE c.valid_to IS NULL AND EXISTS (
        SELECT 1 FROM grid g WHERE g.parent_id = c.area_id AND g.valid_to IS NULL)
    ORDER BY c.code
""")


def load_demo_plan(session: Session, district: District, as_of: datetime) -> None:
    """The plan with its records, unless it is there already."""
    if session.scalar(select(PlanTask.id).limit(1)):
        return
    source = resources.files("gis_service.demo").joinpath("data", "plan.toml")
    with resources.as_file(source) as path:
        load_plan(session, Path(path))
    rng = stream(district.seed, "plan records")
    tasks = list(session.scalars(select(PlanTask).where(PlanTask.measure.is_(None))))
    communities = list(session.scalars(_COMMUNITIES))
    for task in sorted(tasks, key=lambda one: one.position):
        first = max(ISSUED_ON, date(task.due_on.year, 4, 7))
        places: list[int | None] = []
        if task.scope == "all":
            places = [area for area in communities if rng.random() < RECORDED_SHARE]
        elif task.scope == "bureau" and task.due_on < as_of.date():
            places = [None]
        for area in places:
            span = rng.integers(first.toordinal(), task.due_on.toordinal() + 1)
            day = date.fromordinal(int(span))
            if day < as_of.date():
                session.add(
                    PlanRecord(task_id=task.id, area_id=area, done_on=day, recorded_by=ACTOR)
                )
    session.flush()
