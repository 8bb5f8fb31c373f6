"""Which parts of an input made the answer: gradients and occlusion."""

from collections.abc import Callable, Iterator

import keras
import numpy as np
import tensorflow as tf

Function = Callable[[np.ndarray], np.ndarray]
BATCH = 500  # inputs, which bounds memory


def grad_cam(network: keras.Model, image: np.ndarray, target: int) -> np.ndarray:
    """Weight the feature maps of a layer by what they mean for a class (Grad-CAM).

    Args:
        network: Model from images [n, ...] to feature maps [n, height, width, channels] and scores
            [n, classes].
        image: Image, float32 [...].
        target: Number of the class.

    Returns:
        Sum of the maps, each times the mean gradient of the score with respect to it, where it is
        positive; float32 [height, width].

    Reference:
        Selvaraju et al.: Grad-CAM: visual explanations from deep networks via gradient-based
        localization, ICCV 2017.
    """
    x = tf.constant(image[None])
    with tf.GradientTape() as tape:
        tape.watch(x)
        maps, scores = network(x, training=False)
        score = scores[0, target]
    gradient = tape.gradient(score, maps)
    weights = tf.reduce_mean(gradient[0], axis=(0, 1))
    return np.asarray(tf.nn.relu(tf.reduce_sum(weights * maps[0], axis=-1)))


def integrated_gradients(
    network: Callable[[tf.Tensor], tf.Tensor],
    x: np.ndarray,
    baseline: np.ndarray,
    target: int,
    steps: int,
) -> np.ndarray:
    """Integrate the gradient of a score along the straight line from a baseline to an input.

    Args:
        network: Function from inputs [n, ...] to scores [n, classes].
        x: Input, float32 [...].
        baseline: Input of the same shape, in which nothing is to be seen.
        target: Number of the class.
        steps: Points on the line; at the middle of as many equal parts of it.

    Returns:
        Attributions, float32 [...]. Their sum is the score of x minus that of the baseline, up to
        the error of the numerical integration.

    Reference:
        Sundararajan, Taly, Yan: Axiomatic attribution for deep networks, ICML 2017.
    """
    position = (np.arange(steps, dtype=np.float32) + 0.5) / steps
    total = np.zeros_like(x)
    for chunk in np.array_split(position, -(-steps // BATCH)):
        fraction = chunk.reshape(-1, *[1] * x.ndim)
        points = tf.constant(baseline + fraction * (x - baseline))
        with tf.GradientTape() as tape:
            tape.watch(points)
            score = tf.reduce_sum(network(points)[:, target])
        total += np.sum(tape.gradient(score, points), axis=0)
    attributions: np.ndarray = (x - baseline) * total / steps
    return attributions


def occlude(function: Function, image: np.ndarray, side: int, fill: float = 0) -> np.ndarray:
    """Cover an image with a square at every position, and measure what the answer loses.

    Args:
        function: Function from images [n, height, width] to the answer [n].
        image: Image [height, width].
        side: Side of the square in pixels.
        fill: Value of the covered pixels.

    Returns:
        For each pixel, the mean decrease of the answer over all squares that cover it, float64
        [height, width].

    Reference:
        Zeiler, Fergus: Visualizing and understanding convolutional networks, ECCV 2014.
    """
    corners = list(positions(image.shape, side))
    covered = np.repeat(image[None], len(corners) + 1, axis=0)  # the last one is not covered
    for each, box in zip(covered, corners, strict=False):
        each[box] = fill
    answers = call_in_batches(function, covered)
    total, count = np.zeros(image.shape), np.zeros(image.shape)
    for box, answer in zip(corners, answers, strict=False):
        total[box] += answers[-1] - answer
        count[box] += 1
    decrease: np.ndarray = total / count
    return decrease


def positions(shape: tuple[int, ...], side: int) -> Iterator[tuple[slice, slice]]:
    """Return all positions of a square, which may reach over the edge, so that all count alike."""
    height, width = shape
    for top in range(1 - side, height):
        for left in range(1 - side, width):
            rows = slice(max(top, 0), min(top + side, height))
            yield rows, slice(max(left, 0), min(left + side, width))


def leave_one_out(function: Function, tokens: np.ndarray) -> np.ndarray:
    """Remove each word of a text in turn, and measure what the answer loses.

    Args:
        function: Function from texts [n, length] to the answer [n].
        tokens: Token ids [length], at least 2.

    Returns:
        Decrease of the answer without each word, float64 [length].

    Reference:
        Li, Monroe, Jurafsky: Understanding neural networks through representation erasure, 2016.
    """
    length = len(tokens)
    others = np.array([np.delete(tokens, number) for number in range(length)])
    with_all = np.asarray(function(tokens[None]), np.float64)
    decrease: np.ndarray = with_all - call_in_batches(function, others)
    return decrease


def call_in_batches(function: Function, inputs: np.ndarray) -> np.ndarray:
    """Return the outputs of a function for inputs [n, ...], float64 [n]."""
    starts = range(0, len(inputs), BATCH)
    outputs = [function(inputs[start : start + BATCH]) for start in starts]
    return np.concatenate(outputs).astype(np.float64)
