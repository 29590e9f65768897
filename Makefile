# A target that needs the virtual environment creates it first, and again when the requirements change. PYTHON chooses the interpreter.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: help demo test check type format golden documents bench authref lock clean

help: ## list the targets
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

$(READY): pyproject.toml requirements-dev.txt
	@echo "setting up $(VENV)" >&2
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.txt >&2
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e . >&2
	@touch $@

demo: $(READY) ## collect the sample estate: NDJSON on standard output
	@$(BIN)/python -m collector demo

test: $(READY) ## run all tests
	$(BIN)/python -m pytest

check: $(READY) ## check format, lint, types, tests and generated documents
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	$(BIN)/python -m pytest

format: $(READY) ## format the code and fix what ruff can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

type: $(READY) ## check the declarations of one service: make type SERVICE=ssm
	GOLDEN=new $(BIN)/python -m pytest -q -p no:randomly tests/catalog/test_catalog.py tests/services/test_services.py -k "$(SERVICE)"

golden: $(READY) ## rewrite the golden graphs of tests/golden
	GOLDEN=write $(BIN)/python -m pytest -q -p no:randomly tests/services/test_services.py

documents: $(READY) ## rewrite the generated documents
	$(BIN)/python -m tests.documents

bench: $(READY) ## benchmark calls, clients and whole runs beside plain aioboto3
	$(BIN)/python -m bench

authref: $(READY) ## rewrite the authorization reference
	$(BIN)/python bench/authref.py

lock: ## resolve the pinned requirements again (needs pip-tools)
	pip-compile -q --generate-hashes --strip-extras --no-emit-index-url --no-emit-find-links --no-emit-trusted-host --no-header --no-annotate --allow-unsafe --extra demo -o requirements.txt pyproject.toml
	pip-compile -q --generate-hashes --strip-extras --no-emit-index-url --no-emit-find-links --no-emit-trusted-host --no-header --no-annotate --allow-unsafe --extra dev -o requirements-dev.txt pyproject.toml

clean: ## remove what the other targets created
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .hypothesis dist
