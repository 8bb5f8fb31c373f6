"""Convolutional networks for pictures, from two layers to AlexNet.

LeCun et al.: Gradient-based learning applied to document recognition, 1998; Krizhevsky, Sutskever,
Hinton: ImageNet classification with deep convolutional neural networks, NIPS 2012.
"""

from functools import partial
from typing import Any

import keras

from stages.data import Part
from stages.layers import FusedBatchNormalization
from stages.params import Convolution, Convolutional
from stages.training import Trained, fit, set_precision, shuffled


def train(
    block: Convolutional, description: dict[str, Any], train: Part, validation: Part | None
) -> Trained:
    """Build the network for the pictures at hand and train it."""
    set_precision(block.precision)
    model = build(block, train.x.shape[1:], len(description["classes"]))
    batches = partial(shuffled, augmentation=block.augmentation)
    return fit(model, block, train, validation, batches)


def build(block: Convolutional, shape: tuple[int, ...], classes: int) -> keras.Model:
    """From uint8 pictures of `shape` to probabilities [classes]."""
    layers = [
        keras.Input(shape, dtype="uint8"),
        keras.layers.Rescaling(1 / 255),
        keras.layers.Reshape((*shape, 1)),
    ]
    for convolution in block.convolutions:
        layers += convolve(convolution, block.activation)
    layers += [keras.layers.SpatialDropout2D(block.conv_dropout), keras.layers.Flatten()]
    for units in block.dense_units:
        layers.append(keras.layers.Dense(units, activation=block.activation))
        layers.append(keras.layers.Dropout(block.dropout))
    layers.append(keras.layers.Dense(classes, activation="softmax", dtype="float32"))
    return keras.Sequential(layers)


def convolve(choice: Convolution, activation: str) -> list[keras.layers.Layer]:
    """A convolution and what follows it.

    The largest of four values is the same before and after an activation that only rises, so
    pooling comes first: the layers behind it have a quarter of the work.
    """
    layers: list[keras.layers.Layer] = [
        keras.layers.Conv2D(
            choice.filters, choice.kernel, padding=choice.padding, use_bias=not choice.normalise
        )
    ]
    if choice.pool:
        layers.append(keras.layers.MaxPooling2D())
    if choice.normalise:
        layers.append(FusedBatchNormalization(momentum=0.9))
    return [*layers, keras.layers.Activation(activation)]
