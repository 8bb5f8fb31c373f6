"""Supervised training of Keras models."""

import math
from collections.abc import Callable
from typing import NamedTuple, Protocol

import cpuinfo
import keras
import numpy as np
import pandas as pd
import tensorflow as tf

from stages.data import Part
from stages.errors import UserError
from stages.params import Augmentation, Optimizer, Supervised


class Trained(NamedTuple):
    """A trained model, its history (a row an epoch) and how many samples it was shown."""

    model: keras.Model
    history: pd.DataFrame
    samples: int


def set_determinism(seed: int) -> None:
    """Seed Python, NumPy and TensorFlow and use deterministic operations only.

    Equal seeds, parameters and machines then give equal weights, byte for byte
    (https://www.tensorflow.org/api_docs/python/tf/config/experimental/enable_op_determinism).
    """
    keras.utils.set_random_seed(seed)
    tf.config.experimental.enable_op_determinism()


def set_precision(precision: str) -> None:
    """Choose the numbers to compute in; `auto` is bfloat16 where the processor computes in it.

    Where it does not, bfloat16 is emulated, which is slower than float32. Weights stay float32
    (Micikevicius et al.: Mixed precision training, ICLR 2018; https://keras.io/api/mixed_precision).
    """
    if precision == "auto":
        native = {"amx_bf16", "avx512_bf16"} & set(cpuinfo.get_cpu_info().get("flags", []))
        precision = "mixed_bfloat16" if native else "float32"
    print(f"computing in {precision}")
    keras.config.set_dtype_policy(precision)


class MakeBatches(Protocol):
    """How batches are made of a part."""

    def __call__(self, part: Part, size: int, *, shuffle: bool) -> tf.data.Dataset:
        """A data set of batches of `size` rows, x [size, ...] and labels [size, ...]."""


def fit(
    model: keras.Model,
    block: Supervised,
    train: Part,
    validation: Part | None,
    make_batches: MakeBatches,
) -> Trained:
    """Train `model`, whose last layer gives probabilities, by cross-entropy.

    One unit at the end is the probability of class 1; several are one a class. The weights kept
    are those of the epoch with the lowest validation loss, or the last without validation part.

    Raises:
        UserError: when the loss becomes infinite or not a number.
    """
    classes = model.output_shape[-1]
    steps = math.ceil(len(train.y) / block.batch_size)
    schedule = learning_rates(block, steps)
    model.compile(
        optimizer=optimizer(block.optimizer, schedule),
        loss=loss(classes, block.label_smoothing),
        metrics=["accuracy"],
        jit_compile=False,  # XLA's convolutions and loops are many times slower on a CPU
    )
    held_out = validation and make_batches(targets(validation, classes), 500, shuffle=False)
    result = model.fit(
        make_batches(targets(train, classes), block.batch_size, shuffle=True),
        validation_data=held_out,
        epochs=block.epochs,
        callbacks=callbacks(block, validation),
        shuffle=False,  # the batches are
        verbose=2,
    )
    history = pd.DataFrame(result.history)
    history.insert(0, "epoch", np.arange(1, len(history) + 1))
    history["learning_rate"] = [float(schedule(epoch * steps)) for epoch in range(len(history))]
    check_finite(history)
    return Trained(model, history, len(history) * len(train.y))


def check_finite(history: pd.DataFrame) -> None:
    """Refuse a training that went astray.

    Raises:
        UserError: when the loss is no longer a number, with the epoch in which it was lost.
    """
    lost = history.loc[~np.isfinite(history["loss"]), "epoch"]
    if len(lost):
        raise UserError(f"the loss is not a number in epoch {lost.iloc[0]}: lower learning_rate")


def loss(classes: int, label_smoothing: float) -> keras.losses.Loss:
    """Cross-entropy, its labels moved a little from 0 and 1 (Szegedy et al., CVPR 2016)."""
    if classes == 1:
        return keras.losses.BinaryCrossentropy(label_smoothing=label_smoothing)
    return keras.losses.CategoricalCrossentropy(label_smoothing=label_smoothing)


def learning_rates(
    block: Supervised, steps: int
) -> keras.optimizers.schedules.LearningRateSchedule:
    """The learning rate of each step.

    one_cycle rises for three tenths of the training and then falls along a cosine (Smith, Topin:
    Super-convergence, arXiv 1708.07120); cosine only falls (Loshchilov, Hutter: SGDR, ICLR 2017).
    """
    rate, total = block.optimizer.learning_rate, block.epochs * steps
    if block.schedule == "constant":
        return keras.optimizers.schedules.PolynomialDecay(rate, 1, end_learning_rate=rate)
    rising = int(0.3 * total) if block.schedule == "one_cycle" else 0
    return keras.optimizers.schedules.CosineDecay(
        initial_learning_rate=rate / 25 if rising else rate,
        warmup_target=rate if rising else None,
        warmup_steps=rising,
        decay_steps=total - rising,
    )


def optimizer(
    choice: Optimizer, schedule: keras.optimizers.schedules.LearningRateSchedule
) -> keras.optimizers.Optimizer:
    """The optimizer by name; weights alone are decayed. `momentum` is Adam's beta_1.

    Gradients are scaled down when the norm of all of them is above `clip_norm` (Pascanu, Mikolov,
    Bengio: On the difficulty of training recurrent neural networks, ICML 2013).
    """
    common = {
        "learning_rate": schedule,
        "weight_decay": choice.weight_decay or None,
        "global_clipnorm": choice.clip_norm,
    }
    made: keras.optimizers.Optimizer
    if choice.name == "adam":
        made = keras.optimizers.Adam(beta_1=choice.momentum, **common)
    elif choice.name == "rmsprop":
        made = keras.optimizers.RMSprop(momentum=choice.momentum, **common)
    else:
        nesterov = choice.momentum > 0
        made = keras.optimizers.SGD(momentum=choice.momentum, nesterov=nesterov, **common)
    if choice.weight_decay:
        made.exclude_from_weight_decay(var_names=["bias", "beta", "gamma"])
    return made


def callbacks(block: Supervised, validation: Part | None) -> list[keras.callbacks.Callback]:
    """Keep the best weights, stop when they no longer improve, and stop at once at NaN."""
    chosen: list[keras.callbacks.Callback] = [keras.callbacks.TerminateOnNaN()]
    if validation:
        patience = block.early_stopping.patience if block.early_stopping else block.epochs
        chosen.append(keras.callbacks.EarlyStopping(patience=patience, restore_best_weights=True))
    return chosen


def targets(part: Part, classes: int) -> Part:
    """The labels as float32: [n, 1] for one unit at the end, else one-hot [n, classes]."""
    y = part.y[:, None] if classes == 1 else np.eye(classes)[part.y]
    return Part(part.x, y.astype(np.float32))


def batches_of(
    part: Part, rows: tf.data.Dataset, change: Callable[[tf.Tensor], tf.Tensor]
) -> tf.data.Dataset:
    """The rows of `part` that each element [size] of `rows` numbers; x as `change` makes it."""
    x, y = tf.constant(part.x), tf.constant(part.y)
    options = tf.data.Options()
    options.autotune.enabled = False  # it costs more than batches from memory take
    gathered = rows.map(lambda index: (change(tf.gather(x, index)), tf.gather(y, index)))
    return gathered.prefetch(2).with_options(options)


def shuffled(part: Part, size: int, *, shuffle: bool) -> tf.data.Dataset:
    """Batches as they are, in a new random order each epoch when `shuffle`."""
    rows = tf.data.Dataset.range(len(part.y))
    rows = rows.shuffle(len(part.y)) if shuffle else rows
    return batches_of(part, rows.batch(size), lambda x: x)


def shuffled_pictures(
    part: Part, size: int, *, shuffle: bool, augmentation: Augmentation | None
) -> tf.data.Dataset:
    """Batches of pictures; training pictures, which are the shuffled ones, are augmented."""
    if not (shuffle and augmentation):
        return shuffled(part, size, shuffle=shuffle)
    rows = tf.data.Dataset.range(len(part.y)).shuffle(len(part.y))
    return batches_of(part, rows.batch(size), lambda x: augment(x, augmentation))


def augment(pictures: tf.Tensor, choice: Augmentation) -> tf.Tensor:
    """Move each picture of [n, height, width] at random, and mirror half of them.

    The edge that opens is filled with 0. Both are a choice of rows and of columns, which is
    cheaper by far than a transformation of the picture (Keras: RandomTranslation).
    """
    count, margin = tf.shape(pictures)[0], choice.shift
    padded = tf.pad(pictures, [[0, 0], [margin, margin], [margin, margin]])

    def positions(length: int) -> tf.Tensor:
        moved = tf.random.uniform([count, 1], 0, 2 * margin + 1, tf.int32)
        return tf.range(length)[None] + moved

    rows, columns = positions(pictures.shape[1]), positions(pictures.shape[2])
    if choice.flip:
        mirrored = tf.random.uniform([count, 1]) < 0.5
        columns = tf.where(mirrored, tf.reverse(columns, [1]), columns)
    moved = tf.gather(padded, rows, axis=1, batch_dims=1)
    return tf.gather(moved, columns, axis=2, batch_dims=1)
