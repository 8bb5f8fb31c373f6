"""Training of a generative adversarial network of images, by epochs, or of points, by steps."""

from typing import Any

import keras
import numpy as np
import pandas as pd
import tensorflow as tf

from stages.config.schema import (
    AdversarialTraining,
    GanModel,
    ImageGanTraining,
    PointGanTraining,
)
from stages.core.errors import DivergedError
from stages.core.splits import Split
from stages.learning.callbacks import Snapshots
from stages.learning.fit import MakeBatches, Trained, compile_model, fit, moments
from stages.learning.optimizers import make_optimizer
from stages.networks.gan.adversarial import Gan
from stages.networks.gan.players import GRID, GRID_AXIS, build_inference_model, build_players

NUM_IMAGES = 81  # in a snapshot
MAX_SNAPSHOTS = 30  # of images
NUM_POINTS = 500  # in a snapshot

SnapshotArrays = dict[str, np.ndarray]


def train(
    config: GanModel,
    info: dict[str, Any],
    train: Split,
    validation: Split | None,
    make_batches: MakeBatches,
) -> Trained:
    """Train on examples without their classes; without validation, as there is no loss to compare.

    Args:
        config: the model's section of params.yaml.
        info: the dataset's info.json; not used.
        train: images [n, height, width] or [n, height, width, channels], uint8, or points [n, 2].
        validation: not used.
        make_batches: of the input pipeline.

    Returns:
        The inference model (see `build_inference_model`) with the averaged generator, a history
        by epoch or moment, and snapshots from the same noise each time. Of images: `epoch`
        [snapshots]; `images`, uint8 [snapshots, 81, *shape]. Of points: `training_step`
        [snapshots]; `positions`, float16 [snapshots, 500, 2]; `surface`, uint8 [snapshots, y, x],
        the probability of being real (255 is 1), its first row for the largest y; `grid_axis`,
        float32, the x of the columns and, reversed, the y of the rows.

    Raises:
        ConfigError: if the networks do not fit the examples.
        DataError: if the sides of the images are not divisible by 4.
        DivergedError: if a loss or a weight is not finite.
    """
    del info, validation
    training = config.training
    gan = Gan(build_players(config.network, train.x.shape[1:]), training)
    inference_model = build_inference_model(gan.averaged, gan.discriminator)
    batches = make_batches(train, training, shuffle=True)
    try:
        if isinstance(training, PointGanTraining):
            num_steps = training.steps
            history, snapshots = fit_points(gan, training, batches)
        else:
            num_steps = training.epochs * len(batches)
            history, snapshots = fit_images(gan, training, batches)
    except DivergedError as error:
        raise DivergedError(str(error), inference_model) from None
    num_examples = num_steps * len(train.x) // len(batches)
    return Trained(inference_model, history, snapshots, num_examples)


def fit_images(
    gan: Gan, training: ImageGanTraining, batches: tf.data.Dataset
) -> tuple[pd.DataFrame, SnapshotArrays]:
    """Train by epochs, with snapshots of generated images; see `train`."""
    noise = draw_noise(gan, training.seed, NUM_IMAGES)
    at = np.linspace(0, training.epochs, min(training.epochs + 1, MAX_SNAPSHOTS))
    snapshots = Snapshots(
        at.round().astype(int).tolist(), lambda: {"images": generate_images(gan.averaged, noise)}
    )
    compile_gan(gan, training, training.epochs * len(batches))
    history = fit(gan, batches, epochs=training.epochs, callbacks=[snapshots])
    return history, snapshots.arrays("epoch")


def fit_points(
    gan: Gan, training: PointGanTraining, batches: tf.data.Dataset
) -> tuple[pd.DataFrame, SnapshotArrays]:
    """Train by steps, with snapshots of points and of the discriminator; see `train`."""
    noise = draw_noise(gan, training.seed, NUM_POINTS)
    snapshots = Snapshots(
        {0, *moments(training.steps)},
        lambda: {
            "positions": gan.averaged(noise).numpy().astype(np.float16),
            "surface": discriminator_surface(gan.discriminator),
        },
    )
    compile_gan(gan, training, training.steps)
    history = fit(gan, batches.repeat(), steps=training.steps, callbacks=[snapshots])
    return history, snapshots.arrays("training_step") | {"grid_axis": GRID_AXIS}


def compile_gan(gan: Gan, training: AdversarialTraining, num_steps: int) -> None:
    """Give both networks their optimizers.

    Args:
        gan: to compile.
        training: the model's `training` config.
        num_steps: batches in the whole training, each a step of the discriminator.
    """
    # Gan averages the generator itself, with its batch-norm statistics, which Keras does not.
    generator_config = training.generator_optimizer.model_copy(update={"ema_momentum": None})
    compile_model(
        gan,
        make_optimizer(generator_config, num_steps // training.discriminator_steps),
        discriminator_optimizer=make_optimizer(training.discriminator_optimizer, num_steps),
    )


def draw_noise(gan: Gan, seed: int, count: int) -> np.ndarray:
    """Noise to generate snapshots from: float32 [count, latent_dim]."""
    shape = (count, gan.generator.input_shape[1])
    return np.random.default_rng(seed).standard_normal(shape, np.float32)


def generate_images(generator: keras.Model, noise: np.ndarray) -> np.ndarray:
    """Images from noise [n, latent_dim]: uint8 [n, *shape]."""
    return np.rint(generator(noise, training=False)).astype(np.uint8)


def discriminator_surface(discriminator: keras.Model) -> np.ndarray:
    """The probability that the points of GRID are real: uint8 [y, x], 255 is 1."""
    probabilities = tf.sigmoid(discriminator(GRID.reshape(-1, 2), training=False)).numpy()
    return np.rint(255 * probabilities.reshape(GRID.shape[:2])).astype(np.uint8)
