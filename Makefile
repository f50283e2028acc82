PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed

.DEFAULT_GOAL := help

help: ## list the targets
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 12

$(STAMP): pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@

setup: $(STAMP) ## make the virtual environment and install snc into it

demo: $(STAMP) ## train a spiking network on handwritten digits, three seeds
	$(BIN)/snc train examples/digits.snc

check: $(STAMP) ## format, lint, types
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

# Tracing slows compilation and long searches down; these say little that is new about coverage.
UNTRACED := tests/backends tests/numerics tests/properties tests/test_language.py tests/test_rows_and_data.py \
	tests/test_kill_and_resume.py tests/test_training.py tests/lang/test_format.py \
	tests/lang/test_format_meaning.py tests/test_rows.py tests/test_shipped_specs.py \
	tests/explain/test_table.py tests/explain/test_published.py tests/explain/test_published_costs.py \
	tests/graph/test_adjoint.py tests/passes/test_exchange_compiled.py

test: $(STAMP) check ## everything that must hold; coverage of all but the tests that tracing slows down
	$(BIN)/python -m pytest -q -n 2 --dist loadfile $(UNTRACED:%=--ignore %) \
		--cov --cov-report=term-missing:skip-covered --cov-fail-under=90
	$(BIN)/python -m pytest -q -n 2 --dist worksteal $(UNTRACED)

slow: $(STAMP) ## the tests that take minutes of compilation
	$(BIN)/python -m pytest -q -n 2 --dist loadfile -m slow

ptx: $(STAMP) ## compile and assemble every kernel of every shipped spec for sm_80 and sm_90, without a GPU
	$(BIN)/python tests/backends/ptx_of_all.py sm_80,sm_90

device: $(STAMP) ## the tests that need an NVIDIA GPU
	$(BIN)/python -m pytest -q -m device

golden: $(STAMP) ## write the expected texts anew, to be reviewed like code
	$(BIN)/python -m pytest -n 2 --update-golden tests

rows: $(STAMP) ## write the README's table of published rows anew, from the specs
	$(BIN)/python -m pytest -q tests/test_rows.py -k readme --update-golden

wheel: $(STAMP) ## build the wheel into dist/
	$(BIN)/python -m build --wheel

clean: ## remove the virtual environment and caches
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache dist

.PHONY: help setup demo check test slow ptx device golden rows wheel clean
