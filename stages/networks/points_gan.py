"""A generative adversarial network for points in the plane, small enough to be watched.

The loss is the non-saturating one (Goodfellow et al.: Generative adversarial nets, NeurIPS 2014).
What keeps the two networks from circling around each other is a penalty on the discriminator's
slope at real points, R1 (Mescheder, Geiger, Nowozin: Which training methods for GANs do actually
converge?, ICML 2018).
"""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from stages.data import GRID, Part
from stages.params import PointsGan
from stages.training import Trained, learning_rates, watch

SHOWN = 500  # generated points kept of each moment


def train(block: PointsGan, description: dict[str, Any], train: Part, validation: Part) -> Trained:
    """Train generator and discriminator in turns, one step each.

    The model takes [noise, points] and gives [generated points, logits of being real]; its layers
    `generator` and `discriminator` are models too.
    The history has the mean losses since the row before.
    progress: steps [frames], the first 0; points, float16 [frames, SHOWN, 2], of the same noise
    each time; surface, uint8 [frames, side, side], where 255 is certainly real.

    Raises:
        UserError: when a loss becomes infinite or not a number.
    """
    del description  # all points are alike
    model = build(block)
    generator, noise = model.get_layer("generator"), draw_noise(block, SHOWN)
    play = player(model, train.x, block)

    def advance(steps: tf.Tensor) -> dict[str, float]:
        discriminated, generated = play(steps).numpy()
        distance = sliced_wasserstein(generator(noise).numpy(), validation.x)
        return {
            "discriminator_loss": discriminated,
            "loss": generated,
            "val_sliced_wasserstein": distance,
        }

    history, steps, seen = watch(block.steps, advance, lambda: look(model, noise))
    points, surface = (np.stack(frames) for frames in zip(*seen, strict=True))
    progress = {"steps": steps, "points": points, "surface": surface}
    return Trained(model, history, block.steps * block.batch_size, progress)


def build(block: PointsGan) -> keras.Model:
    """Both networks as one model, so that they are stored together."""

    def network(name: str, inputs: int, outputs: int) -> keras.Model:
        hidden = [
            keras.layers.Dense(units, activation=block.activation) for units in block.hidden_units
        ]
        layers = [keras.Input((inputs,)), *hidden, keras.layers.Dense(outputs)]
        return keras.Sequential(layers, name=name)

    noise, points = keras.Input((block.noise_units,)), keras.Input((2,))
    generator = network("generator", block.noise_units, 2)
    discriminator = network("discriminator", 2, 1)
    return keras.Model([noise, points], [generator(noise), discriminator(points)])


def draw_noise(block: PointsGan, points: int) -> np.ndarray:
    """What the generator makes points of: float32 [points, noise_units], by the block's seed."""
    random = np.random.default_rng(block.seed)
    return random.standard_normal((points, block.noise_units), np.float32)


def player(model: keras.Model, x: np.ndarray, block: PointsGan) -> Callable[[tf.Tensor], tf.Tensor]:
    """A function that takes as many steps as it is told, and gives both mean losses [2]."""
    real = tf.constant(x)
    generator, discriminator = model.get_layer("generator"), model.get_layer("discriminator")
    optimizers = []
    for network in (generator, discriminator):
        rates = learning_rates("cosine", block.learning_rate, block.steps)
        # Without momentum, which would carry the two past each other (Mescheder et al.).
        optimizers.append(keras.optimizers.Adam(rates, beta_1=0.0, beta_2=0.99))
        optimizers[-1].build(network.trainable_variables)

    def step(
        network: keras.Model, adam: keras.optimizers.Optimizer, loss: Callable[[], tf.Tensor]
    ) -> tf.Tensor:
        with tf.GradientTape() as tape:
            value = loss()
        variables = network.trainable_variables
        adam.apply(tape.gradient(value, variables), variables)
        return value

    def play_once() -> tf.Tensor:
        points = tf.gather(real, tf.random.uniform([block.batch_size], 0, len(x), tf.int32))
        noise = tf.random.normal([block.batch_size, block.noise_units])
        penalty = block.gradient_penalty
        discriminated = step(
            discriminator,
            optimizers[1],
            lambda: discriminator_loss(discriminator, points, generator(noise), penalty),
        )
        generated = step(
            generator,
            optimizers[0],
            lambda: tf.reduce_mean(tf.nn.softplus(-discriminator(generator(noise)))),
        )
        return tf.stack([discriminated, generated])

    @tf.function
    def play(steps: tf.Tensor) -> tf.Tensor:
        total = tf.zeros([2])
        for _ in tf.range(steps):
            total += play_once()
        return total / tf.cast(steps, tf.float32)

    return play


def discriminator_loss(
    discriminator: keras.Model, real: tf.Tensor, fake: tf.Tensor, penalty: float
) -> tf.Tensor:
    """Cross-entropy of telling real from generated points [n, 2], and R1.

    R1 is half of `penalty` times the mean square of the logit's gradient at real points.
    """
    with tf.GradientTape() as tape:
        tape.watch(real)
        logits = discriminator(real)
    slope = tape.gradient(logits, real)
    wrong = tf.nn.softplus(-logits) + tf.nn.softplus(discriminator(fake))
    return tf.reduce_mean(wrong) + penalty / 2 * tf.reduce_mean(tf.reduce_sum(slope**2, axis=1))


def look(model: keras.Model, noise: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Generated points float16 [n, 2] and the discriminator's surface uint8 [side, side]."""
    points, logits = model([noise, GRID.reshape(-1, 2)])
    surface = np.round(255 * tf.sigmoid(logits).numpy()).reshape(GRID.shape[:2])
    return points.numpy().astype(np.float16), surface.astype(np.uint8)


def sliced_wasserstein(a: np.ndarray, b: np.ndarray) -> float:
    """Distance between the distributions of two samples of points, [n, 2] and [m, 2].

    The mean over 32 directions, equally far apart, of the distance of the earth mover between the
    points projected on the direction, which is the mean difference of their quantiles (Rabin et
    al.: Wasserstein barycenter and its application to texture mixing, SSVM 2011). In units of the
    plane; two samples of one distribution are not quite at 0.
    """
    angles = np.arange(32) * np.pi / 32
    directions = np.stack([np.cos(angles), np.sin(angles)])
    levels = (np.arange(500) + 0.5) / 500
    quantiles = [np.quantile(points @ directions, levels, axis=0) for points in (a, b)]
    return float(np.abs(quantiles[0] - quantiles[1]).mean())
