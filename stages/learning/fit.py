"""Training with Keras: by epochs or by steps, for every network but raw_tensorflow."""

import math
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple, Protocol

import keras
import numpy as np
import pandas as pd
import tensorflow as tf

from stages.config.schema import ClassifierTraining, Training
from stages.core.errors import DivergedError
from stages.core.splits import Split
from stages.learning.callbacks import (
    AtMoments,
    AveragedWeights,
    KeepFiniteWeights,
    LearningRate,
    ProgressLine,
)
from stages.learning.optimizers import make_optimizer

PREDICT_BATCH = 500  # examples per validation batch
STEPS_PER_EXECUTION = 8  # that TensorFlow takes before it returns to Python; changes no result
NUM_MOMENTS = 36  # of a training by steps


class Trained(NamedTuple):
    """What a training gives.

    Attributes:
        model: to store; functional, for inference.
        history: one row per epoch, or per moment of a training by steps; the first column is
            `epoch` or `training_step`, the last the one that `dvc plots` draws.
        snapshots: what the model gave during the training, by name; may be empty.
        num_examples: processed in training, counting repetitions.
    """

    model: keras.Model
    history: pd.DataFrame
    snapshots: Mapping[str, np.ndarray]
    num_examples: int


class MakeBatches(Protocol):
    """`make_batches` of a module in stages.pipelines."""

    def __call__(self, split: Split, training: Training, *, shuffle: bool) -> tf.data.Dataset:
        """Batches of (x, y), once through the split."""


def fit(
    model: keras.Model,
    train_batches: tf.data.Dataset,
    validation_batches: tf.data.Dataset | None = None,
    *,
    epochs: int | None = None,
    steps: int | None = None,
    callbacks: Iterable[keras.callbacks.Callback] = (),
) -> pd.DataFrame:
    """Train a compiled model by epochs, or by steps.

    A model with an optimizer that has `use_ema` is validated and kept with averaged weights.

    Args:
        model: compiled, best by `compile_model`. With several optimizers its `optimizer` is None.
        train_batches: one epoch; in a training by steps, at least `steps` batches.
        validation_batches: to evaluate after each epoch, or at each of `moments(steps)`.
        epochs: how often to go through `train_batches`.
        steps: how many batches to take instead.
        callbacks: called at the end of each epoch, or with `step - 1` for an epoch at each moment.

    Returns:
        The history, with the column `epoch`, or `training_step`, first.

    Raises:
        DivergedError: if a logged number or a weight is not finite. Its model has the weights of
            the last epoch, or moment, in which all were.
    """
    unit = "epoch" if steps is None else "training_step"
    averaged = model.optimizer is not None and model.optimizer.use_ema
    finite, history = KeepFiniteWeights(), keras.callbacks.History()
    all_callbacks = [
        LearningRate(),
        *([AveragedWeights(model.optimizer)] if averaged else []),
        finite,
        *callbacks,
        ProgressLine(unit.replace("_", " "), epochs or steps),
        history,
    ]
    if steps is None:
        model.fit(
            train_batches,
            validation_data=validation_batches,
            epochs=epochs,
            callbacks=all_callbacks,
            shuffle=False,  # the batches are
            verbose=0,
        )
    else:
        at_moments = AtMoments(moments(steps), all_callbacks, validation_batches)
        model.fit(train_batches.take(steps), callbacks=[at_moments], shuffle=False, verbose=0)
    if finite.diverged_at is not None:
        raise DivergedError(
            f"training diverged: a loss or weight is not finite after {unit.replace('_', ' ')} "
            f"{finite.diverged_at}, expected finite numbers: lower the learning_rate",
            model,
        )
    return make_history(unit, history)


def moments(steps: int) -> list[int]:
    """Numbers of steps after which a training by steps is measured; the last is `steps`.

    Each is farther from the last by the same factor, since what is learned first changes most.
    All but the last are multiples of STEPS_PER_EXECUTION.
    """
    grid = np.geomspace(min(STEPS_PER_EXECUTION, steps), steps, NUM_MOMENTS)
    rounded = np.ceil(grid / STEPS_PER_EXECUTION).astype(int) * STEPS_PER_EXECUTION
    return np.unique(np.minimum(rounded, steps)).tolist()


def make_history(unit: str, history: keras.callbacks.History) -> pd.DataFrame:
    """What Keras recorded as a table: position, learning rate, losses, accuracies."""
    names = sorted(history.history, key=lambda name: ("accuracy" in name, name.startswith("val_")))
    table = pd.DataFrame({name: history.history[name] for name in names})
    if "learning_rate" in table:
        table.insert(0, "learning_rate", table.pop("learning_rate"))
    table.insert(0, unit, np.array(history.epoch) + 1)
    return table


def compile_model(
    model: keras.Model, optimizer: keras.optimizers.Optimizer | None, **arguments: Any
) -> None:
    """Compile for CPUs.

    Not by XLA, whose convolutions and loops are many times slower there.

    Args:
        model: to compile.
        optimizer: from `make_optimizer`; None where `train_step` has its own.
        arguments: `loss`, `loss_weights`, `metrics` of `keras.Model.compile`.
    """
    model.compile(
        optimizer=optimizer,
        jit_compile=False,
        steps_per_execution=STEPS_PER_EXECUTION,
        **arguments,
    )


def train_classifier(
    model: keras.Model,
    config: ClassifierTraining,
    train: Split,
    validation: Split | None,
    make_batches: MakeBatches,
) -> Trained:
    """Train a model that gives probabilities by cross-entropy.

    The weights kept are those of the epoch with the lowest validation loss, or the last without
    validation examples. The last layer has one unit per class, or one, the probability of class 1.

    Args:
        model: not compiled.
        config: training section of a classifier.
        train: examples to learn from; y [n] integers.
        validation: examples to choose the epoch by.
        make_batches: of the input pipeline.

    Raises:
        DivergedError: see `fit`.
    """
    num_classes = model.output_shape[-1]

    def batches(split: Split, shuffle: bool) -> tf.data.Dataset:
        made = make_batches(split, config, shuffle=shuffle)
        return made.map(lambda x, y: (x, encode_labels(y, num_classes)))

    total_steps = config.epochs * math.ceil(len(train.y) / config.batch_size)
    compile_model(
        model,
        make_optimizer(config.optimizer, total_steps),
        loss=make_loss(num_classes, config.label_smoothing),
        metrics=["accuracy"],
    )
    best = keras.callbacks.EarlyStopping(
        patience=config.early_stopping_patience or config.epochs, restore_best_weights=True
    )
    history = fit(
        model,
        batches(train, True),
        None if validation is None else batches(validation, False),
        epochs=config.epochs,
        callbacks=[] if validation is None else [best],
    )
    return Trained(model, history, {}, len(history) * len(train.y))


def encode_labels(y: tf.Tensor, num_classes: int) -> tf.Tensor:
    """Integers [n] as float32: [n, 1] for one output unit, else one-hot [n, num_classes]."""
    if num_classes == 1:
        return tf.cast(y, tf.float32)[:, None]
    return tf.one_hot(tf.cast(y, tf.int32), num_classes)


def make_loss(num_classes: int, label_smoothing: float) -> keras.losses.Loss:
    """Cross-entropy of probabilities.

    Args:
        num_classes: units of the last layer; 1 for the probability of class 1.
        label_smoothing: by which targets are moved from 0 and 1 towards equal probabilities.

    Reference:
        Szegedy et al.: Rethinking the Inception architecture for computer vision, CVPR 2016.
    """
    if num_classes == 1:
        return keras.losses.BinaryCrossentropy(label_smoothing=label_smoothing)
    return keras.losses.CategoricalCrossentropy(label_smoothing=label_smoothing)
