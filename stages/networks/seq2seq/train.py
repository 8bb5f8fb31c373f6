"""Train an encoder-decoder network with attention, from characters or an image to tokens.

Reference:
    Sutskever, Vinyals, Le: Sequence to sequence learning with neural networks, NIPS 2014.
    Bahdanau, Cho, Bengio: Neural machine translation by jointly learning to align and translate,
    ICLR 2015.
    Luong, Pham, Manning: Effective approaches to attention-based neural machine translation,
    EMNLP 2015.
    Xu et al.: Show, attend and tell: Neural image caption generation with visual attention,
    ICML 2015.
"""

import math
from typing import Any

import keras
import tensorflow as tf

from stages.config.schema import ImageEncoder, Seq2Seq, Seq2SeqDecoder, Seq2SeqModel, TextEncoder
from stages.core.splits import Split
from stages.learning.fit import MakeBatches, Trained, compile_model, fit
from stages.learning.layers import FusedBatchNormalization
from stages.learning.optimizers import make_optimizer
from stages.networks.seq2seq.tokens import PADDING, START

ATTENTION = {"additive": keras.layers.AdditiveAttention, "dot": keras.layers.Attention}
POOL = 2  # each pooling halves the height and the width of the feature maps


def train(
    config: Seq2SeqModel,
    info: dict[str, Any],
    train: Split,
    validation: Split | None,
    make_batches: MakeBatches,
) -> Trained:
    """Train with teacher forcing: the decoder reads the target and predicts its next token.

    The weights of the epoch with the lowest validation loss are kept; without a validation split,
    those of the last epoch. Padding does not count in the loss and the accuracy of tokens.

    Args:
        config: The model's section of params.yaml.
        info: The dataset's info.json, for `input` and the target vocabulary `classes`.
        train: x, character ids [n, length], padded at the end, or images uint8 [n, height, width];
            y, token ids [n, length], each sequence followed by END and padding.
        validation: Validation split, or None.
        make_batches: Function of the input pipeline.

    Returns:
        The model of `build`, a history by epoch, and no snapshots.

    Raises:
        DivergedError: If a loss or weight is not finite.
    """
    training = config.training
    model = build(config.network, info["input"], len(info["classes"]))
    forced = keras.Model(model.inputs, model.outputs[0])
    total_steps = training.epochs * math.ceil(len(train.y) / training.batch_size)
    compile_model(
        forced,
        make_optimizer(training.optimizer, total_steps),
        loss=keras.losses.SparseCategoricalCrossentropy(
            from_logits=True, reduction="mean_with_sample_weight"
        ),
        weighted_metrics=["accuracy"],
    )
    best = keras.callbacks.EarlyStopping(patience=training.epochs, restore_best_weights=True)
    history = fit(
        forced,
        make_batches(train, training, shuffle=True).map(force),
        validation and make_batches(validation, training, shuffle=False).map(force),
        epochs=training.epochs,
        callbacks=[best] if validation else [],
    )
    return Trained(model, history, {}, len(history) * len(train.y))


def force(x: tf.Tensor, y: tf.Tensor) -> tuple[tuple[tf.Tensor, tf.Tensor], tf.Tensor, tf.Tensor]:
    """Return the inputs of a training step: x and y after START; the targets; and their weights.

    Args:
        x: Inputs of the encoder [n, ...].
        y: Targets [n, length].

    Returns:
        (x, decoder inputs int32 [n, length]), y int32, and float32 weights [n, length], 0 at
        padding.
    """
    targets = tf.cast(y, tf.int32)
    previous = tf.pad(targets[:, :-1], [[0, 0], [1, 0]], constant_values=START)
    return (x, previous), targets, tf.cast(targets != PADDING, tf.float32)


def build(network: Seq2Seq, encoding: dict[str, Any], num_tokens: int) -> keras.Model:
    """Build a model from inputs [n, ...] and previous tokens [n, length] to the next tokens.

    Args:
        network: The model's network config.
        encoding: `input` of info.json: `vocabulary` of characters, or `shape` of images.
        num_tokens: Size of the target vocabulary.

    Returns:
        Functional model of two functional models, `encoder` and `decoder`; it outputs logits,
        float32 [n, length, num_tokens], and attention weights, float32 [n, length, positions].
    """
    if isinstance(network.encoder, TextEncoder):
        x, sequence, mask = embed_characters(network.encoder, len(encoding["vocabulary"]))
    else:
        x, sequence, mask = convolve_image(network.encoder, encoding["shape"])
    recurrent = keras.layers.Bidirectional(
        keras.layers.GRU(network.encoder.units, return_sequences=True, return_state=True)
    )
    memory, *states = recurrent(sequence, mask=mask)
    state = keras.layers.Dense(network.decoder.units, activation="tanh")(
        keras.layers.Concatenate()(states)
    )
    encoder = keras.Model(x, [memory, mask, state], name="encoder")
    decoder = build_decoder(network.decoder, memory.shape[-1], num_tokens)
    tokens = keras.Input((None,), dtype="int32", name="tokens")
    inputs = keras.Input(x.shape[1:], dtype=x.dtype, name="inputs")
    return keras.Model([inputs, tokens], decoder([*encoder(inputs), tokens]))


def embed_characters(
    encoder: TextEncoder, num_characters: int
) -> tuple[keras.KerasTensor, keras.KerasTensor, keras.KerasTensor]:
    """Embed character ids [n, length]: return them, a sequence of vectors, and its mask.

    The mask [n, length] is False at padding, which the encoder and the attention skip.
    """
    characters = keras.Input((None,), dtype="int32")
    embedded = keras.layers.Embedding(num_characters, encoder.embedding_dim)(characters)
    return characters, embedded, keras.ops.not_equal(characters, PADDING)


def convolve_image(
    encoder: ImageEncoder, shape: list[int]
) -> tuple[keras.KerasTensor, keras.KerasTensor, keras.KerasTensor]:
    """Turn images [n, height, width] into sequences of the columns of their feature maps.

    Returns:
        The images, the sequence from left to right, and its mask, which is True everywhere.
    """
    height, width = shape
    images = keras.Input((height, width), dtype="uint8")
    x = keras.layers.Reshape((height, width, 1))(keras.layers.Rescaling(1 / 255)(images))
    for filters in encoder.filters:
        x = keras.layers.Conv2D(filters, 3, padding="same", use_bias=False)(x)
        x = keras.layers.MaxPooling2D(POOL)(x)
        x = FusedBatchNormalization(momentum=encoder.batch_norm_momentum)(x)
        x = keras.layers.ReLU()(x)
    rows, columns, channels = x.shape[1:]
    x = keras.layers.Permute((2, 1, 3))(x)
    x = keras.layers.Reshape((columns, rows * channels))(x)
    x = keras.layers.Dropout(encoder.dropout)(x)
    return images, x, keras.ops.ones_like(x[..., 0], dtype="bool")


def build_decoder(decoder: Seq2SeqDecoder, memory_units: int, num_tokens: int) -> keras.Model:
    """Build a model from [memory, mask, state, tokens] to [logits, attention weights].

    A GRU reads the tokens written so far; its output at each position is the query of the attention
    over the memory, and both determine the next token.
    """
    memory = keras.Input((None, memory_units))
    mask = keras.Input((None,), dtype="bool")
    state = keras.Input((decoder.units,))
    tokens = keras.Input((None,), dtype="int32")
    x = keras.layers.Embedding(num_tokens, decoder.embedding_dim)(tokens)
    hidden = keras.layers.GRU(decoder.units, return_sequences=True)(x, initial_state=state)
    query = keras.layers.Dense(decoder.units, use_bias=False)(hidden)
    keys = keras.layers.Dense(decoder.units, use_bias=False)(memory)
    context, attention = ATTENTION[decoder.attention](name="attention")(
        [query, memory, keys], mask=[None, mask], return_attention_scores=True
    )
    x = keras.layers.Concatenate()([context, hidden])
    x = keras.layers.Dense(decoder.units, activation="tanh")(x)
    x = keras.layers.Dropout(decoder.dropout)(x)
    logits = keras.layers.Dense(num_tokens, dtype="float32", name="logits")(x)
    weights = keras.layers.Identity(dtype="float32", name="attention_weights")(attention)
    return keras.Model([memory, mask, state, tokens], [logits, weights], name="decoder")
