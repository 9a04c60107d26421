"""Tables of points with their areas added, here and on a cluster."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from gis_service.engines import DaskEngine, open_engine
from gis_service.errors import ConfigurationError, InvalidInput
from gis_service.hierarchy import batch_locating
from gis_service.hierarchy.batch_locating import locate_file
from gis_service.hierarchy.importing import apply, prepare
from gis_service.hierarchy.locating import Locator, load_locator
from gis_service.incidents.arrays import Snapshot
from gis_service.maps import rolling_up
from gis_service.maps.rolling_up import roll_up
from tests.conftest import Database
from tests.maps.test_density import ZONE, reported_in_march
from tests.shapes import small_hierarchy, write_hierarchy


@pytest.fixture(scope="module")
def locator(module_database: Database, tmp_path_factory: pytest.TempPathFactory) -> Locator:
    path = write_hierarchy(tmp_path_factory.mktemp("h") / "district.gpkg", small_hierarchy())
    with module_database.sessions.begin() as session:
        settings = module_database.settings
        apply(session, prepare(session, path, settings), settings)
    with module_database.sessions() as session:
        return load_locator(session, module_database.settings)


def write(path: Path, text: str) -> Path:
    path.write_text(text, "utf-8")
    return path


def read(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_rows_keep_their_place_and_their_text(locator: Locator, tmp_path: Path) -> None:
    source = write(
        tmp_path / "in.csv",
        "\ufeff编号,经度,纬度,备注,method\n"
        '007,118.605,24.905,"两行\n文字",旧\n'
        "008,,24.905,NA,旧\n"
        "009,东经,24.905,null,旧\n"
        "010,10.0,50.0,,旧\n",
    )
    target = tmp_path / "out.csv"
    done = locate_file(locator, source, target)
    assert vars(done) == {"read": 4, "loaded": 2, "rejected": 2, "unplaced": 1}
    rows = read(target)
    assert [row["编号"] for row in rows] == ["007", "008", "009", "010"]
    assert [row["备注"] for row in rows] == ["两行\n文字", "NA", "null", ""]
    assert [row["经度"] for row in rows] == ["118.605", "", "东经", "10.0"]
    assert [row["method"] for row in rows] == ["inside", "", "", "none"]
    assert rows[0]["grid_code"]
    assert rows[3]["grid_code"] == ""


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("a,b\n1,2\n", "--lon"),
        ("lon,lat\n1,2\n3\n", "in.csv"),
        ("", "in.csv"),
    ],
)
def test_a_bad_table_leaves_the_target_as_it_was(
    locator: Locator, tmp_path: Path, text: str, named: str
) -> None:
    source, target = write(tmp_path / "in.csv", text), write(tmp_path / "out.csv", "before")
    with pytest.raises(InvalidInput) as problem:
        locate_file(locator, source, target)
    assert named in problem.value.text("en")
    assert target.read_text() == "before"
    assert {path.name for path in tmp_path.iterdir()} == {"in.csv", "out.csv"}


def test_a_table_without_rows_gets_its_columns(locator: Locator, tmp_path: Path) -> None:
    done = locate_file(locator, write(tmp_path / "in.csv", "lon,lat\n"), tmp_path / "out.parquet")
    assert done.read == 0
    assert pq.read_table(tmp_path / "out.parquet").column_names[-2:] == ["method", "distance_m"]


@pytest.fixture(scope="module")
def cluster() -> Iterator[str]:
    """The address of a scheduler with two workers, processes of their own."""
    from distributed import LocalCluster

    with LocalCluster(
        n_workers=2, threads_per_worker=1, host="127.0.0.1", dashboard_address=None
    ) as cluster:
        yield cluster.scheduler_address


def test_a_cluster_answers_as_this_process_does(
    locator: Locator, cluster: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(5)
    lon, lat = 118.59 + 0.04 * rng.random(50_000), 24.89 + 0.04 * rng.random(50_000)
    lon[7] = np.nan
    source = tmp_path / "in.parquet"
    lon_column = pa.array(lon, mask=np.isnan(lon))
    pq.write_table(pa.table({"id": np.arange(50_000), "lon": lon_column, "lat": lat}), source)
    here, there = tmp_path / "here.parquet", tmp_path / "there.parquet"
    monkeypatch.setattr(batch_locating, "CHUNK", 1_999)  # many parts, the last a short one
    alone = locate_file(locator, source, here, crs="gcj02")
    seen: list[int] = []
    with open_engine("dask", cluster) as engine:
        spread = locate_file(
            locator, source, there, crs="gcj02", engine=engine, progress=seen.append
        )
    assert spread == alone
    assert alone.rejected == 1
    assert pq.read_table(there).equals(pq.read_table(here))
    assert seen == [*range(1_999, 50_000, 1_999), 50_000]


def test_a_cluster_rolls_heat_up_as_this_process_does(
    cluster: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    snapshot = Snapshot((reported_in_march(20_000, 6),), 1, None)
    monkeypatch.setattr(rolling_up, "PART_ROWS", 1_999)
    here, there = tmp_path / "here.parquet", tmp_path / "there.parquet"
    codes = {1: "a", 2: "b", 3: "c"}
    alone = roll_up(snapshot, 15, ZONE, codes, here)
    with open_engine("dask", cluster) as engine:
        assert roll_up(snapshot, 15, ZONE, codes, there, engine=engine) == alone
    assert pq.read_table(there).equals(pq.read_table(here))


def test_an_error_on_a_worker_is_told_here(cluster: str) -> None:
    with open_engine("dask", cluster) as engine, pytest.raises(ZeroDivisionError):
        list(engine.map(divmod, 1, [(0,)]))


def test_only_so_many_parts_are_under_way(cluster: str) -> None:
    taken: list[int] = []

    def parts() -> Iterator[tuple[int]]:
        for number in range(20):
            taken.append(number)
            yield (number,)

    with open_engine("dask", cluster) as engine:
        assert isinstance(engine, DaskEngine)
        answers = engine.map(max, 3, parts())
        assert next(answers) == 3
        assert len(taken) <= 4
        assert list(answers) == [max(3, n) for n in range(1, 20)]


def test_a_cluster_that_is_not_there_is_named() -> None:
    with (
        pytest.raises(ConfigurationError, match="no Dask scheduler"),
        open_engine("dask", "tcp://127.0.0.1:9"),
    ):
        pass
    with pytest.raises(ConfigurationError, match="--engine dask"), open_engine("local", "tcp://x"):
        pass
