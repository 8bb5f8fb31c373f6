"""N-grams as numbers: their keys, and how many texts of each class contain them."""

from typing import Any, NamedTuple

import keras
import numpy as np

from stages.core.splits import Split


class NgramCounts(NamedTuple):
    """N-grams and the number of texts of each class that contain them.

    Attributes:
        keys: Distinct keys in ascending order, float64 [ngrams].
        negative: Texts of class 0, int64 [ngrams].
        positive: Texts of class 1, int64 [ngrams].
    """

    keys: np.ndarray
    negative: np.ndarray
    positive: np.ndarray


def ngram_keys(words: Any, vocabulary_size: int, num_words: int) -> Any:
    """Return the key of the n-gram that ends at each word: its ids as digits of one number.

    Float64 represents them exactly up to 2^53, and therefore three ids of up to 65,536. Before the
    first word of a text the digits are 0, so that the key there is that of a shorter n-gram.

    Args:
        words: Token ids, integers [n, length], padded with 0 at the end; an array, a tensor or the
            input of a model.
        vocabulary_size: Number of token ids, the base of the keys.
        num_words: Number of words of an n-gram, at most 3.

    Returns:
        Keys, float64 [n, length].
    """
    digit = keras.ops.cast(words, "float64")
    keys = digit
    for power in range(1, num_words):
        digit = keras.ops.pad(digit, [[0, 0], [1, 0]])[:, :-1]  # the previous word
        keys = keys + digit * float(vocabulary_size) ** power
    return keys


def count_ngrams(split: Split, vocabulary_size: int, max_words: int, min_count: int) -> NgramCounts:
    """Count the texts of each class that contain an n-gram.

    Args:
        split: Token ids [n, length], padded at the end; y [n], 0 or 1.
        vocabulary_size: Number of token ids.
        max_words: Number of words of the longest n-grams; shorter ones are counted, too.
        min_count: Least number of texts that contain an n-gram; others are left out.

    Returns:
        Counts, empty if no n-gram is in `min_count` texts.
    """
    parts = [
        count_of_length(split, vocabulary_size, num_words, min_count)
        for num_words in range(1, max_words + 1)
    ]
    return NgramCounts(*(np.concatenate(arrays) for arrays in zip(*parts, strict=True)))


def count_of_length(
    split: Split, vocabulary_size: int, num_words: int, min_count: int
) -> NgramCounts:
    """Count the n-grams of `num_words` words; see `count_ngrams`."""
    keys = keras.ops.convert_to_numpy(ngram_keys(split.x, vocabulary_size, num_words))
    keys = np.sort(keys, axis=1)
    # Once per text, without n-grams that begin before the text or end in padding.
    counted = (keys >= float(vocabulary_size) ** (num_words - 1)) & (keys % vocabulary_size > 0)
    counted[:, 1:] &= keys[:, 1:] != keys[:, :-1]
    found, index, total = np.unique(keys[counted], return_inverse=True, return_counts=True)
    labels = np.broadcast_to(split.y[:, None], keys.shape)[counted]
    positive = np.bincount(index, labels, minlength=len(found)).astype(np.int64)
    kept = total >= min_count
    return NgramCounts(found[kept], (total - positive)[kept], positive[kept])


def log_count_ratios(counts: NgramCounts, smoothing: float) -> np.ndarray:
    """Return the log ratio of the probabilities of each n-gram in both classes.

    Args:
        counts: Number of texts of each class that contain an n-gram.
        smoothing: Number added to each count.

    Returns:
        Ratios float32 [ngrams]; positive if the n-gram is more frequent in class 1.

    Reference:
        Wang, Manning: Baselines and bigrams, ACL 2012, equation 1.
    """
    positive, negative = counts.positive + smoothing, counts.negative + smoothing
    ratios = np.log(positive / positive.sum()) - np.log(negative / negative.sum())
    return ratios.astype(np.float32)
