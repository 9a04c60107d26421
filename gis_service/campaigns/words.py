"""A measurement in the words of a head of section; the words stand in ``words.toml``."""

from __future__ import annotations

import tomllib
from functools import lru_cache
from importlib import resources
from typing import TYPE_CHECKING, Any

from gis_service.analysis.effect import LEAST_AREAS, LEAST_CASES, LEAST_COMPARED, Difference
from gis_service.campaigns.measuring import SHORTEST_DAYS, SOURCE_GROUPS

if TYPE_CHECKING:
    from gis_service.campaigns.measurement import Measurement


@lru_cache
def _words() -> dict[str, Any]:
    return tomllib.loads(resources.files(__package__).joinpath("words.toml").read_text("utf-8"))


def _say(group: str, entry: str, locale: str, /, **values: Any) -> str:
    text: str = _words()[group][entry]["zh" if locale == "zh" else "en"]
    return text.format(**values)


def percent(share: float) -> str:
    """``-0.416`` as ``42``."""
    return f"{abs(share) * 100:.0f}"


def source_name(group: int, locale: str) -> str:
    """What a group of sources is called."""
    return _say("source", SOURCE_GROUPS[group], locale)


def size(share: float, locale: str) -> str:
    """A relative change in words."""
    return _say("part", "fewer" if share < 0 else "more", locale, n=percent(share))


def span(low: float, high: float, locale: str) -> str:
    """An interval of relative changes in words."""
    kind = "fewer" if high <= 0 else "more" if low >= 0 else "both"
    return _say("part", f"range_{kind}", locale, low=percent(low), high=percent(high))


def summary(found: Measurement, locale: str) -> str:
    """What came of the campaign, in two or three sentences."""
    effect, windows = found.effect, found.windows
    if effect is None or effect.main is None or windows is None:
        return _say("summary", "unknown", locale)
    main, low, high = effect.main, effect.low or 0.0, effect.high or 0.0
    counts = _say(
        "summary", "counts", locale, weeks=windows.days // 7, grids=int(effect.comparison.sum()),
        **_sums(main.treated), **_sums(main.compared, "other_"),
    )  # fmt: skip
    return counts + _say(
        "summary", "effect" if effect.effect else effect.verdict, locale,
        size=size(main.change, locale), range=span(low, high, locale),
        detectable=percent(effect.detectable or 0.0),
    )  # fmt: skip


def warning(code: str, found: Measurement, locale: str) -> str:
    """What a warning or note means here, with its numbers."""
    effect = found.effect
    values: dict[str, Any] = {
        "ready": found.ready_on, "days": SHORTEST_DAYS, "areas": LEAST_AREAS,
        "cases": LEAST_CASES, "compared": LEAST_COMPARED, "unplaced": found.unplaced,
    }  # fmt: skip
    if code == "one_source" and effect:
        told = [
            _say(
                "warning", "one_source_each", locale, name=source_name(one.source, locale),
                **_sums(one.own.treated), **_sums(one.others.treated, "other_"),
            )
            for one in effect.shifts
            if one.moved
        ]  # fmt: skip
        values["told"] = ("；" if locale == "zh" else "; ").join(told)
    for name, part in (
        ("trend_before", effect and effect.placebo), ("spill_over", effect and effect.nearby),
    ):  # fmt: skip
        if code == name and part:
            values |= {"size": size(part.change, locale), **_sums(part.treated)}
    if code == "patrol_effort" and found.visits:
        values |= {**_sums(found.visits[0]), **_sums(found.visits[1], "other_")}
    return _say("warning", code, locale, **values)


def _sums(pair: tuple[int, int], prefix: str = "") -> dict[str, int]:
    return {f"{prefix}before": pair[0], f"{prefix}after": pair[1]}


def interval_of(one: Difference) -> dict[str, float]:
    """``change, low, high`` of a difference."""
    low, high = one.interval()
    return {"change": one.change, "low": low, "high": high}
