"""Adversarial training as a Keras model.

Reference:
    Goodfellow et al.: Generative adversarial nets. NIPS 2014.
"""

from typing import Any

import keras
import tensorflow as tf

from stages.config.schema import AdversarialTraining
from stages.networks.gan.networks import GanNetworks


class Gan(keras.Model):
    """Trains a discriminator on every batch, and a generator on every `discriminator_steps`-th.

    The generator has the non-saturating loss. `averaged` is the generator to keep: its weights,
    batch-norm statistics included, are an exponential moving average of those of `generator`;
    without `ema_momentum` it is `generator` itself. Reports `generator_loss`,
    `discriminator_loss` (without the penalty) and `discriminator_accuracy`, means over steps.

    Args:
        networks: Generator and discriminator.
        training: The model's training config: discriminator_steps, label_smoothing, r1_weight,
            r1_interval and generator_optimizer.ema_momentum.

    Reference:
        Yazici et al.: The unusual effectiveness of averaging in GAN training. ICLR 2019.
    """

    def __init__(self, networks: GanNetworks, training: AdversarialTraining) -> None:
        super().__init__()
        self.generator, self.discriminator, self.input_scale = networks
        self.averaged = self.generator
        self.ema_momentum = training.generator_optimizer.ema_momentum
        if self.ema_momentum is not None:
            self.averaged = keras.models.clone_model(self.generator)
            self.averaged.set_weights(self.generator.get_weights())
        self.discriminator_steps = training.discriminator_steps
        self.label_smoothing = training.label_smoothing
        self.r1_weight, self.r1_interval = training.r1_weight, training.r1_interval
        self.generator_loss = keras.metrics.Mean(name="generator_loss")
        self.discriminator_loss = keras.metrics.Mean(name="discriminator_loss")
        self.discriminator_accuracy = keras.metrics.Mean(name="discriminator_accuracy")
        self.built = True

    @property
    def metrics(self) -> list[keras.metrics.Metric]:
        """Metrics of both networks; there is no single loss."""
        return [self.generator_loss, self.discriminator_loss, self.discriminator_accuracy]

    def compile(
        self,
        optimizer: keras.optimizers.Optimizer,
        discriminator_optimizer: keras.optimizers.Optimizer,
        **options: Any,
    ) -> None:
        """Set the optimizers.

        Args:
            optimizer: Optimizer of the generator.
            discriminator_optimizer: Optimizer of the discriminator.
            options: Further arguments of `keras.Model.compile`.
        """
        super().compile(optimizer=optimizer, **options)
        self.discriminator_optimizer = discriminator_optimizer
        optimizer.build(self.generator.trainable_variables)
        discriminator_optimizer.build(self.discriminator.trainable_variables)

    def train_step(self, data: tuple[tf.Tensor, tf.Tensor]) -> dict[str, tf.Tensor]:
        """Take a step of the discriminator and, if it is due, one of the generator.

        Args:
            data: Real examples [n, *shape], and their labels, which are not used.
        """
        real = tf.cast(data[0], tf.float32)
        if self.discriminator_steps == 1:
            self.train_both(real)
        else:
            steps = self.discriminator_optimizer.iterations + 1
            tf.cond(
                steps % self.discriminator_steps == 0,
                lambda: self.train_both(real),
                lambda: self.train_discriminator(real, self.generate(tf.shape(real)[0])),
            )
        return self.get_metrics_result()

    def generate(self, count: tf.Tensor) -> tf.Tensor:
        """Generate examples [count, *shape] from new noise, with batch norm in training mode."""
        noise = tf.random.normal([count, self.generator.input_shape[1]])
        return self.generator(noise, training=True)

    def train_both(self, real: tf.Tensor) -> None:
        """Take a step of the discriminator, then one of the generator with the same noise."""
        with tf.GradientTape() as tape:
            generated = self.generate(tf.shape(real)[0])
            with tape.stop_recording():
                self.train_discriminator(real, generated)
            loss = cross_entropy(self.discriminator(generated, training=True), 1.0)
        variables = self.generator.trainable_variables
        step = tf.cast(self.optimizer.iterations, tf.float32)  # read before it is increased
        self.optimizer.apply(tape.gradient(loss, variables), variables)
        self.update_average(step)
        self.generator_loss.update_state(loss)

    def update_average(self, step: tf.Tensor) -> None:
        """Update the averaged weights with the generator's.

        The momentum increases from 0.1 to `ema_momentum`, since early weights are poor.

        Args:
            step: Number of previous generator steps, a float32 scalar.

        Reference:
            TensorFlow: tf.train.ExponentialMovingAverage, num_updates.
        """
        if self.ema_momentum is None:
            return
        momentum = tf.minimum(self.ema_momentum, (1 + step) / (10 + step))
        for average, weight in zip(self.averaged.weights, self.generator.weights, strict=True):
            average.assign(momentum * average + (1 - momentum) * weight)

    def train_discriminator(self, real: tf.Tensor, generated: tf.Tensor) -> None:
        """Take a step of the discriminator.

        The targets of real examples are 1 - label_smoothing, those of generated ones 0.

        Reference:
            Salimans et al.: Improved techniques for training GANs. NIPS 2016 (one-sided label
            smoothing).
        """
        with tf.GradientTape() as tape:
            logits = self.discriminator(tf.concat([real, generated], 0), training=True)
            real_logits, generated_logits = tf.split(
                logits, [tf.shape(real)[0], tf.shape(generated)[0]]
            )
            loss = cross_entropy(real_logits, 1 - self.label_smoothing)
            loss += cross_entropy(generated_logits, 0.0)
            penalized = loss + self.penalty(real)
        variables = self.discriminator.trainable_variables
        self.discriminator_optimizer.apply(tape.gradient(penalized, variables), variables)
        self.discriminator_loss.update_state(loss)
        correct = tf.concat([real_logits > 0, generated_logits <= 0], 0)
        self.discriminator_accuracy.update_state(tf.cast(correct, tf.float32))

    def penalty(self, real: tf.Tensor) -> tf.Tensor:
        """Compute the weighted R1 penalty if it is due in this step, else 0.

        It is due in every `r1_interval`-th step (lazy regularization), with its weight multiplied
        by `r1_interval`.

        Reference:
            Karras et al.: Analyzing and improving the image quality of StyleGAN. CVPR 2020.
        """
        if not self.r1_weight:
            return tf.zeros(())
        due = self.discriminator_optimizer.iterations % self.r1_interval == 0
        weight = self.r1_weight * self.r1_interval
        return tf.cond(
            due,
            lambda: weight * r1_penalty(self.discriminator, real, self.input_scale),
            lambda: tf.zeros(()),
        )


def r1_penalty(discriminator: keras.Model, real: tf.Tensor, input_scale: float) -> tf.Tensor:
    """Half the mean squared gradient norm of the discriminator on real examples.

    It keeps the discriminator flat around the data, so that the two networks do not oscillate.

    Args:
        discriminator: Model from examples to logits.
        real: Real examples, float32 [n, *shape].
        input_scale: Scale of the inputs; the gradient is with respect to real / input_scale.

    Reference:
        Mescheder, Geiger, Nowozin: Which training methods for GANs do actually converge?
        ICML 2018.
    """
    with tf.GradientTape() as tape:
        tape.watch(real)
        logits = tf.reduce_sum(discriminator(real, training=True))
    gradients = tape.gradient(logits, real) * input_scale
    return tf.reduce_sum(gradients**2) / (2 * tf.cast(tf.shape(real)[0], tf.float32))


def cross_entropy(logits: tf.Tensor, target: float) -> tf.Tensor:
    """Mean binary cross-entropy of logits [n, 1] with the same target, in nats."""
    targets = tf.fill(tf.shape(logits), target)
    return tf.reduce_mean(tf.nn.sigmoid_cross_entropy_with_logits(targets, logits))
