"""Read the results that reports/ holds of a model or dataset."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from stages.core.files import flatten, read_json
from stages.core.paths import REPORTS

BASELINE = REPORTS / "baseline.json"
SEEDS = REPORTS / "seeds.json"


def read_metrics(folder: Path) -> dict[str, float]:
    """The flat metrics of a model, those of its cross-validation included.

    Args:
        folder: reports/<model>.
    """
    metrics = flatten(read_json(folder / "metrics.json"))
    cross_validation = folder / "cross_validation" / "metrics.json"
    if cross_validation.exists():
        metrics |= flatten(read_json(cross_validation))
    return metrics


def read_details(folder: Path) -> dict[str, Any]:
    """What a stage reported beside metrics and figures; empty if it did not run.

    Args:
        folder: of a model, its cross-validation or a dataset. Its details.json is a list of one
            object, in which `dvc metrics` finds no numbers.
    """
    path = folder / "details.json"
    return read_json(path)[0] if path.exists() else {}


def read_baseline() -> dict[str, Any]:
    """The committed baseline; empty if there is none."""
    return read_json(BASELINE) if BASELINE.exists() else {}


def read_seeds() -> dict[str, Any]:
    """What benchmarks/seeds.py has recorded of other seeds; empty if there is nothing.

    Returns:
        By model: `recipe`, see `recipe_id`, and `results`, the main metric by seed.
    """
    return read_json(SEEDS) if SEEDS.exists() else {}


def results_by_seed(entry: Mapping[str, Any], recipe: str) -> dict[int, float]:
    """The results, by seed, of an entry of `read_seeds`; none if they are of another recipe."""
    if entry.get("recipe") != recipe:
        return {}
    return {int(seed): result for seed, result in entry["results"].items()}


def recipe_id(model: Any, dataset: Any) -> str:
    """A short name of how a model is trained, but for its seed: another recipe has another name.

    Args:
        model: its section of params.yaml.
        dataset: the section of its dataset, or None.
    """
    values = [
        model.network.model_dump(),
        model.training.model_dump(exclude={"seed"}),
        None if dataset is None else dataset.preprocess.model_dump(),
    ]
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()[:12]
