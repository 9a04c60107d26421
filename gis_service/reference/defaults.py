"""The data that come with the service, loaded where a database has none of their kind."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from gis_service.reference.classes import DEFAULT_SCHEME, DEFAULT_SET, load_classes
from gis_service.reference.conditions import (
    DEFAULT_CONDITIONS,
    DEFAULT_CROSSWALK,
    load_conditions,
    load_crosswalk,
)
from gis_service.reference.models import ClassCondition, ClassCrosswalk, IncidentClass, Unit
from gis_service.reference.units import DEFAULT_UNITS, load_units, unit_ids


def ensure_default_units(session: Session) -> bool:
    """Load the default units where there is no unit; whether it was so."""
    if session.execute(select(Unit.id).limit(1)).first():
        return False
    load_units(session, _rows(DEFAULT_UNITS), DEFAULT_UNITS.name)
    return True


def ensure_default_classes(session: Session) -> None:
    """Load units, classes, conditions and the crosswalk, each where there is none of its kind.

    A district with units of its own keeps them: default classes whose unit it does not have stay
    unassigned, visibly.
    """
    new_units = ensure_default_units(session)
    of_scheme = select(IncidentClass.id).where(IncidentClass.scheme == DEFAULT_SCHEME)
    known = unit_ids(session)

    def rows(path: Path) -> list[dict[str, Any]]:
        return [{**row, "unit": row["unit"] if row["unit"] in known else ""} for row in _rows(path)]

    new_classes = not session.execute(of_scheme.limit(1)).first()
    if new_classes or new_units:
        load_classes(session, rows(DEFAULT_SET), DEFAULT_SET.name)
    some = select(ClassCondition.id).where(ClassCondition.class_id.in_(of_scheme)).limit(1)
    if (new_classes or new_units) and not session.execute(some).first():
        load_conditions(session, rows(DEFAULT_CONDITIONS), DEFAULT_CONDITIONS.name)
    some_pair = select(ClassCrosswalk.code).where(ClassCrosswalk.scheme == DEFAULT_SCHEME).limit(1)
    if (new_classes or new_units) and not session.execute(some_pair).first():
        load_crosswalk(session, _rows(DEFAULT_CROSSWALK), DEFAULT_CROSSWALK.name)


def _rows(path: Path) -> list[dict[str, Any]]:
    with path.open(encoding="utf-8", newline="") as handle:
        return list(csv.DictReader(handle))
