"""Random numbers: one independent stream per stage of the generator, and smooth noise."""

from __future__ import annotations

import zlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def stream(seed: int, stage: str) -> np.random.Generator:
    """The generator of ``stage``; a change in one stage leaves the draws of the others alone."""
    return np.random.Generator(
        np.random.PCG64(np.random.SeedSequence([seed % 2**32, zlib.crc32(stage.encode())]))
    )


@dataclass(frozen=True)
class SmoothNoise:
    """A sum of plane waves: mean 0, standard deviation about 1, no feature below ``wavelength``."""

    kx: Floats
    ky: Floats
    phase: Floats

    @classmethod
    def make(cls, rng: np.random.Generator, wavelength: float, waves: int = 14) -> SmoothNoise:
        angle = rng.uniform(0, 2 * np.pi, waves)
        k = 2 * np.pi / (wavelength * rng.uniform(1.0, 2.2, waves))
        return cls(k * np.cos(angle), k * np.sin(angle), rng.uniform(0, 2 * np.pi, waves))

    def __call__(self, x: Floats | float, y: Floats | float) -> Floats:
        """Values at metric coordinates of any (equal) shape."""
        x, y = np.asarray(x, float)[..., None], np.asarray(y, float)[..., None]
        waves = np.cos(self.kx * x + self.ky * y + self.phase)
        return np.asarray(waves.sum(axis=-1) * np.sqrt(2 / len(self.kx)))
