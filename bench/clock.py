"""Timing side by side: rounds in turn, so that a drifting machine is fair to all."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any


@dataclass
class Contender:
    """One way of doing the work; ``rounds`` limits those that take too long to repeat."""

    name: str
    run: Callable[[], Any]
    build_s: float | None = None
    rounds: int = 99
    seconds: list[float] = field(default_factory=list)
    peak_mb: float | None = None
    result: Any = None

    @property
    def median_s(self) -> float:
        """Median time of its rounds."""
        return median(self.seconds)


def take_turns(contenders: list[Contender], rounds: int) -> None:
    """Runs all in turn, ``rounds`` times; keeps times, peak memory and the last result."""
    for turn in range(rounds):
        for contender in contenders:
            if turn >= contender.rounds:
                continue
            contender.result = None
            gc.collect()
            before = _reset_peak()
            start = time.perf_counter()
            contender.result = contender.run()
            contender.seconds.append(time.perf_counter() - start)
            peak = _status_mb("VmHWM") - before
            contender.peak_mb = max(contender.peak_mb or 0.0, peak)


def timed(work: Callable[[], Any]) -> tuple[Any, float]:
    """(result, seconds) of ``work``."""
    start = time.perf_counter()
    result = work()
    return result, time.perf_counter() - start


def _reset_peak() -> float:
    """Starts the process's peak anew; what it holds now, in MB."""
    Path("/proc/self/clear_refs").write_text("5")
    return _status_mb("VmRSS")


def _status_mb(key: str) -> float:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(key + ":"):
            return int(line.split()[1]) / 1024
    raise KeyError(key)
