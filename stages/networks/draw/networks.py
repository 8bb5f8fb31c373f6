"""The recurrent network of DRAW, unrolled over its glimpses.

At each glimpse an LSTM encoder reads the image through a small window, a latent vector is sampled,
and an LSTM decoder adds a small patch to the canvas. The windows are grids of Gaussian filters,
whose position, spacing and width the decoder chooses.

Keras has no fused LSTM on a CPU, so the cells are matrix products in an unrolled loop.

Reference:
    Gregor et al.: DRAW: A recurrent neural network for image generation. ICML 2015.
    Hochreiter, Schmidhuber: Long short-term memory. Neural Computation, 1997.
"""

from typing import TYPE_CHECKING, NamedTuple

import keras
from keras import ops

if TYPE_CHECKING:  # predictions need no params.yaml
    from stages.config.schema import Draw as DrawConfig

EPSILON = 1e-8  # keeps filters finite whose window is far outside of the image
WINDOW = ("row", "column", "side", "stddev")  # of the center; from first to last filter; pixels


class Steps(NamedTuple):
    """The networks that all glimpses share.

    Attributes:
        start: Model from ones [n, 1] to the initial states: hidden and cell state of the encoder,
            hidden and cell state of the decoder, [n, units] each, and canvas [n, height, width].
        encoder: Model from image, canvas, hidden state of the decoder, hidden and cell state of
            the encoder to the latter two, mean and log variance of the latent variables
            [n, latent_dim], and window [n, 4].
        decoder: Model from latent variables, hidden and cell state of the decoder, and canvas to
            the latter three and window [n, 4].
    """

    start: keras.Model
    encoder: keras.Model
    decoder: keras.Model


def build_model(network: "DrawConfig", shape: tuple[int, ...]) -> keras.Model:
    """Build the model that draws images again.

    Its layers `start`, `encoder` and `decoder` are models themselves; see `Steps`.

    Args:
        network: The model's network config.
        shape: Height and width of the images.

    Returns:
        Model from images of 0 and 1, uint8 [n, height, width], and standard normal noise
        [n, glimpses, latent_dim] to a dictionary of float32: `mean` and `log_variance`
        [n, glimpses, latent_dim], `canvas` after each glimpse, logits
        [n, glimpses, height, width], and the windows `read` and `write` [n, glimpses, 4], see
        WINDOW.
    """
    height, width = shape
    steps = Steps(
        build_start(network.units, height, width),
        build_encoder(network, height, width),
        build_decoder(network, height, width),
    )
    images = keras.Input(shape, dtype="uint8", name="images")
    noise = keras.Input((network.glimpses, network.latent_dim), dtype="float32", name="noise")
    pixels = ops.cast(images, "float32")
    encoder_state, decoder_state, canvas = start_from(steps.start, noise)
    glimpses = []
    for number in range(network.glimpses):
        *encoder_state, mean, log_variance, read = steps.encoder(
            [pixels, canvas, decoder_state[0], *encoder_state]
        )
        latent = mean + ops.exp(0.5 * log_variance) * noise[:, number]
        *decoder_state, canvas, write = steps.decoder([latent, *decoder_state, canvas])
        glimpses.append((mean, log_variance, canvas, read, write))
    names = ("mean", "log_variance", "canvas", "read", "write")
    stacked = (ops.stack(outputs, axis=1) for outputs in zip(*glimpses, strict=True))
    return keras.Model([images, noise], dict(zip(names, stacked, strict=True)))


def build_generator(model: keras.Model) -> keras.Model:
    """Build the model that draws new images, with the decoder of `model`.

    Args:
        model: See `build_model`.

    Returns:
        Model from standard normal noise [n, glimpses, latent_dim], the latent variables, to a
        dictionary of `canvas` and `write`, as in `build_model`.
    """
    noise = keras.Input(model.inputs[1].shape[1:], dtype="float32", name="noise")
    _, state, canvas = start_from(model.get_layer("start"), noise)
    glimpses = []
    for number in range(noise.shape[1]):
        *state, canvas, write = model.get_layer("decoder")([noise[:, number], *state, canvas])
        glimpses.append((canvas, write))
    canvases, windows = (ops.stack(outputs, axis=1) for outputs in zip(*glimpses, strict=True))
    return keras.Model(noise, {"canvas": canvases, "write": windows})


State = list[keras.KerasTensor]


def start_from(start: keras.Model, noise: keras.KerasTensor) -> tuple[State, State, State]:
    """Return the initial states of encoder and decoder, and the canvas, for each row of `noise`."""
    *states, canvas = start(ops.ones_like(noise[:, 0, :1]))
    return states[:2], states[2:], canvas


def build_start(units: int, height: int, width: int) -> keras.Model:
    """Build the learned initial states, the same for all images; see `Steps`."""
    ones = keras.Input((1,), dtype="float32")
    names = ("encoder_hidden", "encoder_cell", "decoder_hidden", "decoder_cell", "canvas")
    states = [
        keras.layers.Dense(
            height * width if name == "canvas" else units,
            use_bias=False,
            kernel_initializer="zeros",
            dtype="float32",
            name=name,
        )(ones)
        for name in names
    ]
    states[-1] = keras.layers.Reshape((height, width), dtype="float32")(states[-1])
    return keras.Model(ones, states, name="start")


def build_encoder(network: "DrawConfig", height: int, width: int) -> keras.Model:
    """Build a step of the encoder; see `Steps`."""
    image, canvas, context, hidden, cell = inputs = [
        keras.Input(shape, dtype="float32")
        for shape in [(height, width)] * 2 + [(network.units,)] * 3
    ]
    rows, columns, intensity, window = attend(context, network.read_size, height, width)
    both = ops.stack([image, image - ops.sigmoid(canvas)], axis=1)
    patches = ops.matmul(
        ops.matmul(ops.expand_dims(rows, 1), both), ops.swapaxes(ops.expand_dims(columns, 1), 2, 3)
    )
    flat = intensity * ops.reshape(patches, (-1, 2 * network.read_size**2))
    hidden, cell = lstm(ops.concatenate([flat, context, hidden], axis=1), cell, network.units)
    moments = keras.layers.Dense(2 * network.latent_dim, dtype="float32")(hidden)
    mean, log_variance = ops.split(moments, 2, axis=1)
    return keras.Model(inputs, [hidden, cell, mean, log_variance, window], name="encoder")


def build_decoder(network: "DrawConfig", height: int, width: int) -> keras.Model:
    """Build a step of the decoder; see `Steps`."""
    latent, hidden, cell, canvas = inputs = [
        keras.Input(shape, dtype="float32")
        for shape in [(network.latent_dim,), (network.units,), (network.units,), (height, width)]
    ]
    hidden, cell = lstm(ops.concatenate([latent, hidden], axis=1), cell, network.units)
    size = network.write_size
    rows, columns, intensity, window = attend(hidden, size, height, width)
    patch = keras.layers.Dense(size**2, dtype="float32")(hidden) / intensity
    patch = ops.reshape(patch, (-1, size, size))
    canvas = canvas + ops.matmul(ops.matmul(ops.swapaxes(rows, 1, 2), patch), columns)
    return keras.Model(inputs, [hidden, cell, canvas, window], name="decoder")


def lstm(
    inputs: keras.KerasTensor, cell: keras.KerasTensor, units: int
) -> tuple[keras.KerasTensor, keras.KerasTensor]:
    """Take a step of an LSTM.

    Args:
        inputs: Inputs and previous hidden state, joined, [n, inputs + units].
        cell: Previous cell state [n, units].
        units: Number of units.

    Returns:
        Hidden and cell state, float32 [n, units].
    """
    gates = ops.cast(keras.layers.Dense(4 * units)(inputs), "float32")
    input_gate, forget_gate, output_gate, candidate = ops.split(gates, 4, axis=1)
    cell = ops.sigmoid(forget_gate + 1.0) * cell + ops.sigmoid(input_gate) * ops.tanh(candidate)
    return ops.sigmoid(output_gate) * ops.tanh(cell), cell


def attend(
    hidden: keras.KerasTensor, size: int, height: int, width: int
) -> tuple[keras.KerasTensor, ...]:
    """Choose a window: a grid of size x size Gaussian filters.

    Args:
        hidden: Hidden state of the decoder [n, units].
        size: Number of filters along each side.
        height: Height of the images.
        width: Width of the images.

    Returns:
        Filters of the rows [n, size, height] and of the columns [n, size, width], each of sum 1;
        intensity [n, 1]; window [n, 4], see WINDOW.
    """
    chosen = keras.layers.Dense(5, dtype="float32")(hidden)
    row, column, log_variance, log_spacing, log_intensity = ops.split(chosen, 5, axis=1)
    row, column = (height - 1) / 2 * (row + 1), (width - 1) / 2 * (column + 1)
    spacing = (max(height, width) - 1) / (size - 1) * ops.exp(log_spacing)
    stddev = ops.exp(0.5 * log_variance)
    rows = gaussians(row, spacing, stddev, size, height)
    columns = gaussians(column, spacing, stddev, size, width)
    window = ops.concatenate([row, column, (size - 1) * spacing, stddev], axis=1)
    return rows, columns, ops.exp(log_intensity), window


def gaussians(
    center: keras.KerasTensor,
    spacing: keras.KerasTensor,
    stddev: keras.KerasTensor,
    size: int,
    length: int,
) -> keras.KerasTensor:
    """Compute `size` evenly spaced Gaussian filters along a side of `length` pixels.

    Args:
        center: Center of the filters in pixels [n, 1], like `spacing` and `stddev`.
        spacing: Distance of neighboring filters.
        stddev: Standard deviation of each filter.
        size: Number of filters.
        length: Number of pixels.

    Returns:
        Filters of sum 1, [n, size, length].
    """
    offsets = ops.arange(size, dtype="float32") - (size - 1) / 2
    means = ops.expand_dims(center + spacing * offsets, 2)
    distances = (ops.arange(length, dtype="float32") - means) / ops.expand_dims(stddev, 2)
    weights = ops.exp(-0.5 * distances**2)
    return weights / (ops.sum(weights, axis=2, keepdims=True) + EPSILON)
