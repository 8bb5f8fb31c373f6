"""A generative adversarial network for pictures: two convolutional networks, one against the other.

Goodfellow et al.: Generative adversarial nets, NIPS 2014; Radford, Metz, Chintala: Unsupervised
representation learning with deep convolutional generative adversarial networks, ICLR 2016. The
generator that is kept has the moving average of the weights that were trained (Yazici et al.: The
unusual effectiveness of averaging in GAN training, ICLR 2019).
"""

import time
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pandas as pd
import tensorflow as tf

from stages.data import Part
from stages.errors import DivergedError, UserError
from stages.layers import FusedBatchNormalization
from stages.params import Gan
from stages.training import (
    Trained,
    learning_rates,
    optimizer,
    set_precision,
    shuffled,
    streamed,
)

SAMPLES = 81  # pictures of the same noise, kept at regular epochs
FRAMES = 30  # times, at most
PENALTY_STEPS = 16  # steps of the discriminator between two of the gradient penalty
MEASURES = ["generator_loss", "discriminator_loss", "discriminator_accuracy"]
SCALE = 127.5  # pictures of 0 to 255 are -1 to 1 inside the networks
Epoch = Callable[[Any, tf.Tensor, tf.Tensor], tf.Tensor]
DiscriminatorStep = Callable[[tf.Tensor, tf.Tensor], tuple[tf.Tensor, tf.Tensor]]


def train(block: Gan, description: dict[str, Any], train: Part, validation: Part | None) -> Trained:
    """Train on the pictures of a part or of a folder, without labels.

    The model takes noise [n, noise_units] and pictures, uint8 [n,
    height, width, channels]; it gives pictures, float32 of 0 to 255, and the logit [n, 1] that a
    picture is real. Its layers `generator` and `discriminator` do the one and the other.

    Raises:
        UserError: when the pictures' sides are not divisible by 4.
        DivergedError: when a loss or a weight is no longer a finite number.
    """
    del validation
    set_precision(block.precision)
    size, choice = block.batch_size, block.augmentation
    if description["kind"] == "folder":
        return learn(block, streamed(description, train.x, size, choice))
    maps = Part(as_maps(train.x), train.y)
    batches = shuffled(maps, size, shuffle=True, augmentation=choice)
    return learn(block, batches.map(lambda x, _: x))


def as_maps(pictures: np.ndarray) -> np.ndarray:
    """Pictures [n, height, width] or [n, height, width, channels] with channels."""
    return pictures.reshape(*pictures.shape[:3], -1)


def learn(block: Gan, batches: tf.data.Dataset) -> Trained:
    """Train on batches of pictures, uint8 [size, height, width, channels]; see `train`.

    An epoch goes once through `batches`, whose number must be known.
    """
    steps = max(int(batches.cardinality()) // block.discriminator_steps, 1)
    shape = tuple(batches.element_spec.shape[1:])
    if shape[0] % 4 or shape[1] % 4:
        raise UserError(
            f"datasets.{block.dataset}: height and width of pictures must be divisible by 4, since "
            f"the generator doubles them twice, found {shape[0]}x{shape[1]}"
        )
    generator, discriminator = build_generator(block, shape), build_discriminator(block, shape)
    averaged = keras.models.clone_model(generator)
    averaged.set_weights(generator.get_weights())
    model = combine(averaged, discriminator)
    run = make_epoch(block, generator, averaged, discriminator, steps)

    iterator = iter(batches.repeat())
    noise = tf.random.normal([SAMPLES, block.noise_units])
    every = -(-block.epochs // FRAMES)
    sheets, rows = [generate(averaged, noise)], []
    for epoch in range(1, block.epochs + 1):
        began, good = time.perf_counter(), model.get_weights()
        means = run(iterator, tf.constant(steps), tf.constant((epoch - 1) * steps)).numpy()
        if not all(np.isfinite(values).all() for values in (means, *model.get_weights())):
            model.set_weights(good)
            raise DivergedError(diverged(epoch), model)
        rows.append([epoch, *means.tolist()])
        said = ", ".join(f"{name} {mean:.3f}" for name, mean in zip(MEASURES, means, strict=True))
        print(f"epoch {epoch}: {said}, {time.perf_counter() - began:.0f} s", flush=True)
        if epoch % every == 0:
            sheets.append(generate(averaged, noise))
    history = pd.DataFrame(rows, columns=["epoch", *MEASURES])
    samples = block.epochs * steps * block.discriminator_steps * block.batch_size
    return Trained(model, history, samples, {"samples": np.stack(sheets)})


def diverged(epoch: int) -> str:
    """What to say when the training is lost in `epoch`."""
    return (
        f"a loss or a weight is not a number in epoch {epoch}: lower generator_optimizer and "
        "discriminator_optimizer.learning_rate"
    )


def build_generator(block: Gan, shape: tuple[int, ...]) -> keras.Model:
    """From noise [block.noise_units] to a picture of `shape`, float32 of 0 to 255.

    It starts at a quarter of the sides and doubles them twice. Kernels of 4 overlap evenly at
    stride 2 (Odena, Dumoulin, Olah: Deconvolution and checkerboard artifacts, 2016).
    """
    height, width, channels = shape
    first, second = block.generator_filters
    layers = [
        keras.Input((block.noise_units,), name="noise"),
        keras.layers.Dense(height // 4 * (width // 4) * first, use_bias=False),
        keras.layers.Reshape((height // 4, width // 4, first)),
        FusedBatchNormalization(momentum=0.9),
        keras.layers.ReLU(),
        keras.layers.Conv2DTranspose(second, 4, 2, "same", use_bias=False),
        FusedBatchNormalization(momentum=0.9),
        keras.layers.ReLU(),
        keras.layers.Conv2DTranspose(channels, 4, 2, "same"),
        keras.layers.Activation("tanh", dtype="float32"),
        keras.layers.Rescaling(SCALE, SCALE, dtype="float32"),
    ]
    return keras.Sequential(layers, name="generator")


def build_discriminator(block: Gan, shape: tuple[int, ...]) -> keras.Model:
    """From pictures of `shape`, of 0 to 255, to the logit that they are real."""
    layers = [
        keras.Input(shape, name="pictures"),
        keras.layers.Rescaling(1 / SCALE, -1, dtype="float32"),
    ]
    for filters in block.discriminator_filters:
        layers.append(keras.layers.Conv2D(filters, 4, 2, "same"))
        layers.append(keras.layers.LeakyReLU(0.2))
    layers += [keras.layers.Flatten(), keras.layers.Dense(1, dtype="float32")]
    return keras.Sequential(layers, name="discriminator")


def combine(generator: keras.Model, discriminator: keras.Model) -> keras.Model:
    """One model of both, to be stored: noise and uint8 pictures to pictures and logits."""
    noise = keras.Input(generator.input_shape[1:], name="noise")
    pictures = keras.Input(discriminator.input_shape[1:], dtype="uint8", name="pictures")
    as_floats = keras.layers.Rescaling(1.0, dtype="float32")(pictures)
    return keras.Model([noise, pictures], [generator(noise), discriminator(as_floats)])


def generate(generator: keras.Model, noise: tf.Tensor) -> np.ndarray:
    """Pictures [n, height, width(, channels)] uint8 from noise; one channel is left out."""
    pictures = np.concatenate(
        [generator(noise[at : at + 500], training=False) for at in range(0, len(noise), 500)]
    )
    pictures = np.rint(pictures).astype(np.uint8)
    return pictures[..., 0] if pictures.shape[-1] == 1 else pictures


def make_epoch(
    block: Gan,
    generator: keras.Model,
    averaged: keras.Model,
    discriminator: keras.Model,
    steps: int,
) -> Epoch:
    """What trains both networks for some steps, and averages the generator's weights.

    Its arguments are an iterator of pictures, the number of steps and that of all before; it gives
    the mean of MEASURES.
    """
    choice, total = block.generator_optimizer, block.epochs * steps
    adam = optimizer(choice, learning_rates(block.schedule, choice.learning_rate, total))
    weights = generator.trainable_variables
    adam.build(weights)
    train_discriminator = make_discriminator_step(block, discriminator, steps)

    def pictures() -> tf.Tensor:
        return generator(tf.random.normal([block.batch_size, block.noise_units]), training=True)

    def average(step: tf.Tensor) -> None:
        passed = tf.cast(step, tf.float32)
        decay = tf.minimum(
            block.ema_decay, (1 + passed) / (10 + passed)
        )  # the first weights are bad
        for mean, weights in zip(averaged.weights, generator.weights, strict=True):
            mean.assign(decay * mean + (1 - decay) * weights)

    @tf.function
    def epoch(iterator: Any, steps: tf.Tensor, before: tf.Tensor) -> tf.Tensor:
        total = tf.zeros([3])
        for step in tf.range(before, before + steps):
            for _ in range(block.discriminator_steps - 1):
                train_discriminator(next(iterator), pictures())
            with tf.GradientTape() as tape:
                generated = pictures()
                with tape.stop_recording():
                    measured = train_discriminator(next(iterator), generated)
                loss = cross_entropy(discriminator(generated, training=True), 1.0)
            adam.apply_gradients(zip(tape.gradient(loss, weights), weights, strict=True))
            average(step)
            total += tf.stack([loss, *measured])
        return total / tf.cast(steps, tf.float32)

    return epoch


def make_discriminator_step(
    block: Gan, discriminator: keras.Model, steps: int
) -> DiscriminatorStep:
    """What trains the discriminator once with real, uint8, and generated pictures.

    It gives the loss without the penalty, and how often the discriminator was right. `steps` are
    the generator's of an epoch.
    """
    choice, total = block.discriminator_optimizer, block.epochs * steps * block.discriminator_steps
    adam = optimizer(choice, learning_rates(block.schedule, choice.learning_rate, total))
    weights = discriminator.trainable_variables
    adam.build(weights)

    def penalty(real: tf.Tensor) -> tf.Tensor:
        return block.gradient_penalty * PENALTY_STEPS * gradient_penalty(discriminator, real)

    def step(pictures: tf.Tensor, generated: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        real = tf.cast(pictures, tf.float32)
        with tf.GradientTape() as tape:
            both = discriminator(tf.concat([real, generated], 0), training=True)
            on_real, on_generated = both[: tf.shape(real)[0]], both[tf.shape(real)[0] :]
            loss = cross_entropy(on_real, 1 - block.label_smoothing)
            loss += cross_entropy(on_generated, 0.0)
            penalised = loss
            if block.gradient_penalty:
                due = adam.iterations % PENALTY_STEPS == 0
                penalised += tf.cond(due, lambda: penalty(real), lambda: 0.0)
        adam.apply_gradients(zip(tape.gradient(penalised, weights), weights, strict=True))
        right = [on_real > 0, on_generated <= 0]
        return loss, tf.reduce_mean([tf.reduce_mean(tf.cast(each, tf.float32)) for each in right])

    return step


def gradient_penalty(discriminator: keras.Model, real: tf.Tensor) -> tf.Tensor:
    """Half the mean squared length of the logit's gradient by real pictures, scaled to -1 to 1.

    It keeps the discriminator flat where the pictures are right, and training from going round in
    circles (R1 of Mescheder, Geiger, Nowozin: Which training methods for GANs do actually
    converge?, ICML 2018). Now and then is enough (Karras et al.: StyleGAN2, CVPR 2020).
    """
    with tf.GradientTape() as tape:
        tape.watch(real)
        logits = tf.reduce_sum(discriminator(real, training=True))
    slopes = tape.gradient(logits, real) * SCALE
    return tf.reduce_mean(tf.reduce_sum(slopes**2, axis=[1, 2, 3])) / 2


def cross_entropy(logits: tf.Tensor, target: float) -> tf.Tensor:
    """The mean binary cross-entropy of logits [n, 1], all with the same target.

    The generator's is with the target "real": it does not saturate (Goodfellow et al., 2014).
    """
    targets = tf.fill(tf.shape(logits), target)
    return tf.reduce_mean(tf.nn.sigmoid_cross_entropy_with_logits(targets, logits))
