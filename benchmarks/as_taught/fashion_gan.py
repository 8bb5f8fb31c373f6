"""The GAN as taught: no batch normalization, and two optimizers with low learning rates.

The learning rates are 0.00001 for the generator and 0.00003 for the discriminator, in the order of
the course.
"""

from typing import Any

import keras
import tensorflow as tf

from stages.core.splits import Split
from stages.learning.fit import MakeBatches, Trained, compile_model, fit
from stages.learning.optimizers import make_optimizer
from stages.networks.gan.networks import build_inference_model

LATENT_DIM = 150


def train(
    config: Any, info: dict[str, Any], train: Split, validation: Split | None, batches: MakeBatches
) -> Trained:
    """Train the GAN for a number of epochs."""
    del info, validation
    training = config.training
    gan = Gan(build_generator(), build_discriminator())
    train_batches = batches(train, training, shuffle=True)
    steps = training.epochs * len(train_batches)
    compile_model(
        gan,
        make_optimizer(training.generator_optimizer, steps),
        discriminator_optimizer=make_optimizer(training.discriminator_optimizer, steps),
    )
    history = fit(gan, train_batches, epochs=training.epochs)
    inference_model = build_inference_model(gan.generator, gan.discriminator)
    return Trained(inference_model, history, {}, training.epochs * len(train.x))


class Gan(keras.Model):
    """Trains the discriminator on a batch, and then the generator on new noise.

    Args:
        generator: Model that maps noise to images, 0 to 255.
        discriminator: Model that maps images, 0 to 255, to logits of being real.
    """

    def __init__(self, generator: keras.Model, discriminator: keras.Model) -> None:
        super().__init__()
        self.generator, self.discriminator = generator, discriminator
        self.entropy = keras.losses.BinaryCrossentropy(from_logits=True)
        self.generator_loss = keras.metrics.Mean(name="generator_loss")
        self.discriminator_loss = keras.metrics.Mean(name="discriminator_loss")
        self.built = True

    @property
    def metrics(self) -> list[keras.metrics.Metric]:
        """The two losses; there is no common one."""
        return [self.generator_loss, self.discriminator_loss]

    def compile(
        self,
        optimizer: keras.optimizers.Optimizer,
        discriminator_optimizer: keras.optimizers.Optimizer,
        **options: Any,
    ) -> None:
        """Set the optimizers of the generator and of the discriminator."""
        super().compile(optimizer=optimizer, **options)
        self.discriminator_optimizer = discriminator_optimizer
        optimizer.build(self.generator.trainable_variables)
        discriminator_optimizer.build(self.discriminator.trainable_variables)

    def train_step(self, data: tuple[tf.Tensor, tf.Tensor]) -> dict[str, tf.Tensor]:
        """Train both networks for one step.

        Args:
            data: Images [n, 28, 28] and their labels, which are not used.
        """
        images = tf.cast(data[0], tf.float32)
        noise_shape = [tf.shape(images)[0], LATENT_DIM]
        with tf.GradientTape() as tape:
            generated = self.generator(tf.random.normal(noise_shape), training=True)
            logits = self.discriminator(tf.concat([images, generated], 0), training=True)
            real, fake = tf.split(logits, 2)
            targets = tf.concat([tf.ones_like(real), tf.zeros_like(fake)], 0)
            loss = self.entropy(targets, logits)
        weights = self.discriminator.trainable_variables
        self.discriminator_optimizer.apply(tape.gradient(loss, weights), weights)
        self.discriminator_loss.update_state(loss)
        with tf.GradientTape() as tape:
            generated = self.generator(tf.random.normal(noise_shape), training=True)
            logits = self.discriminator(generated, training=True)
            loss = self.entropy(tf.ones_like(logits), logits)
        weights = self.generator.trainable_variables
        self.optimizer.apply(tape.gradient(loss, weights), weights)
        self.generator_loss.update_state(loss)
        return self.get_metrics_result()


def build_generator() -> keras.Model:
    """Build a model from noise [n, LATENT_DIM] to images, float32 [n, 28, 28], 0 to 255."""
    layers = [
        keras.Input((LATENT_DIM,)),
        keras.layers.Dense(7 * 7 * 256),
        keras.layers.Reshape((7, 7, 256)),
        keras.layers.Conv2DTranspose(256, 3, 2, padding="same", activation="leaky_relu"),
        keras.layers.Conv2DTranspose(128, 3, 2, padding="same", activation="leaky_relu"),
        keras.layers.Conv2DTranspose(1, 3, padding="same", activation="sigmoid"),
        keras.layers.Rescaling(255.0),
        keras.layers.Reshape((28, 28)),
    ]
    return keras.Sequential(layers, name="generator")


def build_discriminator() -> keras.Model:
    """Build a model from images [n, 28, 28], 0 to 255, to logits [n, 1] of being real."""
    layers = [
        keras.Input((28, 28)),
        keras.layers.Rescaling(1 / 255),
        keras.layers.Reshape((28, 28, 1)),
        keras.layers.Conv2D(256, 3, 2, padding="same", activation="relu"),
        keras.layers.Conv2D(128, 3, 2, padding="same", activation="relu"),
        keras.layers.Flatten(),
        keras.layers.Dense(64, activation="relu"),
        keras.layers.Dropout(0.2),
        keras.layers.Dense(1),
    ]
    return keras.Sequential(layers, name="discriminator")
