"""Train all variants of a study: reports/studies/<study>/.

Writes results.csv, metrics.json, details.json and plots/ there. Finished runs are kept in
models/studies/<study>/ until the study ends, so that an interrupted study continues where it
stopped.
"""

import hashlib
import importlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
from tqdm import tqdm

from stages.config.load import get_section, load_params
from stages.core import cli
from stages.core.errors import ConfigError, DivergedError
from stages.core.files import atomic_output, remove, write_json
from stages.core.paths import MODELS, REPORTS
from stages.core.splits import Split, load_info, load_split
from stages.studies.variants import MAX_EXAMPLES, expand, override

SUBSET_SEED = 0  # of the training examples; the same for all variants and seeds


def main(study_id: str) -> None:
    """Train the variants of a study on part of the training split, and compare them."""
    params = load_params()
    study = get_section(params.studies, study_id, "study")
    model = params.models[study.model]
    runs = MODELS / "studies" / study_id
    table = pd.concat(train_all(study, model, runs), ignore_index=True)
    from stages.plots.studies import plot_study
    from stages.plots.style import figure_style, save_figure
    from stages.studies.results import describe_study, summarize

    summaries = summarize(table, study.metric)
    folder = REPORTS / "studies" / study_id
    with atomic_output(folder / "results.csv") as path:
        table.to_csv(path, index=False, lineterminator="\n")
    metrics = {each.name: {"mean": each.mean, "std": each.std} for each in summaries if each.values}
    write_json(folder / "metrics.json", metrics)
    description = describe_study(study, summaries)
    write_json(folder / "details.json", description)
    with figure_style():
        save_figure(plot_study(study, table, summaries), folder / "plots" / f"{study.chart}.png")
    remove(runs)
    print(f"{study_id}: {description['finding']}")


def train_all(study: Any, model: Any, runs: Path) -> Iterator[pd.DataFrame]:
    """Train each variant with each seed; yield histories with columns `variant` and `seed`.

    Args:
        study: Section of the study in params.yaml.
        model: Section of its model.
        runs: Folder of finished runs.

    Raises:
        ConfigError: If the history does not have the metric of the study.
    """
    train, validation = (load_split(study.dataset, name) for name in ("train", "validation"))
    info = load_info(study.dataset)
    variants = expand(study.grid, study.variants)
    code = hash_code([f"stages/networks/{study.network}", "stages/learning", "stages/pipelines"])
    jobs = [(name, seed) for name in variants for seed in study.seeds]
    for name, seed in tqdm(jobs, desc=study.model, unit="run"):
        overrides = {**study.settings, **variants[name], "training.seed": seed}
        max_examples = overrides.pop(MAX_EXAMPLES, None)
        section = override(model.model_dump(), overrides)
        key = hashlib.sha256(json.dumps([section, max_examples, info, code]).encode())
        path = runs / f"{key.hexdigest()[:16]}.csv"
        if not path.exists():
            examples = choose_examples(train, max_examples)
            history = train_one(type(model).model_validate(section), info, examples, validation)
            with atomic_output(path) as partial:
                history.to_csv(partial, index=False, lineterminator="\n")
        history = pd.read_csv(path)
        if not history["diverged"].all() and study.metric not in history:
            columns = ", ".join(column for column in history if column != "diverged")
            raise ConfigError(f"studies: metric: expected one of {columns}; found {study.metric!r}")
        history.insert(0, "variant", name)
        history.insert(1, "seed", seed)
        yield history


def choose_examples(split: Split, number: int | None) -> Split:
    """Return `number` examples of a split at random, or all of them."""
    import numpy as np

    if number is None or number >= len(split.y):
        return split
    order = np.random.default_rng(SUBSET_SEED).permutation(len(split.y))
    return split.take(np.sort(order[:number]))


def hash_code(paths: list[str]) -> str:
    """Return a hash of all modules in folders, so that other code continues no earlier study."""
    files = sorted(file for path in paths for file in Path(path).rglob("*.py"))
    return hashlib.sha256(b"\0".join(file.read_bytes() for file in files)).hexdigest()


def train_one(config: Any, info: dict[str, Any], train: Split, validation: Split) -> pd.DataFrame:
    """Train a variant; return its history, with the column `diverged`.

    If training diverges, the history is a single row without other values.
    """
    from stages.learning.runtime import session

    network = importlib.import_module(f"stages.networks.{config.network.name}.train")
    pipeline = importlib.import_module(f"stages.pipelines.{config.training.input_pipeline}")
    precision = getattr(config.training, "precision", "float32")
    with session(config.training.seed, precision):
        try:
            trained = network.train(config, info, train, validation, pipeline.make_batches)
        except DivergedError:
            return pd.DataFrame({"diverged": [True]})
    history: pd.DataFrame = trained.history
    return history.assign(diverged=False)


if __name__ == "__main__":
    cli.run(main, "study")
