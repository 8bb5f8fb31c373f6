"""Generator and discriminator of a GAN, for images (DCGAN) or points (fully connected).

Reference:
    Radford, Metz, Chintala: Unsupervised representation learning with deep convolutional
    generative adversarial networks. ICLR 2016.
"""

from typing import NamedTuple

import keras
import numpy as np

from stages.config.schema import DcganDiscriminator, DcganGenerator, MlpNetwork
from stages.config.schema import Gan as GanConfig
from stages.core.errors import ConfigError, DataError
from stages.learning.layers import FusedBatchNormalization

PIXEL_SCALE = 127.5  # pixels from 0 to 255 are scaled to -1 to 1 inside the networks
UPSAMPLING = 4  # two transposed convolutions of stride 2
KERNEL_SIZE = 4  # a multiple of the stride, against checkerboard artifacts
LEAKY_SLOPE = 0.2

GRID_LIMIT = 1.2
GRID_POINTS = 40
GRID_AXIS = np.linspace(-GRID_LIMIT, GRID_LIMIT, GRID_POINTS, dtype=np.float32)
# [y, x, 2]: row 0 has the largest y, so that a surface over the grid is an image of the plane.
GRID = np.stack(np.meshgrid(GRID_AXIS, GRID_AXIS[::-1]), axis=-1)


class GanNetworks(NamedTuple):
    """A generator and a discriminator.

    Attributes:
        generator: Model from noise [n, latent_dim] to examples [n, *shape], float32; images are 0
            to 255.
        discriminator: Model from examples [n, *shape] to logits of being real [n, 1].
        input_scale: Factor by which the discriminator divides its inputs.
    """

    generator: keras.Model
    discriminator: keras.Model
    input_scale: float


def build_networks(network: GanConfig, shape: tuple[int, ...]) -> GanNetworks:
    """Build both networks for examples of `shape`.

    Args:
        network: The model's network config.
        shape: Shape of images, (height, width) or (height, width, channels), or of points, (2,).

    Raises:
        ConfigError: If the networks do not fit the examples.
        DataError: If the sides of the images are not divisible by 4.
    """
    generator, discriminator = network.generator, network.discriminator
    are_points = len(shape) == 1
    match generator, discriminator:
        case MlpNetwork(), MlpNetwork() if are_points:
            return GanNetworks(
                build_mlp("generator", generator, network.latent_dim, shape[0]),
                build_mlp("discriminator", discriminator, shape[0], 1),
                1.0,
            )
        case DcganGenerator(), DcganDiscriminator() if not are_points:
            return GanNetworks(
                build_dcgan_generator(generator, network.latent_dim, shape),
                build_dcgan_discriminator(discriminator, shape),
                PIXEL_SCALE,
            )
    raise ConfigError(
        f"network.generator.type, network.discriminator.type: found {generator.type}, "
        f"{discriminator.type}, expected both {'mlp' if are_points else 'dcgan'} for examples of "
        f"shape {shape}"
    )


def build_mlp(name: str, config: MlpNetwork, num_inputs: int, num_outputs: int) -> keras.Model:
    """Build a fully connected network, float32 [n, num_inputs] to float32 [n, num_outputs]."""
    hidden = [
        keras.layers.Dense(units, activation=config.activation) for units in config.hidden_units
    ]
    output = keras.layers.Dense(num_outputs, dtype="float32")
    return keras.Sequential([keras.Input((num_inputs,)), *hidden, output], name=name)


def build_dcgan_generator(
    config: DcganGenerator, latent_dim: int, shape: tuple[int, ...]
) -> keras.Model:
    """Build a generator from noise [n, latent_dim] to images [n, *shape], float32 from 0 to 255.

    Raises:
        DataError: If the sides of the images are not divisible by 4.
    """
    height, width, *channels = shape
    if height % UPSAMPLING or width % UPSAMPLING:
        raise DataError(
            f"images of {height} x {width} pixels: expected sides divisible by {UPSAMPLING}, for "
            "the generator: set another image_shape or use another dataset"
        )
    height, width = height // UPSAMPLING, width // UPSAMPLING
    first_filters, second_filters = config.filters
    layers = [
        keras.Input((latent_dim,), name="noise"),
        keras.layers.Dense(height * width * first_filters, use_bias=False),
        keras.layers.Reshape((height, width, first_filters)),
        FusedBatchNormalization(momentum=config.batch_norm_momentum),
        keras.layers.ReLU(),
        keras.layers.Conv2DTranspose(second_filters, KERNEL_SIZE, 2, "same", use_bias=False),
        FusedBatchNormalization(momentum=config.batch_norm_momentum),
        keras.layers.ReLU(),
        keras.layers.Conv2DTranspose(*(channels or [1]), KERNEL_SIZE, 2, "same"),
        keras.layers.Activation("tanh", dtype="float32"),
        keras.layers.Rescaling(PIXEL_SCALE, PIXEL_SCALE, dtype="float32"),
        keras.layers.Reshape(shape, dtype="float32"),
    ]
    return keras.Sequential(layers, name="generator")


def build_dcgan_discriminator(config: DcganDiscriminator, shape: tuple[int, ...]) -> keras.Model:
    """Build a discriminator from images [n, *shape], 0 to 255, to logits of being real [n, 1]."""
    height, width, *channels = shape
    layers = [
        keras.Input(shape, name="images"),
        keras.layers.Rescaling(1 / PIXEL_SCALE, -1, dtype="float32"),
        keras.layers.Reshape((height, width, *(channels or [1])), dtype="float32"),
    ]
    for filters in config.filters:
        layers.append(keras.layers.Conv2D(filters, KERNEL_SIZE, 2, "same"))
        layers.append(keras.layers.LeakyReLU(LEAKY_SLOPE))
    layers += [keras.layers.Flatten(), keras.layers.Dense(1, dtype="float32")]
    return keras.Sequential(layers, name="discriminator")


def build_inference_model(generator: keras.Model, discriminator: keras.Model) -> keras.Model:
    """Build the model to store: [noise, examples] to [generated examples, logits of being real].

    Images are uint8. Its layers `generator` and `discriminator` are models themselves.
    """
    shape = discriminator.input_shape[1:]
    noise = keras.Input(generator.input_shape[1:], name="noise")
    examples = keras.Input(shape, dtype="float32" if len(shape) == 1 else "uint8", name="examples")
    as_float = keras.layers.Rescaling(1.0, dtype="float32")(examples)
    return keras.Model([noise, examples], [generator(noise), discriminator(as_float)])
