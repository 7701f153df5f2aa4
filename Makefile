# On a fresh machine, `make demo` and `make test` set up everything they need.
PYTHON ?= python3
EXTRAS ?= dev
VENV   := .venv
BIN    := $(VENV)/bin
comma  := ,
# one process per core; tests of a file stay together, since they share fixtures; whole systems, collected first, start first
PYTEST := $(BIN)/python -m pytest -q -n auto --dist loadfile --no-loadscope-reorder --durations=30 --durations-min=5
STAMP  := $(VENV)/.installed-$(subst $(comma),-,$(EXTRAS))
PEERS  := .venv-bench/.installed

export DVC_NO_ANALYTICS ?= 1
export DO_NOT_TRACK ?= 1
export PREFECT_SERVER_ANALYTICS_ENABLED ?= false

.DEFAULT_GOAL := help
.PHONY: help env demo test test-all check lint bench fuzz measure ui lock clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

env: $(STAMP) ## make .venv from requirements.lock (EXTRAS=deep,cluster,tracking,dev)

$(STAMP): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 13))' || { \
	  echo "undertone needs Python 3.11 or 3.12, and $(PYTHON) is $$($(PYTHON) --version 2>&1)."; \
	  echo "Name another one: make $(MAKECMDGOALS) PYTHON=python3.12"; exit 2; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Installing the pinned environment into $(VENV) (once; a few minutes with an empty package cache)"
	@# build tools from the lock, so that source packages are not built with the newest ones
	@$(BIN)/python -m pip install -qq --disable-pip-version-check -c requirements.lock pip setuptools wheel
	@$(BIN)/python -m pip install -qq --disable-pip-version-check -c requirements.lock --no-build-isolation -e '.[$(EXTRAS)]'
	@touch $@

demo: env ## run all stages on the embedded sample, crawled over HTTP
	@$(BIN)/undertone demo

test: ## run all tests but the long ones; no network or corpus needed
	@$(MAKE) --no-print-directory env EXTRAS=deep,dev
	@$(PYTEST) -m "not bench and not long"

test-all: ## run all tests, also published systems, kills, browsers, PostgreSQL; an hour
	@$(MAKE) --no-print-directory env EXTRAS=deep,dev
	@$(PYTEST) -m "not bench"

check: ## format, lint, types, and the tests of what you changed; under a minute for one file
	@$(MAKE) --no-print-directory env EXTRAS=deep,dev
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@tests="$$($(BIN)/python -m tests.affected)"; \
	  if test -n "$$tests"; then $(BIN)/python -m pytest -q -m "not bench and not long" $$tests; else echo "No tests are affected."; fi

lint: ## ruff, mypy --strict, import-linter
	@$(MAKE) --no-print-directory env EXTRAS=deep,dev
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

bench: $(PEERS) ## compare the speed with other programs (bench/README.md); some: ONLY="features decode"
	@$(MAKE) --no-print-directory env EXTRAS=deep,dev
	@$(BIN)/python -m bench $(ONLY)

$(PEERS): bench/requirements.lock
	@test -x .venv-bench/bin/python || $(PYTHON) -m venv .venv-bench
	@echo "Installing the other programs into .venv-bench"
	@.venv-bench/bin/python -m pip install -qq --disable-pip-version-check --require-hashes -r bench/requirements.lock
	@touch $@

fuzz: ## read 200,000 malformed inputs of all kinds; continues after Ctrl-C; some: ONLY="captions http"
	@$(MAKE) --no-print-directory env EXTRAS=deep,dev
	@$(BIN)/python -m tests.fuzz $(ONLY)

measure: ## repeat the measurements of the docs, on real data if present
	@$(MAKE) --no-print-directory env EXTRAS=deep,dev
	@$(BIN)/python -m pytest -q -s -m bench

ui: env ## run Prefect server, work pool, worker and deployments; Ctrl-C stops all
	@$(BIN)/undertone ui

lock: ## update requirements.lock (needs uv)
	@uv pip compile --universal --python-version 3.11 --all-extras --no-header --no-annotate -q \
	  --upgrade pyproject.toml -o requirements.lock

clean: ## remove the environment and all outputs of the pipeline
	@rm -rf $(VENV) .venv-bench .bench .fuzz .undertone data/crawl data/captions data/polarity data/segments data/acoustic data/audit data/train data/evaluate data/labels data/report data/corpus data/price data/extract data/inputs data/page data/leaderboard data/code data/checkpoint/*/ data/experiment/*/
