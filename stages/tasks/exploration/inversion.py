"""Noise vectors of given images, by gradient descent through the generator."""

from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf

from stages.inference.outputs import predict_arrays

POOL = 2000  # random noise vectors, of which the best ones are starting points
CHUNK = 250  # images that are compared with the pool at once, which bounds memory


class Search(NamedTuple):
    """How noise vectors are searched.

    Attributes:
        restarts: Number of starting points per image, at most POOL.
        steps: Number of steps of Adam.
        learning_rate: Learning rate in the first step; it decays to 0 like a cosine.
    """

    restarts: int
    steps: int
    learning_rate: float


class Inversion(NamedTuple):
    """Noise vectors of images, before and after gradient descent.

    Attributes:
        start: Best random noise vector of each image [n, latent_dim].
        noise: Noise vector after gradient descent [n, latent_dim].
        errors: Mean squared error of each restart, for pixels of 0 to 1, [n, restarts].
    """

    start: np.ndarray
    noise: np.ndarray
    errors: np.ndarray


def invert(
    generator: keras.Model, images: np.ndarray, search: Search, random: np.random.Generator
) -> Inversion:
    """Find noise from which the generator makes given images.

    Descends from the `search.restarts` nearest of POOL random images, and keeps the best result.

    Args:
        generator: Model from noise [n, latent_dim] to images of 0 to 255.
        images: Images, uint8 [n, height, width].
        search: How they are searched.
        random: Generator that draws the noise.

    Reference:
        Creswell, Bharath: Inverting the generator of a generative adversarial network. IEEE
        TNNLS, 2019.
    """
    pool = random.standard_normal((POOL, generator.input_shape[-1]), np.float32)
    nearest = find_nearest(predict_arrays(generator, pool), images, search.restarts)
    starts = pool[nearest.reshape(-1)]
    noise, errors = descend(generator, starts, images.repeat(search.restarts, axis=0), search)
    errors = errors.reshape(nearest.shape)
    best = errors.argmin(axis=1)
    latent = noise.reshape(*nearest.shape, -1)
    return Inversion(pool[nearest[:, 0]], latent[np.arange(len(images)), best], errors)


def find_nearest(pool: np.ndarray, images: np.ndarray, count: int) -> np.ndarray:
    """Return the indices [n, count] of the pool's images nearest to each image, nearest first.

    Args:
        pool: Images [m, height, width].
        images: Images [n, height, width].
        count: Number of images to return.
    """
    flat = pool.reshape(len(pool), -1).astype(np.float64)
    found = []
    for start in range(0, len(images), CHUNK):
        chunk = images[start : start + CHUNK].reshape(-1, flat.shape[1]).astype(np.float64)
        distances = (flat**2).sum(axis=1) - 2 * chunk @ flat.T  # without the constant |chunk|^2
        found.append(np.argsort(distances, axis=1, kind="stable")[:, :count])
    return np.concatenate(found)


def descend(
    generator: keras.Model, starts: np.ndarray, images: np.ndarray, search: Search
) -> tuple[np.ndarray, np.ndarray]:
    """Minimize the squared error of each image over its noise vector.

    Args:
        generator: Model from noise to images of 0 to 255.
        starts: Initial noise vectors [n, latent_dim].
        images: Images, uint8 [n, height, width].
        search: Steps and learning rate of Adam, whose updates are independent for each number.

    Returns:
        Noise vectors [n, latent_dim], and their mean squared errors for pixels of 0 to 1 [n].
    """
    targets = tf.constant(images, tf.float32) / 255
    noise = tf.Variable(starts)
    schedule = keras.optimizers.schedules.CosineDecay(search.learning_rate, search.steps)
    optimizer = keras.optimizers.Adam(schedule)
    optimizer.build([noise])

    def errors() -> tf.Tensor:
        generated = generator(noise, training=False) / 255
        return tf.reduce_mean((generated - targets) ** 2, axis=[1, 2])

    @tf.function
    def step() -> None:
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(errors())
        optimizer.apply(tape.gradient(loss, [noise]), [noise])

    for _ in range(search.steps):
        step()
    return noise.numpy(), errors().numpy().astype(np.float64)
