"""What ``gis-service check`` looks at."""

from __future__ import annotations

import os
from zoneinfo import available_timezones

from sqlalchemy import text

from gis_service.db.engine import get_engine
from gis_service.db.migrate import pending
from gis_service.errors import DomainError
from gis_service.hierarchy.checking import code_pattern
from gis_service.hierarchy.coordinates import parse_crs
from gis_service.maps.registry import read_registry
from gis_service.serving import check_host
from gis_service.settings import Settings
from gis_service.web.vendor import missing_files


def run_checks(settings: Settings) -> list[str]:
    """Every problem of this deployment in one sentence each; empty when there is none."""
    problems: list[str] = []

    def attempt(words: str, check: object) -> None:
        try:
            check()  # type: ignore[operator]
        except DomainError as problem:
            problems.append(f"{words}: {problem.text('en')}")

    if settings.timezone not in available_timezones():
        problems.append(f"GIS_TIMEZONE {settings.timezone!r} is no time zone")
    if settings.metric_crs:
        attempt("GIS_METRIC_CRS", lambda: parse_crs(str(settings.metric_crs)))
    attempt("GIS_CODE_RULE", lambda: code_pattern(settings.code_rule, "street"))
    attempt("GIS_LAYERS_DIR", lambda: read_registry(settings.layers_dir))
    attempt("GIS_HOST", lambda: check_host(settings))
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    if not os.access(settings.data_dir, os.W_OK):
        problems.append(f"GIS_DATA_DIR {settings.data_dir} cannot be written")
    problems.extend(f"{name} is missing: run scripts/vendor.sh" for name in missing_files())
    attempt("database", lambda: problems.extend(_database_problems()))
    return problems


def _database_problems() -> list[str]:
    engine = get_engine()
    if pending(engine):
        return ["the database is behind this version: run gis-service migrate"]
    with engine.connect() as connection:
        invalid = connection.execute(
            text("SELECT indexrelid::regclass FROM pg_index WHERE NOT indisvalid")
        ).scalars()
        return [f"index {name} is invalid: REINDEX it" for name in invalid]
