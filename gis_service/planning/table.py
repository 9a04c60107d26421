"""All indicators of all communities at one moment: what a ranking is computed from, and what a
round freezes so that it can be computed again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
from scipy.special import gammaincinv

from gis_service.analysis.intervals import wilson
from gis_service.analysis.ranking import Method, Prepared, prepare
from gis_service.analysis.shrinkage import MEDIAN_LOSS, NINETY, Estimate, Measured, estimate
from gis_service.planning.figures import FIGURES, Community, Figures, OwnFigures, Sources
from gis_service.planning.registry import Indicator, built_in

Floats = npt.NDArray[np.float64]
Rows = npt.NDArray[np.int64]
Kept = TypeVar("Kept")
MOST_KEPT = 6  # of what is made for a question; the next one mostly asks for the same


@dataclass(frozen=True)
class Column:
    """An indicator with its figures (m,) and what they are worth."""

    indicator: Indicator
    figures: Figures
    estimate: Estimate

    @property
    def enough(self) -> npt.NDArray[np.bool_]:
        """Where there are cases enough to claim something."""
        return np.isfinite(self.figures.value) & (self.figures.sample >= self.indicator.least)

    def worth(self, step: float | Floats) -> Floats:
        """In the indicator's unit, ``step`` errors above the estimate; see ``Estimate.at``."""
        return self.estimate.at(step) * (100.0 if self.indicator.kind == "share" else 1.0)

    def careful(self, caution: float) -> Floats:
        """What may be counted on: ``caution`` errors to the worse side."""
        return self.worth(-caution if self.indicator.rising else caution)

    def interval(self, row: int) -> tuple[float, float]:
        """Between what nine in ten hold for the figure as measured (NaN where it is known):
        Wilson's for shares, exact for rates, by the standard error else."""
        kind, figures = self.indicator.kind, self.figures
        value, sample = float(figures.value[row]), float(figures.sample[row])
        x, n = float(figures.numerator[row]), float(figures.denominator[row])
        if kind == "known" or not self.enough[row]:
            return np.nan, np.nan
        if kind == "share":
            low, high = wilson(round(x), round(n), NINETY)
            return 100 * low, 100 * high
        if kind == "rate":
            return (float(gammaincinv(x, 0.05)) / n if x else 0.0,
                    float(gammaincinv(x + 1, 0.95)) / n)  # fmt: skip
        error = NINETY * float(figures.spread[row]) / np.sqrt(sample)
        if kind == "mean":
            return value - error, value + error
        return value * np.exp(-MEDIAN_LOSS * error), value * np.exp(MEDIAN_LOSS * error)


def make_column(indicator: Indicator, figures: Figures) -> Column:
    """The column of measured figures."""
    return Column(
        indicator, figures,
        estimate(
            Measured(
                indicator.kind, figures.value, figures.numerator, figures.denominator,
                figures.sample, figures.spread, indicator.least,
            )
        ),
    )  # fmt: skip


@dataclass
class Table:
    """Communities (m) and columns (n) of reports in ``[since, until)``, both ISO 8601."""

    communities: list[Community]
    columns: list[Column]
    since: str
    until: str
    _kept: dict[Any, Any] = field(default_factory=dict, repr=False)

    def column(self, name: str) -> Column | None:
        """The column of an indicator."""
        return next((one for one in self.columns if one.indicator.id == name), None)

    def careful(self, caution: float) -> Floats:
        """(m, n) of :meth:`Column.careful`."""
        return self._keep(
            ("careful", caution),
            lambda: np.column_stack([one.careful(caution) for one in self.columns]),
        )

    def drawn(self, caution: float, count: int, seed: int) -> Floats:
        """(count, m, n): the same with each figure drawn anew from what it may be."""
        rng = np.random.default_rng(seed)
        noise = rng.standard_normal((len(self.columns), count, len(self.communities)))
        return np.stack(
            [
                one.worth(noise[n] + (-caution if one.indicator.rising else caution))
                for n, one in enumerate(self.columns)
            ],
            axis=-1,
        )

    def drawn_ready(
        self, method: Method, caution: float, count: int, seed: int, rows: Rows, at: Rows,
        *, keep: bool,
    ) -> Prepared:  # fmt: skip
        """:meth:`drawn` of some communities ``rows`` and columns ``at``, ready to be ranked; kept
        for the next weights where somebody may ``keep`` moving them."""

        def make() -> Prepared:
            drawn = self.drawn(caution, count, seed)
            if len(rows) < len(self.communities) or len(at) < len(self.columns):
                drawn = drawn[:, rows][:, :, at]
            rising = np.array([self.columns[n].indicator.rising for n in at], bool)
            return prepare(method, drawn, rising)

        key = ("drawn", method, caution, count, seed, rows.tobytes(), at.tobytes())
        return self._keep(key, make) if keep else make()

    def _keep(self, key: Any, make: Callable[[], Kept]) -> Kept:
        found: Kept | None = self._kept.get(key)
        if found is None:
            found = make()
            for old in list(self._kept)[: max(0, len(self._kept) - MOST_KEPT + 1)]:
                self._kept.pop(old, None)
            self._kept[key] = found
        return found

    def cells(self, row: int) -> dict[str, dict[str, Any]]:
        """What is known of a community by indicator: value, numerator, denominator, sample, the
        interval that nine in ten hold, what is ``counted`` at a caution of 1, and what the value is
        called where it has a name (``note``); null where there is none, never zero."""
        out = {}
        for one in self.columns:
            low, high = one.interval(row)
            enough = bool(one.enough[row])
            out[one.indicator.id] = {
                "value": _number(one.figures.value[row]),
                "numerator": _number(one.figures.numerator[row]),
                "denominator": _number(one.figures.denominator[row]),
                "sample": int(one.figures.sample[row]),
                "enough": enough,
                "low": _number(low) if enough else None,
                "high": _number(high) if enough else None,
                "counted": _number(one.careful(1.0)[row]),
                "note": one.indicator.says.get(
                    f"{one.figures.numerator[row]:g}/{one.figures.denominator[row]:g}"
                ),
            }
        return out

    def to_json(self) -> dict[str, Any]:
        """Everything, so that :func:`table_of` gives the same table to the last bit."""
        return {
            "since": self.since,
            "until": self.until,
            "communities": [asdict(one) for one in self.communities],
            "columns": [
                {
                    "indicator": asdict(one.indicator),
                    **{
                        name: [None if np.isnan(value) else float(value) for value in values]
                        for name, values in vars(one.figures).items()
                    },
                }
                for one in self.columns
            ],
        }


def table_of(frozen: dict[str, Any]) -> Table:
    """The table that was written by :meth:`Table.to_json`."""
    columns = [
        make_column(
            Indicator(**one["indicator"]),
            Figures(
                *(
                    np.array([np.nan if value is None else value for value in one[name]], float)
                    for name in ("value", "numerator", "denominator", "sample", "spread")
                )
            ),
        )
        for one in frozen["columns"]
    ]
    communities = [Community(**one) for one in frozen["communities"]]
    return Table(communities, columns, frozen["since"], frozen["until"])


def make_table(sources: Sources, own: Sequence[tuple[Indicator, OwnFigures]]) -> Table:
    """Counts everything. ``own``: further indicators with values and samples by area id."""
    columns = [make_built_in(indicator, sources) for indicator in built_in()]
    columns += [make_own(indicator, values, sources.communities) for indicator, values in own]
    return table_with(sources, columns if sources.communities else [])


def make_built_in(indicator: Indicator, sources: Sources) -> Column:
    """The column of an indicator that comes with the service."""
    return make_column(indicator, FIGURES[indicator.id](sources))


def make_own(indicator: Indicator, values: OwnFigures, communities: list[Community]) -> Column:
    """The column of an own indicator."""
    pairs = [values.get(one.area_id, (np.nan, 0.0)) for one in communities]
    value, sample = np.array(pairs, float).reshape(-1, 2).T
    nothing = np.full(len(value), np.nan)
    return make_column(indicator, Figures(value, value, nothing, sample, nothing))


def table_with(sources: Sources, columns: list[Column]) -> Table:
    """The communities and period of the sources with some columns."""
    return Table(
        sources.communities, columns,
        sources.since.astimezone(sources.zone).isoformat(),
        sources.until.astimezone(sources.zone).isoformat(),
    )  # fmt: skip


def _number(value: float) -> float | None:
    return round(float(value), 4) if np.isfinite(value) else None
