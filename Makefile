# What a person types. `make install` makes .venv; every other target needs it and does nothing twice. What needs a tool of
# developers, such as `make test`, adds these tools to it, as `make install-dev` does.
# Variables, as in: make run PER_PAGE=100   make enrich ENRICH_ARGS="--since-days 7"   make dev DEMO=1

PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
ATHLETE ?=
CLI := $(BIN)/strava-pipeline$(if $(ATHLETE), --athlete $(ATHLETE))
READY := $(VENV)/.ready
TOOLS := $(VENV)/.ready-dev

PER_PAGE ?=
DAYS ?=
DEMO ?=
ENGINE ?=
BASE ?=
PORT ?= 3000
RELEASE ?=
DRAW ?=
PART ?= days kills damage calendar daemon
BOUNDS ?= lowest newest
OTHER_DUCKDB ?= 1.5.6
EXAMPLES ?= few
ENRICH_ARGS ?= $(if $(DAYS),--since-days $(DAYS))
ENRICH_ALL_ARGS ?= --all
N ?= 1000 10000
ARGS ?=

# A file at a time, so that what its tests share is set up once; in the order of conftest.py.
BY_FILE := --dist loadfile --no-loadscope-reorder
PAGE := $(if $(PER_PAGE),--per-page $(PER_PAGE))
LOOKBACK := $(if $(DAYS),--days $(DAYS))

.DEFAULT_GOAL := help
.PHONY: help install install-dev image release demo demo-archive dev test test-slow test-bounds audit dbt other-duckdb soak bench coverage \
	test-samples test-all lint types contracts size pre-commit format check docs graph screenshots clean test-container auth run \
	run-lite run-all compact recompact enrich enrich-all flow flow-backfill refresh duck build flow-now flow-latest clean-logs \
	schedule-build schedule-up schedule-down schedule-restart schedule-logs schedule-ps schedule-exec schedule-time \
	schedule-doctor schedule-shell

help: ## List the targets.
	@awk -F':.*## ' '/^##@ / {printf "\n%s\n", substr($$0, 5)} /^[a-z%-]+:.*## / {printf "  %-17s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo
	@echo 'Options of a command: make flow ARGS="--wait"; what there is: make help-flow. Variables: the first lines of the Makefile.'

help-%: $(READY) ## The options of a command: make help-flow.
	@$(CLI) help $*

##@ Install and try

install: $(READY) ## Make .venv with all that an athlete uses.

install-dev: $(TOOLS) ## The same with the tools of developers: tests, style, types.

build: $(READY) ## The same as install.

image: ## The container image, by docker, podman or buildah: make image ENGINE=podman BASE=python:3.13-slim.
	@sh deploy/build_image.sh "$(ENGINE)" "$(BASE)" $(ARGS)

release: $(TOOLS) image ## The wheel, in dist/ and tried in an empty folder, and the image: make release ENGINE=podman.
	$(BIN)/python -m pip wheel --quiet --disable-pip-version-check --no-deps --wheel-dir dist .
	$(BIN)/python -m pytest -n 0 -m slow strava_pipeline_tests/e2e/test_wheel.py

$(READY): EXTRAS := dashboard,spreadsheet
$(TOOLS): EXTRAS := dev
$(READY) $(TOOLS): pyproject.toml constraints.txt
	@command -v $(PYTHON) >/dev/null || { echo "$(PYTHON) is not here. Name another one: make install PYTHON=python3.12"; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[$(EXTRAS)]'
	@[ $@ != $(TOOLS) ] || ! git rev-parse --git-dir >/dev/null 2>&1 || $(BIN)/pre-commit install --hook-type commit-msg >/dev/null
	@touch $(READY) $@

demo: $(READY) ## Try it all on twelve years of a made-up athlete, in demo/.
	$(CLI) demo $(ARGS)

demo-archive: $(READY) ## The same athlete out of an archive as Strava mails it, without the API, in demo/.
	$(CLI) demo --archive $(ARGS)

dev: $(READY) ## Dagster's UI and daemon on http://127.0.0.1:3000; with DEMO=1 on the demo's instance.
	$(CLI) dev --port $(PORT) $(if $(DEMO),--demo) $(ARGS)

# A line for each command of every day: the recipes stand below. All others are typed as they are: .venv/bin/strava-pipeline help all.

##@ Fetch from Strava

auth: ## Log in to Strava.
flow: ## The daily run: pull, merge, fetch recent details, publish.
flow-now: ## The same as flow.
flow-backfill: ## Pull everything, merge, fetch every detail, publish.
run: ## Pull new activities, and the lookback window again.
run-lite: ## Pull new activities, without a lookback.
run-all: ## Pull every activity, from the first one on.
refresh: ## Pull new activities, merge, publish; no details.
enrich: ## Fetch details of the recent window, or of chosen activities.
enrich-all: ## Fetch every detail that is missing or was edited.
flow-latest: ## The newest log of a run.
clean-logs: ## Remove the logs of all days but today; others: make clean-logs ARGS="--days 7".

##@ The warehouse

compact: ## Merge shards into gold and publish.
recompact: ## Merge all shards again, changed or not.
duck: ## A SQL prompt on the published warehouse.
sql-%: $(READY) ## A query: make sql-"SELECT count(*) FROM activities". One with a slash in it: .venv/bin/strava-pipeline sql "…".
	@$(CLI) sql "$*"

##@ The container, where one runs on this machine, else the service; each says which

schedule-build: ## make image, or make install.
schedule-up: ## Start the service; a container is started by `docker compose up -d`.
schedule-down: ## End it; runs at work are interrupted and go on next time.
schedule-restart: ## End it and start it again.
schedule-logs: ## What the scheduler says.
schedule-exec: ## A flow at once.
schedule-time: ## The next daily runs, in their zone.
schedule-ps: ## Whether it is alive, and when each schedule ticks.
schedule-doctor: ## What is wrong, and how to fix it.
schedule-shell: ## A shell that finds the commands.

##@ Develop

test: $(TOOLS) ## The test suite; EXAMPLES=all draws four times as many examples.
	EXAMPLES=$(EXAMPLES) $(BIN)/python -m pytest -n auto --dist worksteal

# Four workers on two cores: some tests wait a lot, for daemons that wake now and then. What failed runs once more, and is named; what hangs fails.
SLOWLY := -n 4 $(BY_FILE) --reruns 1 -rR --timeout 1200 --durations=20 $(if $(DRAW),--draw=$(DRAW))

test-slow: $(TOOLS) ## Tests that start processes, run whole jobs or take long; DRAW=0 to 3: a quarter of the dear ones.
	$(BIN)/python -m pytest -m 'slow and not soak and not container' $(SLOWLY)

other-duckdb: $(READY) ## Another DuckDB than the one in .venv, for the slow test that each opens the other's files.
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --upgrade --target $(VENV)/other-duckdb 'duckdb==$(OTHER_DUCKDB)'

# In an environment of its own: its packages and ours ask for other versions of the same ones. 1.12 wants to download while it is built.
dbt: $(READY) ## dbt in .venv/dbt, for the slow test of examples/dbt.
	test -x $(VENV)/dbt/bin/dbt || { $(BIN)/python -m venv --without-pip $(VENV)/dbt && \
		$(BIN)/python -m pip --python $(VENV)/dbt/bin/python install --quiet --disable-pip-version-check \
		'dbt-core<1.12' 'dbt-duckdb<1.12' "$$(grep '^duckdb==' constraints.txt)"; }

audit: $(READY) ## Known faults of the versions in constraints.txt, by the Python Package Index's advisories; needs the network.
	test -x $(VENV)/audit/bin/pip-audit || { $(BIN)/python -m venv $(VENV)/audit && \
		$(VENV)/audit/bin/python -m pip install --quiet --disable-pip-version-check pip-audit; }
	$(VENV)/audit/bin/pip-audit --requirement constraints.txt --no-deps --disable-pip $(ARGS)

test-bounds: $(TOOLS) ## Before a release: the test suite with the lowest and with the newest versions that pyproject.toml allows.
	@for end in $(BOUNDS); do $(BIN)/python -m strava_pipeline_tests.bounds $$end $(PYTHON) $(ARGS) || exit 1; done

coverage: $(TOOLS) ## Which lines and branches the test suite runs: a table, and htmlcov/index.html.
	$(BIN)/python -m pytest -n auto --dist worksteal --cov --cov-report=term:skip-covered --cov-report=html

soak: $(TOOLS) ## Hours of tests in parts under an hour: all, or make soak PART=days (kills, damage, calendar, daemon).
	@for part in $(PART); do echo "soak: $$part"; $(BIN)/python -m pytest -m "soak(part='$$part')" --durations=10 || exit 1; done

bench: $(TOOLS) ## What is fast, beside a floor program: make bench N="1000 10000".
	$(BIN)/python -m benchmarks $(N) $(ARGS)

test-samples: $(TOOLS) ## Tests on real payloads in ../shared/samples, which are not part of this repository.
	$(BIN)/python -m pytest -m samples -n auto $(BY_FILE)

test-container: $(TOOLS) ## The image, built and run in a container; skipped where buildah, podman or mmdebstrap is missing. As root.
	$(BIN)/python -m pytest -m container -rs --durations=10

test-all: $(TOOLS) ## All three in one go, quick ones first; DRAW=0 to 3 runs a quarter of the dear ones, as a landing does.
	EXAMPLES=$(EXAMPLES) $(BIN)/python -m pytest -m 'not soak and not container' --maxfail 3 $(SLOWLY)

lint: $(TOOLS) ## Style and format.
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(TOOLS) ## Types, strictly.
	$(BIN)/mypy

contracts: $(TOOLS) ## Which room may import which.
	$(BIN)/lint-imports

pre-commit: $(TOOLS) ## Style, format, types and contracts, as git runs them before a commit after `.venv/bin/pre-commit install`.
	$(BIN)/pre-commit run --all-files

format: $(TOOLS) ## Put the code in shape.
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

size: $(TOOLS) ## Lines of code by room, beside those of the last release; RELEASE=1 writes those.
	@$(BIN)/python -m strava_pipeline_tests.size $(if $(RELEASE),release)

check: lint types contracts size test ## What a change must pass.

docs: $(TOOLS) ## Write what of docs/ is made from the code, and the sources of the dbt example.
	$(BIN)/python docs/make_commands.py
	$(BIN)/python docs/make_data_dictionary.py
	$(BIN)/python docs/make_formats.py
	$(BIN)/python examples/dbt/make_sources.py

graph: $(TOOLS) ## Write the reviewed shapes of the graph and of the emulators' answers anew: what changed stands in the diff.
	$(BIN)/python -m strava_pipeline_tests.orchestrate.test_graph
	$(BIN)/python -m strava_pipeline_tests.providers.test_shapes

screenshots: $(TOOLS) ## Take docs/pictures/ again from the demo's dashboard and Dagster's UI; needs Chromium.
	@test -e demo/.made-by-strava-pipeline-demo || $(CLI) demo
	$(BIN)/python docs/make_pictures.py $(ARGS)

clean: ## Remove .venv, caches and the demo; never data/, secrets/ or logs/.
	rm -rf $(VENV) demo .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .coverage htmlcov *.egg-info

auth duck compact recompact: $(READY)
	$(CLI) $@ $(ARGS)

run flow refresh: $(READY)
	$(CLI) $@ $(PAGE) $(LOOKBACK) $(ARGS)

run-lite run-all flow-backfill: $(READY)
	$(CLI) $@ $(PAGE) $(ARGS)

enrich: $(READY)
	$(CLI) enrich $(ENRICH_ARGS) $(ARGS)

enrich-all: $(READY)
	$(CLI) enrich-all $(ENRICH_ALL_ARGS) $(ARGS)

schedule-build schedule-up schedule-down schedule-restart schedule-logs schedule-exec schedule-time schedule-ps schedule-doctor schedule-shell:
	@sh deploy/schedule.sh $(@:schedule-%=%) $(CLI) $(if $(filter %-up,$@),--port $(PORT)) $(ARGS)

flow-now: flow

flow-latest: $(READY)
	$(CLI) logs latest $(ARGS)

clean-logs: $(READY)
	$(CLI) logs clean $(or $(ARGS),--days 0)
