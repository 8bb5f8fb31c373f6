"""Read the results of models and datasets in reports/."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from stages.config.load import read_yaml
from stages.core.files import flatten, read_json
from stages.core.paths import REPORTS
from stages.page.competitors import Competition

BASELINE = REPORTS / "baseline.json"
SEEDS = REPORTS / "seeds.json"
BENCHMARKS = Path("benchmarks/results.json")
COURSE_RECIPES = Path("benchmarks/recipes.yaml")
CROSS_VALIDATION, ANOMALY_DETECTION = "cross_validation", "anomaly_detection"
EXPLORATION = "exploration"
# Further evaluations of some models, in subfolders.
PARTS = (CROSS_VALIDATION, ANOMALY_DETECTION, EXPLORATION)


def read_metrics(folder: Path) -> dict[str, float]:
    """Read the flat metrics of a model, including those of its further evaluations.

    Args:
        folder: Path of reports/<model>.
    """
    metrics = flatten(read_json(folder / "metrics.json"))
    for part in PARTS:
        path = folder / part / "metrics.json"
        if path.exists():
            metrics |= flatten(read_json(path))
    return metrics


def read_details(folder: Path) -> dict[str, Any]:
    """Read the details that a stage reported in addition to metrics and figures.

    Args:
        folder: Report folder of a model, its cross-validation or a dataset. Its details.json is a
            list of one object, so that `dvc metrics` finds no numbers in it.

    Returns:
        The object; empty if the stage did not run.
    """
    path = folder / "details.json"
    return read_json(path)[0] if path.exists() else {}


def read_baseline() -> dict[str, Any]:
    """Read the committed baseline; empty if there is none."""
    return read_json(BASELINE) if BASELINE.exists() else {}


def read_competition(dataset: str) -> Competition | None:
    """Read the results of the classical methods of a dataset; None if there are none."""
    folder = REPORTS / "baselines" / dataset
    path = folder / "metrics.json"
    return Competition(dataset, read_json(path), read_details(folder)) if path.exists() else None


def read_seeds() -> dict[str, Any]:
    """Read the results with other seeds, recorded by benchmarks/seeds.py.

    Returns:
        Entries by model: `recipe`, see `recipe_id`, and `results`, the main metric by seed. Empty
        if there are none.
    """
    return read_json(SEEDS) if SEEDS.exists() else {}


def read_benchmarks() -> dict[str, Any]:
    """Read the runs of the recipes as taught and ours, recorded by benchmarks/run.py.

    Returns:
        Entries by model, see benchmarks.results.make_entry. Empty if there are none.
    """
    return read_json(BENCHMARKS) if BENCHMARKS.exists() else {}


def read_course_recipes() -> dict[str, Any]:
    """Read the recipes as taught by the courses.

    Returns:
        Entries by model, see benchmarks/recipes.yaml. Empty if there are none.
    """
    return read_yaml(COURSE_RECIPES) if COURSE_RECIPES.exists() else {}


def results_by_seed(entry: Mapping[str, Any], recipe: str) -> dict[int, float]:
    """Return the results of an entry of `read_seeds`, by seed; empty for another recipe."""
    if entry.get("recipe") != recipe:
        return {}
    return {int(seed): result for seed, result in entry["results"].items()}


def other_results(results: Mapping[int, float], config: Any) -> list[float]:
    """Return the results with seeds other than that of the model.

    Args:
        results: Results by seed.
        config: Section of the model in params.yaml.
    """
    return [result for seed, result in results.items() if seed != config.training.seed]


def recipe_id(model: Any, dataset: Any) -> str:
    """Return a short hash of all parameters that determine a training run, except the seed.

    Options that are off, which are None, are left out, so that a new option leaves the hashes of
    all models without it as they are.

    Args:
        model: Section of the model in params.yaml.
        dataset: Section of its dataset, or None.
    """
    values = [
        model.network.model_dump(exclude_none=True),
        model.training.model_dump(exclude={"seed"}, exclude_none=True),
        None if dataset is None else dataset.preprocess.model_dump(exclude_none=True),
    ]
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()[:12]
