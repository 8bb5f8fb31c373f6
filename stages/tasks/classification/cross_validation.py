"""How well a model does on rows it was not trained on, when rows are few: k-fold."""

from collections.abc import Callable

import numpy as np
from sklearn.model_selection import RepeatedStratifiedKFold

from stages.data import Part
from stages.errors import UserError


def out_of_fold(
    fit_and_score: Callable[[Part, np.ndarray], np.ndarray],
    part: Part,
    folds: int,
    repeats: int,
    seed: int,
) -> tuple[np.ndarray, np.ndarray]:
    """Score each row with a model trained on the other folds, each class alike in every fold.

    Args:
        fit_and_score: trains a new model on a Part and gives scores [n] for rows x [n, ...].
        part: all rows.
        folds: how many.
        repeats: how often, each time with other folds, which evens out the luck of the draw.
        seed: decides which row is in which fold.

    Returns: [repeats, n] scores, and [repeats, n] the fold in which each row was held out.

    Raises:
        UserError: when a class has fewer rows than there are folds.
    """
    fewest = np.bincount(part.y).min()
    if fewest < folds:
        raise UserError(f"{folds} folds need as many rows of each class, one has {fewest}")
    scores = np.empty((repeats, len(part.y)))
    fold = np.empty((repeats, len(part.y)), int)
    splits = RepeatedStratifiedKFold(n_splits=folds, n_repeats=repeats, random_state=seed)
    for number, (kept, held_out) in enumerate(splits.split(part.x, part.y)):
        print(f"fold {number + 1} of {folds * repeats}", flush=True)
        repeat = number // folds
        rows = Part(part.x[kept], part.y[kept])
        scores[repeat, held_out] = fit_and_score(rows, part.x[held_out])
        fold[repeat, held_out] = number % folds
    return scores, fold
