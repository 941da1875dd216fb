# Everything a newcomer needs: `make demo`, `make test`, `make up`. Each target may be run twice in a row.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.stamp
PYTEST := $(BIN)/pytest
UV := $(BIN)/uv

# Every `cm` would compile Dagster anew: two seconds and more each.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help setup demo up test test-mysql soak bench lint format lock migration clean

help: ## Say what there is to make
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(STAMP) ## Make the virtual environment and see to a database server
	@scripts/install-mariadb

# Whatever is half-made is made again: the stamp comes last. uv is only the quick way: where it does not run or cannot
# reach the index that pip is set up for, pip installs the same lock.
$(STAMP): requirements/lock.txt requirements/uv.txt pyproject.toml
	@python=$$(scripts/find-python); \
	test -x $(BIN)/python || $$python -m venv $(VENV); \
	echo "Installing the pinned dependencies into $(VENV) ..."; \
	if $(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/uv.txt \
	  && $(UV) pip sync --quiet --python $(BIN)/python --require-hashes requirements/lock.txt requirements/uv.txt; \
	then :; else \
	  echo "uv could not; pip installs the same, more slowly ..."; \
	  $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements/lock.txt; \
	fi; \
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

demo: setup ## Run the main job on sample data and say what happened
	$(BIN)/cm demo

up: setup ## Database, Dagster's web UI and daemon with sensors on; Ctrl-C stops them
	$(BIN)/cm up

test: setup ## All tests but the long ones
	$(PYTEST) -q -n 3 --dist loadfile --no-loadscope-reorder --durations=15

test-mysql: setup ## The database tests on a real MySQL too: CM_TEST_MYSQL_URL=mysql://user:password@host:port/
	@test -n "$${CM_TEST_MYSQL_URL:-}" || { echo "Set CM_TEST_MYSQL_URL to an account that may create databases."; exit 2; }
	$(PYTEST) -q -m "mysql and not soak"

soak: setup ## The long forms of the kill, fuzz and fault tests
	$(PYTEST) -q -m soak --timeout 3600

bench: setup ## Speed, memory and linkage quality
	$(BIN)/python -m bench

lint: setup ## Style, types, import rules and SQL
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	PYTHONWARNINGS=ignore $(BIN)/sqlfluff lint --disable-progress-bar dbt_project

format: setup ## Put the code into the project's form
	$(BIN)/ruff check --fix-only --quiet .
	$(BIN)/ruff format .

lock: ## Resolve pyproject.toml again into requirements/lock.txt
	$(UV) pip compile --quiet --upgrade --generate-hashes --no-emit-index-url --all-extras --no-strip-extras --python-version 3.11 \
	  --custom-compile-command "make lock" pyproject.toml --output-file requirements/lock.txt

migration: setup ## Draft the revision for what changed in tables.py: make migration MESSAGE="add a column"
	@test -n "$${MESSAGE:-}" || { echo 'Say what changes: make migration MESSAGE="add a column"'; exit 2; }
	$(BIN)/python -m cm_core.store.migrations "$$MESSAGE"
	@$(BIN)/ruff check --fix --quiet cm_core/store/migrations && $(BIN)/ruff format --quiet cm_core/store/migrations

clean: ## Stop the private server and remove the environment, the caches and the state in .cm
	@scripts/stop-private-server .cm
	rm -rf $(VENV) .cm .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache *.egg-info \
	  dbt_project/target dbt_project/logs
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
