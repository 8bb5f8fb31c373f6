"""Shapley values: a fair share of each column of a table in an answer.

The answer for some columns alone is the mean over background examples, in which these columns have
the values of the input.

Reference:
    Shapley: A value for n-person games, 1953.
    Štrumbelj, Kononenko: Explaining prediction models and individual predictions with feature
    contributions, 2014.
    Lundberg, Lee: A unified approach to interpreting model predictions, NIPS 2017.
"""

import math
from collections.abc import Callable
from itertools import product

import numpy as np

Function = Callable[[np.ndarray], np.ndarray]
MAX_EXACT = 8  # columns, of which all sets are computed


def shapley_values(
    function: Function, x: np.ndarray, background: np.ndarray, permutations: int, seed: int
) -> np.ndarray:
    """Return the Shapley value of each column: exact for few columns, else by sampling.

    Args:
        function: Function from rows [n, columns] to the answer [n].
        x: Row [columns].
        background: Rows [m, columns].
        permutations: Orders of the columns that are drawn for each background row.
        seed: Seed of these orders.

    Returns:
        Values, float64 [columns]. Their sum is the answer for x minus the mean answer of the
        background.
    """
    if len(x) <= MAX_EXACT:
        return exact_values(function, x, background)
    return sampled_values(function, x, background, permutations, seed)


def exact_values(function: Function, x: np.ndarray, background: np.ndarray) -> np.ndarray:
    """Return the Shapley values over all sets of columns; see `shapley_values`."""
    columns, rows = len(x), len(background)
    masks = np.array(list(product([False, True], repeat=columns)))  # in binary order
    mixed = np.where(masks[:, None], x, background)
    worth = np.asarray(function(mixed.reshape(-1, columns)), np.float64)
    worth = worth.reshape(len(masks), rows).mean(axis=1)
    sizes = masks.sum(axis=1)
    values = np.zeros(columns)
    for column in range(columns):
        without = np.flatnonzero(~masks[:, column])
        joined = without + 2 ** (columns - 1 - column)
        share = [
            math.factorial(size) * math.factorial(columns - size - 1) / math.factorial(columns)
            for size in sizes[without]
        ]
        values[column] = np.dot(share, worth[joined] - worth[without])
    return values


def sampled_values(
    function: Function, x: np.ndarray, background: np.ndarray, permutations: int, seed: int
) -> np.ndarray:
    """Return the mean change when columns enter in random orders; see `shapley_values`."""
    random = np.random.default_rng(seed)
    columns = len(x)
    starts = np.repeat(background, permutations, axis=0)
    orders = np.array([random.permutation(columns) for _ in starts])
    position = np.argsort(orders, axis=1)  # when each column enters
    entered = position[:, None] < np.arange(columns + 1)[:, None]  # [starts, steps, columns]
    rows = np.where(entered, x, starts[:, None])
    answers = np.asarray(function(rows.reshape(-1, columns)), np.float64)
    changes = np.diff(answers.reshape(len(starts), columns + 1), axis=1)
    values: np.ndarray = np.take_along_axis(changes, position, axis=1).mean(axis=0)
    return values
