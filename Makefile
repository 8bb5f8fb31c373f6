# `make help` lists the targets. Everything runs in .venv, which is created if it is missing.
PYTHON ?= python3.11
BIN := .venv/bin
export PATH := $(CURDIR)/$(BIN):$(PATH)
DVC := dvc --wait-for-lock
.DEFAULT_GOAL := help
.PHONY: help repro distribute predict demo baseline metrics plots verify test smoke bench bench-export seeds fast sweep mutation lint format lock clean

help:  ## Show this help
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "%-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

# Without the old one first, or an interrupted run would leave a Python that links to itself.
.venv/ready: requirements.lock
	@rm -rf .venv
	@command -v $(PYTHON) > /dev/null || { echo "error: no $(PYTHON); install Python 3.11 or use another version: make PYTHON=python3"; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))' || { echo "error: $(PYTHON) is not Python 3.11 to 3.13; use another version: make PYTHON=python3.11"; exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	touch $@

.venv/sweep: requirements-sweep.lock .venv/ready
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-sweep.lock
	touch $@

repro: .venv/ready  ## Run the pipeline: stale stages only, all of them the first time; JOBS=1
	python -m stages.config
	python -m stages.parallel $(if $(JOBS),--jobs $(JOBS))

distribute: .venv/sweep  ## Run the stale stages on workers with clones; ARGS="--address HOST:PORT --remote NAME"
	python -m stages.config
	python -m stages.distribute $(ARGS)

# Without dependencies, since Gradio limits two of ours; see pyproject.toml. The lock file has all.
.venv/demo: requirements-demo.lock .venv/ready
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements-demo.lock
	touch $@

predict: .venv/ready  ## Use a trained model: MODEL=mnist_cnn INPUT="photo.jpg"; see docs/predict.md
	@python -m stages.predict $(MODEL) $(INPUT)

demo: .venv/demo  ## Use the trained models on a local page: ARGS="--port 8000"; see docs/demo.md
	@python -m stages.demo $(ARGS)

baseline: repro  ## Record the current results as your own baseline and commit them
	python -m stages.record
	python -m stages.parallel report
	git add params.yaml dvc.lock models reports
	git diff --cached --quiet || git commit --message "Record baseline"

metrics: .venv/ready  ## Print the metrics of all models in readable tables; MODEL="mnist_*"
	@$(DVC) metrics show --json $(if $(MODEL),reports/$(MODEL)/metrics.json $(wildcard reports/$(MODEL)/*/metrics.json)) | python -m stages.metrics_table

plots: .venv/ready  ## Write all charts to one page that works offline; MODEL=votes_mlp REV=HEAD~1
	@python -m stages.charts $(REV) $(if $(MODEL),--model $(MODEL))

verify: .venv/ready  ## Rerun in a clone and compare byte for byte; TARGETS="train@votes_mlp ..."
	python -m stages.verify $(TARGETS)

test: .venv/demo .venv/sweep  ## Run all tests, including the reduced pipeline
	python -m pytest --numprocesses 2 --dist loadfile --no-loadscope-reorder tests

smoke: .venv/ready  ## Run the whole pipeline with reduced parameters in a temporary folder
	python -m tests.reduced

bench: .venv/ready  ## Compare the recipes as taught and ours in time and memory; MODEL=mnist_cnn
	python -m benchmarks.run $(MODEL)

bench-export: .venv/ready  ## Measure the latency of exported models
	python -m benchmarks.export

seeds: .venv/ready  ## Train the models that have a target with two more seeds; MODEL=mnist_cnn
	python -m benchmarks.seeds $(MODEL)

fast: .venv/ready  ## Reach 99 % test accuracy on MNIST in seconds
	python -m stages.parallel preprocess@mnist
	python -m benchmarks.fast

sweep: .venv/sweep  ## Search for better hyperparameters of a model: MODEL=votes_mlp; see docs/sweep.md
	python -m stages.sweep $(MODEL)

mutation: .venv/ready  ## Mutation testing: check that tests detect mistakes in the code; takes hours
	python -m tests.mutation

lint: .venv/ready  ## Check style and types
	ruff check .
	ruff format --check .
	mypy

format: .venv/ready  ## Fix formatting
	ruff check --fix .
	ruff format .

lock: .venv/ready  ## Lock the dependencies again after a change of pyproject.toml
	uv pip compile pyproject.toml --universal --extra dev --generate-hashes --no-emit-index-url --quiet --output-file requirements.lock
	sed -n 's/^\(pillow\|tomlkit\)\(==[^ ]*\).*/\1\2/p' requirements.lock | \
	  uv pip compile pyproject.toml --universal --extra demo --generate-hashes --no-emit-index-url --quiet --constraints requirements.lock --overrides - --output-file requirements-demo.lock
	uv pip compile pyproject.toml --universal --extra sweep --generate-hashes --no-emit-index-url --quiet -c requirements.lock --output-file requirements-sweep.lock

clean:  ## Remove the environment, data and models, but not the DVC cache
	rm -rf .venv dvc_plots
	git clean -d --force --quiet -X data models reports
