# Everything a newcomer types. Both main targets set up what is missing and are safe to repeat.
.PHONY: demo test test-long bench lint setup stop

demo: setup ## the demo district on the map
	.venv/bin/gis-service demo

test: ## all tests: unit, PostGIS, browser, notebooks
	scripts/setup.sh test
	$(MAKE) --no-print-directory lint
	@# those in a browser run alone: what they time is what one page costs
	.venv/bin/pytest -n 2 --dist loadfile --ignore tests/browser; first=$$?; \
	.venv/bin/pytest tests/browser && exit $$first

test-long: ## what takes longer than the everyday run
	scripts/setup.sh test long
	.venv/bin/pytest -m long

bench: ## every performance figure, side by side with its peer
	scripts/setup.sh bench
	.venv/bin/python -m bench.run

lint:
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy
	.venv/bin/lint-imports

setup:
	scripts/setup.sh

stop: ## stop the private database clusters, the tests' one included
	.venv/bin/gis-service stop
	GIS_DATA_DIR=$${GIS_DATA_DIR:-.data}/test .venv/bin/gis-service stop
