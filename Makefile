# Two commands do everything: `make run` and `make test`. They need Python 3.11 or 3.12 and make.
# Everything else is installed into .venv; a second call starts at once.

VENV := .venv
BIN := $(VENV)/bin
SHELL := /bin/sh
PYTHON ?= $(shell for p in python3.11 python3.12 python3 python; do \
	command -v $$p >/dev/null 2>&1 && $$p -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 13))' 2>/dev/null \
	&& { echo $$p; break; }; done)

.PHONY: run test lint bench clean python
.DEFAULT_GOAL := run

run: $(VENV)/.run ## capture the built-in clip into out/demo
	$(BIN)/mien demo --out out/demo

test: lint ## linters, types, import contracts, tests
	$(BIN)/python -m pytest -q

lint: $(VENV)/.test
	$(BIN)/ruff check --no-cache
	$(BIN)/ruff format --check --no-cache
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

bench: $(VENV)/.run ## frames per second, beside MediaPipe alone
	$(BIN)/python benchmarks/pipeline.py

python:
	@if [ -z "$(PYTHON)" ]; then \
		echo "Mien needs Python 3.11 or 3.12 (MediaPipe, its first face backend, has no wheel for other versions)." >&2; \
		echo "Found: $$(python3 --version 2>/dev/null || echo no python3). Install one of them, or run: make PYTHON=/path/to/python3.12" >&2; \
		exit 1; fi
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { \
		echo "$(PYTHON) lacks the venv module: install it (Debian and Ubuntu: the package python3-venv)." >&2; exit 1; }

$(BIN)/python: | python
	$(PYTHON) -m venv $(VENV)

$(VENV)/.run: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install -q --disable-pip-version-check -e '.[mediapipe]'
	@touch $@

$(VENV)/.test: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install -q --disable-pip-version-check torch==2.13.0
	$(BIN)/python -m pip install -q --disable-pip-version-check -e '.[mediapipe,lab,usd,dev]'
	@touch $@ $(VENV)/.run

clean: ## remove outputs and caches, keep the environment
	rm -rf out .pytest_cache .mypy_cache .ruff_cache .hypothesis
