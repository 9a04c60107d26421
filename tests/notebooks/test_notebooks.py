"""The notebooks run from top to bottom against the demo district."""

from __future__ import annotations

import os
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from gis_service.demo.loading import load_demo
from gis_service.wiring import REVISION_FOLLOWERS
from tests.conftest import ROOT, Database

NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))


@pytest.fixture(scope="module")
def district(module_database: Database) -> Database:
    load_demo(
        module_database.sessions, module_database.settings, seed=3, scale="small",
        followers=REVISION_FOLLOWERS,
    )  # fmt: skip
    return module_database


def test_there_are_notebooks() -> None:
    assert {path.stem for path in NOTEBOOKS} >= {
        "02_heatmaps", "03_coverage_gaps", "04_demonstration_communities", "05_year_end_review",
    }  # fmt: skip


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebook_runs(path: Path, district: Database) -> None:
    notebook = nbformat.read(path, as_version=4)
    assert not any(cell.get("outputs") for cell in notebook.cells), "committed with outputs"
    assert not any("def " in cell.source for cell in notebook.cells), "notebooks define nothing"
    client = NotebookClient(
        notebook, timeout=240, kernel_name="python3", resources={"metadata": {"path": ROOT}}
    )
    client.execute(env={**os.environ, **district.environment})
    pictures = [
        output
        for cell in notebook.cells
        for output in cell.get("outputs", [])
        if "image/png" in output.get("data", {})
    ]
    assert pictures


def test_loading_the_demo_again_is_quick_and_another_seed_is_refused(district: Database) -> None:
    from gis_service.errors import Conflict

    options = {"scale": "small", "followers": REVISION_FOLLOWERS}
    assert load_demo(district.sessions, district.settings, seed=3, **options) is None  # type: ignore[arg-type]
    with pytest.raises(Conflict, match="GIS_DATA_DIR"):
        load_demo(district.sessions, district.settings, seed=4, **options)  # type: ignore[arg-type]
