# Assay. `make` alone explains every target.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

WORKLOAD  ?= image-classification
FRAMEWORK ?= pytorch
TARGET    ?= cpu
DIVISION  ?= closed
SUBMITTER ?= local
SCENARIO  ?=
ROUND     ?=
RUNS      ?=
THREADS   ?=
MEMORY    ?=
DATA      ?=
SYSTEM    ?=
IDLE      ?=
UNCONTAINED ?=
RESUME    ?=
REPLACE   ?=
DISCARD   ?=
WAIT      ?=
FROM      ?=
ROUNDS    ?=

ASSAY := .venv/bin/assay

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-11s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo
	@echo '  make run takes WORKLOAD=$(WORKLOAD) FRAMEWORK=$(FRAMEWORK)|all TARGET=$(TARGET) DIVISION=$(DIVISION)|open SUBMITTER=$(SUBMITTER)'
	@echo '  SCENARIO=all|SingleStream|… measures inference (default for a workload that is not trained)'
	@echo '  and ROUND (default: the newest), RUNS (open), THREADS, MEMORY (MiB), DATA (your copy), SYSTEM (system.yaml), POWER_LOG (what a meter writes), RESUME=1, REPLACE=1, DISCARD=1'
	@echo '  WAIT=1 waits where another command is measuring on the machine'
	@echo '  IDLE=SECONDS (training, 20 or more) samples the idle machine first, so that reports show energy above it too'
	@echo '  UNCONTAINED=PYTHON (training) measures without an engine, in a Python that has the framework: no submission'

setup: ## create .venv with assay in it; nothing to do when nothing changed
	@requirements/setup.sh host

setup-dev: ## the same, with what tests and lint need
	@requirements/setup.sh dev

run: setup ## build the image, run the benchmark, write and check the submission
	@$(if $(UNCONTAINED),true,suite/engine.sh)
	@$(ASSAY) run $(WORKLOAD) --framework $(FRAMEWORK) --target $(TARGET) --division $(DIVISION) \
	    --submitter $(SUBMITTER) $(if $(SCENARIO),--scenario $(SCENARIO)) $(if $(ROUND),--round $(ROUND)) $(if $(RUNS),--runs $(RUNS)) \
	    $(if $(THREADS),--threads $(THREADS)) $(if $(MEMORY),--memory $(MEMORY)) \
	    $(if $(DATA),--data $(DATA)) $(if $(SYSTEM),--system-file $(SYSTEM)) $(if $(POWER_LOG),--power-log $(POWER_LOG)) \
	    $(if $(IDLE),--idle-baseline $(IDLE)) $(if $(UNCONTAINED),--uncontained $(UNCONTAINED)) \
	    $(if $(RESUME),--resume) $(if $(REPLACE),--replace) $(if $(DISCARD),--discard) $(if $(WAIT),--wait)

evidence: setup ## publish what evidence the newest round lacks on the present sources (its author; an hour); goes on after a kill
	@suite/engine.sh
	@$(ASSAY) evidence $(if $(WAIT),--wait)

# Side by side, what measures one after another (tests/conftest.py); then alone, what compares times.
# One more than processors: some tests mostly wait.
PROCESSES := $(shell expr $$(getconf _NPROCESSORS_ONLN) + 1)
BESIDE := .venv/bin/pytest --numprocesses $(PROCESSES) --dist loadgroup --no-loadscope-reorder

test: setup-dev lint ## lint, then the tests that a clone alone can run; starts a Docker engine where it may
	@suite/engine.sh
	@$(BESIDE) -m 'not long and not measured and not corpus'
	@.venv/bin/pytest tests/integration -m 'measured and not long'

test-long: setup-dev ## every test, also the rest of long sweeps
	@suite/engine.sh
	@$(BESIDE) -m 'not measured'
	@.venv/bin/pytest tests/integration -m measured

test-corpus: setup-dev ## what needs published rounds (make corpus, or ../shared/corpus)
	@$(BESIDE) -m corpus

corpus: setup-dev ## bring published rounds for test-corpus; FROM=FOLDER with clones where there is no network
	@.venv/bin/python -m tests.corpus.bring $(ROUNDS) $(if $(FROM),--from $(FROM))

lint: setup-dev ## style, types, import directions
	@.venv/bin/ruff check . && .venv/bin/ruff format --check .
	@.venv/bin/mypy
	@.venv/bin/lint-imports

doctor: setup ## what this machine can run, and how to fix what it cannot
	@$(ASSAY) doctor --target $(TARGET)

lock: setup-dev ## rewrite the host's locks from pyproject.toml
	@requirements/lock.sh

clean: ## remove .venv and caches; submissions stay
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -not -path './.venv/*' -prune -exec rm -rf {} +

.PHONY: help setup setup-dev run evidence test test-long test-corpus corpus lint doctor lock clean
