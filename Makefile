# `make` lists what there is. Everything runs in .venv, made from uv.lock.
.DEFAULT_GOAL := help
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.synced
export PYTHONWARNINGS ?= default
export MLFLOW_DISABLE_TELEMETRY := true
export DO_NOT_TRACK := true

.PHONY: help
help: ## List the targets
	@grep -hE '^[a-z0-9-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

.PHONY: install
install: $(STAMP) ## Make .venv from uv.lock

$(STAMP): uv.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "error: $(PYTHON) is older than 3.11; next: make PYTHON=/path/to/python3.11"; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) || { echo "error: $(PYTHON) cannot make a virtual environment; next: install its venv module"; exit 1; }
	@test -x $(BIN)/uv || $(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	UV_PROJECT_ENVIRONMENT=$(VENV) $(BIN)/uv sync --frozen --compile-bytecode --quiet
	@touch $@

.PHONY: demo
demo: $(STAMP) ## Run the whole ring on this machine, on real flights (about a minute)
	$(BIN)/headgate demo

.PHONY: test
test: $(STAMP) ## Run unit, contract, golden and ring tests (minutes)
	$(BIN)/python -m pytest -n 2 --dist loadgroup -m "not full"

.PHONY: test-full
test-full: $(STAMP) ## Run every test: all kill points, three start months, null candidates (long)
	$(BIN)/python -m pytest -n 2 --dist loadgroup

.PHONY: check
check: $(STAMP) ## Lint, types, layers, lock, rendered files
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/uv lock --check
	$(BIN)/headgate render --check

.PHONY: render
render: $(STAMP) ## Write every generated file anew
	$(BIN)/headgate render

.PHONY: image
image: ## Build the container image (needs docker)
	docker build --tag headgate:dev .
