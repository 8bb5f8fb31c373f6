"""Sizes of the maps of a convolutional network. No TensorFlow, so that a config can be checked."""

from collections.abc import Sequence

from stages.config.schema import ConvLayer

POOL = 2  # stride and size of max-pooling


def map_sizes(conv_layers: Sequence[ConvLayer], height: int, width: int) -> list[tuple[int, int]]:
    """The size of the map after each layer, its max-pooling included.

    Args:
        conv_layers: in order.
        height: of the image, in pixels.
        width: of the image, in pixels.

    Returns:
        (height, width) per layer; a size below 1 means that nothing is left.
    """
    sizes = []
    for layer in conv_layers:
        lost = layer.kernel_size - 1 if layer.padding == "valid" else 0
        height, width = height - lost, width - lost
        if layer.max_pool:
            height, width = height // POOL, width // POOL
        sizes.append((height, width))
    return sizes
