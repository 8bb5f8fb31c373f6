"""A small fully connected network for points in the plane, watched while it learns.

What each of its neurons makes of the whole plane is kept from many moments of the training, as in
Smilkov et al.: Direct-manipulation visualization of deep networks, arXiv 1708.03788.
"""

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from stages.data import GRID, Part
from stages.params import PointsMlp
from stages.training import Trained, learner, watch


def train(block: PointsMlp, description: dict[str, Any], train: Part, validation: Part) -> Trained:
    """Train on batches of points with Adam; `progress` holds surfaces over the grid.

    progress: steps [frames], the first 0; output, uint8 [frames, side, side], 255 is the
    probability 1; neurons, uint8 [frames, hidden neurons, side, side], 128 is 0 and each neuron is
    scaled by the largest output that it had at any of these moments.

    Raises:
        UserError: when the loss becomes infinite or not a number.
    """
    del description  # all points are alike
    model = build(block)
    layers = keras.Model(model.inputs[0], [layer.output for layer in model.layers])
    rows = Part(train.x, train.y[:, None].astype(np.float32))
    adam, loss = keras.optimizers.Adam(block.learning_rate), keras.losses.BinaryCrossentropy()
    learn = learner(model, rows, block.batch_size, loss, adam)

    def advance(steps: tf.Tensor) -> dict[str, float]:
        learn(steps)
        held_out = {f"val_{name}": value for name, value in score(model, validation).items()}
        return score(model, train) | held_out

    history, steps, seen = watch(block.steps, advance, lambda: look(layers))
    progress = {"steps": steps, **surfaces(np.stack(seen))}
    return Trained(model, history, block.steps * block.batch_size, progress)


def build(block: PointsMlp) -> keras.Model:
    """From points [2] to the probability [1] of class 1."""
    hidden = [
        keras.layers.Dense(units, activation=block.activation) for units in block.hidden_units
    ]
    return keras.Sequential(
        [keras.Input((2,)), *hidden, keras.layers.Dense(1, activation="sigmoid")]
    )


def score(model: keras.Model, part: Part) -> dict[str, float]:
    """Mean cross-entropy in nats, and the share of points on the right side."""
    p = model(part.x)
    loss = keras.losses.binary_crossentropy(part.y[:, None].astype(np.float32), p)
    right = (p.numpy()[:, 0] > 0.5) == part.y
    return {"loss": float(tf.reduce_mean(loss)), "accuracy": float(right.mean())}


def look(layers: keras.Model) -> np.ndarray:
    """What each neuron makes of each point of the grid: float32 [neurons, side, side]."""
    outputs = layers(GRID.reshape(-1, 2))
    columns = np.concatenate(outputs if isinstance(outputs, list) else [outputs], axis=1)
    return columns.T.reshape(-1, *GRID.shape[:2])


def surfaces(seen: np.ndarray) -> dict[str, np.ndarray]:
    """What was seen, [frames, neurons, side, side] with the output last, as uint8."""
    hidden, output = seen[:, :-1], seen[:, -1]
    largest = np.abs(hidden).max(axis=(0, 2, 3), keepdims=True)
    scaled = 127.5 + 127.5 * hidden / np.maximum(largest, 1e-9)
    return {
        "output": np.round(255 * output).astype(np.uint8),
        "neurons": np.round(scaled).astype(np.uint8),
    }
