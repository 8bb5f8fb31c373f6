"""The convolutional network as taught: element-wise dropout after the convolutional layers."""

from typing import Any

import keras

from stages.core.splits import Split
from stages.learning.fit import MakeBatches, Trained, train_classifier


def train(
    config: Any, info: dict[str, Any], train: Split, validation: Split | None, batches: MakeBatches
) -> Trained:
    """Train the network like stages.networks.cnn.train."""
    del info
    return train_classifier(build(), config.training, train, validation, batches)


def build() -> keras.Model:
    """Build a model from images, uint8 [n, 28, 28], to probabilities [n, 10].

    It has 1,199,882 parameters.
    """
    return keras.Sequential(
        [
            keras.Input((28, 28), dtype="uint8"),
            keras.layers.Rescaling(1 / 255),
            keras.layers.Reshape((28, 28, 1)),
            keras.layers.Conv2D(32, 3, activation="relu"),
            keras.layers.Conv2D(64, 3, activation="relu"),
            keras.layers.MaxPooling2D(2),
            keras.layers.Dropout(0.25),
            keras.layers.Flatten(),
            keras.layers.Dense(128, activation="relu"),
            keras.layers.Dropout(0.5),
            keras.layers.Dense(10, activation="softmax"),
        ]
    )
