"""Epoch-based and step-based training with Keras, for all networks except raw_tensorflow."""

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
    AtLoggingSteps,
    AveragedWeights,
    KeepFiniteWeights,
    LearningRate,
    ProgressLine,
)
from stages.learning.optimizers import make_optimizer

PREDICT_BATCH = 500  # examples per validation batch
STEPS_PER_EXECUTION = 8  # per call of the compiled training function; does not change results
NUM_LOGGING_STEPS = 36  # at most, in step-based training


class Trained(NamedTuple):
    """Result of training.

    Attributes:
        model: Functional model for inference, to be stored.
        history: One row per epoch, or per logging step in step-based training; the first column
            is `epoch` or `training_step`, the last the one that `dvc plots` draws.
        snapshots: Arrays recorded during training, by name; may be empty.
        num_examples: Number of examples processed in training, counting repetitions.
    """

    model: keras.Model
    history: pd.DataFrame
    snapshots: Mapping[str, np.ndarray]
    num_examples: int


class MakeBatches(Protocol):
    """`make_batches` of a module in stages.pipelines."""

    def __call__(self, split: Split, training: Training, *, shuffle: bool) -> tf.data.Dataset:
        """Batches of (x, y), one pass over the split."""


def fit(
    model: keras.Model,
    train_batches: tf.data.Dataset,
    validation_batches: tf.data.Dataset | None = None,
    *,
    epochs: int | None = None,
    steps: int | None = None,
    callbacks: Iterable[keras.callbacks.Callback] = (),
) -> pd.DataFrame:
    """Train a compiled model for a number of epochs or steps.

    If the optimizer has `use_ema`, the model is validated and kept with averaged weights.

    Args:
        model: Model, compiled by `compile_model`. With several optimizers, `optimizer` is None.
        train_batches: Batches of one epoch; in step-based training, at least `steps` batches.
        validation_batches: Batches to evaluate after each epoch, or at each of
            `logging_steps(steps)`.
        epochs: Number of passes over `train_batches`.
        steps: Number of training steps, instead of epochs.
        callbacks: Callbacks, called at the end of each epoch, or at each logging step with
            `step - 1` as `epoch`.

    Returns:
        The history, with `epoch` or `training_step` as first column.

    Raises:
        DivergedError: If a logged value or a weight is not finite. Its model has the weights of
            the last epoch or logging step in which all were finite.
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
            shuffle=False,  # done by the input pipeline
            verbose=0,
        )
    else:
        at_steps = AtLoggingSteps(logging_steps(steps), all_callbacks, validation_batches)
        model.fit(train_batches.take(steps), callbacks=[at_steps], shuffle=False, verbose=0)
    if finite.diverged_at is not None:
        raise DivergedError(
            f"training diverged: a loss or weight is not finite after {unit.replace('_', ' ')} "
            f"{finite.diverged_at}, expected finite numbers: lower the learning_rate",
            model,
        )
    return make_history(unit, history)


def logging_steps(steps: int) -> list[int]:
    """Steps after which step-based training is logged and validated; the last is `steps`.

    They are spaced geometrically, since training changes most at the beginning. All but the last
    are multiples of STEPS_PER_EXECUTION.
    """
    grid = np.geomspace(min(STEPS_PER_EXECUTION, steps), steps, NUM_LOGGING_STEPS)
    rounded = np.ceil(grid / STEPS_PER_EXECUTION).astype(int) * STEPS_PER_EXECUTION
    return np.unique(np.minimum(rounded, steps)).tolist()


def make_history(unit: str, history: keras.callbacks.History) -> pd.DataFrame:
    """Convert a Keras history to a table: position, learning rate, losses, accuracies."""
    names = sorted(history.history, key=lambda name: ("accuracy" in name, name.startswith("val_")))
    table = pd.DataFrame({name: history.history[name] for name in names})
    if "learning_rate" in table:
        table.insert(0, "learning_rate", table.pop("learning_rate"))
    table.insert(0, unit, np.array(history.epoch) + 1)
    return table


def compile_model(
    model: keras.Model, optimizer: keras.optimizers.Optimizer | None, **arguments: Any
) -> None:
    """Compile a model for CPUs.

    XLA is not used, since its convolutions and loops are many times slower on CPUs. The optimizer
    is built here, or Keras would build it while it traces the training function, and trace again.

    Args:
        model: Model to compile, built.
        optimizer: Optimizer from `make_optimizer`; None if `train_step` has its own.
        arguments: Further arguments of `keras.Model.compile`, such as `loss` and `metrics`.
    """
    model.compile(
        optimizer=optimizer,
        jit_compile=False,
        steps_per_execution=STEPS_PER_EXECUTION,
        **arguments,
    )
    if optimizer is not None:
        optimizer.build(model.trainable_variables)


def train_classifier(
    model: keras.Model,
    config: ClassifierTraining,
    train: Split,
    validation: Split | None,
    make_batches: MakeBatches,
) -> Trained:
    """Train a classifier with cross-entropy loss.

    The weights of the epoch with the lowest validation loss are kept; without a validation split,
    those of the last epoch. The last layer outputs probabilities: one unit per class, or a single
    unit for class 1.

    Args:
        model: Model, not compiled.
        config: Training section of a classifier.
        train: Training split, y [n] integers.
        validation: Validation split, or None.
        make_batches: Function of the input pipeline.

    Raises:
        DivergedError: See `fit`.
    """
    num_classes = model.output_shape[-1]

    def batches(split: Split, shuffle: bool) -> tf.data.Dataset:
        dataset = make_batches(split, config, shuffle=shuffle)
        return dataset.map(lambda x, y: (x, encode_labels(y, num_classes)))

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
    """Encode integers [n] as float32: [n, 1] for one output unit, else one-hot [n, classes]."""
    if num_classes == 1:
        return tf.cast(y, tf.float32)[:, None]
    return tf.one_hot(tf.cast(y, tf.int32), num_classes)


def make_loss(num_classes: int, label_smoothing: float) -> keras.losses.Loss:
    """Build the cross-entropy loss of probabilities.

    Args:
        num_classes: Number of units of the last layer; 1 for the probability of class 1.
        label_smoothing: Amount by which targets are moved towards equal probabilities.

    Reference:
        Szegedy et al.: Rethinking the Inception architecture for computer vision, CVPR 2016.
    """
    if num_classes == 1:
        return keras.losses.BinaryCrossentropy(label_smoothing=label_smoothing)
    return keras.losses.CategoricalCrossentropy(label_smoothing=label_smoothing)
