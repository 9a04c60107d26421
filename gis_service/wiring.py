"""The few upward calls: what a lower domain sets off in a higher one, in its transaction."""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy.orm import Session

from gis_service.hierarchy.revisions import Follower
from gis_service.incidents.placing_again import follow_revision as place_incidents
from gis_service.incidents.recomputing import follow_calendar
from gis_service.patrols.revising import follow_revision as derive_visits
from gis_service.settings import Settings

# run by a boundary revision before it commits
REVISION_FOLLOWERS: tuple[Follower, ...] = (place_incidents, derive_visits)
# run by a change of the working calendar before it commits
CALENDAR_FOLLOWERS: tuple[Callable[[Session, Settings], int], ...] = (follow_calendar,)
