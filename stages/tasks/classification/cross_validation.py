"""Repeated stratified k-fold cross-validation: which examples, seeds, trainings, predictions."""

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
from stages.inference.predict import normalize, probabilities
from stages.learning.runtime import session


class Fold(NamedTuple):
    """What one model is trained on, and what it predicts.

    Attributes:
        examples: all of them.
        held_out: bool [n], those to predict.
        seed: of the training.
    """

    examples: Split
    held_out: np.ndarray
    seed: int

    @property
    def train(self) -> Split:
        """The examples to train on."""
        return self.examples.take(np.flatnonzero(~self.held_out))

    @property
    def x(self) -> np.ndarray:
        """The inputs to predict."""
        return self.examples.x[self.held_out]


TrainAndPredict = Callable[[Sequence[Fold]], Iterable[np.ndarray]]


def check_folds(y: np.ndarray, folds: int, model: str) -> None:
    """Check that each class has an example for each fold.

    Raises:
        DataError: if a class has fewer.
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
    """Predict each example by a model that was trained on the other folds.

    Folds are stratified. Each training has a seed of its own, so folds may run in any order.

    Args:
        train_and_predict: gives for each fold the probabilities [held out, classes]; they must
            depend on nothing but that fold.
        examples: all of them.
        folds: how many.
        repeats: how often, with other folds each time, which reduces the sampling variance.
        seed: of everything.

    Returns:
        Probabilities [repeats, n, classes], and the fold of each example [repeats, n].
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
    for (repeat, _), task, found in zip(numbers, tasks, train_and_predict(tasks), strict=True):
        p[repeat, task.held_out] = found
    return p, assigned


def train_at_once(
    train_folds: Callable[[Sequence[Split], Sequence[int]], Sequence[keras.Model]],
    precision: str,
    folds: Sequence[Fold],
) -> list[np.ndarray]:
    """Predict folds by models that are trained together; see `predict_out_of_fold`.

    Args:
        train_folds: gives a model for each split and seed.
        precision: of the training config.
        folds: what to predict.
    """
    with session(folds[0].seed, precision), silence():
        models = train_folds([fold.train for fold in folds], [fold.seed for fold in folds])
        # Compiling `predict` for each model would take longer than these calls.
        outputs = [model(fold.x) for model, fold in zip(models, folds, strict=True)]
        return [normalize(keras.ops.convert_to_numpy(output)) for output in outputs]


def train_one_by_one(
    train: Callable[[Split], keras.Model], precision: str, input_type: str, folds: Sequence[Fold]
) -> Iterator[np.ndarray]:
    """Predict folds by models that are trained one after the other; see `predict_out_of_fold`.

    Args:
        train: gives a model.
        precision: of the training config.
        input_type: `type` of the `input` of info.json.
        folds: what to predict.
    """
    for fold in tqdm(folds, unit="fold", mininterval=5):
        with session(fold.seed, precision), silence():
            p = probabilities(train(fold.train), fold.x, input_type)
        yield p


def assign_folds(y: np.ndarray, folds: int, seed: int) -> np.ndarray:
    """The fold [n] in which each example is held out, stratified by class y [n]."""
    assigned = np.empty(len(y), int)
    splitter = StratifiedKFold(folds, shuffle=True, random_state=seed)
    for fold, (_, held_out) in enumerate(splitter.split(np.zeros(len(y)), y)):
        assigned[held_out] = fold
    return assigned


def derive_seed(*numbers: int) -> int:
    """A seed that depends on all `numbers` and their order."""
    return int(np.random.SeedSequence(numbers).generate_state(1)[0])


def tabulate_predictions(
    y: np.ndarray, p: np.ndarray, folds: np.ndarray, classes: Sequence[str]
) -> pd.DataFrame:
    """All predictions as a table.

    Args:
        y: [n] classes.
        p: [repeats, n, classes] probabilities.
        folds: [repeats, n].
        classes: names.

    Returns:
        A row per repeat and example: example, repeat, fold, label and, of two classes, the
        probability of the second; of more, a probability_<class> of each.
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
    """Suppress what is printed: a line per epoch would hide the progress of the folds."""
    with Path(os.devnull).open("w") as nowhere, contextlib.redirect_stdout(nowhere):
        yield
