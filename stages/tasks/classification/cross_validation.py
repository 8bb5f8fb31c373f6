"""Repeated stratified k-fold cross-validation: folds, seeds, training, predictions."""

import contextlib
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import keras
import numpy as np
import pandas as pd
from sklearn.model_selection import StratifiedKFold
from tqdm import tqdm

from stages.core.errors import DataError
from stages.core.splits import Split
from stages.inference.outputs import normalize, probabilities
from stages.learning.runtime import session


class Fold(NamedTuple):
    """Training examples, held-out examples and seed of one model.

    Attributes:
        examples: All examples.
        held_out: Whether an example is held out, bool [n].
        seed: Seed of the training run.
    """

    examples: Split
    held_out: np.ndarray
    seed: int

    @property
    def train(self) -> Split:
        """Training examples."""
        return self.examples.take(np.flatnonzero(~self.held_out))

    @property
    def x(self) -> np.ndarray:
        """Held-out inputs."""
        return self.examples.x[self.held_out]


TrainAndPredict = Callable[[Sequence[Fold]], Iterable[np.ndarray]]


def check_folds(y: np.ndarray, folds: int, model: str) -> None:
    """Check that each class has at least one example per fold.

    Raises:
        DataError: If a class has fewer.
    """
    counts = np.bincount(y)
    label = int(counts.argmin())
    if counts[label] < folds:
        raise DataError(
            f"params.yaml: cross_validation.{model}.folds: found {folds}, expected at most "
            f"{counts[label]}, the number of examples of class {label}: choose fewer folds"
        )


def predict_out_of_fold(
    train_and_predict: TrainAndPredict, examples: Split, folds: int, repeats: int, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Predict each example with a model that was trained on the other folds.

    Folds are stratified. Each training run has its own seed, so folds may run in any order.

    Args:
        train_and_predict: Function that returns the probabilities [held out, classes] of each
            fold; they must depend only on that fold.
        examples: All examples.
        folds: Number of folds.
        repeats: Number of repeats with different folds, which reduces the sampling variance.
        seed: Seed from which all others are derived.

    Returns:
        Probabilities [repeats, n, classes], and fold of each example [repeats, n].
    """
    assigned = np.stack(
        [assign_folds(examples.y, folds, derive_seed(seed, repeat)) for repeat in range(repeats)]
    )
    numbers = [(repeat, fold) for repeat in range(repeats) for fold in range(folds)]
    tasks = [
        Fold(examples, assigned[repeat] == fold, derive_seed(seed, repeat, fold))
        for repeat, fold in numbers
    ]
    p = np.empty((repeats, len(examples.y), int(examples.y.max()) + 1))
    for (repeat, _), task, predicted in zip(numbers, tasks, train_and_predict(tasks), strict=True):
        p[repeat, task.held_out] = predicted
    return p, assigned


def train_at_once(
    train_folds: Callable[[Sequence[Split], Sequence[int]], Sequence[keras.Model]],
    precision: str,
    folds: Sequence[Fold],
) -> list[np.ndarray]:
    """Predict folds with models that are trained in parallel; see `predict_out_of_fold`.

    Args:
        train_folds: Function that trains a model for each split and seed.
        precision: Precision of the training config.
        folds: Folds to predict.

    Returns:
        Probabilities of each fold.
    """
    with session(folds[0].seed, precision), silence():
        models = train_folds([fold.train for fold in folds], [fold.seed for fold in folds])
        # Compiling `predict` for each model would take longer than these calls.
        outputs = [model(fold.x) for model, fold in zip(models, folds, strict=True)]
        return [normalize(keras.ops.convert_to_numpy(output)) for output in outputs]


def train_one_by_one(
    train: Callable[[Split], keras.Model], precision: str, input_type: str, folds: Sequence[Fold]
) -> Iterator[np.ndarray]:
    """Predict folds with models that are trained one after the other; see `predict_out_of_fold`.

    Args:
        train: Function that trains a model on a split.
        precision: Precision of the training config.
        input_type: `type` of the `input` of info.json.
        folds: Folds to predict.

    Yields:
        Probabilities of each fold.
    """
    for fold in tqdm(folds, unit="fold", mininterval=5):
        with session(fold.seed, precision), silence():
            p = probabilities(train(fold.train), fold.x, input_type)
        yield p


def assign_folds(y: np.ndarray, folds: int, seed: int) -> np.ndarray:
    """Assign each example a fold [n], stratified by class y [n]."""
    assigned = np.empty(len(y), int)
    splitter = StratifiedKFold(folds, shuffle=True, random_state=seed)
    for fold, (_, held_out) in enumerate(splitter.split(np.zeros(len(y)), y)):
        assigned[held_out] = fold
    return assigned


def derive_seed(*numbers: int) -> int:
    """Return a seed that depends on all `numbers` and their order."""
    return int(np.random.SeedSequence(numbers).generate_state(1)[0])


def tabulate_predictions(
    y: np.ndarray, p: np.ndarray, folds: np.ndarray, classes: Sequence[str]
) -> pd.DataFrame:
    """Return all predictions as a table.

    Args:
        y: Classes [n].
        p: Probabilities [repeats, n, classes].
        folds: Fold of each example [repeats, n].
        classes: Names of the classes.

    Returns:
        A row per repeat and example: example, repeat, fold, label and, for two classes, the
        probability of class 1; for more, probability_<class> of each.
    """
    repeats, count = folds.shape
    table = pd.DataFrame(
        {
            "example": np.tile(np.arange(count), repeats),
            "repeat": np.repeat(np.arange(repeats), count),
            "fold": folds.ravel(),
            "label": np.tile(y, repeats),
        }
    )
    flat = p.reshape(repeats * count, -1).round(6)
    if len(classes) == 2:
        return table.assign(probability=flat[:, 1])
    return table.assign(**{f"probability_{name}": flat[:, k] for k, name in enumerate(classes)})


@contextlib.contextmanager
def silence() -> Iterator[None]:
    """Suppress printed output: a line per epoch would hide the progress of the folds."""
    with Path(os.devnull).open("w") as nowhere, contextlib.redirect_stdout(nowhere):
        yield
