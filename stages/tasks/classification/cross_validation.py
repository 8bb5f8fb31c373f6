"""Repeated stratified k-fold cross-validation: which examples, which seeds, which predictions."""

import contextlib
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.model_selection import StratifiedKFold
from tqdm import tqdm

from stages.core.errors import DataError
from stages.core.splits import Split

TrainAndPredict = Callable[[Split, np.ndarray, int], np.ndarray]


def concatenate(splits: Sequence[Split]) -> Split:
    """All examples of `splits`, in order."""
    x, y = (np.concatenate(arrays) for arrays in zip(*splits, strict=True))
    return Split(x, y)


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
        train_and_predict: called with a split to train on, inputs x [n, ...] to predict and a seed,
            gives probabilities [n, classes]; must depend on nothing else.
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
    jobs = [(repeat, fold) for repeat in range(repeats) for fold in range(folds)]
    p = np.empty((repeats, len(examples.y), int(examples.y.max()) + 1))
    for repeat, fold in tqdm(jobs, unit="fold", mininterval=5):
        held_out = assigned[repeat] == fold
        train = examples.take(np.flatnonzero(~held_out))
        p[repeat, held_out] = train_and_predict(
            train, examples.x[held_out], derive_seed(seed, repeat, fold)
        )
    return p, assigned


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
