"""The Boston cases' ONTIME/OVERDUE column from their target and closing times."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from gis_service.reference.deadlines import NO_MOMENT, on_time


def moments(column: pd.Series) -> np.ndarray:
    """Microseconds of a column of times; NO_MOMENT where there is none."""
    parsed = pd.to_datetime(column).astype("datetime64[us]")
    return np.where(parsed.isna(), NO_MOMENT, parsed.to_numpy().astype(np.int64))


@pytest.mark.shared_data
def test_the_column_is_reproduced(shared_data: Path) -> None:
    cases = pd.read_csv(shared_data / "boston" / "boston_311_2011.csv.gz", dtype=str)
    due, closed = moments(cases["target_dt"]), moments(cases["closed_dt"])
    # the file was taken years after the last target: what is still open is overdue then
    as_of = int(due[due != NO_MOMENT].max())
    ours = np.where(on_time(due, closed, as_of + 1), "ONTIME", "OVERDUE")
    told = cases["ontime"].notna()
    agree = (cases["ontime"] == ours)[told]
    print(f"\nONTIME/OVERDUE: {agree.sum():,} of {told.sum():,} reproduced ({agree.mean():.2%})")
    silent = pd.Series(ours)[~told].value_counts().to_dict()
    print(f"{(~told).sum()} rows leave the column empty; by their times they are {silent}")
    never = cases["target_dt"].isna()
    print(f"{never.sum():,} rows have no target: {cases['ontime'][never].value_counts().to_dict()}")
    assert agree.all()
