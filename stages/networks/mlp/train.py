"""Train a fully connected network for images; without hidden layers, softmax regression."""

from collections.abc import Sequence
from typing import Any

import keras

from stages.config.schema import Mlp, MlpModel
from stages.core.splits import Split
from stages.learning.fit import MakeBatches, Trained, train_classifier


def train(
    config: MlpModel,
    info: dict[str, Any],
    train: Split,
    validation: Split | None,
    make_batches: MakeBatches,
) -> Trained:
    """Build the network for the given images and train it.

    Args:
        config: The model's section of params.yaml.
        info: The dataset's info.json, for `classes`.
        train: Images uint8 [n, height, width(, channels)], y [n] classes.
        validation: Validation split, to choose the best epoch, or None.
        make_batches: Function of the input pipeline.

    Raises:
        DivergedError: If a loss or weight is not finite.
    """
    model = build(config.network, train.x.shape[1:], len(info["classes"]))
    return train_classifier(model, config.training, train, validation, make_batches)


def build(config: Mlp, shape: Sequence[int], num_classes: int) -> keras.Model:
    """Build a model from images uint8 [n, *shape] to probabilities float32 [n, num_classes]."""
    layers = [
        keras.Input(tuple(shape), dtype="uint8"),
        keras.layers.Rescaling(1 / 255),
        keras.layers.Flatten(),
    ]
    for units in config.hidden_units:
        layers.append(keras.layers.Dense(units, activation=config.activation))
        layers.append(keras.layers.Dropout(config.dropout))
    layers.append(keras.layers.Dense(num_classes, activation="softmax", dtype="float32"))
    return keras.Sequential(layers)
