"""The few upward calls: what a lower domain sets off in a higher one, in its transaction."""

from __future__ import annotations

from gis_service.hierarchy.revisions import Follower
from gis_service.incidents.placing_again import follow_revision

# run by a boundary revision before it commits
REVISION_FOLLOWERS: tuple[Follower, ...] = (follow_revision,)
