"""A network from a place in a picture to its colour, which learns one picture.

A plain network paints blurs, since it learns slow changes first; sines and cosines of the place at
many frequencies mend that (Tancik et al.: Fourier features let networks learn high frequency
functions in low dimensional domains, NeurIPS 2020).
"""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pandas as pd
import tensorflow as tf

from stages.data import Part
from stages.params import Painting
from stages.training import Trained, check_finite, learning_rates

MOMENTS = 36  # at which it is looked at, each farther from the last by the same factor


@keras.saving.register_keras_serializable("stages")
class FourierFeatures(keras.layers.Layer):
    """Places [n, 2] to waves [n, 2 * count]: cosines and sines of 2 pi times random mixtures.

    The mixtures' weights are normal with standard deviation `scale`, waves across the picture:
    with few of them the picture is blurred, with too many it is noise between the known pixels.
    """

    def __init__(self, count: int, scale: float, **options: Any) -> None:
        super().__init__(**options)
        self.count, self.scale = count, scale

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Draw the weights, which are not trained."""
        self.frequencies = self.add_weight(
            shape=(input_shape[-1], self.count),
            initializer=keras.initializers.RandomNormal(stddev=self.scale),
            trainable=False,
            name="frequencies",
        )

    def call(self, places: tf.Tensor) -> tf.Tensor:
        """The waves at the places."""
        phase = 2 * np.pi * keras.ops.matmul(places, self.frequencies)
        return keras.ops.concatenate([keras.ops.cos(phase), keras.ops.sin(phase)], axis=-1)

    def get_config(self) -> dict[str, Any]:
        """What `__init__` needs to make the layer again."""
        return super().get_config() | {"count": self.count, "scale": self.scale}


def train(block: Painting, description: dict[str, Any], train: Part, validation: Part) -> Trained:
    """Learn the colours of the training pixels by their squared error.

    A row of the history, here called an epoch, is one of MOMENTS.
    progress: steps [frames], the first 0; pictures, uint8 [frames, height, width, 3].

    Raises:
        UserError: when the loss becomes infinite or not a number.
    """
    height, width = description["height"], description["width"]
    model = build(block, max(height, width))
    learn = learner(model, train, block)
    moments = np.unique(np.geomspace(1, block.steps, MOMENTS).round().astype(np.int32))
    history, seen = [], [paint(model, height, width)]
    for epoch, (step, count) in enumerate(
        zip(moments, np.diff(moments, prepend=0), strict=True), 1
    ):
        learn(tf.constant(count))
        loss = squared_error(colours(model, train.x), train.y)
        held_out = psnr(colours(model, validation.x), validation.y)
        history.append({"epoch": epoch, "step": step, "loss": loss, "val_psnr": held_out})
        print(" - ".join(f"{name}: {value:.4g}" for name, value in history[-1].items()))
        check_finite(pd.DataFrame(history[-1:]))
        seen.append(paint(model, height, width))
    progress = {"steps": np.append(0, moments), "pictures": np.stack(seen)}
    return Trained(model, pd.DataFrame(history), block.steps * block.batch_size, progress)


def build(block: Painting, side: int) -> keras.Model:
    """From places [2], uint16 row and column, to colours [3] between 0 and 1.

    Args:
        block: the features and hidden layers.
        side: pixels of the picture's longer side, which becomes 1.
    """
    hidden = [keras.layers.Dense(units, activation="relu") for units in block.hidden_units]
    return keras.Sequential(
        [
            keras.Input((2,), dtype="uint16"),
            keras.layers.Rescaling(1 / side),
            FourierFeatures(block.features, block.feature_scale),
            *hidden,
            keras.layers.Dense(3, activation="sigmoid"),
        ]
    )


def learner(model: keras.Model, train: Part, block: Painting) -> Callable[[tf.Tensor], None]:
    """A function that takes as many steps as it is told, each on random training pixels."""
    x, y = tf.constant(train.x), tf.constant(train.y / 255, tf.float32)
    adam = keras.optimizers.Adam(learning_rates("cosine", block.learning_rate, block.steps))
    adam.build(model.trainable_variables)

    @tf.function
    def learn(steps: tf.Tensor) -> None:
        for _ in tf.range(steps):
            rows = tf.random.uniform([block.batch_size], 0, len(train.x), tf.int32)
            with tf.GradientTape() as tape:
                painted = model(tf.gather(x, rows), training=True)
                loss = tf.reduce_mean((painted - tf.gather(y, rows)) ** 2)
            adam.apply(tape.gradient(loss, model.trainable_variables), model.trainable_variables)

    return learn


def paint(model: keras.Model, height: int, width: int) -> np.ndarray:
    """The whole picture as the network has it: uint8 [height, width, 3]."""
    places = np.indices((height, width), np.uint16).reshape(2, -1).T
    painted = np.round(255 * colours(model, places)).astype(np.uint8)
    return painted.reshape(height, width, 3)


def colours(model: keras.Model, places: np.ndarray) -> np.ndarray:
    """Colours [n, 3] between 0 and 1 of places [n, 2]."""
    return np.concatenate(
        [model(places[start : start + 4096]) for start in range(0, len(places), 4096)]
    )


def squared_error(painted: np.ndarray, y: np.ndarray) -> float:
    """Mean squared error of colours [n, 3] between 0 and 1; y: uint8 [n, 3], the true ones."""
    return float(np.mean((painted.astype(np.float64) - y / 255) ** 2))


def psnr(painted: np.ndarray, y: np.ndarray) -> float:
    """Peak signal-to-noise ratio in decibels: -10 log10 of the squared error.

    At most 100, which is far more than 8 bits can show, so that no error at all is a number too.
    """
    return float(-10 * np.log10(max(squared_error(painted, y), 1e-10)))
