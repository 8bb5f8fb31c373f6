"""Part of the training data, for studies of how much of it a model needs."""

import numpy as np

from stages.core.splits import PADDING, Split

SUBSET_SEED = 0  # of the examples; the same for all variants and seeds


def choose_examples(split: Split, number: int | None) -> Split:
    """Return `number` examples of a split at random, or all of them.

    The examples of a smaller number are among those of a larger one. Of a text, x [n] and y [n],
    these are its first characters.
    """
    if number is None or number >= len(split.y):
        return split
    if split.x.ndim == 1:
        return split.take(np.arange(number))
    order = np.random.default_rng(SUBSET_SEED).permutation(len(split.y))
    return split.take(np.sort(order[:number]))


def keep_last_tokens(split: Split, number: int | None) -> Split:
    """Return texts without all but their last `number` tokens.

    Args:
        split: Token ids [n, length], PADDING after the end of a text.
        number: Number of tokens to keep, None for all.

    Returns:
        Token ids [n, min(number, length)].
    """
    if number is None or number >= split.x.shape[1]:
        return split
    lengths = (split.x != PADDING).sum(axis=1, keepdims=True)
    start = np.maximum(lengths - number, 0)
    tokens = np.take_along_axis(split.x, start + np.arange(number), axis=1)
    return split._replace(x=tokens)
