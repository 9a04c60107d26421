"""Incident classes: the default set, loading a set, looking classes up."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from gis_service.errors import InvalidInput
from gis_service.reference.models import IncidentClass

DEFAULT_SET = Path(__file__).parent / "data" / "classes.csv"
DEFAULT_SCHEME = "digital-city-management"
REQUIRED = ("code", "name")


@dataclass(frozen=True)
class ClassRow:
    """A class as loaders need it."""

    id: int
    code: str
    name: str


def classes_of(session: Session, scheme: str) -> dict[str, ClassRow]:
    """The classes of a scheme by code."""
    rows = session.execute(
        select(IncidentClass.id, IncidentClass.code, IncidentClass.name).where(
            IncidentClass.scheme == scheme
        )
    )
    return {row.code: ClassRow(row.id, row.code, row.name) for row in rows}


def ensure_default_classes(session: Session) -> None:
    """Load the set that comes with the service where its scheme has no class yet."""
    if not classes_of(session, DEFAULT_SCHEME):
        with DEFAULT_SET.open(encoding="utf-8", newline="") as handle:
            load_classes(session, csv.DictReader(handle), DEFAULT_SET.name)


def load_classes(session: Session, rows: Iterable[dict[str, Any]], where: str) -> dict[str, int]:
    """Add or update classes by (scheme, code); returns ``read, loaded, already, rejected``.

    Raises InvalidInput naming the row that lacks a code or a name.
    """
    read = loaded = already = 0
    for number, row in enumerate(rows, start=1):
        read += 1
        clean = {key: (str(value).strip() if value is not None else "")
                 for key, value in row.items()}  # fmt: skip
        for column in REQUIRED:
            if not clean.get(column):
                raise InvalidInput(f"no {column}", f"缺少 {column}", where=f"{where}, row {number}")
        values = {
            "scheme": clean.get("scheme") or DEFAULT_SCHEME,
            "scheme_version": clean.get("scheme_version", ""),
            "code": clean["code"],
            "kind": clean.get("kind") or "event",
            "major": clean.get("major", ""),
            "major_name": clean.get("major_name", ""),
            "major_name_en": clean.get("major_name_en") or clean.get("major_name", ""),
            "name": clean["name"],
            "name_en": clean.get("name_en") or clean["name"],
            "duty": clean.get("duty", ""),
        }
        statement = insert(IncidentClass).values(**values)
        changed = session.execute(
            statement.on_conflict_do_update(
                index_elements=["scheme", "code"],
                set_={key: statement.excluded[key] for key in values},
                where=text(
                    "(incident_class.name, incident_class.name_en, incident_class.major_name, "
                    "incident_class.duty) IS DISTINCT FROM (excluded.name, excluded.name_en, "
                    "excluded.major_name, excluded.duty)"
                ),
            ).returning(IncidentClass.id)
        ).first()
        loaded += changed is not None
        already += changed is None
    return {"read": read, "loaded": loaded, "already": already, "rejected": 0}


def create_classes(
    session: Session, scheme: str, codes: Iterable[tuple[str, str]]
) -> dict[str, ClassRow]:
    """Add ``(code, major)`` pairs to a scheme whose codes are its names; return the scheme."""
    rows = [
        {
            "scheme": scheme, "scheme_version": "", "code": code, "kind": "other",
            "major": major, "major_name": major, "major_name_en": major,
            "name": code, "name_en": code,
        }
        for code, major in codes
    ]  # fmt: skip
    if rows:
        session.execute(insert(IncidentClass).values(rows).on_conflict_do_nothing())
    return classes_of(session, scheme)
