"""Training of a network from a position in an image to the color there.

A plain network gives blurs, since it learns slow changes first; random Fourier features of the
position let it learn fast ones.

Reference:
    Tancik et al.: Fourier features let networks learn high frequency functions in low dimensional
    domains. NeurIPS 2020.
"""

import math
from typing import Any

import keras
import numpy as np

from stages.config.schema import FourierMlp, FourierMlpModel
from stages.core.splits import Split
from stages.learning.callbacks import Snapshots
from stages.learning.fit import MakeBatches, Trained, compile_model, fit, moments
from stages.learning.optimizers import make_optimizer

PREDICT_BATCH = 4096  # pixels


def train(
    config: FourierMlpModel,
    info: dict[str, Any],
    train: Split,
    validation: Split | None,
    make_batches: MakeBatches,
) -> Trained:
    """Learn the colors of the training pixels by their squared error.

    Args:
        config: the model's section of params.yaml.
        info: the dataset's info.json, for the size of the image.
        train: pixels, row and column [n, 2] uint16, and their colors [n, 3] uint8.
        validation: likewise, to compute `val_loss` of, if any.
        make_batches: of the input pipeline.

    Returns:
        The model, a history by moment (losses for colors of 0 to 1), and snapshots:
        `training_step` [snapshots]; `images`, uint8 [snapshots, height, width, 3].

    Raises:
        DivergedError: if a loss or a weight is not finite.
    """
    training = config.training
    height, width = info["input"]["height"], info["input"]["width"]
    model = build(config.network, max(height, width))
    compile_model(
        model,
        make_optimizer(training.optimizer, training.steps),
        loss="mean_squared_error",
    )
    snapshots = Snapshots(
        {0, *moments(training.steps)}, lambda: {"images": render(model, height, width)}
    )
    batches = make_batches(scale_colors(train), training, shuffle=True)
    history = fit(
        model,
        batches.repeat(),
        validation and make_batches(scale_colors(validation), training, shuffle=False),
        steps=training.steps,
        callbacks=[snapshots],
    )
    num_examples = training.steps * len(train.x) // len(batches)
    return Trained(model, history, snapshots.arrays("training_step"), num_examples)


def scale_colors(split: Split) -> Split:
    """A split whose colors are float32 of 0 to 1."""
    return Split(split.x, split.y.astype(np.float32) / 255)


def build(network: FourierMlp, side: int) -> keras.Model:
    """From positions, row and column [n, 2] uint16, to colors [n, 3] of 0 to 1.

    The features are cosines and sines of waves with random directions and frequencies; each
    component of a frequency is normal with standard deviation `sigma`, in waves per `side`. They
    are not trained. Everything before the hidden layers is float32, since bfloat16 does not tell
    neighboring pixels apart.

    Args:
        network: the model's `network` config.
        side: pixels of the longer side of the image.
    """
    positions = keras.Input((2,), dtype="uint16")
    angles = keras.layers.Rescaling(2 * math.pi / side, dtype="float32")(positions)
    phases = keras.layers.Dense(
        network.num_frequencies,
        use_bias=False,
        kernel_initializer=keras.initializers.RandomNormal(stddev=network.sigma),
        trainable=False,
        dtype="float32",
        name="frequencies",
    )(angles)
    x = keras.ops.concatenate([keras.ops.cos(phases), keras.ops.sin(phases)], axis=-1)
    for units in network.hidden_units:
        x = keras.layers.Dense(units, activation="relu")(x)
    colors = keras.layers.Dense(3, activation="sigmoid", dtype="float32")(x)
    return keras.Model(positions, colors)


def render(model: keras.Model, height: int, width: int) -> np.ndarray:
    """The whole image as the network has learned it: uint8 [height, width, 3]."""
    positions = np.indices((height, width), np.uint16).reshape(2, -1).T
    colors = [
        model(positions[start : start + PREDICT_BATCH])
        for start in range(0, len(positions), PREDICT_BATCH)
    ]
    return np.rint(255 * np.concatenate(colors)).astype(np.uint8).reshape(height, width, 3)
