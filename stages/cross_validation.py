"""How well a model does on rows it was not trained on, when rows are few: k-fold."""

from collections.abc import Callable

import numpy as np
from sklearn.model_selection import StratifiedKFold

from stages.data import Part
from stages.errors import UserError


def out_of_fold(
    fit_and_score: Callable[[Part, np.ndarray], np.ndarray], part: Part, folds: int, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Score each row with a model trained on the other folds, each class alike in every fold.

    Args:
        fit_and_score: trains a new model on a Part and gives scores [n] for rows x [n, ...].
        part: all rows.
        folds: how many.
        seed: decides which row is in which fold.

    Returns: scores [n], and [n] the fold in which each row was held out.

    Raises:
        UserError: when a class has fewer rows than there are folds.
    """
    fewest = np.bincount(part.y).min()
    if fewest < folds:
        raise UserError(f"{folds} folds need as many rows of each class, one has {fewest}")
    scores = np.empty(len(part.y))
    fold = np.empty(len(part.y), int)
    splits = StratifiedKFold(folds, shuffle=True, random_state=seed).split(part.x, part.y)
    for index, (kept, held_out) in enumerate(splits):
        print(f"fold {index + 1} of {folds}", flush=True)
        scores[held_out] = fit_and_score(Part(part.x[kept], part.y[kept]), part.x[held_out])
        fold[held_out] = index
    return scores, fold
