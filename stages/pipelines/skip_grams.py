"""Input pipeline of texts as words, the words near them, and negative samples.

Reference:
    Mikolov et al.: Distributed representations of words and phrases and their compositionality,
    NIPS 2013.
"""

import math
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from stages.config.schema import SkipGramTraining
from stages.core.errors import ConfigError
from stages.core.splits import PADDING, Split
from stages.pipelines.common import random_seeds, read_ahead

FIRST_WORD = 2  # token id; those below are padding and words that are not in the vocabulary
NEGATIVE_EXPONENT = 0.75  # of the frequency of a word as a negative sample
VALIDATION_SEED = (0, 0)  # the same draws after each epoch


def make_batches(split: Split, training: SkipGramTraining, *, shuffle: bool) -> tf.data.Dataset:
    """Build batches of words, the words near them, and negative samples.

    Frequent words are dropped at random, so that those around them move closer together, and each
    word has a window of random width; both differ in each epoch.

    Args:
        split: Token ids [n, length], padded at the end; labels are not used.
        training: The model's training config.
        shuffle: True for training; for validation, words are in order and the draws are fixed.

    Returns:
        Batches of (x, y), token ids int32. x: `words` [batch] and `negatives` [shared_negatives],
        which all words of the batch share. y: the words near each word, [batch, 2 * window], 0
        where there is none.

    Raises:
        ConfigError: If the texts have no words of the vocabulary.
    """
    stream = join_texts(split.x, training.window)
    counts = np.bincount(stream, minlength=FIRST_WORD)
    counts[PADDING] = 0
    if not counts.any():
        raise ConfigError("input_pipeline skip_grams: expected texts with words of the vocabulary")
    kept = keep_probabilities(counts, training.subsampling)
    num_batches = count_batches(float(np.dot(counts, kept)), training.batch_size)
    source = Source(
        tf.constant(stream),
        tf.constant(np.concatenate([[1], kept[1:]]), tf.float32),
        tf.constant(np.cumsum(negative_probabilities(counts)), tf.float32),
    )

    def batches_from(seed: tf.Tensor) -> tf.data.Dataset:
        words = drop_words(source, seed)
        places = tf.cast(tf.where(words != PADDING)[:, 0], tf.int32)
        if shuffle:
            places = tf.random.experimental.stateless_shuffle(places, seed + 1)
        batches = tf.data.Dataset.from_tensor_slices(places).batch(training.batch_size)
        return (
            batches.take(num_batches)
            .enumerate()
            .map(
                lambda number, batch: make_batch(source, words, batch, training, seed + 2 + number)
            )
        )

    seeds = tf.data.Dataset.from_tensors(tf.constant(VALIDATION_SEED, tf.int64))
    if shuffle:
        seeds = random_seeds().take(1)
    batches = seeds.flat_map(batches_from)
    return read_ahead(batches.apply(tf.data.experimental.assert_cardinality(num_batches)))


class Source(NamedTuple):
    """What the batches are drawn from.

    Attributes:
        stream: Token ids of all texts, int32 [m]; see `join_texts`.
        kept: Probability of keeping a word, by token id, float32 [ids]; 1 for padding.
        negatives: Cumulative probability of the negative samples, by token id, float32 [ids].
    """

    stream: tf.Tensor
    kept: tf.Tensor
    negatives: tf.Tensor


def join_texts(x: np.ndarray, window: int) -> np.ndarray:
    """Join the known words of all texts, with `window` zeros before, between and after the texts.

    Args:
        x: Token ids [n, length], padded at the end.
        window: Widest distance of two words that are a pair.

    Returns:
        Token ids, int32 [m].
    """
    gap = np.zeros((len(x), window), np.int32)
    rows = np.concatenate([gap, np.where(x >= FIRST_WORD, x, PADDING).astype(np.int32)], axis=1)
    is_gap = np.arange(rows.shape[1]) < window
    return np.concatenate([rows[(rows != PADDING) | is_gap], gap[0]])


def keep_probabilities(counts: np.ndarray, threshold: float) -> np.ndarray:
    """Return the probability of keeping each word: sqrt(threshold / frequency), at most 1.

    Args:
        counts: Number of occurrences of each word [ids].
        threshold: Frequency up to which all occurrences are kept.
    """
    frequencies = np.maximum(counts, 1) / counts.sum()
    return np.minimum(np.sqrt(threshold / frequencies), 1.0)


def negative_probabilities(counts: np.ndarray) -> np.ndarray:
    """Return the probability of each word [ids] as a negative sample, from its count."""
    weights = counts.astype(np.float64) ** NEGATIVE_EXPONENT
    return weights / weights.sum()


def count_batches(expected_words: float, batch_size: int) -> int:
    """Return the number of batches of an epoch, in which the number of kept words is random.

    It is five standard deviations below the expectation, so that every epoch has as many.
    """
    return max(math.floor((expected_words - 5 * math.sqrt(expected_words)) / batch_size), 1)


def drop_words(source: Source, seed: tf.Tensor) -> tf.Tensor:
    """Return the stream without the words that are dropped, int32 [kept]."""
    uniform = tf.random.stateless_uniform(tf.shape(source.stream), seed)
    return tf.boolean_mask(source.stream, uniform < tf.gather(source.kept, source.stream))


def make_batch(
    source: Source, words: tf.Tensor, places: tf.Tensor, training: SkipGramTraining, seed: tf.Tensor
) -> tuple[dict[str, tf.Tensor], tf.Tensor]:
    """Build one batch; see `make_batches`.

    Args:
        source: What the negative samples are drawn from.
        words: Stream of kept words [kept].
        places: Positions of the words of the batch in the stream [batch].
        training: The model's training config.
        seed: Seed [2].
    """
    window = training.window
    offsets = tf.constant([*range(-window, 0), *range(1, window + 1)])
    contexts = tf.gather(words, places[:, None] + offsets)
    widths = tf.random.stateless_uniform(tf.shape(places), seed, 1, window + 1, tf.int32)
    contexts *= tf.cast(tf.abs(offsets) <= widths[:, None], tf.int32)
    uniform = tf.random.stateless_uniform([training.shared_negatives], seed)
    # Rounding may leave the last sum below 1.
    last = tf.shape(source.negatives)[0] - 1
    negatives = tf.minimum(tf.searchsorted(source.negatives, uniform, side="right"), last)
    return {"words": tf.gather(words, places), "negatives": negatives}, contexts
