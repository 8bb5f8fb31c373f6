"""What happens at the end of each epoch.

In a training by steps, AtMoments calls the same callbacks at chosen steps: there, "epoch" is the
number of steps minus one.
"""

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

Logs = dict[str, Any] | None


class LearningRate(keras.callbacks.Callback):
    """Logs the learning rate with which an epoch began, of models with one optimizer."""

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
    """Validate, snapshot and keep the moving average of the weights instead of the weights.

    From the end of an epoch (its validation included) to the beginning of the next, and after the
    last, the variables have their averages as values. keras.callbacks.SwapEMAWeights does the same
    by sums and differences, which rounds the weights.
    What is not trained, like the statistics of batch normalization, is not averaged.

    Args:
        optimizer: with `use_ema`, of all trainable variables of the model.
    """

    def __init__(self, optimizer: keras.optimizers.Optimizer) -> None:
        super().__init__()
        self.optimizer = optimizer
        self.current: list[np.ndarray] | None = None  # weights while the averages replace them

    def on_test_begin(self, logs: Logs = None) -> None:
        """Put the averages in place."""
        del logs
        if self.current is None:
            self.current = [variable.numpy() for variable in self.model.trainable_variables]
            self.optimizer.finalize_variable_values(self.model.trainable_variables)

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        """Put the averages in place, if no validation did."""
        del epoch
        self.on_test_begin(logs)

    def on_epoch_begin(self, epoch: int, logs: Logs = None) -> None:
        """Put the weights back to train on."""
        del epoch, logs
        if self.current is not None:
            for variable, value in zip(self.model.trainable_variables, self.current, strict=True):
                variable.assign(value)
        self.current = None


class KeepFiniteWeights(keras.callbacks.Callback):
    """Stop when a loss, another logged number or a weight is not finite.

    The model then has the weights of the last epoch in which all were.

    Attributes:
        diverged_at: the epoch, or step, after which it was stopped, from 1; None if it was not.
    """

    def on_train_begin(self, logs: Logs = None) -> None:
        """Remember the initial weights."""
        del logs
        self.diverged_at: int | None = None
        self.finite = self.model.get_weights()

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        """Remember the weights, or go back to those remembered and stop."""
        weights = self.model.get_weights()
        if all(np.isfinite(values).all() for values in (*(logs or {}).values(), *weights)):
            self.finite = weights
            return
        self.diverged_at = epoch + 1
        self.model.set_weights(self.finite)
        self.model.stop_training = True

    def on_train_end(self, logs: Logs = None) -> None:
        """Go back once more: before this call Keras writes averaged weights into the model."""
        del logs
        if self.diverged_at is not None:
            self.model.set_weights(self.finite)


class Snapshots(keras.callbacks.Callback):
    """Collects what a model gives at some moments of its training.

    Args:
        at: epochs (or, in a training by steps, steps) after which to call `take`; 0 is before
            any. Others than the ends of epochs, or `fit.moments`, never come.
        take: gives named arrays, of the same shapes each time.
    """

    def __init__(self, at: Collection[int], take: Callable[[], Mapping[str, Any]]) -> None:
        super().__init__()
        self.at, self.take = frozenset(at), take
        self.moments: list[int] = []
        self.taken: list[Mapping[str, Any]] = []

    def on_train_begin(self, logs: Logs = None) -> None:
        """Take that of the untrained model."""
        self.on_epoch_end(-1, logs)

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        """Take that of this epoch."""
        del logs
        if epoch + 1 in self.at:
            self.moments.append(epoch + 1)
            self.taken.append(self.take())

    def arrays(self, moment: str) -> dict[str, np.ndarray]:
        """Everything taken, by name [snapshots, ...], and when, int32 [snapshots], as `moment`."""
        stacked = {
            name: np.stack([np.asarray(each[name]) for each in self.taken])
            for name in (self.taken[0] if self.taken else [])
        }
        return {moment: np.array(self.moments, np.int32)} | stacked


class ProgressLine(keras.callbacks.Callback):
    """Prints one line per epoch.

    Args:
        unit: what is counted, "epoch" or "training step".
        total: how many there will be.
    """

    def __init__(self, unit: str, total: int | None) -> None:
        super().__init__()
        self.unit, self.total = unit, total

    def on_epoch_begin(self, epoch: int, logs: Logs = None) -> None:
        """Start the clock."""
        del epoch, logs
        self.began = time.perf_counter()

    def on_epoch_end(self, epoch: int, logs: Logs = None) -> None:
        """Print the line."""
        numbers = [f"{name} {value:.4g}" for name, value in (logs or {}).items()]
        seconds = f"{time.perf_counter() - self.began:.1f} s"
        print(f"{self.unit} {epoch + 1}/{self.total}:", ", ".join([*numbers, seconds]), flush=True)


class AtMoments(keras.callbacks.Callback):
    """Lets callbacks act at moments of a training by steps as they do at the ends of epochs.

    Between two moments, metrics are averaged.

    Args:
        moments: numbers of steps, rising, each a multiple of `steps_per_execution` or the last.
        callbacks: what to call.
        validation_batches: to evaluate at each moment, if any.
    """

    def __init__(
        self,
        moments: Sequence[int],
        callbacks: Sequence[keras.callbacks.Callback],
        validation_batches: tf.data.Dataset | None,
    ) -> None:
        super().__init__()
        self.moments, self.callbacks = frozenset(moments), callbacks
        self.last, self.validation_batches = max(moments), validation_batches

    def on_train_begin(self, logs: Logs = None) -> None:
        """Begin the first epoch."""
        self.group = keras.callbacks.CallbackList(self.callbacks, model=self.model, **self.params)
        self.group.on_train_begin(logs)
        self.group.on_epoch_begin(0)

    def on_train_batch_end(self, batch: int, logs: Logs = None) -> None:
        """End an epoch at a moment, and begin the next."""
        step = min(batch + 1, self.last)  # of a last execution that runs out of batches, Keras
        if step not in self.moments:  # counts all of its steps
            return
        measured = dict(logs or {})
        if self.validation_batches is not None:
            found = self.model.evaluate(
                self.validation_batches, callbacks=self.group, return_dict=True, verbose=0
            )
            measured |= {f"val_{name}": value for name, value in found.items()}
        self.model.reset_metrics()
        self.group.on_epoch_end(step - 1, measured)
        if step < self.last and not self.model.stop_training:
            self.group.on_epoch_begin(step)

    def on_train_end(self, logs: Logs = None) -> None:
        """End the training."""
        self.group.on_train_end(logs)
