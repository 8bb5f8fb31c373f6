"""Sizes of feature maps, without TensorFlow, so that configs are checked fast."""

from collections.abc import Sequence

from stages.config.schema import ConvLayer

POOL = 2  # stride and size of max-pooling


def feature_map_sizes(
    conv_layers: Sequence[ConvLayer], height: int, width: int
) -> list[tuple[int, int]]:
    """Compute the size of the feature maps after each layer, max-pooling included.

    Args:
        conv_layers: Configs of the layers, in order.
        height: Height of the image in pixels.
        width: Width of the image in pixels.

    Returns:
        (height, width) for each layer; below 1 if the output would be empty.
    """
    sizes = []
    for layer in conv_layers:
        lost = layer.kernel_size - 1 if layer.padding == "valid" else 0
        height, width = height - lost, width - lost
        if layer.max_pool:
            height, width = height // POOL, width // POOL
        sizes.append((height, width))
    return sizes
