# One chore a target. `make help` lists them.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
# one more than the cores of a small machine: half of the time of a page test is waiting
WORKERS ?= 3
PYTEST := $(BIN)/python -m pytest -q -n $(WORKERS) --dist loadfile --no-loadscope-reorder

# compiled modules are kept, whatever the environment says: the tests start many processes
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help

.PHONY: help
help: ## list the targets
	@grep -E '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

.PHONY: install
install: $(STAMP) ## build .venv from pyproject.toml and constraints.txt

# torch first and by its pinned version: left to itself, pip would take a build with gigabytes of CUDA libraries
$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed; name it with make PYTHON=..."; exit 2; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "installing into $(VENV) (a few minutes the first time)"
	@$(BIN)/python -m pip install -q --disable-pip-version-check torch -c constraints.txt
	@$(BIN)/python -m pip install -q --disable-pip-version-check -e '.[dev]' -c constraints.txt
	@touch $@

.PHONY: locked
locked: ## build .venv anew from files whose hashes are pinned in hashes.txt, and from nothing else
	@rm -rf $(VENV) && $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes --no-deps -r hashes.txt
	@$(BIN)/python -m pip install -q --disable-pip-version-check --no-deps --no-build-isolation -e .
	@$(BIN)/python -m pip check
	@touch $(STAMP)

.PHONY: audit
audit: $(STAMP) ## look up known vulnerabilities of the pinned packages, where they can be looked up
	@$(BIN)/python -m tests.audit

.PHONY: demo
demo: $(STAMP) ## draw practice images, train on them, and say where the report is
	@test -d practice/train || $(BIN)/alexnet data soccer practice
	@$(BIN)/alexnet train practice --epochs 4
	@echo "To look around, correct labels and train on a page: $(BIN)/alexnet studio"

.PHONY: check
check: $(STAMP) ## formatting, lint, types, floors, the modules of the pages
	$(BIN)/ruff format --check src tests benchmarks docs
	$(BIN)/ruff check src tests benchmarks docs
	$(BIN)/mypy
	$(BIN)/lint-imports
	@$(BIN)/python -m tests.page_modules
	@$(BIN)/python -m tests.audit

.PHONY: quick
quick: check ## check, then the rules and the unit tests without the slow ones: under a minute on 2 cores
	$(PYTEST) -m "not slow" tests/rules tests/unit

.PHONY: test
test: check ## check, then every test
	$(PYTEST)

.PHONY: bench
bench: $(STAMP) ## measure speed against what a user would run instead; needs a quiet machine
	$(BIN)/python -m benchmarks

.PHONY: docs
docs: $(STAMP) ## write docs/settings.md, commands.md and variants.md anew from the code
	$(BIN)/python docs/generate.py

.PHONY: clean
clean: ## remove the environment and what the demo made
	rm -rf $(VENV) practice runs
