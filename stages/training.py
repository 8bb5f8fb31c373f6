"""Training of Keras models: determinism, precision, rates, batches, and what trainings share."""

import math
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple, Protocol

import cpuinfo
import keras
import numpy as np
import pandas as pd
import tensorflow as tf

from stages.data import Part
from stages.errors import UserError
from stages.params import Augmentation, Optimizer, Supervised
from stages.pictures import Cut, read_pictures

MOMENTS = 36  # at which a small model is looked at while it learns


class Trained(NamedTuple):
    """What a training gives.

    model: with the weights to keep.
    history: a row an epoch; the first column is `epoch`, the last the one that `dvc plots` draws.
    samples: how many it was shown.
    progress: what the model made while it learned, by name.
    """

    model: keras.Model
    history: pd.DataFrame
    samples: int
    progress: Mapping[str, np.ndarray] = MappingProxyType({})


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
    schedule = learning_rates(block.schedule, block.optimizer.learning_rate, block.epochs * steps)
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
    history = describe_epochs(result.history, schedule, steps)
    return Trained(model, history, len(history) * len(train.y))


def describe_epochs(
    results: dict[str, list[float]],
    schedule: keras.optimizers.schedules.LearningRateSchedule,
    steps: int,
) -> pd.DataFrame:
    """The history that Keras gives with epoch and learning rate, what is to be plotted last.

    Raises:
        UserError: when the loss is no longer a number.
    """
    names = sorted(results, key=lambda name: ("accuracy" in name, name.startswith("val_")))
    history = pd.DataFrame({name: results[name] for name in names})
    history.insert(0, "epoch", np.arange(1, len(history) + 1))
    history.insert(1, "learning_rate", [float(schedule(row * steps)) for row in history.index])
    check_finite(history)
    return history


def check_finite(history: pd.DataFrame) -> None:
    """Refuse a training that went astray.

    Raises:
        UserError: when the loss is no longer a number, with the epoch in which it was lost.
    """
    lost = history.loc[~np.isfinite(history["loss"]), "epoch"]
    if len(lost):
        raise UserError(f"the loss is not a number in epoch {lost.iloc[0]}: lower learning_rate")


def watch(
    steps: int, advance: Callable[[tf.Tensor], dict[str, float]], look: Callable[[], Any]
) -> tuple[pd.DataFrame, np.ndarray, list[Any]]:
    """Train for `steps` steps and look at the model at MOMENTS of them.

    Each is farther from the last by the same factor, since what is learned first changes most.

    Args:
        steps: in all.
        advance: takes as many steps as it is told; gives numbers for the history, `loss` among
            them.
        look: gives what is to be seen of the model now.

    Returns:
        The history, in which a row, here called an epoch, is a moment; the steps [frames] before
        each look, the first 0; what was seen [frames].

    Raises:
        UserError: when the loss becomes infinite or not a number.
    """
    moments = np.unique(np.geomspace(1, steps, MOMENTS).round().astype(np.int32))
    counts = np.diff(moments, prepend=0)
    history, seen = [], [look()]
    for epoch, (step, count) in enumerate(zip(moments, counts, strict=True), 1):
        history.append({"epoch": epoch, "step": step} | advance(tf.constant(count)))
        print(" - ".join(f"{name}: {value:.4g}" for name, value in history[-1].items()))
        check_finite(pd.DataFrame(history[-1:]))
        seen.append(look())
    return pd.DataFrame(history), np.append(0, moments), seen


def learner(
    model: keras.Model,
    part: Part,
    batch_size: int,
    loss: keras.losses.Loss,
    chosen: keras.optimizers.Optimizer,
) -> Callable[[tf.Tensor], None]:
    """A function that takes as many steps as it is told, each on random rows of `part`.

    One graph for all of them: with few weights, calling a step takes longer than the step.
    """
    x, y = tf.constant(part.x), tf.constant(part.y)
    chosen.build(model.trainable_variables)

    @tf.function
    def learn(steps: tf.Tensor) -> None:
        for _ in tf.range(steps):
            rows = tf.random.uniform([batch_size], 0, len(part.x), tf.int32)
            with tf.GradientTape() as tape:
                value = loss(tf.gather(y, rows), model(tf.gather(x, rows), training=True))
            gradients = tape.gradient(value, model.trainable_variables)
            chosen.apply(gradients, model.trainable_variables)

    return learn


def loss(classes: int, label_smoothing: float) -> keras.losses.Loss:
    """Cross-entropy, its labels moved a little from 0 and 1 (Szegedy et al., CVPR 2016)."""
    if classes == 1:
        return keras.losses.BinaryCrossentropy(label_smoothing=label_smoothing)
    return keras.losses.CategoricalCrossentropy(label_smoothing=label_smoothing)


def learning_rates(
    schedule: str, peak: float, steps: int
) -> keras.optimizers.schedules.LearningRateSchedule:
    """The learning rate of each of `steps` steps, `peak` at most.

    one_cycle rises for three tenths of the training and then falls along a cosine (Smith, Topin:
    Super-convergence, arXiv 1708.07120); cosine only falls (Loshchilov, Hutter: SGDR, ICLR 2017).
    """
    rising = int(0.3 * steps) if schedule == "one_cycle" else 0
    return keras.optimizers.schedules.CosineDecay(
        initial_learning_rate=peak / 25 if rising else peak,
        warmup_target=peak if rising else None,
        warmup_steps=rising,
        decay_steps=steps - rising,
        alpha=float(schedule == "constant"),  # the share of the peak at which it ends
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
    gathered = rows.map(lambda index: (change(tf.gather(x, index)), tf.gather(y, index)))
    return gathered.prefetch(2).with_options(without_autotune())


def random_seeds() -> tf.data.Dataset:
    """Endless seeds [2] of stateless random operations, other ones each epoch.

    Stateful ones would give a data set the same numbers each epoch, since their state begins anew
    with every iterator (https://www.tensorflow.org/guide/random_numbers).
    """
    return tf.data.Dataset.random(rerandomize_each_iteration=True).batch(2)


def shuffled(
    part: Part, size: int, *, shuffle: bool, augmentation: Augmentation | None = None
) -> tf.data.Dataset:
    """Batches, in a new random order each epoch when `shuffle`; pictures may be augmented."""
    rows = tf.data.Dataset.range(len(part.y))
    if shuffle:
        rows = rows.shuffle(len(part.y))
    batches = batches_of(part, rows.batch(size), lambda x: x)
    if not augmentation:
        return batches
    augmented = tf.data.Dataset.zip(batches, random_seeds()).map(
        lambda batch, seed: (augment(batch[0], augmentation, seed), batch[1])
    )
    return augmented.prefetch(2)


def streamed(
    description: dict[str, Any], names: np.ndarray, size: int, augmentation: Augmentation | None
) -> tf.data.Dataset:
    """Batches of a folder's pictures, uint8 [size, height, width, channels], read when needed.

    All are in a new random order each epoch: their numbers are shuffled, which are small, not
    pictures, which are not, so that the folder may be larger than memory. Equal seeds give equal
    batches, however many threads decode.

    Args:
        description: what stages.datasets.folder says of the folder.
        names: [n] of files in it.
        size: pictures a batch.
        augmentation: as of `augment`, or None.

    Raises:
        UserError: when a picture is no longer there.
    """
    folder, cut = Path(description["source"]), Cut(**description["cut"])
    for name in names:
        if not (folder / name).is_file():
            raise UserError(f"{folder / name}: no such file any more; run preprocess again")

    def read(rows: np.ndarray) -> np.ndarray:
        return read_pictures([folder / name for name in names[rows]], cut)

    def batch(rows: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        # Stateful, the default, would keep TensorFlow from reading ahead where it must be
        # deterministic.
        pictures = tf.numpy_function(read, [rows], tf.uint8, stateful=False)
        pictures = tf.ensure_shape(pictures, [None, *cut.output_shape])
        return augment(pictures, augmentation, seed) if augmentation else pictures

    rows = tf.data.Dataset.range(len(names)).shuffle(len(names)).batch(size)
    pictures = tf.data.Dataset.zip(rows, random_seeds()).map(batch)
    return pictures.prefetch(2).with_options(without_autotune())


def without_autotune() -> tf.data.Options:
    """Options of data sets that need no tuning: it costs more than their batches take."""
    options = tf.data.Options()
    options.autotune.enabled = False
    return options


def augment(pictures: tf.Tensor, choice: Augmentation, seed: tf.Tensor) -> tf.Tensor:
    """Move each picture of [n, height, width, ...] at random, and mirror half of them.

    Equal seeds [2] give equal results. The edge that opens is filled with 0. Both are a choice of
    rows and of columns, which is cheaper by far than a transformation of the picture (Keras:
    RandomTranslation).
    """
    count, margin = tf.shape(pictures)[0], choice.shift
    down, across, mirror = tf.unstack(tf.random.split(seed, 3))
    margins = [[0, 0], [margin, margin], [margin, margin]] + [[0, 0]] * (len(pictures.shape) - 3)
    padded = tf.pad(pictures, margins)

    def positions(length: int, seed: tf.Tensor) -> tf.Tensor:
        moved = tf.random.stateless_uniform([count, 1], seed, 0, 2 * margin + 1, tf.int32)
        return tf.range(length)[None] + moved

    rows, columns = positions(pictures.shape[1], down), positions(pictures.shape[2], across)
    if choice.flip:
        mirrored = tf.random.stateless_uniform([count, 1], mirror) < 0.5
        columns = tf.where(mirrored, tf.reverse(columns, [1]), columns)
    moved = tf.gather(padded, rows, axis=1, batch_dims=1)
    return tf.gather(moved, columns, axis=2, batch_dims=1)
