"""Train a convolutional network for images, from two layers to AlexNet.

Reference:
    LeCun et al.: Gradient-based learning applied to document recognition, 1998.
    Krizhevsky, Sutskever, Hinton: ImageNet classification with deep convolutional neural networks,
    NIPS 2012.
"""

import math
from collections.abc import Sequence
from typing import Any

import keras

from stages.config.schema import Cnn, CnnModel, ConvLayer
from stages.core.splits import Split
from stages.learning.fit import MakeBatches, Trained, train_classifier
from stages.learning.layers import FusedBatchNormalization
from stages.networks.cnn.geometry import POOL


def train(
    config: CnnModel,
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


def build(config: Cnn, shape: Sequence[int], num_classes: int) -> keras.Model:
    """Build a model from images uint8 [n, *shape] to probabilities float32 [n, num_classes]."""
    height, width, *channels = shape
    layers = [
        keras.Input(tuple(shape), dtype="uint8"),
        keras.layers.Rescaling(1 / 255),
        keras.layers.Reshape((height, width, math.prod(channels))),
    ]
    for layer in config.conv_layers:
        layers += build_conv_layer(layer, config.activation, config.batch_norm_momentum)
    layers += [keras.layers.SpatialDropout2D(config.spatial_dropout), keras.layers.Flatten()]
    for units in config.dense_units:
        layers.append(keras.layers.Dense(units, activation=config.activation))
        layers.append(keras.layers.Dropout(config.dropout))
    layers.append(keras.layers.Dense(num_classes, activation="softmax", dtype="float32"))
    return keras.Sequential(layers)


def build_conv_layer(
    config: ConvLayer, activation: str, batch_norm_momentum: float
) -> list[keras.layers.Layer]:
    """Build a convolutional layer with max-pooling, batch normalization and activation.

    Max-pooling commutes with a monotonic activation, so it comes first: the layers after it then
    have a quarter of the work.

    Reference:
        train_mnist_fast, https://github.com/tuomaso/train_mnist_fast
    """
    layers: list[keras.layers.Layer] = [
        keras.layers.Conv2D(
            config.filters,
            config.kernel_size,
            padding=config.padding,
            use_bias=not config.batch_norm,
        )
    ]
    if config.max_pool:
        layers.append(keras.layers.MaxPooling2D(POOL))
    if config.batch_norm:
        layers.append(FusedBatchNormalization(momentum=batch_norm_momentum))
    return [*layers, keras.layers.Activation(activation)]
