"""Train a recurrent network that classifies texts: an LSTM, a GRU or a simple recurrent layer.

Reference:
    Hochreiter, Schmidhuber: Long short-term memory, 1997.
    Cho et al.: Learning phrase representations using RNN encoder-decoder, EMNLP 2014.
    Elman: Finding structure in time, 1990.
"""

from typing import Any

import keras

from stages.config.schema import TextRnn, TextRnnModel
from stages.core.errors import ConfigError
from stages.core.splits import PADDING, Split
from stages.learning.fit import MakeBatches, Trained, train_classifier

CELLS = {
    "lstm": keras.layers.LSTM,
    "gru": keras.layers.GRU,
    "simple_rnn": keras.layers.SimpleRNN,
}
BELOW = 10.0  # more than the range of the outputs, which is -1 to 1


def train(
    config: TextRnnModel,
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
            f"network text_rnn: expected a dataset of 2 classes, found {len(info['classes'])}: "
            "choose another network or dataset"
        )
    model = build(config.network, len(info["input"]["vocabulary"]))
    return train_classifier(model, config.training, train, validation, make_batches)


def build(config: TextRnn, vocabulary_size: int) -> keras.Model:
    """Build a model from token ids [n, length], padded at the end, to probabilities [n, 1].

    The outputs of the recurrent layer are pooled over all words: average pooling concatenated with
    max-pooling, since sentiment may be expressed anywhere in a text. Padding, which follows the
    words, is excluded from pooling, so that its length does not change the prediction.

    Reference:
        Gal, Ghahramani: A theoretically grounded application of dropout in recurrent neural
        networks, NIPS 2016 (word_dropout: drops whole words).
        Howard, Ruder: Universal language model fine-tuning, ACL 2018 (concat pooling).
    """
    words = keras.Input((None,), dtype="int32")
    x = keras.layers.Embedding(vocabulary_size, config.embedding_dim)(words)
    x = keras.layers.Dropout(config.word_dropout, noise_shape=(None, None, 1))(x)
    x = keras.layers.SpatialDropout1D(config.spatial_dropout)(x)
    outputs = CELLS[config.cell](config.units, return_sequences=True)(x)
    is_word = keras.ops.cast(keras.ops.not_equal(words, PADDING), outputs.dtype)[..., None]
    mean = keras.ops.sum(outputs * is_word, axis=1) / (keras.ops.sum(is_word, axis=1) + 1e-6)
    maximum = keras.ops.max(outputs - BELOW * (1 - is_word), axis=1)
    pooled = keras.layers.Concatenate()([mean, maximum])
    pooled = keras.layers.Dropout(config.dropout)(pooled)
    return keras.Model(words, keras.layers.Dense(1, activation="sigmoid", dtype="float32")(pooled))
