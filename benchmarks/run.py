"""Run the recipes as taught and ours in turn, and record the times to reach the same metric.

    python -m benchmarks.run [MODEL ...] [--epochs N]

Results are merged into benchmarks/results.json. MODEL is one of recipes.yaml, or `pipeline`: the
time of `make repro` in a fresh clone of the last commit, compared with the sum of all recipes as
taught. Run it from the top folder of the project on an idle machine.
"""

import argparse
import subprocess
import sys
import time
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.memory import available_memory
from benchmarks.project import environment, make_project, run_module
from benchmarks.recipes import Recipe, Values, as_taught, load_recipes, with_preprocess
from benchmarks.results import (
    MIN_EPOCHS,
    PIPELINE,
    Results,
    as_markdown,
    make_entry,
    merge,
    rounded,
)
from stages.config.load import load_params, parse_params, read_yaml
from stages.core.cli import exit_on_error
from stages.core.errors import ConfigError, UserError
from stages.core.files import read_json, write_json
from stages.core.paths import PARAMS
from stages.page.results import BENCHMARKS, read_benchmarks
from stages.record import describe_machine, read_cpuinfo
from stages.verify import LOCK, clone_project, compare_locks, parse_lock, summarize

SIDES = ("as_taught", "ours")
SAMPLE_SECONDS = 0.5  # interval of memory measurements


def main() -> None:
    """Run the models on the command line (default: all), and print a table."""
    recipes = load_recipes()
    parser = argparse.ArgumentParser(description=sys.modules["__main__"].__doc__)
    parser.add_argument("models", nargs="*", metavar="MODEL", help=", ".join([*recipes, PIPELINE]))
    parser.add_argument(
        "--epochs", type=int, help="train as taught for N epochs only, and extrapolate its time"
    )
    arguments = parser.parse_args()
    models = check(arguments.models or [*recipes, PIPELINE], recipes, arguments.epochs)
    for model in models:
        if model == PIPELINE:
            entry = run_pipeline(recipes, read_benchmarks())
        else:
            entry = run_model(model, recipes[model], read_benchmarks(), arguments.epochs)
        entry |= {
            "machine": describe_machine(read_cpuinfo()),
            "recorded": date.today().isoformat(),
        }
        write_json(BENCHMARKS, merge(read_benchmarks(), model, entry))
    rows = {name: model.report for name, model in load_params().models.items()}
    print(as_markdown(read_benchmarks(), rows))


def check(models: list[str], recipes: Mapping[str, Recipe], epochs: int | None) -> list[str]:
    """Check the command line, and return the models to run.

    Raises:
        ConfigError: If a model has no recipe, or there are too few epochs.
    """
    if unknown := [model for model in models if model not in {*recipes, PIPELINE}]:
        expected = ", ".join([*recipes, PIPELINE])
        raise ConfigError(f"no recipe {unknown[0]!r}, expected one of {expected}")
    if epochs is not None and epochs < MIN_EPOCHS:
        raise ConfigError(f"--epochs: expected at least {MIN_EPOCHS}, found {epochs}")
    return models


def run_model(model: str, recipe: Recipe, results: Results, epochs: int | None) -> dict[str, Any]:
    """Run both recipes of a model in turn.

    Args:
        model: Id of the model.
        recipe: Recipe as taught.
        results: Earlier results.
        epochs: Number of epochs as taught, if not all; its quality is then that of an earlier run.
            Step-based training and cross-validation are not shortened.

    Returns:
        Entry of results.json.

    Raises:
        ConfigError: If there is no earlier run, but its quality is needed.
    """
    values: Values = read_yaml(PARAMS)
    row = parse_params(values, str(PARAMS)).models[model].report
    total = recipe.training.get("epochs")
    if total is None or model in values["cross_validation"] or epochs is None or epochs >= total:
        epochs = total = None
    elif model not in results:
        raise ConfigError(f"--epochs: {model} has no full run yet: run it without --epochs")
    with TemporaryDirectory(prefix="bench-") as name:
        folders = {side: Path(name) / side for side in SIDES}
        make_project(folders["as_taught"], as_taught(values, model, recipe, epochs), model)
        make_project(folders["ours"], values, model)
        runs: dict[str, list[dict[str, Any]]] = {side: [] for side in SIDES}
        for _ in range(recipe.repeats):
            for side in SIDES:
                runs[side].append(run_side(folders[side], side, model))
    known = None if total is None else results[model]
    entry = make_entry(runs["as_taught"], runs["ours"], row, known, total)
    if recipe.course_protocol and total is None:
        entry["course_protocol"] = run_course_protocol(
            model, recipe, values, entry["as_taught_quality"]
        )
    return entry


def run_side(folder: Path, side: str, model: str) -> dict[str, Any]:
    """Run one side in a project folder; see benchmarks.child.run."""
    print(f"{model}, {side}", flush=True)
    result = folder / "run.json"
    run_module(folder, "benchmarks.child", side, model, repr(time.time()), str(result))
    run: dict[str, Any] = read_json(result)
    return run


def run_course_protocol(
    model: str, recipe: Recipe, values: Values, quality: Mapping[str, float]
) -> dict[str, Any]:
    """Evaluate both recipes on the data of the course.

    Args:
        model: Id of the model.
        recipe: Recipe as taught, with a `course_protocol`.
        values: Values of params.yaml.
        quality: Metrics of the recipe as taught on its own data.

    Returns:
        Name of the protocol and the metrics of both recipes.
    """
    assert recipe.course_protocol is not None
    preprocess = recipe.course_protocol.preprocess
    with TemporaryDirectory(prefix="bench-") as name:
        folder = Path(name) / "ours"
        make_project(folder, with_preprocess(values, model, preprocess), model)
        ours = run_side(folder, "ours", model)["quality"]
        if preprocess != recipe.preprocess:
            folder = Path(name) / "as_taught"
            taught = with_preprocess(as_taught(values, model, recipe), model, preprocess)
            make_project(folder, taught, model)
            quality = run_side(folder, "as_taught", model)["quality"]
    return {
        "name": recipe.course_protocol.name,
        "as_taught_quality": rounded(quality),
        "ours_quality": rounded(ours),
    }


def run_pipeline(recipes: Mapping[str, Recipe], results: Results) -> dict[str, Any]:
    """Measure `make repro` in a fresh clone with an environment and raw data.

    Its outputs are compared with the committed ones, as `make verify` does.

    Returns:
        Time in seconds and memory in MB.

    Raises:
        ConfigError: If a recipe as taught did not run yet.
        UserError: If the pipeline fails.
    """
    if missing := [model for model in recipes if model not in results]:
        raise ConfigError(f"{PIPELINE}: not run yet: {', '.join(missing)}: run them first")
    with TemporaryDirectory(prefix="bench-") as name:
        clone = Path(name) / "clone"
        committed = clone_project(Path.cwd(), clone)
        (clone / ".venv").symlink_to(Path(sys.prefix))
        before = lowest = available_memory()
        began = time.perf_counter()
        # The environment is up to date, although the files of the clone are newer.
        command = ["make", "--old-file=requirements.lock", "repro"]
        process = subprocess.Popen(command, cwd=clone, env=environment())
        while process.poll() is None:
            lowest = min(lowest, available_memory())
            time.sleep(SAMPLE_SECONDS)
        seconds = time.perf_counter() - began
        if process.returncode:
            raise UserError("make repro failed in a clone; see the lines above")
        print(summarize(compare_locks(committed, parse_lock(clone / LOCK), committed)))
    return {"ours_seconds": round(seconds, 1), "ours_memory_mb": round(before - lowest)}


if __name__ == "__main__":
    exit_on_error(main)
