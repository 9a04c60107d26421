"""What is planted among the demo's communities: the three best, and one that only seems so.

The best are those of the highest quality; there work goes faster and patrols find more. The trap
has five cases in the whole year, all of them handled at once: numbers that prove nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import shapely

from gis_service.demo.district import District
from gis_service.demo.noise import Floats
from gis_service.demo.outline import CENTRE
from gis_service.demo.quality import community_quality

BEST = 3
TRAP_CASES = 5
# skill of the best, and of all others from the lowest to the highest quality
BEST_SKILL, OTHERS = 1.25, (-0.8, 0.2)
PACE = 0.5  # a community of skill 1 takes exp(-PACE) times as long
TRAP_PACE = 0.02
FOUND = 0.4  # share of others' reports that patrols of skill 1 make first


@dataclass(frozen=True)
class Planted:
    """Codes of communities; ``skill`` of each, 0 the usual."""

    best: tuple[str, ...]
    trap: str
    skill: dict[str, float]

    def truth(self) -> dict[str, list[str]]:
        """As plain values."""
        return {"best": sorted(self.best), "trap": [self.trap]}

    def pace(self, community: np.ndarray) -> Floats:
        """By what a case's time is multiplied, by the codes of communities (n,)."""
        by_code = {code: float(np.exp(-PACE * skill)) for code, skill in self.skill.items()}
        by_code[self.trap] = TRAP_PACE
        return np.array([by_code.get(code, 1.0) for code in community])

    def found(self, community: np.ndarray) -> Floats:
        """The share of others' reports that patrols make first; negative: of patrols' that others
        make."""
        by_code = {code: FOUND * skill for code, skill in self.skill.items()}
        by_code[self.trap] = 1.0
        return np.array([by_code.get(code, 0.0) for code in community])


def plant_communities(district: District) -> Planted:
    """The best and the trap of a district; its seed decides."""
    codes = district.community["code"].tolist()
    quality = community_quality(district.seed, codes)
    grids = district.grid["parent_code"].value_counts().to_dict()
    order = sorted((code for code in codes if code in grids), key=lambda code: -quality[code])
    best = tuple(order[:BEST])
    middle = shapely.Point(CENTRE)
    shape = dict(zip(codes, district.community.geometry, strict=True))
    # the smallest, whose cases are soonest missed; the district's middle gets points of its own
    trap = min(
        (code for code in order[BEST:] if shape[code].distance(middle) > 0),
        key=lambda code: (grids[code], code),
    )
    low, high = OTHERS
    skill = {code: low + (high - low) * quality[code] for code in order}
    skill.update(dict.fromkeys(best, BEST_SKILL))
    return Planted(best, trap, skill)
