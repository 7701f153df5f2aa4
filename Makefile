# On a fresh machine, `make demo` and `make test` set up everything they need.
PYTHON ?= python3
# whether PYTHON was named on the command line
NAMED  := $(if $(filter command%,$(origin PYTHON)),true,false)
EXTRAS ?= dev
# extras that `make test` installs; without `deep`, tests that need PyTorch are skipped
TESTED ?= deep,dev
# cpu: the CPU build of torch, 200 MB; cuda: on Linux the build on PyPI, with NVIDIA's libraries, several GB
TORCH  ?= cpu
VENV   := .venv
BIN    := $(VENV)/bin
comma  := ,
# one process per core; tests of a file stay together, since they share fixtures; whole systems, collected first, start first
PYTEST := $(BIN)/python -m pytest -q -n auto --dist loadfile --no-loadscope-reorder --durations=30 --durations-min=5
STAMP  := $(VENV)/.installed-$(subst $(comma),-,$(EXTRAS))-$(TORCH)
PIP    := $(BIN)/python -m pip install -qq --disable-pip-version-check
# nothing is resolved: the requirements are complete, and a file whose hash is not in the lock is refused
HASHED := $(PIP) --require-hashes --no-deps --no-build-isolation
LOCKED := $(BIN)/python -P tests/locked_requirements.py --extras "$(EXTRAS)" --torch $(TORCH)
TORCH_INDEX := https://download.pytorch.org/whl/cpu
UPGRADE ?= --upgrade
PEERS  := .venv-bench/.installed

export DVC_NO_ANALYTICS ?= 1
export DO_NOT_TRACK ?= 1
export PREFECT_SERVER_ANALYTICS_ENABLED ?= false

.DEFAULT_GOAL := help
.PHONY: help env demo test test-all check lint docs bench fuzz measure weights ui lock clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

env: $(STAMP) ## make .venv from requirements.lock, by hash (EXTRAS=deep,asr,lexicons,cluster,tracking,remotes,reference,docs,dev; TORCH=cuda)

$(STAMP): requirements.lock pyproject.toml tests/locked_requirements.py
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 15))' || { \
	  echo "undertone needs Python 3.11 to 3.14, and $(PYTHON) is $$($(PYTHON) --version 2>&1)."; \
	  echo "Name another one: make $(MAKECMDGOALS) PYTHON=python3.12"; exit 2; }
	@! $(NAMED) || ! test -x $(BIN)/python || test "$$($(BIN)/python -V)" = "$$($(PYTHON) -V)" || { \
	  echo "$(VENV) has $$($(BIN)/python -V), and $(PYTHON) is $$($(PYTHON) -V). Name another folder:"; \
	  echo "make $(MAKECMDGOALS) PYTHON=$(PYTHON) VENV=.venv-other"; exit 2; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Installing the pinned environment into $(VENV) (once; a few minutes with an empty package cache)"
	@# build tools first, so that source packages are not built with the newest ones
	@$(LOCKED) build > $(VENV)/build.txt
	@$(HASHED) -r $(VENV)/build.txt
	@# torch: PyPI has only the CUDA build for Linux. The CPU build comes from a folder in pip's configuration (find-links), or else
	@# from PyTorch's index; its hashes are in pyproject.toml. Extras without torch leave the file empty.
	@$(LOCKED) torch > $(VENV)/torch.txt
	@! grep -q == $(VENV)/torch.txt || $(HASHED) -r $(VENV)/torch.txt 2> $(VENV)/torch.log \
	  || $(HASHED) --index-url $(TORCH_INDEX) -r $(VENV)/torch.txt || { cat $(VENV)/torch.log; exit 1; }
	@$(LOCKED) rest > $(VENV)/rest.txt
	@$(HASHED) -r $(VENV)/rest.txt
	@$(PIP) --no-deps --no-build-isolation -e .
	@touch $@

demo: env ## run all stages on the embedded sample, crawled over HTTP
	@$(BIN)/undertone demo

test: ## run all tests but the long ones; no network or corpus needed (another Python: PYTHON=python3.13 VENV=.venv-3.13)
	@$(MAKE) --no-print-directory env EXTRAS=$(TESTED)
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

docs: ## build the documentation site, docs/_build/index.html; a broken link or an unlisted page is an error
	@$(MAKE) --no-print-directory env EXTRAS=docs
	@$(BIN)/python -m sphinx -W --keep-going -q docs docs/_build
	@echo "The site: docs/_build/index.html"

bench: $(PEERS) ## compare the speed with other programs (bench/README.md); some: ONLY="features decode"
	@$(MAKE) --no-print-directory env EXTRAS=deep,dev
	@$(BIN)/python -m bench $(ONLY)

$(PEERS): bench/requirements.lock bench/requirements-alone.lock
	@test -x .venv-bench/bin/python || $(PYTHON) -m venv .venv-bench
	@echo "Installing the other programs into .venv-bench"
	@.venv-bench/bin/python -m pip install -qq --disable-pip-version-check --require-hashes -r bench/requirements.lock
	@# without its dependencies, which include PyTorch with CUDA: its extraction needs those of openSMILE only
	@.venv-bench/bin/python -m pip install -qq --disable-pip-version-check --no-deps --require-hashes -r bench/requirements-alone.lock
	@touch $@

fuzz: ## read 200,000 malformed inputs of all kinds; continues after Ctrl-C; some: ONLY="captions http"
	@$(MAKE) --no-print-directory env EXTRAS=deep,dev
	@$(BIN)/python -m tests.fuzz $(ONLY)

weights: env ## fetch the pretrained weights that make measure uses, 650 MB, into ~/.cache/undertone/weights
	@$(BIN)/undertone weights fetch ge2e-speaker-encoder silero-vad whisper-base all-minilm-l6-v2 all-mpnet-base-v2

measure: ## repeat the measurements of the docs, on real data and with pretrained weights (make weights) if present
	@$(MAKE) --no-print-directory env EXTRAS=deep,dev
	@$(BIN)/python -m pytest -q -s -m bench

ui: env ## run Prefect server, work pool, worker and deployments; Ctrl-C stops all
	@$(BIN)/undertone ui

lock: ## update requirements.lock (needs uv); without newer versions: UPGRADE=
	@uv pip compile --universal --python-version 3.11 --all-extras --no-header --generate-hashes -q \
	  $(UPGRADE) pyproject.toml -o requirements.lock

clean: ## remove the environment and all outputs of the pipeline
	@rm -rf $(VENV) .venv-bench .bench .fuzz docs/_build .undertone data/crawl data/transcribe data/captions data/polarity data/segments data/audit data/interviews data/labels data/report data/corpus data/price data/extract data/inputs data/page data/leaderboard data/code data/checkpoint/*/ data/experiment/*/
