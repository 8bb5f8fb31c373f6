"""Features of images by a classifier, and checks of classifiers."""

from typing import Any

import keras
import numpy as np

from stages.core.errors import ConfigError, DataError
from stages.inference.outputs import predict_arrays


def predict_features(model: keras.Model, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Compute features of images and predict their classes.

    Args:
        model: Classifier whose last layer outputs probabilities of all classes.
        images: Images, uint8 [n, height, width(, channels)].

    Returns:
        Outputs of the last hidden layer, float64 [n, units], and predicted classes [n].
    """
    output = model.layers[-1]
    features, p = predict_arrays(keras.Model(model.inputs, [output.input, output.output]), images)
    return features.astype(np.float64), p.argmax(axis=1)


def check_evaluator(model: keras.Model, name: str, classes: list[str]) -> None:
    """Check that an evaluator classifies images into `classes`.

    Raises:
        ConfigError: If the output shape is wrong.
    """
    if model.output_shape != (None, len(classes)):
        raise ConfigError(
            f"evaluation.evaluator: {name!r} has output shape {model.output_shape}, expected "
            f"probabilities of {len(classes)} classes: choose a classifier of this dataset"
        )


def check_positive_class(info: dict[str, Any]) -> None:
    """Check that the positive class, if there is one, is the second of two.

    Raises:
        DataError: If it is not, since binary classifiers output the probability of class 1.
    """
    positive, classes = info.get("positive_class"), info["classes"]
    if positive is not None and (len(classes) != 2 or classes[1] != positive):
        raise DataError(
            f"info.json: positive_class: found {positive!r}, expected the second of two classes "
            f"{classes}: change the order of the classes"
        )
