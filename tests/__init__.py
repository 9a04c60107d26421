"""The tests, which import and make as much as a service does: see ``gis_service.cli.main``."""

import gc

gc.set_threshold(20_000, 20, 20)
