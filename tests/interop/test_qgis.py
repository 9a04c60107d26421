"""The project file opens in QGIS and draws the district."""

from __future__ import annotations

import subprocess
from pathlib import Path
from xml.etree import ElementTree

import httpx2
import numpy as np
import pytest
from PIL import Image

from gis_service.maps.registry import read_registry
from tests.browser.conftest import service
from tests.conftest import ROOT, Database
from tests.incidents.test_loading import row
from tests.test_http import fill

DRAW = """
import json, os, sys
from qgis.core import *
from qgis.PyQt.QtCore import QSize
app = QgsApplication([], True)
app.initQgis()
project = QgsProject.instance()
assert project.read(sys.argv[1])
layers = [node.layer() for node in project.layerTreeRoot().findLayers()]
settings = QgsMapSettings()
settings.setLayers(layers)
settings.setOutputSize(QSize(800, 600))
settings.setDestinationCrs(project.crs())
settings.setExtent(QgsRectangle(*map(float, sys.argv[3:7])))
job = QgsMapRendererParallelJob(settings)
job.start()
job.waitForFinished()
job.renderedImage().save(sys.argv[2])
print(json.dumps([[one.name(), one.isValid(), one.crs().authid()] for one in layers]))
sys.stdout.flush()
os._exit(0)  # its own way out ends in a fault where layers are still held
"""


def extent_of(path: Path) -> list[str]:
    box = ElementTree.parse(path).getroot().find("mapcanvas/extent")  # noqa: S314 - our own file
    assert box is not None
    return [box.findtext(name) or "" for name in ("xmin", "ymin", "xmax", "ymax")]


def test_the_project_names_the_service_and_nothing_of_the_machine(
    module_database: Database, tmp_path: Path
) -> None:
    fill(module_database, tmp_path, [row(1, lon=118.605, lat=24.905)])
    with service(module_database, tmp_path / "service.log", "serve") as address:
        answer = httpx2.get(f"{address}/api/exports/project.qgs")
        assert answer.headers["content-disposition"] == 'attachment; filename="district.qgs"'
        path = tmp_path / "district.qgs"
        path.write_bytes(answer.content)
        sources = [one.text or "" for one in ElementTree.parse(path).iter("datasource")]  # noqa: S314
        assert len(sources) == 6
        assert all(address in one for one in sources)
        assert str(ROOT) not in answer.text
        # every source answers
        for level in ("street", "community", "grid"):
            assert httpx2.get(f"{address}/ogc/collections/{level}/items?limit=1").status_code == 200
        known = read_registry(ROOT / "layers").layers
        for name in ("basemap", "building", "incident_heat"):
            assert any(f"/tiles/{name}/" in one for one in sources)
            assert name in known


@pytest.mark.long
def test_qgis_draws_it(module_database: Database, tmp_path: Path) -> None:
    python = Path("/usr/bin/python3")
    fill(module_database, tmp_path, [row(i, lon=118.605, lat=24.905) for i in range(5)])
    with service(module_database, tmp_path / "service.log", "serve") as address:
        path, picture = tmp_path / "district.qgs", tmp_path / "district.png"
        path.write_bytes(httpx2.get(f"{address}/api/exports/project.qgs").content)
        done = subprocess.run(
            [python, "-c", DRAW, path, picture, *extent_of(path)], capture_output=True, text=True,
            timeout=120, check=False, env={"QT_QPA_PLATFORM": "offscreen", "HOME": str(tmp_path)},
        )  # fmt: skip
        assert picture.exists(), done.stderr
        assert done.stdout.count("true") == 6, done.stdout
        pixels = np.asarray(Image.open(picture).convert("RGB")).reshape(-1, 3)
        # the dark line of the streets, and what is drawn below it
        assert (pixels == (63, 77, 102)).all(axis=1).sum() > 200
        assert len(np.unique(pixels, axis=0)) > 20
