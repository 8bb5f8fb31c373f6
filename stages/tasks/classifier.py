"""Features of images by a classifier, and checks of what classifiers are given."""

from typing import Any

import keras
import numpy as np

from stages.core.errors import ConfigError, DataError
from stages.inference.predict import predict_arrays


def predict_features(model: keras.Model, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The features of images, and the class predicted for each.

    Args:
        model: a classifier whose last layer gives probabilities of all classes.
        images: uint8 [n, height, width(, channels)].

    Returns:
        Outputs of the last hidden layer, float64 [n, units], and classes [n].
    """
    output = model.layers[-1]
    features, p = predict_arrays(keras.Model(model.inputs, [output.input, output.output]), images)
    return features.astype(np.float64), p.argmax(axis=1)


def check_evaluator(model: keras.Model, name: str, classes: list[str]) -> None:
    """Check that an evaluator classifies images into `classes`.

    Raises:
        ConfigError: if its output has another shape.
    """
    if model.output_shape != (None, len(classes)):
        raise ConfigError(
            f"evaluation.evaluator: {name!r} gives outputs {model.output_shape}, expected "
            f"probabilities of {len(classes)} classes: choose a classifier of this dataset"
        )


def check_positive_class(info: dict[str, Any]) -> None:
    """Check that the positive class, if there is one, is the second of two.

    Raises:
        DataError: if it is not, since its probability is what a binary classifier gives.
    """
    positive, classes = info.get("positive_class"), info["classes"]
    if positive is not None and (len(classes) != 2 or classes[1] != positive):
        raise DataError(
            f"info.json: positive_class: found {positive!r}, expected the second of two classes "
            f"{classes}: change the order of the classes"
        )
