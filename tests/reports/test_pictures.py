"""Pictures of the documents say what they show."""

from __future__ import annotations

import io

import geopandas as gpd
import numpy as np
import pytest
from PIL import Image
from shapely.geometry import box

from gis_service.reports.pictures import BLUES, class_words, density_map


@pytest.mark.parametrize(
    ("values", "breaks", "words"),
    [
        ([12, 40, 90, 200], [30, 60], ["12 – 30", "30 – 60", "60 – 200"]),
        # ends that would read the same have a decimal more
        ([12, 29.4, 30.2, 44], [29.4, 30.2], ["12.0 – 29.4", "29.4 – 30.2", "30.2 – 44.0"]),
        ([7], [7], ["7 – 7", "7 – 7"]),
        ([], [], []),
    ],
)
def test_classes_begin_with_the_least_value(
    values: list[float], breaks: list[float], words: list[str]
) -> None:
    assert class_words(np.array(values, float), np.array(breaks, float)) == words


def test_a_name_is_read_on_the_darkest_ground() -> None:
    """Between the strokes of a name stands its halo, not the ground."""
    areas = gpd.GeoDataFrame(
        {"name": ["甲社区", "乙社区", "丙社区", "丁社区", "戊社区"], "count": [10, 20, 30, 40, 50]},
        geometry=[box(n * 1000, 0, n * 1000 + 1000, 1000) for n in range(5)], crs="EPSG:4549",
    )  # fmt: skip
    data = density_map(areas, np.array([10.0, 20, 30, 40, 50]), 5, "<{n}")
    picture = np.asarray(Image.open(io.BytesIO(data)).convert("RGB")).astype(int)
    dark = tuple(int(BLUES[-1][at : at + 2], 16) for at in (1, 3, 5))
    # the darkest area is the last in the east; the key, which has its colour as well, lies west
    _, columns = np.where((picture == dark).all(axis=2))
    area = picture[:, columns.max() - 150 : columns.max() - 10]
    own = area[(area == dark).all(axis=2).any(axis=1)]
    middle = own[len(own) // 2 - 12 : len(own) // 2 + 12]
    assert (middle.min(axis=2) > 240).sum() > 60
