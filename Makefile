# What a person types. `make install` makes .venv; every other target needs it and does nothing twice.
# Variables, as in: make run PER_PAGE=100   make enrich ENRICH_ARGS="--since-days 7"   make dev DEMO=1

PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
CLI := $(BIN)/strava-pipeline
READY := $(VENV)/.ready

PER_PAGE ?=
DAYS ?=
DEMO ?=
PORT ?= 3000
YEARS ?=
YEAR ?=
HTML ?=
ENRICH_ARGS ?= $(if $(DAYS),--since-days $(DAYS))
ENRICH_ALL_ARGS ?= --all
N ?= 1000 10000
ARGS ?=
Q ?=
export Q

PAGE := $(if $(PER_PAGE),--per-page $(PER_PAGE))
LOOKBACK := $(if $(DAYS),--days $(DAYS))

.DEFAULT_GOAL := help
.PHONY: help install demo demo-archive dev test test-slow soak bench test-samples test-all lint types contracts format check docs graph screenshots clean \
	auth status doctor plan run run-lite run-all compact recompact rebuild reconcile enrich enrich-all flow flow-backfill refresh streams backfill \
	quarantine profile trips import archive matches insights report goals duck schema sql logs service service-up purge emulator \
	serve subscription webhooks

help: ## List the targets.
	@awk -F':.*## ' '/^[a-z-]+:.*## / {printf "  %-15s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo "  and a target for each verb: auth status doctor plan flow flow-backfill backfill reconcile run run-lite run-all compact"
	@echo "  recompact rebuild enrich enrich-all quarantine refresh streams profile import archive matches trips schema duck logs purge emulator"
	@echo "  insights goals serve subscription webhooks report (make report YEAR=2025 HTML=2025.html)"
	@echo "  service-up      Dagster in the background; also service-down -restart -status -logs -exec -time -install"
	@echo "  sql             Query the published warehouse: make sql Q=\"SELECT sum(distance) / 1000 FROM activities\""
	@echo "                  (without a slash in it also: make sql-\"SELECT count(*) FROM activities\")"

install: $(READY) ## Make .venv with everything in it.

$(READY): pyproject.toml constraints.txt
	@command -v $(PYTHON) >/dev/null || { echo "$(PYTHON) is not here. Name another one: make install PYTHON=python3.12"; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $(READY)

demo: $(READY) ## Twelve years of a made-up athlete, end to end, in demo/.
	$(CLI) demo $(ARGS)

demo-archive: $(READY) ## The same athlete out of an archive as Strava mails it, without the API, in demo/.
	$(CLI) demo --archive $(ARGS)

dev: $(READY) ## Dagster's UI and daemon on http://127.0.0.1:3000; with DEMO=1 on the demo's instance.
	$(CLI) dev --port $(PORT) $(if $(DEMO),--demo) $(ARGS)

test: $(READY) ## The test suite.
	$(BIN)/python -m pytest -n auto --dist worksteal

test-slow: $(READY) ## Tests that run whole jobs, or real processes: Dagster's daemon and web server.
	$(BIN)/python -m pytest -m slow -n 3 --maxschedchunk 1 --durations=20  # some wait a lot, for daemons that wake now and then

soak: $(READY) ## Tests that take an hour: a year of daily runs, hundreds of kills.
	$(BIN)/python -m pytest -m soak

bench: $(READY) ## What is fast, beside a floor program: make bench N="1000 10000".
	$(BIN)/python -m benchmarks $(N) $(ARGS)

# Without a line in `make help`: real payloads in ../shared/samples are not part of this repository.
test-samples: $(READY)
	$(BIN)/python -m pytest -m samples

test-all: test test-slow test-samples

lint: $(READY) ## Style and format.
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(READY) ## Types, strictly.
	$(BIN)/mypy

contracts: $(READY) ## Which room may import which.
	$(BIN)/lint-imports

format: $(READY) ## Put the code in shape.
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

check: lint types contracts test ## What a change must pass.

docs: $(READY) ## Write the data dictionary from the catalogue.
	$(BIN)/python docs/make_data_dictionary.py > docs/data-dictionary.md

graph: $(READY) ## Write the reviewed shape of the graph anew: what changed stands in the diff.
	$(BIN)/python -m strava_pipeline_tests.orchestrate.test_graph

screenshots: $(READY) ## Take docs/pictures/ anew from the demo in Dagster's UI; needs Chromium.
	@test -e demo/.made-by-strava-pipeline-demo || $(CLI) demo
	$(BIN)/python docs/make_pictures.py $(ARGS)

clean: ## Remove .venv, caches and the demo; never data/, secrets/ or logs/.
	rm -rf $(VENV) demo .pytest_cache .mypy_cache .ruff_cache .import_linter_cache *.egg-info

auth status doctor profile duck schema serve purge emulator: $(READY)
	$(CLI) $@ $(ARGS)

run flow refresh: $(READY)
	$(CLI) $@ $(PAGE) $(LOOKBACK) $(ARGS)

run-lite run-all flow-backfill: $(READY)
	$(CLI) $@ $(PAGE) $(ARGS)

plan: $(READY)
	$(CLI) plan $(if $(YEARS),--years $(YEARS)) $(ARGS)

streams: $(READY)
	$(CLI) streams $(if $(YEARS),--years $(YEARS)) $(ARGS)

reconcile: $(READY)
	$(CLI) reconcile $(if $(YEARS),--years $(YEARS)) $(PAGE) $(ARGS)

compact recompact rebuild: $(READY)
	$(CLI) $@ $(ARGS)

enrich: $(READY)
	$(CLI) enrich $(ENRICH_ARGS) $(ARGS)

enrich-all: $(READY)
	$(CLI) enrich-all $(ENRICH_ALL_ARGS) $(ARGS)

backfill: $(READY)
	$(CLI) backfill --years $(YEARS) $(PAGE) $(ARGS)

quarantine: $(READY)
	$(CLI) quarantine $(or $(ARGS),list)

import: $(READY)
	$(CLI) import $(or $(ARGS),--help)

matches: $(READY)
	$(CLI) matches $(or $(ARGS),list)

insights: $(READY)
	$(CLI) insights $(if $(YEAR),--year $(YEAR)) $(ARGS)

report: $(READY)
	$(CLI) report $(if $(YEAR),--year $(YEAR)) --html $(or $(HTML),report.html) $(ARGS)

goals: $(READY)
	$(CLI) goals $(or $(ARGS),check)

archive: $(READY)
	$(CLI) archive $(or $(ARGS),verify --help)

trips: $(READY)
	$(CLI) trips $(or $(ARGS),activity --help)

logs: $(READY)
	$(CLI) logs $(or $(ARGS),latest)

subscription: $(READY)
	$(CLI) subscription $(or $(ARGS),view)

webhooks: $(READY)
	$(CLI) webhooks $(or $(ARGS),drain)

service: $(READY)
	$(CLI) service $(or $(ARGS),status)

service-up: $(READY)
	$(CLI) service up --port $(PORT) $(ARGS)

service-%: $(READY)
	$(CLI) service $* $(ARGS)

sql: $(READY)
	@$(CLI) sql "$$Q" $(ARGS)

sql-%: $(READY)
	@$(CLI) sql "$*"
