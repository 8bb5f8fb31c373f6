"""Train a linear classifier of texts on their n-grams, weighted by their log-count ratios.

Reference:
    Wang, Manning: Baselines and bigrams: simple, good sentiment and topic classification, ACL 2012.
"""

from typing import Any

import keras
import numpy as np

from stages.config.schema import Ngrams, NgramsModel
from stages.core.errors import ConfigError
from stages.core.splits import Split, concatenate
from stages.learning.fit import PREDICT_BATCH, MakeBatches, Trained, train_classifier
from stages.networks.ngrams.vocabulary import (
    count_ngrams,
    log_count_ratios,
    ngram_keys,
)

EPSILON = 1e-6  # added to a sum of squares, for texts without a known n-gram


def train(
    config: NgramsModel,
    info: dict[str, Any],
    train: Split,
    validation: Split | None,
    make_batches: MakeBatches,
) -> Trained:
    """Train on the training split, then again on the training and the validation split together.

    The first run gives the learning curves, by which the hyperparameters were chosen; the second,
    with the same hyperparameters, gives the model. A linear classifier of rare n-grams gains more
    from a tenth more examples than from a choice among its epochs.

    Args:
        config: The model's section of params.yaml.
        info: The dataset's info.json, for `classes` and the `vocabulary` of `input`.
        train: Token ids uint16 [n, length], padded at the end; y [n], 0 or 1.
        validation: Validation split, or None to train once.
        make_batches: Function of the input pipeline.

    Raises:
        ConfigError: If the dataset does not have two classes, or no n-gram is frequent enough.
        DivergedError: If a loss or weight is not finite.
    """
    if len(info["classes"]) != 2:
        raise ConfigError(
            f"network ngrams: expected a dataset of 2 classes, found {len(info['classes'])}: "
            "choose another network or dataset"
        )
    vocabulary_size = len(info["input"]["vocabulary"])
    trained = train_once(config, vocabulary_size, train, validation, make_batches)
    if validation is None:
        return trained
    both = concatenate([train, validation])
    again = train_once(config, vocabulary_size, both, None, make_batches)
    num_examples = trained.num_examples + again.num_examples
    return again._replace(history=trained.history, num_examples=num_examples)


def train_once(
    config: NgramsModel,
    vocabulary_size: int,
    train: Split,
    validation: Split | None,
    make_batches: MakeBatches,
) -> Trained:
    """Count the n-grams of the training split and train the classifier; see `train`."""
    network = config.network
    counts = count_ngrams(train, vocabulary_size, network.max_words, network.min_count)
    if not len(counts.keys):
        raise ConfigError(
            f"network.min_count: found {network.min_count}, but no n-gram is in as many of the "
            f"{len(train.y)} training texts: lower it"
        )
    lookup = build_lookup(counts.keys, vocabulary_size, network.max_words)
    classifier = build_classifier(log_count_ratios(counts, network.smoothing), network)
    trained = train_classifier(
        keras.Model(classifier.inputs, classifier.outputs),  # compiled, unlike the one to store
        config.training,
        look_up(lookup, train),
        None if validation is None else look_up(lookup, validation),
        make_batches,
    )
    words = keras.Input((None,), dtype="int32")
    return trained._replace(model=keras.Model(words, classifier(lookup(words))))


def build_lookup(keys: np.ndarray, vocabulary_size: int, max_words: int) -> keras.Model:
    """Build a model from token ids [n, length] to the n-grams of each text.

    Args:
        keys: Keys of the known n-grams by number of words, ascending, float64 [ngrams].
        vocabulary_size: Number of token ids.
        max_words: Number of words of the longest n-grams.

    Returns:
        Model to numbers of n-grams, int32 [n, length * max_words]: their position in `keys` plus 1,
        in ascending order, each once; 0 elsewhere.
    """
    words = keras.Input((None,), dtype="int32")
    # A layer of one input, which is 1, holds the keys: a model stores weights, but no constants.
    table = keras.layers.Dense(
        len(keys), use_bias=False, trainable=False, dtype="float64", name="keys"
    )
    one = keras.ops.cast(keras.ops.ones_like(keras.ops.reshape(words[:1, :1], (1, 1))), "float64")
    known = keras.ops.reshape(table(one), (len(keys),))
    found = keras.ops.concatenate(
        [ngram_keys(words, vocabulary_size, number + 1) for number in range(max_words)], axis=1
    )
    position = unflatten(keras.ops.searchsorted(known, keras.ops.reshape(found, (-1,))), found)
    nearest = keras.ops.take(known, keras.ops.minimum(position, len(keys) - 1))
    number = keras.ops.cast(keras.ops.equal(nearest, found), "int32") * (position + 1)
    number = keras.ops.sort(number, axis=1)
    previous = keras.ops.pad(number, [[0, 0], [1, 0]])[:, :-1]
    once = number * keras.ops.cast(keras.ops.not_equal(number, previous), "int32")
    model = keras.Model(words, once, name="lookup")
    table.set_weights([keys[None]])
    return model


def unflatten(flat: keras.KerasTensor, like: keras.KerasTensor) -> keras.KerasTensor:
    """Reshape [n * length] to the shape [n, length] of `like`, none of which is known beforehand.

    keras.ops.reshape can infer only one dimension, and keras.ops.searchsorted takes only one.
    """
    ones = keras.ops.cast(keras.ops.ones_like(like), "int32")
    column = keras.ops.cumsum(ones, axis=1)
    row = keras.ops.cumsum(ones[:, :1], axis=0)
    return keras.ops.take(flat, (row - 1) * column[:, -1:] + column - 1)


def look_up(lookup: keras.Model, split: Split) -> Split:
    """Replace token ids by numbers of n-grams, int32 [n, most n-grams of a text], padded with 0."""
    starts = range(0, len(split.y), PREDICT_BATCH)
    numbers = [
        trim(-np.sort(-lookup.predict_on_batch(np.asarray(split.x[start : start + PREDICT_BATCH]))))
        for start in starts
    ]
    width = max(batch.shape[1] for batch in numbers)
    x = np.zeros((len(split.y), width), np.int32)
    for start, batch in zip(starts, numbers, strict=True):
        x[start : start + len(batch), : batch.shape[1]] = batch
    return Split(x, split.y)


def trim(numbers: np.ndarray) -> np.ndarray:
    """Remove columns that hold only padding; at least one is kept."""
    return numbers[:, : max(np.count_nonzero(numbers, axis=1).max(), 1)]


def build_classifier(ratios: np.ndarray, config: Ngrams) -> keras.Model:
    """Build a linear classifier of the n-grams that a text contains.

    The features are the log-count ratios of its n-grams, divided by their norm. All weights begin
    equal: at 1, the classifier is naive Bayes; from 0, a few epochs keep them small.

    Args:
        ratios: Log-count ratio of each n-gram, float32 [ngrams].
        config: The model's network config.

    Returns:
        Model from numbers of n-grams int32 [n, m], 0 for none, to probabilities [n, 1].
    """
    numbers = keras.Input((None,), dtype="int32")
    ratio = keras.layers.Embedding(len(ratios) + 1, 1, trainable=False, name="log_count_ratios")
    initial = keras.initializers.Constant(config.initial_weight)
    weight = keras.layers.Embedding(
        len(ratios) + 1, 1, embeddings_initializer=initial, name="weights"
    )
    feature = ratio(numbers)
    score = keras.ops.sum(feature * weight(numbers), axis=1)
    norm = keras.ops.sqrt(keras.ops.sum(feature * feature, axis=1) + EPSILON)
    output = keras.layers.Dense(
        1, kernel_initializer="ones", activation="sigmoid", dtype="float32", name="output"
    )
    model = keras.Model(numbers, output(score / norm), name="classifier")
    ratio.set_weights([np.concatenate([[0.0], ratios])[:, None]])
    return model
