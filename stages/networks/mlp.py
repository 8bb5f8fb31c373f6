"""Fully connected networks for pictures; without a hidden layer, softmax regression."""

from functools import partial
from typing import Any

import keras

from stages.data import Part
from stages.params import Mlp
from stages.training import Trained, fit, set_precision, shuffled


def train(block: Mlp, description: dict[str, Any], train: Part, validation: Part | None) -> Trained:
    """Build the network for the pictures at hand and train it."""
    set_precision(block.precision)
    model = build(block, train.x.shape[1:], len(description["classes"]))
    batches = partial(shuffled, augmentation=block.augmentation)
    return fit(model, block, train, validation, batches)


def build(block: Mlp, shape: tuple[int, ...], classes: int) -> keras.Model:
    """From uint8 pictures of `shape` to probabilities [classes]."""
    layers = [
        keras.Input(shape, dtype="uint8"),
        keras.layers.Rescaling(1 / 255),
        keras.layers.Flatten(),
    ]
    for units in block.hidden_units:
        layers.append(keras.layers.Dense(units, activation=block.activation))
        layers.append(keras.layers.Dropout(block.dropout))
    layers.append(keras.layers.Dense(classes, activation="softmax", dtype="float32"))
    return keras.Sequential(layers)
