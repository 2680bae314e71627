# Two commands matter: `make run` boots the example, `make test` runs everything that must hold.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: run test test-full lint bench bench-full clean

$(VENV)/ready: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e .
	touch $@

$(VENV)/ready-dev: $(VENV)/ready
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev]'
	touch $@

run: $(VENV)/ready
	$(BIN)/micros run examples/hello.py

test: $(VENV)/ready-dev
	$(BIN)/python -m pytest -m 'not slow'

test-full: $(VENV)/ready-dev
	$(BIN)/python -m pytest -m slow

lint: $(VENV)/ready-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/pyright --pythonpath $(BIN)/python
	$(BIN)/lint-imports

bench: $(VENV)/ready-dev
	$(BIN)/python -m bench

bench-full: $(VENV)/ready-dev
	$(BIN)/python -m bench full

clean:
	rm -rf $(VENV) result
