"""Training of a coordinate network: pixel position to color.

A plain MLP learns low frequencies first (spectral bias), so its images are blurred; with random
Fourier features of the position it learns high frequencies, too.

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
from stages.learning.fit import MakeBatches, Trained, compile_model, fit, logging_steps
from stages.learning.optimizers import make_optimizer

PREDICT_BATCH = 4096  # pixels


def train(
    config: FourierMlpModel,
    info: dict[str, Any],
    train: Split,
    validation: Split | None,
    make_batches: MakeBatches,
) -> Trained:
    """Train on the colors of pixels with mean squared error.

    Args:
        config: The model's section of params.yaml.
        info: The dataset's info.json, for the size of the image.
        train: Rows and columns of pixels, uint16 [n, 2], and their colors, uint8 [n, 3].
        validation: Validation split, for `val_loss`, or None.
        make_batches: Function of the input pipeline.

    Returns:
        The model, a history by logging step (losses for colors from 0 to 1), and snapshots:
        `training_step` [snapshots]; `images`, uint8 [snapshots, height, width, 3].

    Raises:
        DivergedError: If a loss or weight is not finite.
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
        {0, *logging_steps(training.steps)}, lambda: {"images": render(model, height, width)}
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
    """Scale the colors of a split to float32 from 0 to 1."""
    return Split(split.x, split.y.astype(np.float32) / 255)


def build(network: FourierMlp, side: int) -> keras.Model:
    """Build a model from positions, uint16 [n, 2], to colors from 0 to 1, float32 [n, 3].

    The Fourier features are cosines and sines with random frequency vectors, whose components are
    normal with standard deviation `sigma`, in periods per `side`. They are not trained. All layers
    before the hidden ones are float32, since bfloat16 cannot distinguish neighboring pixels.

    Args:
        network: The model's network config.
        side: Longer side of the image in pixels.
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
    """Predict the whole image, uint8 [height, width, 3]."""
    positions = np.indices((height, width), np.uint16).reshape(2, -1).T
    colors = [
        model(positions[start : start + PREDICT_BATCH])
        for start in range(0, len(positions), PREDICT_BATCH)
    ]
    return np.rint(255 * np.concatenate(colors)).astype(np.uint8).reshape(height, width, 3)
