# Everything a newcomer needs. Each target does the set-up first and may be run twice.
SHELL := /bin/bash
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.stamp

.DEFAULT_GOAL := help
.PHONY: help setup demo test up lint bench soak test-mysql lock migration clean

help:                ## show this list
	@grep -E '^[a-z-]+: .*##|^[a-z-]+:  .*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*##/\t/' | expand -t 14

setup: $(STAMP)      ## venv, pinned dependencies, database server
	@scripts/install-mariadb

$(STAMP): requirements/lock.txt requirements/uv.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' 2>/dev/null || \
		{ echo "Python 3.11 is needed. Install it, or name it: make $(or $(MAKECMDGOALS),setup) PYTHON=/path/to/python3.11" >&2; exit 1; }
	@echo "Setting up $(VENV) ..."
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements/uv.txt
	@$(BIN)/uv pip sync --quiet --require-hashes --python $(BIN)/python requirements/lock.txt requirements/uv.txt
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
	@touch $(STAMP)

demo: setup          ## run the main job on sample data and show what happened
	@$(BIN)/cm demo

test: setup          ## all tests but the long ones
	$(BIN)/python -m pytest

up: setup            ## database, Dagster UI and daemon with the sensors on; Ctrl-C stops all of it
	@$(BIN)/cm up

lint: setup          ## style, types, import rules
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: setup         ## speed, memory and linkage quality
	$(BIN)/python -m bench

soak: setup          ## the long forms of the kill, fuzz and fault tests
	$(BIN)/python -m pytest -m soak --timeout 3600

test-mysql: setup    ## the database tests, on a real MySQL as well (CM_TEST_MYSQL_URL=mysql://user:password@host:port/)
	@test -n "$$CM_TEST_MYSQL_URL" || { echo "Set CM_TEST_MYSQL_URL=mysql://user:password@host:port/" >&2; exit 2; }
	$(BIN)/python -m pytest tests/integration tests/unit/store

lock:                ## renew the pinned dependencies (needs uv)
	uv pip compile --quiet --generate-hashes --no-emit-index-url --all-extras --python-version 3.11 \
		--custom-compile-command "make lock" pyproject.toml -o requirements/lock.txt
	echo uv | uv pip compile --quiet --generate-hashes --no-emit-index-url --python-version 3.11 \
		--custom-compile-command "make lock" - -o requirements/uv.txt

clean:               ## stop the private server; remove venv, caches and the state folder
	@if [ -x $(BIN)/cm ]; then $(BIN)/cm db stop || true; fi
	rm -rf $(VENV) .cm .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
