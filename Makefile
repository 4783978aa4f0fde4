# One word each; the same here and on a build machine. `make run` is all that a first visitor needs.

SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
ARGS ?=

.PHONY: setup lock format check test test-fast bench faults chaos run clean

setup: $(VENV)/.stamp-dev  ## install everything, once
	@$(BIN)/python fastcycle/frontend.py || true

$(VENV)/.stamp-python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
		|| { echo "fast-cycle: Python 3.11 or newer is needed; name it as in: make $(firstword $(MAKECMDGOALS)) PYTHON=python3.11" >&2; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/.stamp-run: requirements.txt $(VENV)/.stamp-python
	@echo "fast-cycle: installing into $(VENV), about a minute, once"
	@$(PIP) install --require-hashes -r requirements.txt
	@$(BIN)/python -m lean
	@touch $@

$(VENV)/.stamp-dev: requirements-dev.txt $(VENV)/.stamp-run
	@$(PIP) install --require-hashes -r requirements-dev.txt
	@touch $@

lock: setup  ## pin requirements*.in anew, with hashes
	@$(PIP) install uv
	@$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header requirements.in -o requirements.txt
	@$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header requirements-dev.in -o requirements-dev.txt

format: setup  ## set imports and layout right
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

check: setup  ## everything a machine can judge without running the product
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy .
	$(BIN)/lint-imports
	$(BIN)/python manage.py check
	$(BIN)/python manage.py makemigrations --check --dry-run
	$(BIN)/pytest -q -p no:randomly tests/test_house_rules.py

# Three workers on two cores: much of the second half waits for streams and for faults to end.
# The database-bound tests run on PostgreSQL first, so that the last line sums up the whole suite.
test: setup  ## the whole suite, on both databases
	@status=0; \
	if $(BIN)/python -m tests.support.servers; then \
		TEST_DATABASE=postgresql $(BIN)/pytest -q -n 2 $(ARGS) || status=1; \
	else \
		echo "PostgreSQL's server programs are not on this machine: its half of the suite is left out"; \
	fi; \
	$(BIN)/pytest -q -n 3 --dist loadgroup $(ARGS) || status=1; \
	exit $$status

test-fast: setup  ## what needs no database and no process
	@$(BIN)/pytest -q tests/unit $(ARGS)

bench: setup  ## measure, write figures, tables and picture; ARGS="memory --minutes 60" for a part, ARGS=--full for all sizes
	@$(BIN)/python -m bench $(ARGS)

faults: setup  ## provoke every fault of docs/faults.md and write it anew; ONLY=1,5,58 for a part
	@$(BIN)/python -m bench.faults $(if $(ONLY),--only $(ONLY))

chaos: setup  ## the whole stack under random mischief, then judged; SEED=1 MINUTES=1, or SEEDS=1-50 JOBS=3
	@$(BIN)/python -m bench.chaos $(if $(SEEDS),--seeds $(SEEDS) --jobs $(or $(JOBS),1),--seed $(or $(SEED),1)) \
		--minutes $(or $(MINUTES),1) $(ARGS)

run: $(VENV)/.stamp-run  ## the whole stack on this machine; ARGS="--port 8001" reaches `manage.py up`
	@$(BIN)/python fastcycle/frontend.py || true
	@exec $(BIN)/python manage.py up $(ARGS)

clean:  ## forget what the checkers remembered
	@rm -rf .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
