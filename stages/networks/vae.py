"""A variational autoencoder for grey pictures.

An encoder gives a normal distribution over a few latent numbers for each picture; a decoder draws a
picture from a sample of it. The loss is the negative of the evidence lower bound, its second part
weighted. Kingma, Welling: Auto-encoding variational Bayes, ICLR 2014; the weight: Higgins et al.:
beta-VAE, ICLR 2017.
"""

import math
from typing import Any

import keras
import tensorflow as tf

from stages.data import Part
from stages.errors import UserError
from stages.layers import FusedBatchNormalization
from stages.params import Augmentation, Vae
from stages.training import (
    Trained,
    augment,
    describe_epochs,
    learning_rates,
    optimizer,
    random_seeds,
    set_precision,
    shuffled,
)

SHRINKING = 4  # the decoder's two convolutions of stride 2 make the sides this much longer
KERNEL = 3
LAST_KERNEL = 5
LOSSES = ("loss", "reconstruction_loss", "kl_loss")


def train(block: Vae, description: dict[str, Any], train: Part, validation: Part | None) -> Trained:
    """Train with Keras; losses are means per picture, in nats.

    Raises:
        UserError: when the pictures' sides are not divisible by 4, or the loss is no longer a
            number.
    """
    del description  # the classes are not told
    set_precision(block.precision)
    model = build(block, train.x.shape[1:])
    steps = math.ceil(len(train.x) / block.batch_size)
    schedule = learning_rates(block.schedule, block.optimizer.learning_rate, block.epochs * steps)
    model.compile(
        optimizer=optimizer(block.optimizer, schedule),
        loss={"reconstruction": reconstruction_loss, "kl": kl_loss},
        loss_weights={"reconstruction": 1.0, "kl": block.kl_weight},
        jit_compile=False,  # XLA's convolutions are many times slower on a CPU
    )
    result = model.fit(
        changed_batches(train, block.batch_size, block.augmentation),
        validation_data=validation and batches(validation, 500, shuffle=False),
        epochs=block.epochs,
        callbacks=[keras.callbacks.TerminateOnNaN()],
        shuffle=False,  # the batches are
        verbose=2,
    )
    history = describe_epochs(result.history, schedule, steps)
    held_out = [f"val_{name}" for name in reversed(LOSSES)] if validation else []
    history = history[["epoch", *LOSSES, "learning_rate", *held_out]]
    return Trained(model, history, len(history) * len(train.x))


def build(block: Vae, shape: tuple[int, ...]) -> keras.Model:
    """From uint8 pictures [n, height, width] to two float32 outputs.

    reconstruction: logits of pixels [n, height, width], drawn from one sample of the latent
    numbers; kl: their mean and the logarithm of their variance, [n, 2, latent_units]. The parts
    are the layers `encoder` and `decoder`.
    """
    if len(shape) != 2 or any(side % SHRINKING for side in shape):
        raise UserError(
            f"pictures of {' x '.join(map(str, shape))}: expected grey ones whose height and width "
            f"are divisible by {SHRINKING}"
        )
    pictures = keras.Input(shape, dtype="uint8", name="pictures")
    mean, log_variance = build_encoder(block, shape)(pictures)
    latent = Sampling(dtype="float32")(mean, log_variance)
    logits = build_decoder(block, shape)(latent)
    both = keras.ops.stack([mean, log_variance], axis=1)
    return keras.Model(pictures, {"reconstruction": logits, "kl": both})


def build_encoder(block: Vae, shape: tuple[int, ...]) -> keras.Model:
    """From uint8 pictures of `shape` to mean and log variance, both float32 [n, latent_units]."""
    pictures = keras.Input(shape, dtype="uint8")
    x = keras.layers.Rescaling(1 / 255)(pictures)
    x = keras.layers.Reshape((*shape, 1))(x)
    for filters in block.encoder_filters:
        x = keras.layers.Conv2D(filters, KERNEL, 2, padding="same", use_bias=False)(x)
        x = FusedBatchNormalization(momentum=0.9)(x)
        x = keras.layers.Activation("relu")(x)
    x = keras.layers.Flatten()(x)
    for units in block.encoder_units:
        x = keras.layers.Dense(units, activation=block.activation)(x)
        x = keras.layers.Dropout(block.encoder_dropout)(x)
    mean = keras.layers.Dense(block.latent_units, dtype="float32", name="mean")(x)
    log_variance = keras.layers.Dense(block.latent_units, dtype="float32", name="log_variance")(x)
    return keras.Model(pictures, [mean, log_variance], name="encoder")


def build_decoder(block: Vae, shape: tuple[int, ...]) -> keras.Model:
    """From float32 latent numbers [n, latent_units] to float32 logits of pixels [n, *shape].

    The layers behind the latent numbers are float32 too: bfloat16 has 8 bits, and a picture's
    distribution is narrower than the steps between neighbouring numbers would be. What makes the
    activations of maps `relu` is time: smoother ones take longer than the convolutions.
    """
    first, second = block.decoder_filters
    height, width = (side // SHRINKING for side in shape)
    latent = keras.Input((block.latent_units,), dtype="float32")
    x = latent
    for units in block.decoder_units:
        x = keras.layers.Dense(units, activation=block.activation, dtype="float32")(x)
    x = keras.layers.Dense(height * width * first, activation="relu")(x)
    x = keras.layers.Reshape((height, width, first))(x)
    x = keras.layers.Conv2DTranspose(second, KERNEL, 2, padding="same", activation="relu")(x)
    x = keras.layers.Conv2DTranspose(1, LAST_KERNEL, 2, padding="same")(x)
    logits = keras.layers.Reshape(shape, dtype="float32")(x)
    return keras.Model(latent, logits, name="decoder")


@keras.saving.register_keras_serializable("stages")
class Sampling(keras.layers.Layer):
    """A sample of a normal distribution, so made that gradients reach its mean and variance."""

    def call(self, mean: tf.Tensor, log_variance: tf.Tensor) -> tf.Tensor:
        """Mean and log variance [n, units] to a sample [n, units]."""
        return mean + tf.exp(0.5 * log_variance) * tf.random.normal(tf.shape(mean))


def reconstruction_loss(pictures: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
    """Binary cross-entropy summed over pixels, in nats: [n].

    pictures: values 0 to 255 [n, height, width]; logits: of the same shape.
    """
    shares = tf.cast(pictures, tf.float32) / 255
    crossed = tf.nn.sigmoid_cross_entropy_with_logits(shares, logits)
    return tf.reduce_sum(crossed, axis=[1, 2])


def kl_loss(pictures: tf.Tensor, latent: tf.Tensor) -> tf.Tensor:
    """KL divergence from the standard normal distribution, in nats: [n].

    latent: mean and log variance [n, 2, units]; its closed form is in appendix B of Kingma and
    Welling. Keras gives every loss a target, which this one has no use for.
    """
    del pictures
    mean, log_variance = latent[:, 0], latent[:, 1]
    return 0.5 * tf.reduce_sum(mean**2 + tf.exp(log_variance) - 1 - log_variance, axis=1)


def batches(part: Part, size: int, *, shuffle: bool) -> tf.data.Dataset:
    """Batches of pictures, which are their own targets."""
    return shuffled(part, size, shuffle=shuffle).map(
        lambda pictures, _: (pictures, targets(pictures))
    )


def changed_batches(part: Part, size: int, change: Augmentation) -> tf.data.Dataset:
    """Batches in random order; the encoder sees changed pictures, the targets are unchanged.

    So the encoder learns to place what it has not seen, and the decoder need not draw the changes
    (Im et al.: Denoising criterion for variational auto-encoding framework, AAAI 2017).
    """
    changed = tf.data.Dataset.zip(batches(part, size, shuffle=True), random_seeds()).map(
        lambda batch, seed: (augment(batch[0], change, seed), batch[1])
    )
    return changed.prefetch(2)


def targets(pictures: tf.Tensor) -> dict[str, tf.Tensor]:
    """What each loss is given; that of the KL divergence has no use for it."""
    return {"reconstruction": pictures, "kl": pictures}
