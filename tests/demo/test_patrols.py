"""The planted gaps are exactly what the service finds, asked over HTTP alone."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest
import shapely
from fastapi.testclient import TestClient

from gis_service.app import create_app
from gis_service.demo.district import District, make_district
from gis_service.demo.loading import _load_areas
from gis_service.demo.patrol_loading import load_demo_walks
from gis_service.demo.promises import plan_patrols
from gis_service.demo.walks import Fixes, walk
from tests.conftest import Database, token_headers
from tests.demo.checks import AS_OF
from tests.seeds import drawn_seeds


def test_walks_keep_to_the_pavements_of_the_grids_they_visit(district: District) -> None:
    plan = plan_patrols(district, 20, AS_OF)
    fixes = walk(district, plan, 20, AS_OF)
    at = datetime.fromtimestamp(fixes.at.max() / 1e6, UTC)
    assert at < AS_OF
    assert set(fixes.officers).isdisjoint(plan.silent)
    assert len(fixes.at) < 60_000
    inside = grid_of(district, fixes)
    assert (inside >= 0).all()
    codes = district.grid["code"].to_numpy()
    assert set(codes[np.unique(inside)]).isdisjoint(plan.never_visited)
    own = np.flatnonzero(np.diff(fixes.officer) == 0)
    assert (np.diff(fixes.at)[own] > 0).all()


def test_a_plan_is_the_same_every_time_and_leaves_most_as_it_should_be(
    district: District,
) -> None:
    plan, again = (plan_patrols(district, 20, AS_OF) for _ in range(2))
    assert plan == again
    truth = plan.truth()
    grids = [truth[name] for name in ("no_contract", "expired", "never_visited", "overdue")]
    assert all(grids)
    assert truth["overlapping"]
    assert len({code for codes in grids for code in codes}) == sum(map(len, grids))
    assert sum(map(len, grids)) < 0.4 * len(district.grid)
    assert plan_patrols(district, 21, AS_OF).truth() != truth


def grid_of(district: District, fixes: Fixes) -> np.ndarray:
    """The number of the grid of every fix, -1 outside of all."""
    tree = shapely.STRtree(district.grid.geometry.to_numpy())
    point, grid = tree.query(shapely.points(fixes.lon, fixes.lat), predicate="within")
    out = np.full(len(fixes.at), -1)
    out[point] = grid
    return out


# other seeds every time: what fails names its seed
SEEDS = drawn_seeds(2, "patrols")


@pytest.mark.parametrize("seed", SEEDS)
def test_the_gaps_found_are_the_gaps_planted(seed: int, database: Database) -> None:
    check_seed(seed, database, datetime.now(AS_OF.tzinfo).replace(
        hour=0, minute=0, second=0, microsecond=0))  # fmt: skip


@pytest.mark.long
@pytest.mark.parametrize("seed", drawn_seeds(20, "many patrols"))
def test_the_gaps_of_many_seeds(seed: int, database: Database) -> None:
    check_seed(seed, database, AS_OF)


def check_seed(seed: int, database: Database, as_of: datetime) -> None:
    district = make_district(seed, "small")
    plan = plan_patrols(district, seed, as_of)
    with database.sessions.begin() as session:
        _load_areas(session, database.settings, district, "demo", as_of, ())
    load_demo_walks(database.sessions, database.settings, district, as_of)
    headers = token_headers(database)
    with TestClient(create_app(database.settings), headers=headers) as client:

        def ask(path: str) -> dict[str, Any]:
            answer = client.get(path, params={"to": as_of.isoformat()})
            assert answer.status_code == 200, answer.text
            found: dict[str, Any] = answer.json()
            return found

        found, gaps = ask("/api/coverage"), ask("/api/coverage/gaps")

    def grids(passes: Callable[[dict[str, Any]], bool]) -> list[str]:
        return sorted({row["grid"]["code"] for row in found["items"] if passes(row)})

    truth = plan.truth()
    for state in ("no_contract", "expired", "never_visited", "overdue"):
        assert grids(lambda row, s=state: row["state"] == s) == truth[state], (seed, state)
    assert grids(lambda row: row["overlapping"]) == truth["overlapping"], seed
    silent = {row["officer"] for row in found["items"] if row["state"] == "no_track"}
    assert sorted(silent) == truth["silent_officers"], seed
    assert [row["code"] for row in gaps["officers_without_contract"]] == truth["idle_officers"]
    listed = {row["grid"]["code"] for row in gaps["items"]}
    planted = {
        code for state in ("no_contract", "expired", "never_visited", "overdue")
        for code in truth[state]
    }  # fmt: skip
    of_silent = {row["grid"]["code"] for row in found["items"] if row["officer"] in silent}
    assert listed == planted | of_silent, seed
    assert found["counts"]["on_time"] > len(found["items"]) / 2
