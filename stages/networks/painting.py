"""A network from a place in a picture to its colour, which learns one picture.

A plain network paints blurs, since it learns slow changes first; sines and cosines of the place at
many frequencies mend that (Tancik et al.: Fourier features let networks learn high frequency
functions in low dimensional domains, NeurIPS 2020).
"""

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from stages.data import Part
from stages.params import Painting
from stages.training import Trained, learner, learning_rates, watch


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

    progress: steps [frames], the first 0; pictures, uint8 [frames, height, width, 3].

    Raises:
        UserError: when the loss becomes infinite or not a number.
    """
    height, width = description["height"], description["width"]
    model = build(block, max(height, width))
    rows = Part(train.x, (train.y / 255).astype(np.float32))
    adam = keras.optimizers.Adam(learning_rates("cosine", block.learning_rate, block.steps))
    learn = learner(model, rows, block.batch_size, keras.losses.MeanSquaredError(), adam)

    def advance(steps: tf.Tensor) -> dict[str, float]:
        learn(steps)
        loss = squared_error(colours(model, train.x), train.y)
        return {"loss": loss, "val_psnr": psnr(colours(model, validation.x), validation.y)}

    history, steps, seen = watch(block.steps, advance, lambda: paint(model, height, width))
    progress = {"steps": steps, "pictures": np.stack(seen)}
    return Trained(model, history, block.steps * block.batch_size, progress)


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
