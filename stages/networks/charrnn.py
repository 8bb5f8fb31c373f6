"""A recurrent network that reads a text character by character and predicts the next one.

Graves: Generating sequences with recurrent neural networks, arXiv 1308.0850; Karpathy: The
unreasonable effectiveness of recurrent neural networks, 2015.

The text is cut into `batch_size` streams that are read side by side, `sequence_length` characters
a step. Gradients end at the beginning of a step, but the layers' states are carried on, so that
the network remembers more than one sequence. The states go in and come out of the model; nothing
is hidden in it.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import keras
import numpy as np
import pandas as pd
import tensorflow as tf

from stages.data import Part
from stages.errors import DivergedError, UserError
from stages.params import CharRnn
from stages.training import Trained, learning_rates, optimizer, set_precision

CELLS = {"lstm": keras.layers.LSTM, "gru": keras.layers.GRU, "rnn": keras.layers.SimpleRNN}
STATES = {"lstm": 2, "gru": 1, "rnn": 1}  # vectors that a layer hands to the next character
STREAMS = 8  # in which the validation part is read: a measure taken often must be quick
CHUNK = 5000  # characters read at once, which bounds the memory that a long text takes


def train(block: CharRnn, description: dict[str, Any], train: Part, validation: Part) -> Trained:
    """Train by cross-entropy and keep the weights of the epoch with the lowest validation loss.

    progress: epochs [points]; samples, uint16 [points, temperatures, characters], what the network
    wrote after each of these epochs, 0 being before any.

    Raises:
        UserError: when a part is shorter than a sequence and the character behind it.
        DivergedError: when the loss becomes infinite or not a number.
    """
    check_length(block.sequence_length, {"train": train, "validation": validation})
    set_precision(block.precision)
    size = len(description["classes"])
    learning, reading = build(block, size, block.sequence_length), build(block, size)
    x, _ = streams(train, block.batch_size, block.sequence_length, 0)
    schedule = learning_rates(block.schedule, block.optimizer.learning_rate, block.epochs * len(x))
    learn = learner(learning, optimizer(block.optimizer, schedule))
    random = np.random.default_rng(block.seed)
    noise = random.gumbel(size=(block.sample_characters, len(block.sample_temperatures), size))
    write = partial(writer(reading), most_frequent(train), block.sample_temperatures, noise)
    best, kept = np.inf, learning.get_weights()
    reading.set_weights(kept)
    points, samples = [0], [write()]
    history: list[dict[str, float]] = []
    for epoch in range(1, block.epochs + 1):
        rate = float(schedule((epoch - 1) * len(x)))
        offset = int(random.integers(len(train.x) - x.size + 1))
        x, y = streams(train, block.batch_size, block.sequence_length, offset)
        loss = learn(x, y)
        reading.set_weights(learning.get_weights())
        held_out = float(surprise(reading, *side_by_side(validation, STREAMS)).mean())
        if not np.isfinite(loss + held_out):
            reading.set_weights(kept)
            raise DivergedError(f"the loss is not a number in epoch {epoch}", reading)
        if held_out < best:
            best, kept = held_out, learning.get_weights()
        history.append({"epoch": epoch, "learning_rate": rate, "loss": loss, "val_loss": held_out})
        print(" - ".join(f"{name}: {value:.4g}" for name, value in history[-1].items()), flush=True)
        if epoch % block.samples_every == 0 or epoch == block.epochs:
            points.append(epoch)
            samples.append(write())
    reading.set_weights(kept)
    progress = {"epochs": np.array(points), "samples": np.stack(samples)}
    return Trained(reading, pd.DataFrame(history), block.epochs * x.size, progress)


def check_length(length: int, parts: dict[str, Part]) -> None:
    """Refuse parts that hold no sequence.

    Raises:
        UserError: naming the first such part.
    """
    for name, part in parts.items():
        if len(part.x) < length:
            raise UserError(
                f"sequence_length: expected a {name} part of at least {length + 1} characters, "
                f"found {len(part.x) + 1}: lower sequence_length or take a longer text"
            )


def build(block: CharRnn, vocabulary_size: int, length: int | None = None) -> keras.Model:
    """From characters [length] and states to logits [length, vocabulary_size] and states.

    Each state is [units]; those that come out after the last character go in before the next.
    With a fixed `length` the layers are unrolled, which is quicker on a CPU and takes the same
    weights. A dropped unit is dropped at all characters of a sequence (Gal, Ghahramani: A
    theoretically grounded application of dropout in recurrent neural networks, NIPS 2016).
    """
    characters = keras.Input((length,), dtype="int32")
    x = keras.layers.Embedding(vocabulary_size, block.embedding_units)(characters)
    x = keras.layers.SpatialDropout1D(block.embedding_dropout)(x)
    before, after = [], []
    for _ in range(block.layers):
        states = [keras.Input((block.units,)) for _ in range(STATES[block.cell])]
        layer = CELLS[block.cell](
            block.units, return_sequences=True, return_state=True, unroll=length is not None
        )
        x, *left = layer(x, initial_state=states)
        x = keras.layers.SpatialDropout1D(block.dropout)(x)
        before += states
        after += left
    logits = keras.layers.Dense(vocabulary_size, dtype="float32")(x)
    return keras.Model([characters, *before], [logits, *after])


def streams(part: Part, count: int, length: int, offset: int) -> tuple[np.ndarray, np.ndarray]:
    """Cut a text into streams: x and y, int32 [steps, count, length].

    Each stream goes on from step to step. A text too short for `count` streams of one sequence
    is cut into fewer. What does not fill a sequence is left out, the first `offset` characters
    of it at the beginning, the others at the end.
    """
    count = min(count, len(part.x) // length)
    steps = len(part.x) // (count * length)

    def cut(values: np.ndarray) -> np.ndarray:
        used = values[offset : offset + count * steps * length].astype(np.int32)
        return used.reshape(count, steps, length).swapaxes(0, 1)

    return cut(part.x), cut(part.y)


def side_by_side(part: Part, count: int) -> tuple[np.ndarray, np.ndarray]:
    """A text cut into `count` streams at most: x and y [streams, characters]."""
    count = min(count, len(part.x))
    used = len(part.x) // count * count
    return part.x[:used].reshape(count, -1), part.y[:used].reshape(count, -1)


def zero_states(model: keras.Model, count: int) -> list[tf.Tensor]:
    """The states of `count` streams of which nothing has been read."""
    return [tf.zeros((count, state.shape[1]), state.dtype) for state in model.inputs[1:]]


def learner(
    model: keras.Model, chosen: keras.optimizers.Optimizer
) -> Callable[[np.ndarray, np.ndarray], float]:
    """A function that takes `model` once through streams; gives the mean loss in nats."""
    chosen.build(model.trainable_variables)

    @tf.function
    def step(x: tf.Tensor, y: tf.Tensor, states: list[tf.Tensor]) -> tuple[Any, list[tf.Tensor]]:
        with tf.GradientTape() as tape:
            logits, *states = model([x, *states], training=True)
            each = tf.nn.sparse_softmax_cross_entropy_with_logits(y, logits)
            loss = tf.reduce_mean(each)
        gradients = tape.gradient(loss, model.trainable_variables)
        chosen.apply(gradients, model.trainable_variables)
        return loss, [tf.cast(state, tf.float32) for state in states]

    def learn(x: np.ndarray, y: np.ndarray) -> float:
        states, losses = zero_states(model, x.shape[1]), []
        for inputs, targets in zip(x, y, strict=True):
            loss, states = step(tf.constant(inputs), tf.constant(targets), states)
            losses.append(loss)
        return float(np.mean(losses))

    return learn


def surprise(model: keras.Model, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Nats, -log(probability), of each next character y [streams, n] after x [streams, n].

    Each stream is read in one go, its states zero at the beginning and carried to the end.
    Returns float64 [streams, n].
    """
    states, nats = zero_states(model, len(x)), []
    for begin in range(0, x.shape[1], CHUNK):
        inputs, targets = x[:, begin : begin + CHUNK], y[:, begin : begin + CHUNK]
        logits, *states = model.predict_on_batch([inputs.astype(np.int32), *states])
        logits = logits.astype(np.float64)
        largest = logits.max(axis=2, keepdims=True)
        total = largest[..., 0] + np.log(np.exp(logits - largest).sum(axis=2))
        true = np.take_along_axis(logits, targets[..., None].astype(np.int64), axis=2)
        nats.append(total - true[..., 0])
    return np.concatenate(nats, axis=1)


def most_frequent(part: Part) -> int:
    """The character to begin to write after: in most languages a space, so a word begins."""
    return int(np.bincount(part.y).argmax())


def writer(model: keras.Model) -> Callable[[int, Sequence[float], np.ndarray], np.ndarray]:
    """A function that lets `model` write texts, uint16 [temperatures, characters].

    It takes the character to begin after, the temperatures (logits are divided by them: low is
    careful, high is bold), and Gumbel noise [characters, temperatures, vocabulary]: the largest
    logit with such noise is a character drawn by its probability (Maddison et al.: A* sampling,
    NIPS 2014). Equal noise gives texts that differ by what the model learned alone.
    """

    @tf.function
    def write(last: tf.Tensor, temperatures: tf.Tensor, noise: tf.Tensor) -> tf.Tensor:
        states = zero_states(model, noise.shape[1])
        written = tf.TensorArray(tf.int32, noise.shape[0])
        for step in tf.range(noise.shape[0]):
            logits, *left = model([last[:, None], *states])
            states = [tf.cast(state, tf.float32) for state in left]
            scores = logits[:, 0] / temperatures[:, None] + noise[step]
            last = tf.argmax(scores, axis=1, output_type=tf.int32)
            written = written.write(step, last)
        return tf.transpose(written.stack())

    def texts(start: int, temperatures: Sequence[float], noise: np.ndarray) -> np.ndarray:
        begin = tf.fill([len(temperatures)], start)
        degrees = tf.constant(list(temperatures), tf.float32)
        written: np.ndarray = write(begin, degrees, tf.constant(noise, tf.float32)).numpy()
        return written.astype(np.uint16)

    return texts
