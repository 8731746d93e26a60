# `make` lists what there is. Everything runs in .venv, made from uv.lock; python3 (3.11 to 3.13), git and make are enough.
.DEFAULT_GOAL := help
SHELL := /bin/bash
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.synced
SUPPORTED := import sys, venv; sys.exit(not (3, 11) <= sys.version_info < (3, 14))
PYTHON ?= $(shell for one in python3 python3.13 python3.12 python3.11; do \
	$$one -c '$(SUPPORTED)' 2>/dev/null && echo $$one && exit; done; echo none)
UV := $(shell awk '/^name = "uv"$$/ {getline; gsub(/[^0-9.]/, ""); print; exit}' uv.lock)
GET_UV := python -m pip install --quiet --disable-pip-version-check uv==$(UV)
# uv trusts whom the machine trusts, as pip does.
export UV_SYSTEM_CERTS := true
export MLFLOW_DISABLE_TELEMETRY := true
export DO_NOT_TRACK := true
# Hundreds of processes are started by the tests: each would compile this package anew.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help
help: ## List the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "  make %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: install
install: $(STAMP) ## Make .venv from uv.lock (done by every other target when it is needed)

# What an interrupted run left half made is made again; a sync takes pip away, as it is not in the lock file.
$(STAMP): uv.lock pyproject.toml
	@test "$(PYTHON)" != none || { echo "error: no python3 from 3.11 to 3.13 with venv; next: make PYTHON=/path/to/python3.11"; exit 1; }
	@$(BIN)/uv --version 2>/dev/null | grep -qF " $(UV)" || $(BIN)/$(GET_UV) 2>/dev/null || { $(PYTHON) -m venv --clear $(VENV) && $(BIN)/$(GET_UV); }
	UV_PROJECT_ENVIRONMENT=$(VENV) UV_PYTHON_DOWNLOADS=never $(BIN)/uv sync --frozen --compile-bytecode --quiet
	@touch $@

.PHONY: demo
demo: $(STAMP) ## Run the whole ring on this machine, on a year of real flights (a minute or two)
	@$(BIN)/python -m headgate demo

# Three workers on two cores: half of a test's time is waiting for servers, forges and canaries.
.PHONY: test
test: $(STAMP) ## Run the unit, contract, golden and ring tests (a few minutes)
	$(BIN)/python -m pytest -n 3 --dist loadgroup -m "not full"

# kserve's pins are not ours, so the model mounted in its server is tried in an environment of its own.
KSERVE := tests/kserve/.venv
$(KSERVE)/.made: tests/kserve/requirements.txt $(STAMP)
	@$(BIN)/uv venv --quiet --clear --python $(BIN)/python $(KSERVE)
	@$(BIN)/uv pip install --quiet --python $(KSERVE)/bin/python --requirements tests/kserve/requirements.txt
	@touch $@

.PHONY: test-full
test-full: $(STAMP) $(KSERVE)/.made ## Run every test: all kill points, three start months, null candidates (long)
	$(BIN)/python -m pytest -n 3 --dist loadgroup

# A part of test-full; the broker is Apache Kafka's own, brought once by Maven at the pins of tests/kafka.
.PHONY: test-kafka
test-kafka: $(STAMP) ## Run the stream's tests on a real Kafka broker (needs Java 17 and Maven; four minutes)
	$(BIN)/python -m pytest tests/kafka tests/contract/test_stream_port.py

.PHONY: fuzz
fuzz: $(STAMP) ## Ask the server 140,000 requests gone wrong, in every protocol and on raw connections (a few minutes)
	FUZZ_EXAMPLES=400 $(BIN)/python -m pytest -q -rP tests/unit/serve/test_fuzz.py tests/unit/serve/test_openapi.py

.PHONY: check
check: $(STAMP) ## Check style, types, layers, the map, the lock file and that rendered files are fresh
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	MYPYPATH=tests/ring $(BIN)/mypy --explicit-package-bases tests/ring/recompute.py tests/ring/recomputing
	MYPYPATH=tests $(BIN)/mypy --explicit-package-bases tests/cluster
	$(BIN)/lint-imports
	$(BIN)/python -m pytest -q -p no:cacheprovider tests/unit/test_map.py tests/unit/test_purity.py
	$(BIN)/uv lock --check
	$(BIN)/python -m headgate render --check

.PHONY: render
render: $(STAMP) ## Write every generated file anew
	@$(BIN)/python -m headgate render

.PHONY: cluster
cluster: $(STAMP) ## Run the real control plane on this machine, built from pins, and print its KUBECONFIG (needs root and Go)
	@PYTHONPATH=tests $(BIN)/python -m cluster up

.PHONY: cluster-install
cluster-install: $(STAMP) ## Install the Debian packages it needs (root; starts no service)
	@PYTHONPATH=tests $(BIN)/python -m cluster install

.PHONY: cluster-down
cluster-down: $(STAMP) ## End it and take away every trace of it
	@PYTHONPATH=tests $(BIN)/python -m cluster down

# HEADGATE_E2E_CLUSTER names a context of your own KUBECONFIG: nothing is started there and no process ended; see tests/cluster/README.md.
SCENARIOS := tests/cluster/scenarios
SMOKE := $(addprefix $(SCENARIOS)/,test_push_to_live.py test_bad_canary.py test_drift.py)
PLAY := $(BIN)/python -m pytest --confcutdir=tests/cluster -p no:cacheprovider -v
NEW := $(if $(HEADGATE_E2E_CLUSTER),$(STAMP),cluster-down)
DONE := $(if $(HEADGATE_E2E_CLUSTER),true,PYTHONPATH=tests $(BIN)/python -m cluster down)

.PHONY: e2e
e2e: $(NEW) ## Play the scenarios on a new cluster: real controllers, real traffic; e2e.json has what was measured
	HEADGATE_E2E=whole $(PLAY) $(SCENARIOS)
	@$(DONE)

.PHONY: e2e-serving
e2e-serving: $(NEW) ## Play what surrounds an answer: a file scored by pods, gRPC, a shadow, a predictor image of one's own
	@test -z "$(HEADGATE_E2E_CLUSTER)" || { echo "error: its pods mount a folder of this machine; next: unset HEADGATE_E2E_CLUSTER"; exit 2; }
	HEADGATE_E2E=serving $(PLAY) $(SCENARIOS)/test_around_an_answer.py
	@$(DONE)

.PHONY: e2e-smoke
e2e-smoke: $(NEW) ## Play three of them: a push becomes live, a bad canary is reverted, drift retrains
	HEADGATE_E2E=smoke $(PLAY) $(SMOKE)
	@$(DONE)

.PHONY: e2e-chaos
e2e-chaos: $(NEW) ## Play the one that kills every controller at every point, and compares what is left (long)
	@test -z "$(HEADGATE_E2E_CLUSTER)" || { echo "error: this kills controllers, and never those of your own cluster; next: unset HEADGATE_E2E_CLUSTER"; exit 2; }
	HEADGATE_E2E=chaos $(PLAY) $(SCENARIOS)/test_chaos.py
	@$(DONE)

# The peers have a Python of their own: kserve needs a pandas older than ours.
PEERS := bench/serve/peers/.venv
$(PEERS)/.synced: bench/serve/peers/requirements.txt $(STAMP)
	$(BIN)/uv venv --quiet --clear --python $(BIN)/python $(PEERS)
	$(BIN)/uv pip sync --quiet --compile-bytecode --python $(PEERS)/bin/python $<
	@touch $@

.PHONY: bench-serve
bench-serve: $(PEERS)/.synced ## Measure the inference server beside its peers; writes bench/RESULTS.md (needs wrk and two cores)
	$(BIN)/python -m bench.serve

.PHONY: bench-ring
bench-ring: $(STAMP) ## Write what the last `make e2e` measured of the ring's joints into bench/RESULTS.md
	$(BIN)/python -m bench.ring

.PHONY: image
image: ## Build the container image headgate:dev (needs docker)
	docker build --tag headgate:dev .
