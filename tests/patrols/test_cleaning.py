"""Every fix is accounted for, and visits are what the plainest way finds."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely.geometry import box

from gis_service.errors import InvalidInput
from gis_service.hierarchy.lookup_raster import PolygonIndex
from gis_service.patrols.cleaning import REASONS, CleaningRules, Fixes, clean_fixes
from gis_service.patrols.track_kernels import metres_between
from gis_service.patrols.visits import joined, visits_of
from tests.patrols.walks import METRE, NOON_US, brute_force, fixes_of, metres

RULES = CleaningRules()
LATER = NOON_US + 10**12
X, Y = 118.6, 24.9


def walk(device: int, start_s: float, count: int, *, step_s: float = 10, step_m: float = 12,
         lon: float = X, lat: float = Y) -> list[tuple[float, ...]]:  # fmt: skip
    """A walk due north."""
    return [
        (device, start_s + i * step_s, lon, lat + i * step_m * METRE, 5.0) for i in range(count)
    ]


def reasons(fixes: Fixes, transport: str = "foot") -> list[str]:
    cleaned = clean_fixes(fixes, [transport] * 4, LATER, RULES)
    return [REASONS[number] for number in cleaned.reason]


def test_metres_between_is_the_geodesic() -> None:
    for lon, lat in ((118.6, 24.9), (-71.1, 42.3), (0.0, 0.0), (25.0, 65.0)):
        for dx, dy in ((0.001, 0.002), (0.03, -0.01), (0.0, 0.05)):
            truth = metres((lon, lat), (lon + dx, lat + dy))
            assert metres_between(lon, lat, lon + dx, lat + dy) == pytest.approx(truth, rel=1e-5)


def test_each_reason_is_told() -> None:
    good = walk(0, 0, 6)
    bad = [
        (0, 15, np.nan, Y, 5.0), (0, 25, X, 91.0, 5.0), (0, 2e6, X, Y, 5.0),
        (0, 35, X, Y, 101.0), (0, 10, X, Y, 5.0), (0, 45, X + 0.02, Y, 5.0),
    ]  # fmt: skip
    fixes = fixes_of(*good, *bad)
    cleaned = clean_fixes(fixes, ["foot"], LATER, RULES)
    assert cleaned.report() == {
        "fixes": 12, "kept": 6, "nowhere": 2, "future": 1, "inaccurate": 1, "duplicate": 1,
        "too_fast": 1, "breaks": 0, "out_of_order": 0,
    }  # fmt: skip
    assert cleaned.lengths_m == pytest.approx([60.0], rel=0.01)


def test_what_is_too_fast_on_foot_is_none_by_car() -> None:
    ride = walk(0, 0, 10, step_m=150)
    assert reasons(fixes_of(*ride)) == ["kept", *["too_fast"] * 8, "kept"]
    assert set(reasons(fixes_of(*ride), "car")) == {"kept"}
    with pytest.raises(InvalidInput, match="unknown transport"):
        reasons(fixes_of(*ride), "horse")


def test_a_wrong_first_fix_costs_nothing_else() -> None:
    wrong = (0, -5, X + 0.05, Y, 5.0)
    cleaned = clean_fixes(fixes_of(wrong, *walk(0, 0, 5)), ["foot"], LATER, RULES)
    assert cleaned.run.tolist() == [0, *[1] * 5]


def test_a_jump_ends_a_run_without_losing_either_side() -> None:
    fixes = fixes_of(*walk(0, 0, 5), *walk(0, 50, 5, lon=X + 0.05))
    cleaned = clean_fixes(fixes, ["foot"], LATER, RULES)
    assert cleaned.report()["kept"] == 10
    assert cleaned.run.tolist() == [0] * 5 + [1] * 5
    assert cleaned.report()["breaks"] == 1


def test_out_of_order_is_counted_and_sorted() -> None:
    rows = walk(0, 0, 5)
    rows[1], rows[3] = rows[3], rows[1]
    columns = [np.array(column) for column in zip(*rows, strict=True)]
    fixes, late = Fixes.sort(columns[0], columns[1] * 1e6, columns[2], columns[3])
    assert late == 2
    assert (np.diff(fixes.at) > 0).all()
    with pytest.raises(InvalidInput):
        Fixes.sort([0, 0], [1], [1.0], [1.0])


def test_no_fixes_at_all() -> None:
    fixes, _ = Fixes.sort([], [], [], [])
    cleaned = clean_fixes(fixes, [], LATER, RULES)
    assert cleaned.report()["fixes"] == cleaned.report()["breaks"] == 0
    visits = visits_of(cleaned, PolygonIndex.build([box(0, 0, 1, 1)]), [])
    assert len(visits) == len(joined(visits, [])[0]) == 0


def test_a_visit_is_entered_by_its_first_fix_and_left_by_the_next_ones_first() -> None:
    south, north = (
        box(X - 1, Y - 1, X + 1, Y + 55 * METRE),
        box(X - 1, Y + 55 * METRE, X + 1, Y + 1),
    )
    cleaned = clean_fixes(fixes_of(*walk(0, 0, 11)), ["foot"], LATER, RULES)
    visits = visits_of(cleaned, PolygonIndex.build([south, north]), ["foot"])
    seconds = (visits.entered - NOON_US) // 10**6
    assert visits.grid.tolist() == [0, 1]
    assert seconds.tolist() == [0, 50]
    assert ((visits.left - NOON_US) // 10**6).tolist() == [50, 100]
    assert visits.length_m.sum() == pytest.approx(cleaned.lengths_m.sum())
    assert visits.fixes.tolist() == [5, 6]


def test_passing_by_is_counted_and_no_visit() -> None:
    strip = box(X - 1, Y + 40 * METRE, X + 1, Y + 55 * METRE)
    cleaned = clean_fixes(fixes_of(*walk(0, 0, 11)), ["foot"], LATER, RULES)
    visits = visits_of(cleaned, PolygonIndex.build([strip]), ["foot"])
    assert (len(visits), visits.passages) == (0, 1)


def test_overlapping_grids_each_have_their_visit() -> None:
    big, inner = box(X - 1, Y - 1, X + 1, Y + 1), box(X - 1, Y + 30 * METRE, X + 1, Y + 90 * METRE)
    cleaned = clean_fixes(fixes_of(*walk(0, 0, 11)), ["foot"], LATER, RULES)
    visits = visits_of(cleaned, PolygonIndex.build([big, inner]), ["foot"])
    spans = (visits.grid, (visits.entered - NOON_US) // 10**6, (visits.left - NOON_US) // 10**6)
    assert [column.tolist() for column in spans] == [[0, 1], [0, 30], [100, 80]]


def test_two_devices_of_one_officer_are_one_visit() -> None:
    rows = [*walk(0, 0, 10), *walk(1, 45, 10), *walk(2, 0, 10)]
    cleaned = clean_fixes(fixes_of(*rows), ["foot"] * 3, LATER, RULES)
    visits = visits_of(cleaned, PolygonIndex.build([box(X - 1, Y - 1, X + 1, Y + 1)]), ["foot"] * 3)
    assert len(visits) == 3
    merged, officer = joined(visits, [7, 7, 8])
    assert officer.tolist() == [7, 8]
    assert merged.stay_s.tolist() == [135, 90]
    assert merged.length_m[0] == pytest.approx(visits.length_m[0])


@st.composite
def walks(draw: st.DrawFn) -> Fixes:
    """Erratic walks of three devices among three polygons, with every fault there is."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    n = draw(st.integers(1, 120))
    device = rng.integers(0, 3, n)
    at = NOON_US + rng.integers(0, 150, n) * 10_000_000
    lon, lat = np.empty(n), np.empty(n)
    for d in range(3):
        own = device == d
        for column, start in ((lon, X), (lat, Y)):
            column[own] = start + np.cumsum(rng.normal(0, 15 * METRE, own.sum()))
    order = np.lexsort((at, device))
    device, at = device[order], at[order]
    far = rng.random(n) < 0.1
    lon[far] += rng.choice([-1, 1], far.sum()) * 0.02
    lon[rng.random(n) < 0.03] = np.nan
    accuracy = rng.choice([5.0, 30.0, 150.0, np.nan], n, p=[0.6, 0.2, 0.05, 0.15])
    return Fixes.sort(device, at, lon, lat, accuracy)[0]


@settings(max_examples=50, deadline=None)
@given(walks())
def test_as_the_plainest_way(fixes: Fixes) -> None:
    d = 60 * METRE
    polygons = [box(X - 3 * d, Y - 3 * d, X, Y + 3 * d), box(X, Y - 3 * d, X + 3 * d, Y + 3 * d),
                shapely.Point(X, Y).buffer(d)]  # fmt: skip
    now = NOON_US + 1_400 * 10**6
    cleaned = clean_fixes(fixes, ["foot"] * 3, now, RULES)
    visits = visits_of(cleaned, PolygonIndex.build(polygons, 64), ["foot"] * 3)
    wanted_reasons, wanted = brute_force(fixes, polygons, "foot", now, RULES)
    assert [REASONS[number] for number in cleaned.reason] == wanted_reasons
    found = zip(visits.device, visits.grid, visits.entered, visits.left, strict=True)
    assert [tuple(int(v) for v in row) for row in found] == wanted
