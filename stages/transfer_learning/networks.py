"""Parts of a convolutional classifier: features, up to its Flatten layer, and head, after it."""

import keras
import numpy as np

from stages.inference.outputs import predict_arrays


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


def take_head(model: keras.Sequential) -> keras.Sequential:
    """Return the last part of a classifier, which shares its layers.

    Returns:
        Model from features float16 [n, features] to probabilities [n, classes].
    """
    number = count_feature_layers(model)
    features = keras.Input(model.layers[number - 1].output.shape[1:], dtype="float16")
    return keras.Sequential([features, *model.layers[number:]])


def copy_features(source: keras.Sequential, target: keras.Sequential) -> None:
    """Set the weights of the features of `target` to those of `source`."""
    take_features(target).set_weights(take_features(source).get_weights())


def freeze_statistics(model: keras.Sequential) -> None:
    """Freeze batch normalization: few examples would replace its statistics by worse ones.

    Reference:
        https://keras.io/guides/transfer_learning
    """
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.trainable = False


def extract(model: keras.Sequential, images: np.ndarray) -> np.ndarray:
    """Return the features of images, float16 [n, features]: half the memory of float32.

    Args:
        model: Classifier.
        images: Images uint8 [n, height, width].
    """
    return np.asarray(predict_arrays(take_features(model), images)).astype(np.float16)


def root_mean_square(features: np.ndarray) -> float:
    """Return the root mean square of all features.

    A head learns from features divided by it, so that those of random weights, which are smaller,
    are not at a disadvantage.
    """
    return float(np.sqrt(np.mean(np.square(features, dtype=np.float32))))


def join_scale(model: keras.Sequential, scale: float) -> None:
    """Divide the first weights of the head by a scale, instead of its features.

    Args:
        model: Classifier whose head was trained on features divided by `scale`.
        scale: Positive number.
    """
    first = model.layers[count_feature_layers(model)]
    first.kernel.assign(first.kernel / scale)
