"""Train a convolutional network that classifies texts, with or without a recurrent layer.

Reference:
    Kim: Convolutional neural networks for sentence classification, EMNLP 2014.
    Zhou et al.: A C-LSTM neural network for text classification, 2015.
"""

from typing import Any

import keras

from stages.config.schema import TextCnn, TextCnnModel
from stages.core.errors import ConfigError
from stages.core.splits import PADDING, Split
from stages.learning.fit import MakeBatches, Trained, train_classifier

CELLS = {
    "lstm": keras.layers.LSTM,
    "gru": keras.layers.GRU,
    "simple_rnn": keras.layers.SimpleRNN,
}
BELOW = 10.0  # more than the range of the outputs of a cell, which is -1 to 1


def train(
    config: TextCnnModel,
    info: dict[str, Any],
    train: Split,
    validation: Split | None,
    make_batches: MakeBatches,
) -> Trained:
    """Build the network for the given vocabulary and train it.

    Args:
        config: The model's section of params.yaml.
        info: The dataset's info.json, for `classes` and the `vocabulary` of `input`.
        train: Token ids uint16 [n, length], padded at the end; y [n], 0 or 1.
        validation: Validation split, to choose the best epoch, or None.
        make_batches: Function of the input pipeline.

    Raises:
        ConfigError: If the dataset does not have two classes.
        DivergedError: If a loss or weight is not finite.
    """
    if len(info["classes"]) != 2:
        raise ConfigError(
            f"network text_cnn: expected a dataset of 2 classes, found {len(info['classes'])}: "
            "choose another network or dataset"
        )
    model = build(config.network, len(info["input"]["vocabulary"]))
    return train_classifier(model, config.training, train, validation, make_batches)


def build(config: TextCnn, vocabulary_size: int) -> keras.Model:
    """Build a model from token ids [n, length], padded at the end, to probabilities [n, 1].

    Convolutions of all kernel sizes read the embeddings side by side. Without a recurrent layer,
    the maximum of each filter over the text is kept; with one, it reads the maxima of every
    `max_pool` words. Padding is 0 to the convolutions, as beyond the ends of a text, and to the
    pooling, so that its length does not change the prediction.
    """
    words = keras.Input((None,), dtype="int32")
    is_word = keras.ops.cast(keras.ops.not_equal(words, PADDING), "float32")[..., None]
    x = keras.layers.Embedding(vocabulary_size, config.embedding_dim)(words)
    x = keras.layers.Dropout(config.word_dropout, noise_shape=(None, None, 1))(x)
    x = keras.layers.SpatialDropout1D(config.spatial_dropout)(x)
    x = x * keras.ops.cast(is_word, x.dtype)
    maps = [
        keras.layers.Conv1D(config.filters, size, padding="same", activation="relu")(x)
        for size in config.kernel_sizes
    ]
    x = maps[0] if len(maps) == 1 else keras.layers.Concatenate()(maps)
    x = x * keras.ops.cast(is_word, x.dtype)  # 0 is the least value of a ReLU
    if config.recurrent is None:
        pooled = keras.layers.GlobalMaxPooling1D()(x)
    else:
        pool = keras.layers.MaxPooling1D(config.recurrent.max_pool, padding="same")
        x, has_words = pool(x), pool(is_word)
        x = CELLS[config.recurrent.cell](config.recurrent.units, return_sequences=True)(x)
        pooled = pool_outputs(x, keras.ops.cast(has_words, x.dtype))
    pooled = keras.layers.Dropout(config.dropout)(pooled)
    return keras.Model(words, keras.layers.Dense(1, activation="sigmoid", dtype="float32")(pooled))


def pool_outputs(outputs: keras.KerasTensor, is_used: keras.KerasTensor) -> keras.KerasTensor:
    """Concatenate the mean and the maximum of the outputs of a cell over the positions in use.

    Args:
        outputs: Outputs of each position, between -1 and 1, [n, length, units].
        is_used: 1 where a position is in use, 0 for padding, [n, length, 1].

    Returns:
        Pooled outputs [n, 2 * units].

    Reference:
        Howard, Ruder: Universal language model fine-tuning, ACL 2018 (concat pooling).
    """
    mean = keras.ops.sum(outputs * is_used, axis=1) / (keras.ops.sum(is_used, axis=1) + 1e-6)
    maximum = keras.ops.max(outputs - BELOW * (1 - is_used), axis=1)
    return keras.layers.Concatenate()([mean, maximum])
