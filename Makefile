PYTHON ?= python3
BIN := .venv/bin
FUZZ_SECONDS ?= 20
SOAK_SECONDS ?= 600

.DEFAULT_GOAL := help
.PHONY: help setup demo test check fuzz soak bench stubs

help:  ## what can be made
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 16

setup: .venv/.installed  ## an environment in .venv with both distributions and every tool

demo: setup  ## 20,000 redemptions through server, client and three simulated partners
	$(BIN)/handbackd demo

test: setup  ## the whole suite, on SQLite and on PostgreSQL
	$(BIN)/pytest --numprocesses auto --dist loadscope --no-loadscope-reorder

check: setup  ## format, lint, types, imports, generated files and house rules
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	$(BIN)/python proto/generate.py --check
	$(BIN)/python clients/python/async_to_sync.py --check
	$(BIN)/python -m handback.lifecycle.render --check
	$(BIN)/python -m handback.reconcile.render --check
	$(BIN)/python -m handback.reports.render --check
	$(BIN)/pytest -q tests/house

fuzz: setup  ## every decoder and envelope under bytes made to break it, FUZZ_SECONDS=20 for each
	$(BIN)/python -m pip install --quiet --editable '.[fuzz]'
	cd tests && ../$(BIN)/python -m fuzz --seconds $(FUZZ_SECONDS)

soak: setup  ## random lives against the model, SOAK_SECONDS=600 on each store, SOAK_SEED to repeat
	SOAK_SECONDS=$(SOAK_SECONDS) SOAK_SEED=$(SOAK_SEED) $(BIN)/pytest -s tests/model

bench: setup  ## records per second on this machine beside the floor, on both stores
	for store in sqlite postgres; do for name in ingest matching payouts verify watch; do \
		$(BIN)/handbackd bench $$name --store $$store --records 50000 || exit 1; done; done
	$(BIN)/handbackd bench decoding --records 50000
	$(BIN)/handbackd bench workers --store postgres --records 100000
	for store in sqlite postgres; do for name in growth reads; do \
		$(BIN)/handbackd bench $$name --store $$store --records 50000 --grown 200000 || exit 1; done; done
	for store in sqlite postgres; do for name in submit startup; do \
		$(BIN)/handbackd bench $$name --store $$store --records 5000 || exit 1; done; done
	for store in sqlite postgres; do \
		$(BIN)/handbackd bench subscribers --store $$store --records 2000 || exit 1; \
		$(BIN)/handbackd bench latency --store $$store --records 300 || exit 1; done

stubs: setup  ## write what is generated: both stubs, the sync client, three pages of docs
	$(BIN)/python proto/generate.py
	$(BIN)/python clients/python/async_to_sync.py
	$(BIN)/python -m handback.lifecycle.render
	$(BIN)/python -m handback.reconcile.render
	$(BIN)/python -m handback.reports.render

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo 'Python 3.11 or later is needed: make setup PYTHON=/path/to/python'; exit 1; }
	$(PYTHON) -m venv .venv

.venv/.installed: pyproject.toml clients/python/pyproject.toml | .venv/bin/python
	$(BIN)/python -m pip install --quiet --editable '.[dev]' --editable './clients/python[cli,xlsx]'
	@touch $@
