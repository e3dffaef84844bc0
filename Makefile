# What a developer does with Hekla, one word each. Needs make and a Python of 3.11 or newer.

.DEFAULT_GOAL := help
SHELL := /bin/sh

VENV := .venv
BIN := $(VENV)/bin
# One stamp for what serving needs, one for what the checks need; each is made again when
# pyproject.toml is newer.
SERVE_READY := $(VENV)/.ready-to-serve
TEST_READY := $(VENV)/.ready-to-test
BENCH_READY := $(VENV)/.ready-to-bench

HOST ?= 127.0.0.1
PORT ?= 8000
# Processes that share the tests.
JOBS ?= $(or $(shell getconf _NPROCESSORS_ONLN 2>/dev/null | awk '{ print ($$1 > 4) ? 4 : $$1 }'),2)

.PHONY: help
help: ## Show what there is to do
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1\t\2/' | expand -t 18

.PHONY: serve
serve: $(SERVE_READY) ## Serve the example application at http://127.0.0.1:8000
	@cd examples/tasks && exec ../../$(BIN)/hekla serve app.py --host $(HOST) --port $(PORT)

.PHONY: test
test: format-check lint types layers pytest ## Run every check

.PHONY: format-check lint types layers pytest
format-check: $(TEST_READY)
	$(BIN)/ruff format --check .
lint: $(TEST_READY)
	$(BIN)/ruff check .
types: $(TEST_READY)
	$(BIN)/mypy
layers: $(TEST_READY)
	$(BIN)/lint-imports
pytest: $(TEST_READY)
	$(BIN)/python -m pytest -n $(JOBS) --dist loadgroup --no-loadscope-reorder

.PHONY: format
format: $(TEST_READY) ## Format the code and mend what ruff can mend
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

.PHONY: coverage
coverage: $(TEST_READY) ## Run the tests and show the lines that none of them reached
	$(BIN)/coverage erase
	$(BIN)/coverage run -m pytest
	$(BIN)/coverage combine
	$(BIN)/coverage report

.PHONY: bench
bench: $(BENCH_READY) ## Measure Hekla against its peers; writes benchmarks/RESULTS.md and RESULTS-writes.md
	$(BIN)/python -m benchmarks
	$(BIN)/python -m benchmarks.writes

.PHONY: soak
soak: $(BENCH_READY) ## Long runs: load with memory measured, random queries, kills and power cuts
	$(BIN)/python -m benchmarks.soak
	HEKLA_SOAK=1 $(BIN)/python -m pytest tests/faults tests/property tests/scenarios/test_schemathesis.py

.PHONY: setup
setup: $(TEST_READY) ## Only set up .venv

.PHONY: clean
clean: ## Remove .venv and everything that was built
	rm -rf $(VENV) dist .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis .coverage .coverage.*

# $(call install,requirements): makes .venv where there is none that works, then installs.
# Takes uv where it is installed, else the first Python that is new enough, with its own pip.
# What is compiled here need not be when the first server starts.
define install
	@set -e; \
	usable='import sys; sys.exit(sys.version_info < (3, 11))'; \
	if ! $(BIN)/python -c "$$usable" 2>/dev/null; then \
	  found=; \
	  for candidate in python3 python3.14 python3.13 python3.12 python3.11; do \
	    if "$$candidate" -c "$$usable" 2>/dev/null; then found=$$candidate; break; fi; \
	  done; \
	  rm -rf $(VENV); \
	  if command -v uv >/dev/null 2>&1; then \
	    uv venv --quiet --python "$${found:->=3.11}" $(VENV); \
	  elif [ -z "$$found" ]; then \
	    echo "Hekla needs Python 3.11 or newer; none of python3, python3.11 to python3.14 is. Install one, or uv, and run make again." >&2; exit 1; \
	  elif ! "$$found" -c 'import ensurepip, venv' 2>/dev/null; then \
	    echo "$$found cannot make virtual environments here: install its venv module (Debian, Ubuntu: apt install python3-venv) and run make again." >&2; exit 1; \
	  else \
	    "$$found" -m venv $(VENV); \
	  fi; \
	fi; \
	echo "Installing what is needed into $(VENV) (once) …"; \
	if command -v uv >/dev/null 2>&1; then \
	  uv pip install --quiet --compile-bytecode --python $(BIN)/python $(1); \
	else \
	  $(BIN)/python -m pip install --quiet --disable-pip-version-check $(1); \
	fi; \
	$(BIN)/python -m compileall -q src examples
endef

$(SERVE_READY): pyproject.toml
	$(call install,-e .)
	@touch $@

$(TEST_READY): pyproject.toml
	$(call install,-e '.[dev]')
	@touch $(SERVE_READY) $@

$(BENCH_READY): pyproject.toml benchmarks/requirements.txt
	$(call install,-e '.[dev]' -r benchmarks/requirements.txt)
	@touch $(SERVE_READY) $(TEST_READY) $@
