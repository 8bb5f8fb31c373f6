"""Training of a GAN: epoch-based for images, step-based for points."""

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
from stages.learning.fit import MakeBatches, Trained, compile_model, fit, logging_steps
from stages.learning.optimizers import make_optimizer
from stages.networks.gan.adversarial import Gan
from stages.networks.gan.networks import GRID, GRID_AXIS, build_inference_model, build_networks

NUM_IMAGES = 81  # per snapshot
MAX_SNAPSHOTS = 30  # of images
NUM_POINTS = 500  # per snapshot

SnapshotArrays = dict[str, np.ndarray]


def train(
    config: GanModel,
    info: dict[str, Any],
    train: Split,
    validation: Split | None,
    make_batches: MakeBatches,
) -> Trained:
    """Train on examples without their classes; there is no validation loss for GANs.

    Args:
        config: The model's section of params.yaml.
        info: The dataset's info.json; not used.
        train: Images uint8 [n, height, width] or [n, height, width, channels], or points [n, 2].
        validation: Not used.
        make_batches: Function of the input pipeline.

    Returns:
        The inference model (see `build_inference_model`) with the averaged generator, a history
        by epoch or logging step, and snapshots with the same noise each time. For images: `epoch`
        [snapshots]; `images`, uint8 [snapshots, 81, *shape]. For points: `training_step`
        [snapshots]; `positions`, float16 [snapshots, 500, 2]; `surface`, uint8 [snapshots, y, x],
        the probability of being real (255 is 1), its first row for the largest y; `grid_axis`,
        float32, the x of the columns and, reversed, the y of the rows.

    Raises:
        ConfigError: If the networks do not fit the examples.
        DataError: If the sides of the images are not divisible by 4.
        DivergedError: If a loss or weight is not finite.
    """
    del info, validation
    training = config.training
    gan = Gan(build_networks(config.network, train.x.shape[1:]), training)
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
    """Train for a number of epochs, with snapshots of generated images; see `train`."""
    noise = draw_noise(gan, training.seed, NUM_IMAGES)
    epochs = np.linspace(0, training.epochs, min(training.epochs + 1, MAX_SNAPSHOTS))
    snapshots = Snapshots(
        epochs.round().astype(int).tolist(),
        lambda: {"images": generate_images(gan.averaged, noise)},
    )
    compile_gan(gan, training, training.epochs * len(batches))
    history = fit(gan, batches, epochs=training.epochs, callbacks=[snapshots])
    return history, snapshots.arrays("epoch")


def fit_points(
    gan: Gan, training: PointGanTraining, batches: tf.data.Dataset
) -> tuple[pd.DataFrame, SnapshotArrays]:
    """Train for a number of steps, with snapshots of points and discriminator; see `train`."""
    noise = draw_noise(gan, training.seed, NUM_POINTS)
    snapshots = Snapshots(
        {0, *logging_steps(training.steps)},
        lambda: {
            "positions": gan.averaged(noise).numpy().astype(np.float16),
            "surface": discriminator_surface(gan.discriminator),
        },
    )
    compile_gan(gan, training, training.steps)
    history = fit(gan, batches.repeat(), steps=training.steps, callbacks=[snapshots])
    return history, snapshots.arrays("training_step") | {"grid_axis": GRID_AXIS}


def compile_gan(gan: Gan, training: AdversarialTraining, num_steps: int) -> None:
    """Compile a GAN with the optimizers of both networks.

    Args:
        gan: GAN to compile.
        training: The model's training config.
        num_steps: Number of training steps of the discriminator.
    """
    # Gan itself averages the generator, since Keras does not average batch-norm statistics.
    generator_config = training.generator_optimizer.model_copy(update={"ema_momentum": None})
    compile_model(
        gan,
        make_optimizer(generator_config, num_steps // training.discriminator_steps),
        discriminator_optimizer=make_optimizer(training.discriminator_optimizer, num_steps),
    )


def draw_noise(gan: Gan, seed: int, count: int) -> np.ndarray:
    """Draw the noise of the snapshots, float32 [count, latent_dim]."""
    shape = (count, gan.generator.input_shape[1])
    return np.random.default_rng(seed).standard_normal(shape, np.float32)


def generate_images(generator: keras.Model, noise: np.ndarray) -> np.ndarray:
    """Generate images uint8 [n, *shape] from noise [n, latent_dim]."""
    return np.rint(generator(noise, training=False)).astype(np.uint8)


def discriminator_surface(discriminator: keras.Model) -> np.ndarray:
    """Compute the probability that points of GRID are real, uint8 [y, x], where 255 is 1."""
    probabilities = tf.sigmoid(discriminator(GRID.reshape(-1, 2), training=False)).numpy()
    return np.rint(255 * probabilities.reshape(GRID.shape[:2])).astype(np.uint8)
