"""Parts of a convolutional classifier: features, up to its Flatten layer, and head, after it."""

from typing import NamedTuple

import keras
import numpy as np

from stages.inference.outputs import predict_arrays

MAX_MEASURED = 2000  # examples: more do not change means and variance


class Scale(NamedTuple):
    """Mean of each feature, float32 [features], and one variance of all, above 0."""

    mean: np.ndarray
    variance: float


def count_feature_layers(model: keras.Sequential) -> int:
    """Return the number of layers of a classifier up to and including its Flatten layer."""
    return 1 + next(
        number
        for number, layer in enumerate(model.layers)
        if isinstance(layer, keras.layers.Flatten)
    )


def take_features(model: keras.Sequential) -> keras.Sequential:
    """Return the first part of a classifier, which shares its layers.

    Args:
        model: Classifier of images uint8 [n, height, width].

    Returns:
        Model from images to features [n, features].
    """
    images = keras.Input(model.input_shape[1:], dtype="uint8")
    return keras.Sequential([images, *model.layers[: count_feature_layers(model)]])


def take_head(model: keras.Sequential, scale: Scale) -> keras.Sequential:
    """Return the last part of a classifier, which shares its layers, on standardized features.

    Args:
        model: Classifier.
        scale: Means and variance of its features.

    Returns:
        Model from features float16 [n, features] to probabilities [n, classes].
    """
    number = count_feature_layers(model)
    features = keras.Input(scale.mean.shape, dtype="float16")
    standardize = keras.layers.Normalization(
        mean=scale.mean, variance=np.full_like(scale.mean, scale.variance), dtype="float32"
    )
    return keras.Sequential([features, standardize, *model.layers[number:]])


def copy_features(source: keras.Sequential, target: keras.Sequential) -> None:
    """Set the weights of the features of `target` to those of `source`."""
    take_features(target).set_weights(take_features(source).get_weights())


def extract(model: keras.Sequential, images: np.ndarray) -> np.ndarray:
    """Return the features of images, float16 [n, features]: half the memory of float32.

    Args:
        model: Classifier.
        images: Images uint8 [n, height, width].
    """
    return np.asarray(predict_arrays(take_features(model), images)).astype(np.float16)


def freeze_statistics(model: keras.Sequential) -> None:
    """Freeze batch normalization, so that few examples do not replace what it learned from many.

    Reference:
        https://keras.io/guides/transfer_learning
    """
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.trainable = False


def measure_scale(features: np.ndarray) -> Scale:
    """Return the mean of each feature, and the variance of all around them.

    A head learns from features standardized by them, so that those of random weights, which are
    smaller and less centered, are not at a disadvantage. A variance per feature would enlarge the
    noise of those that are almost constant among few examples.

    Args:
        features: Features of the labeled examples, float16 [n, features], of which the first
            MAX_MEASURED are measured.
    """
    measured = features[:MAX_MEASURED].astype(np.float32)
    return Scale(measured.mean(axis=0), float(measured.var(axis=0).mean()))


def join_scale(model: keras.Sequential, scale: Scale) -> None:
    """Change the first layer of the head so that it takes features as they are.

    Args:
        model: Classifier whose head was trained on features standardized by `scale`.
        scale: Means and variance.
    """
    first = model.layers[count_feature_layers(model)]
    kernel, bias = first.get_weights()
    kernel = kernel / np.sqrt(scale.variance)
    first.set_weights([kernel, bias - scale.mean @ kernel])
