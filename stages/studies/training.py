"""Training of the variants of a study, each with each seed."""

import hashlib
import importlib
import importlib.metadata
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from tqdm import tqdm

from stages.core.errors import ConfigError, DivergedError
from stages.core.files import atomic_output, remove
from stages.core.splits import Split
from stages.learning.runtime import session
from stages.studies.data import choose_examples, keep_last_tokens
from stages.studies.snapshots import measure_points, take_snapshot
from stages.studies.variants import DATA_KEYS, expand, override

CODE = (  # what a training run depends on, besides the network
    "stages/core", "stages/learning", "stages/metrics", "stages/pipelines",
    "stages/studies/data.py", "stages/studies/snapshots.py", "stages/studies/training.py",
)  # fmt: skip
PACKAGES = ("keras", "numpy", "tensorflow")


class Run(NamedTuple):
    """One training run of a study.

    Attributes:
        history: Its history, with the columns `variant`, `seed`, `diverged` and `kept`: whether
            the weights of this epoch or step are the result.
        snapshot: The last snapshot of the array that the study draws, or None.
    """

    history: pd.DataFrame
    snapshot: np.ndarray | None


def train_all(
    study: Any, model: Any, info: dict[str, Any], splits: dict[str, Split], folder: Path
) -> Iterator[Run]:
    """Train each variant with each seed, unless its finished run is there.

    Args:
        study: Section of the study in params.yaml.
        model: Section of its model.
        info: The dataset's info.json.
        splits: Training and validation split.
        folder: Folder of finished runs; those that the study no longer has are removed at the end.

    Raises:
        ConfigError: If the history does not have the metric of the study.
    """
    variants = expand(study.grid, study.variants)
    inputs = [
        info, hash_code([*CODE, f"stages/networks/{study.network}"]), hash_splits(splits),
        *map(importlib.metadata.version, PACKAGES),
    ]  # fmt: skip
    finished = set()
    jobs = [(name, seed) for name in variants for seed in study.seeds]
    for name, seed in tqdm(jobs, desc=study.model, unit="run"):
        overrides = {**study.settings, **variants[name], "training.seed": seed}
        data = {key: overrides.pop(key, None) for key in DATA_KEYS}
        section = override(model.model_dump(), overrides)
        values = [section["network"], section["training"], data, study.snapshot]
        key = json.dumps([values, inputs], sort_keys=True)
        path = folder / hashlib.sha256(key.encode()).hexdigest()[:16]
        finished.add(path)
        if not path.exists():
            config = type(model).model_validate(section)
            with atomic_output(path) as partial:
                save_run(train_one(config, info, splits, data, study.snapshot), partial)
        run = load_run(path)
        if not run.history["diverged"].all() and study.metric not in run.history:
            columns = ", ".join(run.history.columns.drop(["diverged", "kept"]))
            raise ConfigError(
                f"params.yaml: studies: the history of {study.model} has no metric "
                f"{study.metric!r}, expected one of {columns}"
            )
        run.history.insert(0, "variant", name)
        run.history.insert(1, "seed", seed)
        yield run
    for path in set(folder.iterdir()) - finished:
        remove(path)


def save_run(run: Run, folder: Path) -> None:
    """Write a run to a new folder."""
    folder.mkdir(parents=True)
    run.history.to_csv(folder / "history.csv", index=False, lineterminator="\n")
    if run.snapshot is not None:
        np.save(folder / "snapshot.npy", run.snapshot)


def load_run(folder: Path) -> Run:
    """Read a run that `save_run` wrote."""
    path = folder / "snapshot.npy"
    return Run(pd.read_csv(folder / "history.csv"), np.load(path) if path.exists() else None)


def hash_code(paths: Sequence[str]) -> str:
    """Return a hash of modules, and of all modules in folders."""
    files = [path for path in map(Path, paths) if path.is_file()]
    files += [file for path in paths for file in sorted(Path(path).rglob("*.py"))]
    return hashlib.sha256(b"\0".join(file.read_bytes() for file in files)).hexdigest()


def hash_splits(splits: Mapping[str, Split]) -> str:
    """Return a hash of the arrays of all splits."""
    digest = hashlib.sha256()
    for name in sorted(splits):
        for array in splits[name]:
            digest.update(array.tobytes())
    return digest.hexdigest()


def train_one(
    config: Any,
    info: dict[str, Any],
    splits: dict[str, Split],
    data: dict[str, int | None],
    snapshot: str | None,
) -> Run:
    """Train a variant.

    Args:
        config: Section of the model, with the values of the variant.
        info: The dataset's info.json.
        splits: Training and validation split.
        data: Values of DATA_KEYS.
        snapshot: Name of the array to keep, or None.

    Returns:
        The run; if training diverges, its history is a single row without values.

    Raises:
        ConfigError: If the network has no such snapshot.
    """
    network = importlib.import_module(f"stages.networks.{config.network.name}.train")
    pipeline = importlib.import_module(f"stages.pipelines.{config.training.input_pipeline}")
    train = choose_examples(splits["train"], data["max_examples"])
    train, validation = (
        keep_last_tokens(split, data["max_tokens"]) for split in (train, splits["validation"])
    )
    with session(config.training.seed, getattr(config.training, "precision", "float32")):
        try:
            trained = network.train(config, info, train, validation, pipeline.make_batches)
        except DivergedError:
            return Run(pd.DataFrame({"diverged": [True], "kept": [True]}), None)
    history: pd.DataFrame = trained.history.assign(diverged=False)
    history["kept"] = history.index == kept_row(history, config.training)
    if snapshot is None:
        return Run(history, None)
    try:
        array = take_snapshot(trained, snapshot)
    except KeyError as error:
        raise ConfigError(
            f"params.yaml: studies: {config.network.name} has no snapshot {snapshot!r}, "
            f"expected one of {error.args[0]}"
        ) from None
    if array.shape[1:] == (2,):
        history = history.assign(**measure_points(array, validation.x))
    return Run(history, array)


def kept_row(history: pd.DataFrame, training: Any) -> int:
    """Return the row of the result: of the lowest validation loss with early stopping, or last."""
    if getattr(training, "early_stopping_patience", None):
        return int(history["val_loss"].argmin())
    return len(history) - 1
