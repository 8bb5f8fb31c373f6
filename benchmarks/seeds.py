"""Train models with other seeds, and record the variation of their results: `make seeds`.

    python -m benchmarks.seeds [MODEL ...] [--seeds 2 3]

Each training run uses the stages of the pipeline in a separate project folder, several in parallel;
the splits do not change. Results are merged into reports/seeds.json, which the report reads.
Recorded results of the current recipe are not computed again.
"""

import argparse
import copy
import sys
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.project import make_project, run_module
from benchmarks.recipes import Values
from stages.config.load import get_section, load_params, read_yaml
from stages.core.cli import exit_on_error
from stages.core.files import flatten, read_json, write_json
from stages.core.paths import PARAMS, REPORTS
from stages.learning.runtime import cpu_type
from stages.page.results import SEEDS, read_seeds, recipe_id, results_by_seed
from stages.parallel import JOBS, stop_stages_when_stopped

CROSS_VALIDATED = "cv."  # prefix of the metrics of a cross-validation


def main() -> None:
    """Run the models on the command line (default: all that have a target)."""
    parser = argparse.ArgumentParser(description=sys.modules["__main__"].__doc__)
    parser.add_argument("models", nargs="*", metavar="MODEL", help="default: all with a target")
    parser.add_argument("--seeds", nargs="+", type=int, default=[2, 3])
    arguments = parser.parse_args()
    stop_stages_when_stopped()
    params, values = load_params(), read_yaml(PARAMS)
    with_target = [name for name, model in params.models.items() if model.report.target is not None]
    running: dict[Future[float], tuple[str, str, int]] = {}
    with ThreadPoolExecutor(JOBS) as pool:
        for model in arguments.models or with_target:
            config = get_section(params.models, model, "model")
            recipe = recipe_id(config, params.datasets.get(config.dataset))
            for seed in arguments.seeds:
                if seed not in results_by_seed(read_seeds().get(model, {}), recipe):
                    future = pool.submit(run_seed, values, model, seed, config.report.metric)
                    running[future] = (model, recipe, seed)
        for future in as_completed(running):
            if future.exception() is None:
                record(*running[future], future.result())
    for future in running:
        future.result()  # raises its error, now that the other results are recorded


def record(model: str, recipe: str, seed: int, result: float) -> None:
    """Add a result to seeds.json."""
    print(f"{model}, seed {seed}: {result:.5g}", flush=True)
    recorded = read_seeds()
    entry = add_result(recorded.get(model, {}), recipe, seed, result)
    write_json(SEEDS, recorded | {model: entry | {"processor": cpu_type()}})


def add_result(entry: Mapping[str, Any], recipe: str, seed: int, result: float) -> dict[str, Any]:
    """Return an entry of seeds.json with a new result; those of another recipe are dropped."""
    results = {str(key): value for key, value in results_by_seed(entry, recipe).items()}
    return {"recipe": recipe, "results": results | {str(seed): result}}


def run_seed(values: Values, model: str, seed: int, metric: str) -> float:
    """Train, or cross-validate, a model with another seed, and return its metric.

    Args:
        values: Values of params.yaml.
        model: Id of the model.
        seed: Seed of the training run, or of the cross-validation.
        metric: Dotted key of the metric.
    """
    stages = ["cross_validate"] if metric.startswith(CROSS_VALIDATED) else ["train", "evaluate"]
    with TemporaryDirectory(prefix="seeds-") as name:
        folder = Path(name) / "project"
        make_project(folder, with_seed(values, model, seed), model)
        for stage in stages:
            run_module(folder, f"stages.{stage}", model)
        part = "cross_validation" if len(stages) == 1 else ""
        metrics = flatten(read_json(folder / REPORTS / model / part / "metrics.json"))
        return metrics[metric]


def with_seed(values: Values, model: str, seed: int) -> Values:
    """Return parameters with another seed for training and cross-validation of a model."""
    changed = copy.deepcopy(values)
    changed["models"][model]["training"]["seed"] = seed
    if model in changed["cross_validation"]:
        changed["cross_validation"][model]["seed"] = seed
    return changed


if __name__ == "__main__":
    exit_on_error(main)
