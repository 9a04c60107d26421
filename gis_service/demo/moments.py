"""When things happen: hour, weekday, season, and the days of a typhoon."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np

from gis_service.demo.noise import Floats, Ints

# chance of each hour by how a class shows itself; day and peaks have two tops
HOURS = {
    "day": [0, 0, 0, 0, 0, 1, 3, 7, 12, 14, 12, 8, 4, 4, 8, 12, 12, 9, 5, 3, 2, 1, 1, 0],
    "peaks": [1, 0, 0, 0, 0, 1, 5, 12, 12, 8, 6, 6, 5, 3, 4, 7, 10, 13, 12, 8, 5, 3, 2, 1],
    "evening": [1, 1, 0, 0, 0, 0, 1, 2, 5, 7, 7, 7, 6, 4, 4, 5, 7, 10, 13, 14, 11, 7, 4, 2],
    "night": [6, 4, 3, 2, 1, 1, 1, 2, 4, 5, 4, 4, 3, 2, 2, 3, 4, 5, 7, 10, 13, 15, 14, 10],
    "any": [2, 1, 1, 1, 1, 2, 4, 7, 9, 10, 9, 7, 5, 5, 7, 9, 9, 8, 7, 6, 5, 4, 3, 2],
}
WEEKDAYS = [1.12, 1.1, 1.08, 1.08, 1.12, 0.82, 0.68]
# factor of each month, January first, by how a class depends on the season
SEASONS = {
    "": [1.0] * 12,
    "summer": [0.7, 0.7, 0.8, 0.9, 1.1, 1.4, 1.6, 1.6, 1.4, 1.0, 0.8, 0.7],
    "mosquito": [0.1, 0.1, 0.3, 0.7, 1.3, 2.2, 2.6, 2.4, 1.6, 0.6, 0.2, 0.1],
    "leaves": [1.1, 1.0, 1.6, 1.5, 0.8, 0.7, 0.7, 0.7, 0.8, 1.0, 1.3, 1.3],
    "spring": [0.7, 1.0, 1.6, 1.6, 1.2, 0.9, 0.8, 0.8, 0.9, 0.9, 0.8, 0.7],
    "dry": [1.3, 1.1, 0.9, 0.7, 0.7, 0.7, 0.8, 0.8, 1.0, 1.3, 1.4, 1.4],
    "storm": [0.8, 0.8, 0.9, 1.0, 1.2, 1.2, 1.2, 1.2, 1.1, 0.9, 0.8, 0.8],
    "typhoon": [0.8, 0.8, 0.9, 1.0, 1.2, 1.2, 1.2, 1.2, 1.1, 0.9, 0.8, 0.8],
}
# and how much likelier again while a typhoon passes
TYPHOON_FACTOR = {"typhoon": 12.0, "storm": 150.0}


@dataclass(frozen=True)
class Calendar:
    """The days before ``as_of`` with their weights; ``stormy`` marks typhoon days."""

    as_of: datetime
    days: list[datetime]
    weight: Floats
    stormy: np.ndarray

    @classmethod
    def make(cls, rng: np.random.Generator, as_of: datetime, days: int = 365) -> Calendar:
        start = (as_of - timedelta(days=days)).replace(hour=0, minute=0, second=0, microsecond=0)
        held = [start + timedelta(days=n) for n in range(days + 1)]
        weight = np.array([WEEKDAYS[day.weekday()] for day in held])
        weight *= 1 + 0.1 * np.sin(np.arange(len(held)) / 58.0 + rng.uniform(0, 6.3))
        weight *= rng.uniform(0.9, 1.1, len(held))
        summer = [n for n, day in enumerate(held) if day.month in (7, 8, 9)]
        stormy = np.zeros(len(held), dtype=bool)
        for n in rng.permutation(summer)[:3]:
            stormy[n : n + 2] = True
        weight[stormy] *= 1.9
        return cls(as_of, held, weight, stormy)

    def draw_days(self, rng: np.random.Generator, count: int) -> Ints:
        """Day numbers (count,), most on weekdays and after storms."""
        share = self.weight / self.weight.sum()
        return np.asarray(rng.choice(len(self.days), count, p=share))

    def season_factor(self, season: str, day: Ints) -> Floats:
        """How much likelier a class of that season is on each day."""
        by_month = np.array(SEASONS[season])
        month = np.array([held.month - 1 for held in self.days])
        factor = by_month[month]
        factor = np.where(self.stormy, factor * TYPHOON_FACTOR.get(season, 1.0), factor)
        return np.asarray(factor[day])


def draw_seconds(rng: np.random.Generator, hours: str, count: int) -> Ints:
    """Second of the day (count,) by the hour profile of that name."""
    share = np.array(HOURS[hours], dtype=float)
    hour = rng.choice(24, count, p=share / share.sum())
    return np.asarray(hour * 3600 + rng.integers(0, 3600, count))
