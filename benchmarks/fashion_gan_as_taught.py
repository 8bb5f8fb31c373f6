"""The Fashion-MNIST GAN with the recipe as taught, measured like the project's own.

Run from the project's top folder, after `dvc repro train@fashion_evaluator`:
python -m benchmarks.fashion_gan_as_taught [epochs]
It prints one line of JSON every few epochs. It trains on all 70,000 images, as the course does, so
the test images that it is measured against are among those that it was trained on.

The course gives two learning rates; here 0.00001 is the generator's and 0.00003 the
discriminator's, in the order in which it names them. Kernels are 3x3.
"""

import json
import os
import sys
import time
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from stages.core.cli import ENVIRONMENT
from stages.core.splits import SPLITS, load_split
from stages.inference.bundle import load_bundle
from stages.learning.runtime import session
from stages.metrics.distances import frechet_distance
from stages.metrics.generation import class_fractions, class_kl, classes_covered
from stages.tasks.classifier import predict_features

LATENT_DIM, BATCH_SIZE, SAMPLES = 150, 64, 10_000
EVALUATOR = Path("models/fashion_evaluator")
layers = keras.layers


def main(epochs: int) -> None:
    """Train, and measure after epochs 1, 2, 3 and every third."""
    os.environ.update(ENVIRONMENT)
    evaluator = load_bundle(EVALUATOR).model
    real = predict_features(evaluator, load_split("fashion_mnist", "test").x)[0]
    with session(1, "auto"):
        train(epochs, evaluator, real)


def train(epochs: int, evaluator: keras.Model, real: np.ndarray) -> None:
    """Train the GAN on all images; real: features of the test images [n, units]."""
    images = np.concatenate([load_split("fashion_mnist", name).x for name in SPLITS])
    generator, discriminator = networks()
    step = train_step(generator, discriminator)
    batches = tf.data.Dataset.from_tensor_slices(images).shuffle(len(images)).batch(BATCH_SIZE)
    noise = np.random.default_rng(1).normal(size=(SAMPLES, LATENT_DIM)).astype(np.float32)
    for epoch in range(1, epochs + 1):
        began = time.perf_counter()
        for batch in batches:
            losses = step(batch)
        row: dict[str, Any] = {"epoch": epoch, "seconds": round(time.perf_counter() - began, 1)}
        row |= {"losses": [round(float(value), 4) for value in losses]}
        if epoch <= 3 or epoch % 3 == 0:
            row |= measure(evaluator, real, generator.predict(noise, 500, verbose=0))
        print(json.dumps(row), flush=True)


def networks() -> tuple[keras.Model, keras.Model]:
    """The generator, to images of 0 to 1, and the discriminator, to logits."""
    generator = keras.Sequential(
        [
            keras.Input((LATENT_DIM,)),
            layers.Dense(7 * 7 * 256),
            layers.LeakyReLU(),
            layers.Reshape((7, 7, 256)),
            layers.Conv2DTranspose(256, 3, 2, "same"),
            layers.LeakyReLU(),
            layers.Conv2DTranspose(128, 3, 2, "same"),
            layers.LeakyReLU(),
            layers.Conv2DTranspose(1, 3, 1, "same"),
            layers.Activation("sigmoid", dtype="float32"),
        ]
    )
    discriminator = keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            layers.Conv2D(256, 3, 2, "same"),
            layers.LeakyReLU(),
            layers.Conv2D(128, 3, 2, "same"),
            layers.LeakyReLU(),
            layers.Flatten(),
            layers.Dense(64),
            layers.LeakyReLU(),
            layers.Dropout(0.2),
            layers.Dense(1, dtype="float32"),
        ]
    )
    return generator, discriminator


def train_step(generator: keras.Model, discriminator: keras.Model) -> Any:
    """A step of both by the loss of Goodfellow et al. (2014), the generator's not saturating."""
    entropy = keras.losses.BinaryCrossentropy(from_logits=True)
    for_generator = keras.optimizers.Adam(0.00001, beta_1=0.5)
    for_discriminator = keras.optimizers.Adam(0.00003, beta_1=0.5)
    for_generator.build(generator.trainable_variables)
    for_discriminator.build(discriminator.trainable_variables)

    @tf.function(reduce_retracing=True)
    def step(batch: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        images = tf.cast(batch, tf.float32)[..., None] / 255
        noise = tf.random.normal([tf.shape(batch)[0], LATENT_DIM])
        with tf.GradientTape(persistent=True) as tape:
            fake = generator(noise, training=True)
            on_real = discriminator(images, training=True)
            on_fake = discriminator(fake, training=True)
            loss = entropy(tf.ones_like(on_fake), on_fake)
            other = entropy(tf.ones_like(on_real), on_real)
            other += entropy(tf.zeros_like(on_fake), on_fake)
        weights = generator.trainable_variables
        for_generator.apply_gradients(zip(tape.gradient(loss, weights), weights, strict=True))
        weights = discriminator.trainable_variables
        for_discriminator.apply_gradients(zip(tape.gradient(other, weights), weights, strict=True))
        return loss, other

    return step


def measure(evaluator: keras.Model, real: np.ndarray, generated: np.ndarray) -> dict[str, Any]:
    """The metrics of reports/fashion_gan/metrics.json.

    Args:
        evaluator: the classifier.
        real: features of the test images [n, units].
        generated: images [n, 28, 28, 1], 0 to 1.
    """
    images = np.rint(generated[..., 0] * 255).astype(np.uint8)
    features, labels = predict_features(evaluator, images)
    fractions = class_fractions(labels, 10)
    return {
        "classes_covered": classes_covered(fractions),
        "class_kl": round(class_kl(fractions), 4),
        "frechet_distance": round(frechet_distance(features, real), 3),
        "fractions": fractions.round(3).tolist(),
    }


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 30)
