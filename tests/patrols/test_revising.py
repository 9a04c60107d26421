"""A boundary revision moves visits onto the new grids, and no others."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from gis_service.hierarchy.importing import apply, prepare
from gis_service.wiring import REVISION_FOLLOWERS
from tests.patrols.conftest import NINE, Patrol, gpx, stroll
from tests.shapes import small_hierarchy, square, write_hierarchy


def test_visits_follow_the_boundaries(patrol: Patrol, tmp_path: Path) -> None:
    patrol.upload(gpx(stroll(NINE, 20)))
    patrol.upload(gpx(stroll(NINE, 10, lon=118.665)), officer="T2")
    assert [code for code, *_ in patrol.visits()] == ["S0C0G0", "S0C0G1"]
    far = patrol.database.rows("SELECT id FROM visit WHERE grid_code = 'S1C1G0'")
    assert len(far) == 1
    levels = small_hierarchy()
    grid = levels["grid"].copy()
    # the border of the first two grids moves 300 m to the west
    grid.loc[0, "geometry"], grid.loc[1, "geometry"] = square(0, 0, 0.7, 2), square(0.7, 0, 1.3, 2)
    path = write_hierarchy(tmp_path / "moved.gpkg", {"grid": grid})
    before = patrol.visits()
    with patrol.database.sessions.begin() as session:
        apply(session, prepare(session, path, patrol.database.settings),
              patrol.database.settings, followers=REVISION_FOLLOWERS, confirmed=True)  # fmt: skip
    after = patrol.visits()
    assert [code for code, *_ in after] == ["S0C0G0", "S0C0G1"]
    moved = before[0][2] - after[0][2]
    assert timedelta(minutes=3) < timedelta(minutes=moved) < timedelta(minutes=5)
    assert after[0][2] == after[1][1]
    assert patrol.database.rows("SELECT id FROM visit WHERE grid_code = 'S1C1G0'") == far
    assert patrol.database.value("SELECT count(*) FROM track") == 2
