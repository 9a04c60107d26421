"""What ``gis-service check`` looks at: each finding says what is wrong and what to do next."""

from __future__ import annotations

from gis_service.checks.database import check_database
from gis_service.checks.deployment import check_backups, check_deployment
from gis_service.checks.finding import Finding
from gis_service.settings import Settings


def run_checks(settings: Settings) -> list[Finding]:
    """Everything there is to say about this deployment; empty when there is nothing."""
    return [*check_deployment(settings), *check_database(settings), *check_backups(settings)]


__all__ = ["Finding", "run_checks"]
