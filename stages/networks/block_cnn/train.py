"""Train a convolutional network of plain, residual and inception blocks on images.

Reference:
    He et al.: Deep residual learning for image recognition, CVPR 2016.
    Szegedy et al.: Going deeper with convolutions, CVPR 2015.
"""

import math
from collections.abc import Sequence
from typing import Any

import keras

from stages.config.schema import (
    AnyBlock,
    BlockCnn,
    BlockCnnModel,
    ConvBlock,
    InceptionBlock,
    ResidualBlock,
)
from stages.core.splits import Split
from stages.learning.fit import MakeBatches, Trained, train_classifier
from stages.learning.layers import FusedBatchNormalization
from stages.networks.block_cnn.augmentation import with_distortions


def train(
    config: BlockCnnModel,
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
    make_batches = with_distortions(make_batches, config.training.augmentation)
    trained = train_classifier(model, config.training, train, validation, make_batches)
    if config.network.average_flips:
        trained = trained._replace(model=average_flips(trained.model))
    return trained


def build(config: BlockCnn, shape: Sequence[int], num_classes: int) -> keras.Model:
    """Build a model from images uint8 [n, *shape] to probabilities float32 [n, num_classes]."""
    height, width, *channels = shape
    images = keras.Input(tuple(shape), dtype="uint8")
    x = keras.layers.Rescaling(1 / 255)(images)
    x = keras.layers.Reshape((height, width, math.prod(channels)))(x)
    for block in config.blocks:
        x = apply_block(x, block, config)
    x = keras.layers.GlobalAveragePooling2D()(x)
    x = keras.layers.Dropout(config.dropout)(x)
    outputs = keras.layers.Dense(num_classes, activation="softmax", dtype="float32")(x)
    return keras.Model(images, outputs)


def average_flips(model: keras.Model) -> keras.Model:
    """Build a model that averages the probabilities of an image and of its mirror image.

    Args:
        model: Model from images [n, height, width(, channels)] to probabilities [n, classes].
    """
    # Not compiled: otherwise Keras stores its optimizer, a custom class, with the outer model.
    model = keras.Model(model.input, model.output)
    images = keras.Input(model.input_shape[1:], dtype=model.input.dtype)
    flipped = keras.ops.flip(images, axis=2)
    outputs = keras.layers.Average(dtype="float32")([model(images), model(flipped)])
    return keras.Model(images, outputs)


def apply_block(x: keras.KerasTensor, block: AnyBlock, config: BlockCnn) -> keras.KerasTensor:
    """Apply a block to feature maps [n, height, width, channels]."""
    match block:
        case ConvBlock():
            x = conv(x, block.filters, block.kernel_size)
            if block.max_pool:  # first, as in stages.networks.cnn
                x = keras.layers.MaxPooling2D()(x)
            return activate(normalize(x, config), config)
        case ResidualBlock():
            return residual(x, block, config)
        case InceptionBlock():
            return inception(x, block, config)


def residual(x: keras.KerasTensor, block: ResidualBlock, config: BlockCnn) -> keras.KerasTensor:
    """Apply two convolutions and add the input, projected if its shape differs."""
    y = activate(normalize(conv(x, block.filters, 3, block.strides), config), config)
    y = normalize(conv(y, block.filters, 3), config)
    if block.strides > 1 or x.shape[-1] != block.filters:
        x = normalize(conv(x, block.filters, 1, block.strides), config)
    return activate(keras.layers.Add()([x, y]), config)


def inception(x: keras.KerasTensor, block: InceptionBlock, config: BlockCnn) -> keras.KerasTensor:
    """Apply convolutions of three sizes and max-pooling side by side, and concatenate them."""
    reduced_3x3 = activate(normalize(conv(x, block.reduce_3x3, 1), config), config)
    reduced_5x5 = activate(normalize(conv(x, block.reduce_5x5, 1), config), config)
    pooled = keras.layers.MaxPooling2D(3, strides=1, padding="same")(x)
    x = keras.layers.Concatenate()(
        [
            conv(x, block.filters_1x1, 1),
            conv(reduced_3x3, block.filters_3x3, 3),
            conv(reduced_5x5, block.filters_5x5, 5),
            conv(pooled, block.filters_pool, 1),
        ]
    )
    if block.max_pool:
        x = keras.layers.MaxPooling2D()(x)
    return activate(normalize(x, config), config)


def conv(x: keras.KerasTensor, filters: int, size: int, strides: int = 1) -> keras.KerasTensor:
    """Apply a convolution without bias, since normalization follows."""
    layer = keras.layers.Conv2D(filters, size, strides=strides, padding="same", use_bias=False)
    return layer(x)


def normalize(x: keras.KerasTensor, config: BlockCnn) -> keras.KerasTensor:
    """Apply batch normalization."""
    return FusedBatchNormalization(momentum=config.batch_norm_momentum)(x)


def activate(x: keras.KerasTensor, config: BlockCnn) -> keras.KerasTensor:
    """Apply the activation."""
    return keras.layers.Activation(config.activation)(x)
