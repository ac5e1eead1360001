PYTHON ?= python3
BIN := .venv/bin

.DEFAULT_GOAL := help
.PHONY: help setup demo test check bench stubs

help:  ## what can be made
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 16

setup: .venv/.installed  ## an environment in .venv with both distributions and every tool

demo: setup  ## 20,000 redemptions through server, client and three simulated partners
	$(BIN)/handbackd demo

test: setup  ## the whole suite, on SQLite and on PostgreSQL
	$(BIN)/pytest

check: setup  ## format, lint, types, imports, stubs and house rules: what CI runs before the tests
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	$(BIN)/python proto/generate.py --check
	$(BIN)/python -m handback.lifecycle.render --check
	$(BIN)/pytest -q tests/house

bench: setup  ## records per second on this machine, on both stores
	$(BIN)/python tests/bench

stubs: setup  ## write both copies of the gRPC stubs from proto/
	$(BIN)/python proto/generate.py

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo 'Python 3.11 or later is needed: make setup PYTHON=/path/to/python'; exit 1; }
	$(PYTHON) -m venv .venv

.venv/.installed: pyproject.toml clients/python/pyproject.toml | .venv/bin/python
	$(BIN)/python -m pip install --quiet --editable '.[dev]' --editable './clients/python[cli]'
	@touch $@
