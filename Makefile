# make install   .venv with everything in it (again only when pyproject.toml changed)
# make demo      a whole sweep on this machine: front, promoted checkpoint, images before and after
# make mlflow    the web page of all sweeps, http://127.0.0.1:5000
# make test      the tests
# make lint      ruff and mypy

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DELETE_ON_ERROR:

PYTHON ?= python3
VENV ?= .venv
PORT ?= 5000
UNLEARN_HOME ?= .
export UNLEARN_HOME

BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
DEMO := $(UNLEARN_HOME)/sweeps/demo
IMAGES := $(DEMO)/before-and-after.png

.PHONY: help install demo mlflow test lint

help:
	@sed -n 's/^# make/make/p' Makefile

install: $(INSTALLED)

$(INSTALLED): pyproject.toml
	@command -v $(PYTHON) >/dev/null || { \
	  echo "expected Python 3.11 or newer, found no '$(PYTHON)'; install it or run: make PYTHON=/path/to/python3.11 $(MAKECMDGOALS)" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "expected Python 3.11 or newer, '$(PYTHON)' is $$($(PYTHON) -V 2>&1); run: make PYTHON=/path/to/python3.11 $(MAKECMDGOALS)" >&2; exit 1; }
	@echo "Installing into $(VENV): some minutes the first time"
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --disable-pip-version-check --quiet --editable '.[dev]'
	@touch $@

# A sweep that was interrupted goes on where it was; what has ended, or is promoted, is not again.
demo: $(INSTALLED)
	@if [ -f $(DEMO)/sweep.json ]; \
	  then $(BIN)/unlearn resume demo; \
	  else $(BIN)/unlearn sweep search_spaces/demo.yaml --name demo; fi
	@$(BIN)/unlearn pareto demo
	@ls $(DEMO)/promoted/[0-9][0-9][0-9][0-9].json >/dev/null 2>&1 || $(BIN)/unlearn promote demo
	@$(BIN)/unlearn generate demo/champion \
	  "a photo of a sneaker" "a neon style picture of a sneaker" \
	  "a pencil sketch style picture of a red sneaker" "a photo of a sandal" \
	  "a photo of an ankle boot" "a mosaic style picture of a blue dress" \
	  --beside fashion-canvas --seed 11 --out $(IMAGES)
	@echo
	@echo "The front:          $(DEMO)/pareto.html"
	@echo "Before and after:   $(IMAGES)"
	@echo "All of it, live:    make mlflow, then http://127.0.0.1:$(PORT)"

mlflow: $(INSTALLED)
	MLFLOW_DISABLE_TELEMETRY=true $(BIN)/mlflow server --host 127.0.0.1 --port $(PORT) \
	  --backend-store-uri "sqlite:///$(abspath $(UNLEARN_HOME))/mlflow.db" \
	  --artifacts-destination "$(abspath $(UNLEARN_HOME))/mlartifacts"

# Two files at a time, in their order: with the files of most tests first, those of few and long
# tests come last, and one of them alone at the end.
test: $(INSTALLED)
	$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder

lint: $(INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
