# Two commands: `make drill` and `make test`. Each sets up everything it needs.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
SOURCES := policies access containment stacks rotation scripts sandbox tools drill bench tests
export MYPY_CACHE_DIR ?= $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/portcullis/mypy

.PHONY: setup tools linters test lint drill bench lock clean

setup: $(BIN)/portcullis

$(VENV)/.ready: requirements-dev.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.txt
	touch $@

$(BIN)/portcullis: $(VENV)/.ready Makefile
	printf '%s\n' '#!/bin/sh' 'PYTHONPATH="$(CURDIR)" exec "$(CURDIR)/$(BIN)/python" -P -m rotation "$$@"' > $@
	chmod +x $@

tools: setup
	$(BIN)/portcullis tools install

lint: setup
	$(BIN)/ruff check $(SOURCES) __main__.py
	$(BIN)/ruff format --check $(SOURCES) __main__.py
	$(BIN)/mypy $(SOURCES)

linters: setup
	$(BIN)/portcullis tools install --linters

test: linters lint
	$(BIN)/python -m pytest -n auto --dist loadfile --no-loadscope-reorder # a file has servers of its own; the short ones come last

drill: tools
	$(BIN)/portcullis drill

bench: tools
	$(BIN)/python -m bench --json reports/bench.json

clean: setup
	$(BIN)/portcullis sandbox reset
