# Needs Python 3.11-3.13 and make; everything else is installed into .venv.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

# A bare name: the shell resolves it below the current folder, which may hold spaces.
PYTHON ?= python3
BIN := .venv/bin
PY := $(BIN)/python
READY := .venv/.ready

export DO_NOT_TRACK := 1
export DBT_SEND_ANONYMOUS_USAGE_STATS := false
export GX_ANALYTICS_ENABLED := false
export RUNTIME__DLTHUB_TELEMETRY := false

# A file's tests share what is costly to make, so they stay in one process.
PARALLEL := -n auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder

COMPILE = $(PY) -m uv pip compile --quiet --universal --generate-hashes --no-header \
	--no-emit-index-url

SIZE ?= S
SEED ?= 7

.PHONY: help setup demo test test-superset torture bench lint dev view audit lock coverage clean

help: ## Show the targets
	@grep -hE '^[a-z-]+:.*##' Makefile | sed -E 's/^([a-z-]+):[^#]*## (.*)/  \1\t\2/' | expand -t 16

setup: $(READY) ## Install everything into .venv

$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(0 if (3, 11) <= sys.version_info[:2] < (3, 14) else "Python 3.11, 3.12 or 3.13 is needed; this is " + sys.version.split()[0] + " (set PYTHON=...)")'
	test -x $(PY) || $(PYTHON) -m venv .venv
	$(PY) -m pip install --quiet --disable-pip-version-check uv
	$(PY) -m uv pip install --quiet --compile-bytecode --python $(PY) --require-hashes -r requirements.lock
	$(PY) -m uv pip install --quiet --python $(PY) --no-deps --no-build-isolation -e .
	$(PY) -m dagster_project.compiled
	touch $(READY)

demo: $(READY) ## Build the demo world's marts in data/
	$(PY) -m interfaces.cli demo --size $(SIZE) --seed $(SEED)

test: $(READY) ## Run every test
	$(PY) -m pytest $(PARALLEL)

coverage: $(READY) ## Run every test and fail below 90 % coverage
	$(PY) -m pytest $(PARALLEL) --cov --cov-report=term:skip-covered

test-superset: $(READY) ## Try docs/bi in a real Superset, in an environment of its own
	test -x .venv/superset/bin/python || $(PYTHON) -m venv .venv/superset
	$(PY) -m uv pip install --quiet --python .venv/superset/bin/python \
		--require-hashes -r tests/end_to_end/superset.lock
	MARKETING_TEST_SUPERSET=.venv/superset $(PY) -m pytest tests/end_to_end/test_superset.py

torture: $(READY) ## The long kill, fuzz and replay runs
	MARKETING_TORTURE=1 $(PY) -m pytest -m torture

bench: $(READY) ## Measure side by side with peers
	$(PY) -m benchmarks --size $(SIZE)

lint: $(READY) ## ruff, import-linter, sqlfluff
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports --no-cache
	$(BIN)/sqlfluff lint --processes 2 dbt/models dbt/tests

dev: $(READY) ## Dagster's UI on http://127.0.0.1:3000
	$(PY) -m interfaces.cli prepare
	DAGSTER_HOME="$${MARKETING_WORKSPACE:-$(CURDIR)/data}/dagster" \
		$(BIN)/dagster dev -h 127.0.0.1 -p 3000 -m dagster_project.definitions

view: $(READY) ## Dagster's UI to look at only, on http://127.0.0.1:3001
	$(PY) -m interfaces.cli prepare
	DAGSTER_HOME="$${MARKETING_WORKSPACE:-$(CURDIR)/data}/dagster" \
		$(BIN)/dagster-webserver -h 127.0.0.1 -p 3001 --read-only -m dagster_project.definitions

audit: $(READY) ## Known advisories for the pinned dependencies (asks the advisory service)
	$(BIN)/pip-audit --require-hashes --disable-pip -r requirements.lock

lock: $(READY) ## Pin the dependencies anew
	$(COMPILE) --all-extras pyproject.toml -o requirements.lock
	$(COMPILE) tests/end_to_end/superset.in -o tests/end_to_end/superset.lock

clean: ## Remove the default workspace's data (not data/reference)
	chmod -R u+w data/published data/published_pii 2>/dev/null || true
	find data -mindepth 1 -maxdepth 1 ! -name reference ! -name README.md -exec rm -rf {} +
