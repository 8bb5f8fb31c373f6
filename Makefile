# `make help` lists what there is. Everything runs in .venv, which is made when it is missing.
PYTHON ?= python3.11
BIN := .venv/bin
export PATH := $(CURDIR)/$(BIN):$(PATH)
.DEFAULT_GOAL := help
.PHONY: help repro test smoke lint format lock clean

help:  ## List the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "%-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.venv/ready: requirements.lock
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	touch $@

repro: .venv/ready  ## Run the pipeline: what has changed since the last time, all of it the first time
	python -m stages.params
	dvc repro

test: .venv/ready  ## Run all tests, among them the reduced pipeline
	python -m pytest

smoke: .venv/ready  ## Run the whole pipeline with reduced parameters in a temporary folder
	python -m tests.reduced

lint: .venv/ready  ## Check style and types
	ruff check .
	ruff format --check .
	mypy

format: .venv/ready  ## Mend style
	ruff check --fix .
	ruff format .

lock: .venv/ready  ## Pin all packages again after pyproject.toml has changed
	python -m pip install --quiet uv
	uv pip compile pyproject.toml --universal --extra dev --generate-hashes --no-emit-index-url --quiet --output-file requirements.lock

clean:  ## Remove the environment, the data and the models; the DVC cache stays
	rm -rf .venv data/raw data/processed models/*/*.keras dvc_plots
