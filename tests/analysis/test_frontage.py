"""Stretches of outlines and streets."""

from __future__ import annotations

import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from gis_service.analysis.frontage import facing, stretch

HOUSE = shapely.box(0, 0, 20, 10)
STREET = shapely.LineString([(-50, -6), (80, -6)])


def test_it_runs_past_the_beginning_of_the_ring() -> None:
    corner = shapely.Point(HOUSE.exterior.coords[0])
    line = stretch(HOUSE, corner, 8)
    assert line.length == pytest.approx(8)
    assert line.interpolate(0.5, normalized=True).distance(corner) < 1e-9


def test_the_door_is_on_the_side_of_the_street() -> None:
    assert facing(HOUSE, shapely.Point(10, 6), STREET).y == 0
    # where somebody stood at the back wall, the back it is
    assert facing(HOUSE, shapely.Point(10, 11), STREET).y == 10
    assert facing(HOUSE, shapely.Point(10, 6), None).y == 10


@given(
    x=st.floats(-60, 90), y=st.floats(-30, 30), length=st.floats(0.5, 200), on=st.booleans()
)  # fmt: skip
def test_it_is_as_long_as_signed_and_lies_on_the_line(
    x: float, y: float, length: float, on: bool
) -> None:
    line = HOUSE if on else STREET
    whole = HOUSE.exterior if on else STREET
    found = stretch(line, shapely.Point(x, y), length)
    assert found.length == pytest.approx(min(length, whole.length))
    assert found.within(whole.buffer(1e-6))
