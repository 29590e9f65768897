# Every target sets up its own virtual environment when there is none. PYTHON chooses the interpreter.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: help demo test check format golden documents bench authref lock clean

help: ## what there is to do
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

$(READY): pyproject.toml requirements-dev.txt
	@echo "setting up $(VENV)" >&2
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.txt >&2
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e . >&2
	@touch $@

demo: $(READY) ## the main job on the embedded sample estate: NDJSON on standard output
	@$(BIN)/python -m collector demo

test: $(READY) ## all tests
	$(BIN)/python -m pytest

check: $(READY) ## format, lint, types, tests, and whether generated documents are current
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/python -m pytest

format: $(READY) ## format the code and mend what ruff can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

golden: $(READY) ## write the golden graphs of tests/golden anew
	GOLDEN=write $(BIN)/python -m pytest -q -p no:randomly tests/services/test_services.py

documents: $(READY) ## write the generated documents anew
	$(BIN)/python -m tests.documents

bench: $(READY) ## measure: calls, clients, whole runs, beside plain aioboto3
	$(BIN)/python -m bench

authref: $(READY) ## write the authorization reference anew
	$(BIN)/python bench/authref.py

lock: ## resolve the pinned requirements anew (needs pip-tools)
	pip-compile -q --generate-hashes --strip-extras --no-emit-index-url --no-emit-find-links --no-emit-trusted-host --no-header --no-annotate --allow-unsafe --extra demo -o requirements.txt pyproject.toml
	pip-compile -q --generate-hashes --strip-extras --no-emit-index-url --no-emit-find-links --no-emit-trusted-host --no-header --no-annotate --allow-unsafe --extra dev -o requirements-dev.txt pyproject.toml

clean: ## remove what the other targets made
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .hypothesis dist
