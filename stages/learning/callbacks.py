"""Callbacks at the end of each epoch.

In step-based training, AtLoggingSteps calls them at the logging steps instead: there, `epoch` is
the number of steps minus one.
"""

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

Logs = dict[str, Any] | None


class LearningRate(keras.callbacks.Callback):
    """Logs the learning rate at the beginning of each epoch, for models with one optimizer."""

    def on_epoch_begin(self, epoch: int, logs: Logs = None) -> None:
        """Remember the rate."""
        del epoch, logs
        if self.model.optimizer is not None:
            self.rate = float(self.model.optimizer.learning_rate)

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        """Log the rate."""
        del epoch
        if logs is not None and self.model.optimizer is not None:
            logs["learning_rate"] = self.rate


class AveragedWeights(keras.callbacks.Callback):
    """Validates, snapshots and keeps the moving average of the weights.

    From the end of an epoch (its validation included) to the beginning of the next, and after the
    last, the variables hold their averages. keras.callbacks.SwapEMAWeights does the same by sums
    and differences, which rounds the weights. Non-trainable variables, such as the statistics of
    batch normalization, are not averaged.

    Args:
        optimizer: Optimizer of all trainable variables of the model, with `use_ema`.
    """

    def __init__(self, optimizer: keras.optimizers.Optimizer) -> None:
        super().__init__()
        self.optimizer = optimizer
        self.current: list[np.ndarray] | None = None  # weights while the averages replace them

    def on_test_begin(self, logs: Logs = None) -> None:
        """Swap in the averages."""
        del logs
        if self.current is None:
            self.current = [variable.numpy() for variable in self.model.trainable_variables]
            self.optimizer.finalize_variable_values(self.model.trainable_variables)

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        """Swap in the averages, unless validation did."""
        del epoch
        self.on_test_begin(logs)

    def on_epoch_begin(self, epoch: int, logs: Logs = None) -> None:
        """Restore the weights to continue training."""
        del epoch, logs
        if self.current is not None:
            for variable, value in zip(self.model.trainable_variables, self.current, strict=True):
                variable.assign(value)
        self.current = None


class KeepFiniteWeights(keras.callbacks.Callback):
    """Stops training when a loss, another logged value or a weight is not finite.

    The model then has the weights of the last epoch in which all were finite.

    Attributes:
        diverged_at: Epoch or step, from 1, after which training was stopped; None if it was not.
    """

    def on_train_begin(self, logs: Logs = None) -> None:
        """Remember the initial weights."""
        del logs
        self.diverged_at: int | None = None
        self.finite = self.model.get_weights()

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        """Remember the weights, or restore the remembered ones and stop."""
        weights = self.model.get_weights()
        if all(np.isfinite(values).all() for values in (*(logs or {}).values(), *weights)):
            self.finite = weights
            return
        self.diverged_at = epoch + 1
        self.model.set_weights(self.finite)
        self.model.stop_training = True

    def on_train_end(self, logs: Logs = None) -> None:
        """Restore them again: before this call Keras writes averaged weights into the model."""
        del logs
        if self.diverged_at is not None:
            self.model.set_weights(self.finite)


class Snapshots(keras.callbacks.Callback):
    """Records outputs of a model during training.

    Args:
        at: Epochs, or in step-based training steps, after which `take` is called; 0 is before
            training. Steps that are not in `fit.logging_steps` are ignored.
        take: Function that returns named arrays, of the same shapes each time.
    """

    def __init__(self, at: Collection[int], take: Callable[[], Mapping[str, Any]]) -> None:
        super().__init__()
        self.at, self.take = frozenset(at), take
        self.positions: list[int] = []
        self.taken: list[Mapping[str, Any]] = []

    def on_train_begin(self, logs: Logs = None) -> None:
        """Take a snapshot of the untrained model."""
        self.on_epoch_end(-1, logs)

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        """Take a snapshot if one is due."""
        del logs
        if epoch + 1 in self.at:
            self.positions.append(epoch + 1)
            self.taken.append(self.take())

    def arrays(self, position: str) -> dict[str, np.ndarray]:
        """Return all snapshots, stacked.

        Args:
            position: Name of the epochs or steps, "epoch" or "training_step".

        Returns:
            The arrays by name, [snapshots, ...], and the positions, int32 [snapshots].
        """
        stacked = {
            name: np.stack([np.asarray(arrays[name]) for arrays in self.taken])
            for name in (self.taken[0] if self.taken else [])
        }
        return {position: np.array(self.positions, np.int32)} | stacked


class ProgressLine(keras.callbacks.Callback):
    """Prints one line per epoch.

    Args:
        unit: "epoch" or "training step".
        total: Total number of epochs or steps.
    """

    def __init__(self, unit: str, total: int | None) -> None:
        super().__init__()
        self.unit, self.total = unit, total

    def on_epoch_begin(self, epoch: int, logs: Logs = None) -> None:
        """Start the timer."""
        del epoch, logs
        self.began = time.perf_counter()

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        """Print the line."""
        numbers = [f"{name} {value:.4g}" for name, value in (logs or {}).items()]
        seconds = f"{time.perf_counter() - self.began:.1f} s"
        print(f"{self.unit} {epoch + 1}/{self.total}:", ", ".join([*numbers, seconds]), flush=True)


class AtLoggingSteps(keras.callbacks.Callback):
    """Calls callbacks at the logging steps of step-based training, as at the ends of epochs.

    Metrics are averaged over the steps since the last logging step.

    Args:
        logging_steps: Increasing step numbers; all but the last are multiples of
            `steps_per_execution`.
        callbacks: Callbacks to call.
        validation_batches: Batches to evaluate at each logging step, or None.
    """

    def __init__(
        self,
        logging_steps: Sequence[int],
        callbacks: Sequence[keras.callbacks.Callback],
        validation_batches: tf.data.Dataset | None,
    ) -> None:
        super().__init__()
        self.logging_steps, self.callbacks = frozenset(logging_steps), callbacks
        self.last, self.validation_batches = max(logging_steps), validation_batches

    def on_train_begin(self, logs: Logs = None) -> None:
        """Begin the first epoch."""
        self.group = keras.callbacks.CallbackList(self.callbacks, model=self.model, **self.params)
        self.group.on_train_begin(logs)
        self.group.on_epoch_begin(0)

    def on_train_batch_end(self, batch: int, logs: Logs = None) -> None:
        """End an epoch at a logging step, and begin the next."""
        # When batches run out in the last execution, Keras counts all its steps.
        step = min(batch + 1, self.last)
        if step not in self.logging_steps:
            return
        measured = dict(logs or {})
        if self.validation_batches is not None:
            metrics = self.model.evaluate(
                self.validation_batches, callbacks=self.group, return_dict=True, verbose=0
            )
            measured |= {f"val_{name}": value for name, value in metrics.items()}
        self.model.reset_metrics()
        self.group.on_epoch_end(step - 1, measured)
        if step < self.last and not self.model.stop_training:
            self.group.on_epoch_begin(step)

    def on_train_end(self, logs: Logs = None) -> None:
        """End training."""
        self.group.on_train_end(logs)
