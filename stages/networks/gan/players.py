"""The two networks of a GAN, for images (DCGAN) or for points (fully connected).

Reference:
    Radford, Metz, Chintala: Unsupervised representation learning with deep convolutional
    generative adversarial networks. ICLR 2016.
"""

from typing import NamedTuple

import keras
import numpy as np

from stages.config.schema import DcganDiscriminator, DcganGenerator, MlpPlayer
from stages.config.schema import Gan as GanConfig
from stages.core.errors import ConfigError, DataError
from stages.learning.layers import FusedBatchNormalization

PIXEL_SCALE = 127.5  # pixels of 0 to 255 are -1 to 1 inside the networks
UPSAMPLING = 4  # two transposed convolutions of stride 2
KERNEL_SIZE = 4  # overlaps evenly at stride 2
LEAKY_SLOPE = 0.2

GRID_LIMIT = 1.2
GRID_POINTS = 40
GRID_AXIS = np.linspace(-GRID_LIMIT, GRID_LIMIT, GRID_POINTS, dtype=np.float32)
# [y, x, 2]: row 0 has the largest y, so that a surface over the grid is an image of the plane.
GRID = np.stack(np.meshgrid(GRID_AXIS, GRID_AXIS[::-1]), axis=-1)


class Players(NamedTuple):
    """A generator and a discriminator.

    Attributes:
        generator: noise [n, latent_dim] to examples [n, *shape], float32; images are 0 to 255.
        discriminator: examples [n, *shape] to the logit [n, 1] of being real.
        input_scale: how many units of an example are one unit inside the discriminator.
    """

    generator: keras.Model
    discriminator: keras.Model
    input_scale: float


def build_players(network: GanConfig, shape: tuple[int, ...]) -> Players:
    """Build both networks for examples of `shape`.

    Args:
        network: the model's `network` config.
        shape: of images, (height, width) or (height, width, channels); of points, (2,).

    Raises:
        ConfigError: if the networks do not fit the examples.
        DataError: if the sides of the images are not divisible by 4.
    """
    generator, discriminator = network.generator, network.discriminator
    are_points = len(shape) == 1
    match generator, discriminator:
        case MlpPlayer(), MlpPlayer() if are_points:
            return Players(
                build_mlp("generator", generator, network.latent_dim, shape[0]),
                build_mlp("discriminator", discriminator, shape[0], 1),
                1.0,
            )
        case DcganGenerator(), DcganDiscriminator() if not are_points:
            return Players(
                build_dcgan_generator(generator, network.latent_dim, shape),
                build_dcgan_discriminator(discriminator, shape),
                PIXEL_SCALE,
            )
    raise ConfigError(
        f"network.generator.type, network.discriminator.type: found {generator.type}, "
        f"{discriminator.type}, expected both {'mlp' if are_points else 'dcgan'} for examples of "
        f"shape {shape}"
    )


def build_mlp(name: str, player: MlpPlayer, num_inputs: int, num_outputs: int) -> keras.Model:
    """From float32 [n, num_inputs] to float32 [n, num_outputs], through `player.hidden_units`."""
    hidden = [
        keras.layers.Dense(units, activation=player.activation) for units in player.hidden_units
    ]
    output = keras.layers.Dense(num_outputs, dtype="float32")
    return keras.Sequential([keras.Input((num_inputs,)), *hidden, output], name=name)


def build_dcgan_generator(
    player: DcganGenerator, latent_dim: int, shape: tuple[int, ...]
) -> keras.Model:
    """From noise [n, latent_dim] to images [n, *shape], float32 of 0 to 255.

    Raises:
        DataError: if the sides of the images are not divisible by 4.
    """
    height, width, *channels = shape
    if height % UPSAMPLING or width % UPSAMPLING:
        raise DataError(
            f"images of {height} x {width} pixels: expected sides divisible by {UPSAMPLING}, which "
            "the generator needs: set another image_shape or take another dataset"
        )
    height, width = height // UPSAMPLING, width // UPSAMPLING
    first_filters, second_filters = player.filters
    layers = [
        keras.Input((latent_dim,), name="noise"),
        keras.layers.Dense(height * width * first_filters, use_bias=False),
        keras.layers.Reshape((height, width, first_filters)),
        FusedBatchNormalization(momentum=player.batch_norm_momentum),
        keras.layers.ReLU(),
        keras.layers.Conv2DTranspose(second_filters, KERNEL_SIZE, 2, "same", use_bias=False),
        FusedBatchNormalization(momentum=player.batch_norm_momentum),
        keras.layers.ReLU(),
        keras.layers.Conv2DTranspose(*(channels or [1]), KERNEL_SIZE, 2, "same"),
        keras.layers.Activation("tanh", dtype="float32"),
        keras.layers.Rescaling(PIXEL_SCALE, PIXEL_SCALE, dtype="float32"),
        keras.layers.Reshape(shape, dtype="float32"),
    ]
    return keras.Sequential(layers, name="generator")


def build_dcgan_discriminator(player: DcganDiscriminator, shape: tuple[int, ...]) -> keras.Model:
    """From images [n, *shape] of 0 to 255 to the logit [n, 1] of being real."""
    height, width, *channels = shape
    layers = [
        keras.Input(shape, name="images"),
        keras.layers.Rescaling(1 / PIXEL_SCALE, -1, dtype="float32"),
        keras.layers.Reshape((height, width, *(channels or [1])), dtype="float32"),
    ]
    for filters in player.filters:
        layers.append(keras.layers.Conv2D(filters, KERNEL_SIZE, 2, "same"))
        layers.append(keras.layers.LeakyReLU(LEAKY_SLOPE))
    layers += [keras.layers.Flatten(), keras.layers.Dense(1, dtype="float32")]
    return keras.Sequential(layers, name="discriminator")


def build_inference_model(generator: keras.Model, discriminator: keras.Model) -> keras.Model:
    """The model to store: [noise, examples] to [generated examples, logits of being real].

    Images are uint8. Its layers `generator` and `discriminator` are models themselves.
    """
    shape = discriminator.input_shape[1:]
    noise = keras.Input(generator.input_shape[1:], name="noise")
    examples = keras.Input(shape, dtype="float32" if len(shape) == 1 else "uint8", name="examples")
    as_float = keras.layers.Rescaling(1.0, dtype="float32")(examples)
    return keras.Model([noise, examples], [generator(noise), discriminator(as_float)])
