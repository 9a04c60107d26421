"""Measures the demo's campaigns on the generator's own cases, by the product's own code."""

from __future__ import annotations

import numpy as np
import pandas as pd
import shapely

from gis_service.analysis.effect import Effect
from gis_service.campaigns.measuring import (
    Cases,
    Ground,
    Windows,
    choose_windows,
    effect_of,
    likeness_ends,
)
from gis_service.demo.campaigns import Planned
from gis_service.demo.district import District
from gis_service.demo.incidents import Drawn, draw_cases
from gis_service.demo.sites import SiteChooser, in_metres
from tests.demo.checks import AS_OF

RING_M = 50.0


class Measured:
    """A district whose areas are prepared once for many seeds of cases."""

    def __init__(self, district: District) -> None:
        self.district = district
        self.chooser = SiteChooser(district)
        self.shapes = in_metres(district.grid)
        self.area = shapely.area(self.shapes)

    def draw(self, seed: int) -> Drawn:
        return draw_cases(self.district, seed, AS_OF, chooser=self.chooser)

    def effect(self, drawn: Drawn, campaign: Planned) -> Effect:
        """The effect of one campaign; every grid an area."""
        reported = drawn.reported
        windows = choose_windows(
            campaign.starts_on, campaign.ends_on, reported[0].date(), AS_OF.date()
        )
        assert isinstance(windows, Windows)
        placed = drawn.grid >= 0
        day = (reported.tz_localize(None).normalize() - pd.Timestamp(windows.start)).days.to_numpy()
        until = (likeness_ends(windows) - windows.start).days
        since = (windows.history - windows.start).days
        every = np.bincount(
            drawn.grid[placed & (day >= since) & (day < until)], minlength=len(self.area)
        )
        own = placed & campaign.concerns(drawn.cases)[drawn.case]
        treated = np.zeros(len(self.area), dtype=bool)
        treated[list(campaign.grids)] = True
        near = np.zeros_like(treated)
        tree = shapely.STRtree(self.shapes)
        near[tree.query(self.shapes[treated], "dwithin", distance=RING_M)[1]] = True
        near &= ~treated
        cases = Cases(
            drawn.grid[own], day[own], drawn.source[own], np.ones(int(own.sum()), dtype=np.int64)
        )
        return effect_of(
            cases, Ground(self.area, treated, near, np.zeros_like(treated), every), windows
        )
