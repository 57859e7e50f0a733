# The commands of this repository. `make help` lists them.
#
# Needs Python 3.11 or later, git and make; everything else goes into .venv, from the locked and hashed files in
# requirements/. Stamp files in .venv remember what is installed, so that a later run starts at once.

PYTHON ?= python3
PORT ?=
WORKERS ?= 2
ARGS ?=

VENV := .venv
BIN := $(VENV)/bin
CORE := $(VENV)/.core
DEV := $(VENV)/.dev
# The development environment holds everything that running Troth needs: where it exists, `up` uses it as it is.
RUN := $(if $(wildcard $(DEV)),$(DEV),$(CORE))
# The extras that tests, lint and benchmarks need beside the core.
DEV_EXTRAS := dev postgres files
COMPILE = $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header \
	--no-emit-index-url --no-emit-find-links $(if $(UPGRADE),--upgrade)

# In continuous integration nothing may be left out: a test whose component is missing fails.
ifeq ($(CI),true)
export TROTH_REQUIRE_ALL ?= 1
endif

.DEFAULT_GOAL := help
.PHONY: help up test lint format bench soak requirements clean

help: ## Print this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-13s %s\n", $$1, $$2}' Makefile
	@echo
	@echo 'Variables: PORT (up), WORKERS (test), ARGS (more arguments for the command behind a target),'
	@echo '           UPGRADE=1 (requirements), PYTHON (the interpreter that .venv is made with).'

up: $(RUN) ## Serve the flagship example on this machine and print its address
	@$(BIN)/troth up $(if $(PORT),--port $(PORT)) $(ARGS)

test: $(DEV) ## Run the tests; say at the end what had to be left out
	@scripts/system-packages
	@$(BIN)/python -m pytest -n $(WORKERS) $(ARGS)

lint: $(DEV) ## Check style, types, the floors of the house and what files may not contain
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo
	@$(BIN)/python scripts/check-circles
	@scripts/check-tree

format: $(DEV) ## Lay out the code and mend what can be mended by itself
	@$(BIN)/ruff format
	@$(BIN)/ruff check --fix

bench: $(DEV) ## Measure, and print the tables of bench/RESULTS.md
	@$(BIN)/python -m bench $(ARGS)

soak: $(DEV) ## Run the long tests that `make test` leaves out
	@$(BIN)/python -m pytest -m soak $(ARGS)

requirements: $(DEV) ## Lock the dependencies of pyproject.toml again, with hashes
	@$(COMPILE) pyproject.toml -o requirements/core.txt
	@$(COMPILE) pyproject.toml $(addprefix --extra ,$(DEV_EXTRAS)) -c requirements/core.txt -o requirements/dev.txt
	@$(COMPILE) requirements/bootstrap.in -c requirements/dev.txt -o requirements/bootstrap.txt

clean: ## Remove the environment and everything that a tool left behind
	rm -rf $(VENV) .mypy_cache .ruff_cache .import_linter_cache .hypothesis .pytest_cache build dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(CORE): requirements/core.txt requirements/bootstrap.txt pyproject.toml scripts/environment
	@PYTHON='$(PYTHON)' scripts/environment core
$(DEV): requirements/dev.txt requirements/bootstrap.txt pyproject.toml scripts/environment
	@PYTHON='$(PYTHON)' scripts/environment dev
