"""Training of a convolutional autoencoder.

Without corruption it reconstructs its input from a few latent variables; with corruption it maps a
corrupted image to the original.

Reference:
    Hinton, Salakhutdinov: Reducing the dimensionality of data with neural networks. Science, 2006.
    Vincent et al.: Extracting and composing robust features with denoising autoencoders. ICML 2008.
    Ronneberger, Fischer, Brox: U-Net: Convolutional networks for biomedical image segmentation.
    MICCAI 2015 (the skip connections).
"""

import math
from typing import Any

import keras
import tensorflow as tf

from stages.config.schema import Autoencoder as AutoencoderConfig
from stages.config.schema import AutoencoderModel
from stages.core.errors import DataError, DivergedError
from stages.core.splits import Split
from stages.learning.fit import MakeBatches, Trained, compile_model, fit
from stages.learning.layers import FusedBatchNormalization
from stages.learning.optimizers import make_optimizer
from stages.networks.autoencoder.corruption import GRAYSCALE, corrupt
from stages.pipelines.common import random_seeds

KERNEL_SIZE = 3


def train(
    config: AutoencoderModel,
    info: dict[str, Any],
    train: Split,
    validation: Split | None,
    make_batches: MakeBatches,
) -> Trained:
    """Train on images, without their classes.

    Args:
        config: The model's section of params.yaml.
        info: The dataset's info.json; not used.
        train: Images uint8 [n, height, width(, 3)].
        validation: Validation split, for `val_loss`, or None.
        make_batches: Function of the input pipeline.

    Returns:
        The model (see `build_autoencoder`), a history by epoch, no snapshots.

    Raises:
        DataError: If the images do not fit the network or the corruption.
        DivergedError: If a loss or weight is not finite.
    """
    del info
    training = config.training
    corruption = None if training.corruption is None else training.corruption.model_dump()
    shape = train.x.shape[1:]
    input_shape = corrupted_shape(shape, corruption)
    model = build_autoencoder(config.network, input_shape, shape)

    def batches(split: Split, shuffle: bool) -> tf.data.Dataset:
        images = make_batches(split, training, shuffle=shuffle)
        seeds = random_seeds() if shuffle else numbered_seeds()
        return tf.data.Dataset.zip(images, seeds).map(
            lambda batch, seed: (corrupt(batch[0], corruption, seed), to_target(batch[0]))
        )

    train_batches = batches(train, True)
    compile_model(
        model,
        make_optimizer(training.optimizer, training.epochs * len(train_batches)),
        loss="mean_squared_error",
    )
    try:
        history = fit(
            model,
            train_batches,
            None if validation is None else batches(validation, False),
            epochs=training.epochs,
        )
    except DivergedError as error:
        raise DivergedError(str(error), model) from None
    return Trained(model, history, {}, training.epochs * len(train.x))


def corrupted_shape(shape: tuple[int, ...], corruption: dict[str, Any] | None) -> tuple[int, ...]:
    """Return the shape of a corrupted image.

    Raises:
        DataError: If an image without colors is to be colorized.
    """
    if corruption is None or corruption["type"] != GRAYSCALE:
        return shape
    if len(shape) != 3:
        raise DataError(
            f"images of shape {shape}: expected color images for the corruption 'grayscale': use "
            "another corruption or another dataset"
        )
    return shape[:2]


def numbered_seeds() -> tf.data.Dataset:
    """Endless dataset of seeds [2], the same in each epoch, so that validation losses compare."""
    return tf.data.Dataset.counter().map(lambda number: tf.stack([number, 0]))


def to_target(images: tf.Tensor) -> tf.Tensor:
    """Scale images uint8 to float32 of 0 to 1."""
    return tf.cast(images, tf.float32) / 255


def build_autoencoder(
    network: AutoencoderConfig, input_shape: tuple[int, ...], shape: tuple[int, ...]
) -> keras.Model:
    """Build a model from images uint8 [n, *input_shape] to images float32 [n, *shape], 0 to 1.

    With `latent_dim`, its layers `encoder` and `decoder` are models, connected by that many latent
    variables, float32. Without, there is no bottleneck: skip connections pass the feature maps of
    the encoder, and the input, to the decoder, which therefore keeps detail.

    Raises:
        DataError: If a side of the images cannot be halved as often as the encoder does.
    """
    factor = 2 ** len(network.encoder_filters)
    if any(side % factor for side in shape[:2]):
        raise DataError(
            f"images of shape {shape}: expected a height and width divisible by {factor}, since "
            f"network.encoder_filters has {len(network.encoder_filters)} convolutions of stride 2: "
            "use fewer, or another dataset"
        )
    images = keras.Input(input_shape, dtype="uint8", name="images")
    if network.latent_dim is None:
        maps = encode(network, images, input_shape)
        skips = maps[-2::-1]
        return keras.Model(images, decode(network, maps[-1], skips, shape))
    *_, last = encode(network, images, input_shape)
    flat = keras.layers.Flatten()(last)
    latent = keras.layers.Dense(network.latent_dim, dtype="float32", name="latent")(flat)
    encoder = keras.Model(images, latent, name="encoder")
    code = keras.Input((network.latent_dim,), dtype="float32")
    x = keras.layers.Dense(math.prod(last.shape[1:]), activation="relu")(code)
    x = keras.layers.Reshape(last.shape[1:])(x)
    decoder = keras.Model(code, decode(network, x, [], shape), name="decoder")
    inputs = keras.Input(input_shape, dtype="uint8", name="images")
    return keras.Model(inputs, decoder(encoder(inputs)))


def encode(
    network: AutoencoderConfig, images: keras.KerasTensor, shape: tuple[int, ...]
) -> list[keras.KerasTensor]:
    """Return the input, scaled, and the feature maps of each convolution of stride 2."""
    x = keras.layers.Rescaling(1 / 255)(images)
    if len(shape) == 2:
        x = keras.layers.Reshape((*shape, 1))(x)
    maps = [x]
    for filters in network.encoder_filters:
        x = keras.layers.Conv2D(filters, KERNEL_SIZE, 2, padding="same", use_bias=False)(maps[-1])
        x = FusedBatchNormalization(momentum=network.batch_norm_momentum)(x)
        maps.append(keras.layers.Activation("relu")(x))
    return maps


def decode(
    network: AutoencoderConfig,
    x: keras.KerasTensor,
    skips: list[keras.KerasTensor],
    shape: tuple[int, ...],
) -> keras.KerasTensor:
    """Decode feature maps to images, with a transposed convolution per convolution of the encoder.

    Args:
        network: Network config.
        x: Feature maps of the smallest size.
        skips: Feature maps to concatenate after each transposed convolution, or an empty list.
        shape: Shape of the images.

    Returns:
        Images float32 [n, *shape], 0 to 1.
    """
    for number, filters in enumerate(network.decoder_filters):
        x = keras.layers.Conv2DTranspose(filters, KERNEL_SIZE, 2, padding="same", use_bias=False)(x)
        x = FusedBatchNormalization(momentum=network.batch_norm_momentum)(x)
        x = keras.layers.Activation("relu")(x)
        if skips:
            x = keras.layers.Concatenate()([x, skips[number]])
    channels = shape[2] if len(shape) == 3 else 1
    x = keras.layers.Conv2D(channels, KERNEL_SIZE, padding="same")(x)
    x = keras.layers.Activation("sigmoid", dtype="float32")(x)
    return keras.layers.Reshape(shape, dtype="float32")(x)
