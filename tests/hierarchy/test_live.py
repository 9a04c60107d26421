"""The locator of a serving process."""

import subprocess
import sys

from tests.conftest import Database
from tests.district import load_small_district

# what kernels a process of its own has opened before its first answer, and after it
ASK = """
import asyncio

from gis_service.db.engine import conninfo, make_engine, session_factory
from gis_service.hierarchy import edge_grid, lookup_raster, place_kernels
from gis_service.hierarchy.live import LiveLocator
from gis_service.settings import get_settings


def opened():
    modules = (edge_grid, lookup_raster, place_kernels)
    found = {one for module in modules for one in vars(module).values()
             if hasattr(one, "signatures")}
    return sum(len(one.signatures) for one in found)


settings = get_settings()
locator = LiveLocator(session_factory(make_engine(conninfo(settings))), settings)
asyncio.run(locator.load())
before = opened()
answer = locator.current.place_one(118.605, 24.905, accuracy_m=20.0)
print(before, opened(), answer["method"])
"""


def test_who_asks_first_after_a_start_waits_for_no_kernel(database: Database) -> None:
    load_small_district(database)
    done = subprocess.run([sys.executable, "-c", ASK], capture_output=True, text=True, check=True)
    before, after, method = done.stdout.split()
    assert int(before) > 0
    assert before == after
    assert method == "inside"
