"""Days by the district's clock, asked for when they are wanted: a run may go on past midnight."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

ZONE = ZoneInfo("Asia/Shanghai")


def day(ahead: int = 0) -> str:
    """The ISO date so many days from today."""
    return str(datetime.now(ZONE).date() + timedelta(days=ahead))
