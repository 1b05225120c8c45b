# Flowbeat: every task a contributor or a newcomer needs. `make` alone prints this list.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
PIP    := $(BIN)/python -m pip --disable-pip-version-check --quiet
RUN    := $(CURDIR)/$(BIN)

.DEFAULT_GOAL := help
.PHONY: dist help demo test cover check soak bench fix picture screenshots dashboards constraints migration clean

help: ## this list
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

demo: $(VENV)/installed ## a made-up Jira, a real refresh, the metrics; nothing to configure
	@$(BIN)/flowbeat demo

test: $(VENV)/installed-dev ## all tests, with real Redis, SQLite, PostgreSQL and workers
	@$(BIN)/python -m pytest -n 4 --dist loadgroup --no-loadscope-reorder

cover: $(VENV)/installed-dev ## the same tests, and which lines they reach; fails below 95 %; half as long again
	@$(BIN)/python -m pytest -n 3 --dist loadgroup --no-loadscope-reorder --cov --cov-report=term --cov-fail-under=95

check: $(VENV)/installed-dev ## format, lint, types, import contracts
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

soak: $(VENV)/installed-dev ## 1,500 faults, a quarter of an hour; 10,000 histories of two workers, twenty minutes; random tests, about an hour
	@$(BIN)/python tests/fault_soak.py
	@$(BIN)/python tests/seeded_soak.py
	@$(BIN)/python -m pytest -n 2 --timeout=14400 --hypothesis-profile=soak tests/integration/test_fetch_machine.py \
	  tests/integration/test_explain_teams.py tests/integration/test_store_columns.py \
	  tests/integration/test_status_times.py tests/unit/test_metrics_naive.py tests/unit/test_metrics_properties.py

bench: $(VENV)/installed-dev ## the benchmarks: ratios against references measured in the same run
	@for each in benchmarks/bench_*.py; do echo "== $$each"; $(BIN)/python $$each || exit 1; done

picture: $(VENV)/installed-dev ## docs/report.png: a picture of the demo's report page, for the README
	@$(BIN)/flowbeat demo
	@$(BIN)/python tests/report_picture.py .flowbeat/demo/payments.html docs/report.png

screenshots: $(VENV)/installed-dev ## screenshots/: the report page on a laptop, a phone, a dark screen and paper, to look at
	@$(BIN)/python tests/report_screenshots.py screenshots

dashboards: $(VENV)/installed ## docs/dashboards: the example files for Grafana, which the compose file uses
	@for each in postgresql sqlite; do \
	  FLOWBEAT_CONFIG=docs/dashboards/$$each.toml $(BIN)/flowbeat dashboards docs/dashboards/$$each || exit 1; done

dist: $(VENV)/installed-dev ## dist/: the wheel to install from, the source archive, and the list of what it needs (CycloneDX)
	@rm -rf dist
	@$(BIN)/python -m build --outdir dist . >/dev/null
	@needed=$$($(BIN)/python tests/bill_of_materials.py) && echo "$$needed" | $(BIN)/cyclonedx-py requirements - \
	  --pyproject pyproject.toml --output-reproducible --of JSON -o dist/flowbeat.cdx.json 2>/dev/null
	@ls dist/*

fix: $(VENV)/installed-dev ## format, and apply the fixes of the linter
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

constraints: ## write constraints.txt from what is installed
	@{ echo "# Exact versions, without addresses: pip install -c constraints.txt. Made with: make constraints"; \
	   $(BIN)/python -m pip freeze --exclude-editable; } > constraints.txt

migration: $(VENV)/installed-dev ## a new migration with the differences between the tables and the schema: make migration m="why"
	@test -n "$(m)" || { echo 'Say why: make migration m="add the column issues.parent"'; exit 2; }
	@$(BIN)/python -m models.migrations.new "$(m)"

clean: ## remove what make made
	rm -rf $(VENV) .coverage* .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Flowbeat needs Python 3.11 or newer; this is " + sys.version.split()[0] + ". Try: make PYTHON=python3.12 demo")'
	@$(PYTHON) -m venv $(VENV)

$(VENV)/installed: pyproject.toml constraints.txt | $(VENV)/bin/python
	@echo "Installing into $(VENV) (once) …"
	@$(PIP) install -c constraints.txt -e .
	@touch $@

$(VENV)/installed-dev: pyproject.toml constraints.txt | $(VENV)/bin/python
	@echo "Installing into $(VENV) with what the tests need (once) …"
	@$(PIP) install -c constraints.txt -e '.[dev]'
	@touch $@ $(VENV)/installed
