"""Seeds that are drawn anew for each run, the same in every process of the run."""

from __future__ import annotations

import os
import random
import secrets

VARIABLE = "GIS_TEST_SEED"


def draw_run() -> str:
    """The run's own number, unless the variable repeats that of an earlier run."""
    return os.environ.setdefault(VARIABLE, str(secrets.randbelow(10**6)))


def drawn_seeds(count: int, name: str) -> list[int]:
    """``count`` seeds of this run; ``name`` sets apart those of different tests."""
    numbers = random.Random(f"{draw_run()} {name}")  # noqa: S311
    return [numbers.randrange(10**6) for _ in range(count)]
