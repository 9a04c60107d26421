"""The third-party files that the page needs, put there from npm when the service is installed."""

from __future__ import annotations

from pathlib import Path

VENDOR = Path(__file__).parent / "static" / "vendor"
FILES = (
    "maplibre-gl/maplibre-gl.mjs",
    "maplibre-gl/maplibre-gl-worker.mjs",
    "maplibre-gl/maplibre-gl.css",
)


def missing_files() -> list[str]:
    """Names of the files that are not there."""
    return [name for name in FILES if not (VENDOR / name).exists()]
