# Two commands do everything: `make run` and `make test`. They need Python 3.11 or 3.12 and make.
# Everything else is installed into .venv; a second call starts at once.

VENV := .venv
BIN := $(VENV)/bin
SHELL := /bin/sh
PYTHON ?= $(shell for p in python3.11 python3.12 python3 python; do \
	command -v $$p >/dev/null 2>&1 && $$p -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 13))' 2>/dev/null \
	&& { echo $$p; break; }; done)

FITS := import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 13))
OWN := import sys; sys.exit(sys.prefix == sys.base_prefix)
NEEDS := Mien needs Python 3.11 or 3.12 (no other version was tested; MediaPipe, the comparison, has no wheel for others)

PAGES := src/mien/studio/page/index.html
NODE_FITS := const [a, b] = process.versions.node.split(".").map(Number); process.exit(a > 22 || (a == 22 && b >= 12) || (a == 20 && b >= 19) ? 0 : 1)
NO_NODE := The studio needs its pages built, which needs Node.js 20.19, 22.12 or newer with npm. Everything else works without.

.PHONY: run test lint bench clean python venv viewer viewer-if-possible
.DEFAULT_GOAL := run

run: venv viewer-if-possible ## capture the built-in clip into out/demo
	@$(MAKE) --no-print-directory $(VENV)/.run
	$(BIN)/mien demo --out out/demo

test: lint viewer-if-possible ## linters, types, import contracts, tests
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q -n 3 --dist loadfile

lint: venv
	@$(MAKE) --no-print-directory $(VENV)/.test
	$(BIN)/ruff check --no-cache
	$(BIN)/ruff format --check --no-cache
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

viewer: ## the pages of the studio
	@node -e '$(NODE_FITS)' 2>/dev/null && command -v npm >/dev/null || { echo "$(NO_NODE)" >&2; exit 1; }
	@$(MAKE) --no-print-directory $(PAGES)

viewer-if-possible:
	@if node -e '$(NODE_FITS)' 2>/dev/null && command -v npm >/dev/null; then \
		$(MAKE) --no-print-directory $(PAGES) || echo "The pages of the studio could not be built (see above). Everything else works." >&2; \
	else echo "$(NO_NODE)" >&2; fi

viewer/node_modules/.package-lock.json: viewer/package.json viewer/package-lock.json
	cd viewer && npm ci --silent --no-audit --no-fund
	@touch $@

$(PAGES): viewer/node_modules/.package-lock.json $(shell find viewer/src viewer/index.html viewer/vite.config.ts viewer/tsconfig.json -type f 2>/dev/null)
	cd viewer && npm run --silent build

bench: venv ## frames per second, beside MediaPipe alone
	@$(MAKE) --no-print-directory $(VENV)/.bench
	$(BIN)/python benchmarks/pipeline.py

python: # is there a Python to make the environment with?
	@if [ -z "$(PYTHON)" ]; then \
		echo "$(NEEDS)." >&2; \
		echo "Found: $$(python3 --version 2>/dev/null || echo no python3). Install one of them, or run: make PYTHON=/path/to/python3.12" >&2; \
		exit 1; fi
	@command -v "$(PYTHON)" >/dev/null 2>&1 || { \
		echo "PYTHON=$(PYTHON): there is no such program; name one, for example: make PYTHON=/path/to/python3.12" >&2; exit 1; }
	@"$(PYTHON)" -c '$(FITS)' 2>/dev/null || { \
		echo "$(NEEDS); $(PYTHON) is $$("$(PYTHON)" --version 2>&1 || echo "not a Python that runs")." >&2; exit 1; }
	@"$(PYTHON)" -c 'import venv, ensurepip' 2>/dev/null || { \
		echo "$(PYTHON) lacks the venv module: install it (Debian and Ubuntu: the package python3-venv)." >&2; exit 1; }

# Made anew if it is of another version, or if making it was interrupted: then pip, which comes last, does not run.
venv: $(if $(filter-out file default undefined,$(origin PYTHON)),python)
	@{ $(BIN)/python -c '$(FITS)' && $(BIN)/python -c '$(OWN)' && \
	{ [ -e $(VENV)/.run ] || $(BIN)/python -m pip --version; }; } >/dev/null 2>&1 || { \
		$(MAKE) --no-print-directory python && echo "making $(VENV) with $(PYTHON)" && "$(PYTHON)" -m venv --clear $(VENV); }

$(VENV)/.run: pyproject.toml
	$(BIN)/python -m pip install -q --disable-pip-version-check -e '.[studio]'
	@touch $@

$(VENV)/.bench: pyproject.toml
	$(BIN)/python -m pip install -q --disable-pip-version-check -e '.[mediapipe,studio]'
	@touch $@ $(VENV)/.run

$(VENV)/.test: pyproject.toml
	$(BIN)/python -m pip install -q --disable-pip-version-check torch==2.13.0
	$(BIN)/python -m pip install -q --disable-pip-version-check -e '.[mediapipe,lab,usd,studio,dev]'
	@touch $@ $(VENV)/.run $(VENV)/.bench

clean: ## remove outputs and caches, keep the environment
	rm -rf out .pytest_cache .mypy_cache .ruff_cache .hypothesis
