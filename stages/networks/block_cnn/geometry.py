"""Sizes of feature maps, without TensorFlow, so that configs are checked fast."""

from collections.abc import Sequence

from stages.config.schema import AnyBlock, ResidualBlock


def block_sizes(blocks: Sequence[AnyBlock], height: int, width: int) -> list[tuple[int, int]]:
    """Compute the size of the feature maps after each block.

    Args:
        blocks: Configs of the blocks, in order.
        height: Height of the image in pixels.
        width: Width of the image in pixels.

    Returns:
        (height, width) for each block; 0 if the output would be empty.
    """
    sizes = []
    for block in blocks:
        if isinstance(block, ResidualBlock):
            height, width = -(-height // block.strides), -(-width // block.strides)
        elif block.max_pool:
            height, width = height // 2, width // 2
        sizes.append((height, width))
    return sizes
