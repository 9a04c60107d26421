"""One small district, made once; tests must not change it."""

from __future__ import annotations

import pandas as pd
import pytest

from gis_service.demo.district import District, make_district
from gis_service.demo.incidents import Truth, make_incidents
from tests.demo.checks import AS_OF


@pytest.fixture(scope="session")
def district() -> District:
    return make_district(20, "small")


@pytest.fixture(scope="session")
def year(district: District) -> tuple[pd.DataFrame, Truth]:
    return make_incidents(district, 20, AS_OF)
