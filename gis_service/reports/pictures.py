"""Maps and charts for documents, drawn by matplotlib with a Chinese font.

matplotlib is imported where something is drawn: the service starts without it.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np

from gis_service.errors import ConfigurationError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FONTS = ("Noto Sans CJK SC", "Noto Sans CJK JP", "Source Han Sans SC", "WenQuanYi Zen Hei",
         "Microsoft YaHei", "PingFang SC", "SimHei")  # fmt: skip
DPI = 150
GROUND, LINE, INK = "#eef0f3", "#ffffff", "#1d2733"
BLUES = ("#e3edf7", "#b5d2ea", "#6fa8d6", "#2f77b5", "#12497f")
OUTCOMES = {"effect": "#2a8c5a", "doubt": "#e0a030", "more": "#c0392b", "unclear": "#8d96a3",
            "unknown": "#c4cad2"}  # fmt: skip
MISSING = ("#3f9c6c", "#bfe0a8", "#f6d57a", "#e58a4a", "#b3322b")
MISSING_STEPS = (0, 1, 3, 5, 8)


@lru_cache
def font() -> str:
    """The first font here that has Chinese. Raises ConfigurationError where none has."""
    from matplotlib import font_manager

    known = {font.name for font in font_manager.fontManager.ttflist}
    found = next((name for name in FONTS if name in known), None)
    if found is None:
        raise ConfigurationError(
            f"no font with Chinese characters; install one of {', '.join(FONTS[:2])}",
            f"没有中文字体；请安装 {'、'.join(FONTS[:2])} 之一",
        )
    return found


def _figure(width: float, height: float) -> tuple[Figure, Any]:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), dpi=DPI, layout="constrained")
    FigureCanvasAgg(figure)
    return figure, figure.add_subplot()


def _png(figure: Figure) -> bytes:
    from matplotlib.text import Text

    for text in figure.findobj(Text):
        assert isinstance(text, Text)  # noqa: S101 - asked for these
        text.set_fontfamily([font()])
    out = io.BytesIO()
    figure.savefig(out, format="png")
    return out.getvalue()


def _key(axes: Any, keys: Sequence[tuple[str, str]]) -> None:
    from matplotlib.patches import Patch

    axes.legend(
        handles=[Patch(facecolor=colour, edgecolor="#9aa4b0", label=text) for text, colour in keys],
        loc="lower left", fontsize=7.5,
    )  # fmt: skip


def _map(areas: gpd.GeoDataFrame, colours: Sequence[str], keys: Sequence[tuple[str, str]]) -> bytes:
    """``areas`` (a metric CRS; name, label_x, label_y) filled with ``colours``, with a key."""
    from matplotlib.patheffects import withStroke

    figure, axes = _figure(7.2, 5.2)
    areas.plot(ax=axes, color=list(colours), edgecolor=LINE, linewidth=0.8)
    if len(areas) <= 40:
        halo = [withStroke(linewidth=1.6, foreground=LINE)]  # names are read on the darkest, too
        for name, point in zip(areas["name"], areas.representative_point(), strict=True):
            axes.annotate(name, (point.x, point.y), ha="center", va="center", fontsize=6, color=INK,
                          path_effects=halo)  # fmt: skip
    axes.set_axis_off()
    axes.set_aspect("equal")
    _key(axes, keys)
    return _png(figure)


def density_map(areas: gpd.GeoDataFrame, values: np.ndarray, least: int, words: str) -> bytes:
    """Cases per km² by community in five classes of equal size; fewer than ``least`` cases are
    grey. ``areas`` has ``count`` and a metric CRS."""
    enough = areas["count"].to_numpy() >= least
    breaks = np.unique(np.quantile(values[enough], [0.2, 0.4, 0.6, 0.8] if enough.any() else []))
    place = np.searchsorted(breaks, values, side="right")
    colours = [BLUES[p] if e else "#d5d8dc" for p, e in zip(place, enough, strict=True)]
    keys = list(zip(class_words(values[enough], breaks), BLUES, strict=False))
    return _map(areas, colours, [*keys, (words.format(n=least), "#d5d8dc")])


def class_words(values: np.ndarray, breaks: np.ndarray) -> list[str]:
    """What the classes between ``breaks`` hold, from the least value to the greatest, to as many
    places as tell their ends apart; none without values."""
    if not len(values):
        return []
    edges = [float(values.min()), *map(float, breaks), float(values.max())]
    apart = np.diff(np.unique(edges))
    places = 1 if len(apart) and apart.min() < 2 else 0
    return [f"{low:,.{places}f} – {high:,.{places}f}" for low, high in pairwise(edges)]


def missing_map(areas: gpd.GeoDataFrame, missing: np.ndarray, words: Sequence[str]) -> bytes:
    """How many owed tasks each community lacks (nan: owes none)."""
    place = np.searchsorted(MISSING_STEPS, np.nan_to_num(missing), side="right") - 1
    colours = [
        "#e6e9ee" if np.isnan(value) else MISSING[n]
        for value, n in zip(missing, place, strict=True)
    ]
    return _map(areas, colours, list(zip(words, [*MISSING, "#e6e9ee"], strict=True)))


def campaign_map(
    areas: gpd.GeoDataFrame, grids: gpd.GeoDataFrame, words: dict[str, str]
) -> bytes:  # fmt: skip
    """Grids of campaigns by their outcome over the communities. ``grids`` has ``outcome``."""
    figure, axes = _figure(7.2, 5.2)
    areas.plot(ax=axes, color=GROUND, edgecolor="#aab3bf", linewidth=0.6)
    # where campaigns overlap, what can be said lies on top
    for outcome in reversed(OUTCOMES):
        own = grids[grids["outcome"] == outcome]
        if len(own):
            own.plot(ax=axes, color=OUTCOMES[outcome], edgecolor=LINE, linewidth=0.4)
    axes.set_axis_off()
    axes.set_aspect("equal")
    found = set(grids["outcome"])
    _key(axes, [(words[name], colour) for name, colour in OUTCOMES.items() if name in found])
    return _png(figure)


def bars(labels: Sequence[str], values: Sequence[float], unit: str) -> bytes:
    """Bars over time, each with its number."""
    figure, axes = _figure(7.2, 2.9)
    drawn = axes.bar(labels, values, color="#2f77b5", width=0.66)
    axes.bar_label(drawn, [f"{value:,.0f}" for value in values], fontsize=7.5)
    axes.set_ylabel(unit, fontsize=8)
    axes.tick_params(labelsize=8)
    axes.spines[["top", "right"]].set_visible(False)
    return _png(figure)


def intervals(rows: Sequence[tuple[str, float, float, float, str]], words: str) -> bytes:
    """Changes with their 95 % intervals: (label, estimate, low, high, outcome), all relative."""
    figure, axes = _figure(7.2, 0.9 + 0.42 * len(rows))
    for n, (_, estimate, low, high, outcome) in enumerate(reversed(rows)):
        colour = OUTCOMES[outcome]
        axes.plot([low * 100, min(high, 1.5) * 100], [n, n], color=colour, linewidth=2.2)
        axes.plot([estimate * 100], [n], "o", color=colour, markersize=6)
    axes.axvline(0, color="#8d96a3", linewidth=1, linestyle="--")
    axes.set_yticks(range(len(rows)), [row[0] for row in reversed(rows)])
    axes.set_xlabel(words, fontsize=8)
    axes.tick_params(labelsize=8)
    axes.spines[["top", "right"]].set_visible(False)
    return _png(figure)
