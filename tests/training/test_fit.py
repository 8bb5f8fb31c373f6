import io
from collections.abc import Iterator
from contextlib import redirect_stdout
from typing import Any

import keras
import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
from pydantic import TypeAdapter

from stages.config.schema import AnyOptimizer
from stages.core.errors import DivergedError
from stages.learning import fit as fit_module
from stages.learning.callbacks import Snapshots
from stages.learning.fit import compile_model, fit, logging_steps
from stages.learning.optimizers import make_optimizer
from stages.learning.runtime import session
from tests.factories import ADAM

RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(45, 3)).astype(np.float32)
Y = (X @ [[1.0], [-2.0], [0.5]] + 0.3).astype(np.float32)
OTHER_X = RANDOM.normal(size=(20, 3)).astype(np.float32)
OTHER_Y = (OTHER_X @ [[1.0], [-2.0], [0.5]]).astype(np.float32)


@pytest.fixture(autouse=True)
def _session() -> Iterator[None]:
    with session(1, "float32"):
        yield


def batches(size: int = 10) -> tf.data.Dataset:
    return tf.data.Dataset.from_tensor_slices((X, Y)).shuffle(45).batch(size)


def validation() -> tf.data.Dataset:
    return tf.data.Dataset.from_tensor_slices((OTHER_X, OTHER_Y)).batch(500)


def make_model(steps: int = 15, layers: Any = (), **optimizer: Any) -> keras.Model:
    config = TypeAdapter(AnyOptimizer).validate_python(ADAM | optimizer)
    model = keras.Sequential([keras.Input((3,)), *layers, keras.layers.Dense(1)])
    compile_model(model, make_optimizer(config, steps), loss="mean_squared_error")
    return model


def train(steps_per_execution: int, monkeypatch: pytest.MonkeyPatch, **length: Any) -> Any:
    monkeypatch.setattr(fit_module, "STEPS_PER_EXECUTION", steps_per_execution)
    with session(1, "float32"):
        model = make_model(layers=[keras.layers.Dropout(0.3)])
        data = batches().repeat() if "steps" in length else batches()
        history = fit(model, data, validation(), **length)
        return model.get_weights(), history, int(model.optimizer.iterations)


def test_steps_per_execution_changes_no_result(monkeypatch: pytest.MonkeyPatch) -> None:
    results = [train(count, monkeypatch, epochs=3) for count in (1, 8, 16)]
    for weights, history, iterations in results[1:]:
        assert all((a == b).all() for a, b in zip(weights, results[0][0], strict=True))
        pd.testing.assert_frame_equal(history, results[0][1])
        assert iterations == 15


def test_step_based_training_takes_exactly_that_many_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    (one, _, first), (eight, history, second) = (
        train(count, monkeypatch, steps=43) for count in (1, 8)
    )
    assert first == second == 43
    assert all((a == b).all() for a, b in zip(one, eight, strict=True))
    assert history["training_step"].tolist() == logging_steps(43) == [8, 16, 24, 32, 40, 43]
    assert list(history) == ["training_step", "learning_rate", "loss", "val_loss"]


def test_the_history_has_the_learning_rate_at_the_beginning_of_each_epoch() -> None:
    model = make_model(steps=15, schedule="cosine")
    history = fit(model, batches(), epochs=3)
    expected = [0.01 * (1 + np.cos(np.pi * step / 15)) / 2 for step in (0, 5, 10)]
    assert history["learning_rate"].tolist() == pytest.approx(expected, rel=1e-5)
    assert history["epoch"].tolist() == [1, 2, 3]
    assert list(history) == ["epoch", "learning_rate", "loss"]


def test_losses_are_averaged_since_the_last_logging_step() -> None:
    model = make_model(learning_rate=1e-9)
    history = fit(model, batches(45).repeat(), validation(), steps=24)
    expected = model.evaluate(X, Y, verbose=0)
    assert history["loss"].tolist() == pytest.approx([expected] * 3, rel=1e-4)
    other = model.evaluate(OTHER_X, OTHER_Y, verbose=0)
    assert history["val_loss"].tolist() == pytest.approx([other] * 3, rel=1e-4)


def averages(weights: list[np.ndarray], momentum: float) -> np.ndarray:
    average = weights[0]
    for each in weights[1:]:
        average = momentum * average + (1 - momentum) * each
    return average


def step_by_step(count: int) -> list[np.ndarray]:
    """Return the kernel after each of `count` steps on the same batch, without averaging."""
    x, y, kernels = X[:10], Y[:10], []
    with session(1, "float32"):
        model = make_model(schedule="constant")
        for _ in range(count):
            model.train_on_batch(x, y)
            kernels.append(model.get_weights()[0])
    return kernels


@pytest.mark.parametrize("length", [{"epochs": 4}, {"steps": 24}])
def test_averaged_weights_are_validated_snapshotted_and_kept(length: dict[str, Any]) -> None:
    count = 24 if "steps" in length else 4
    raw = step_by_step(count)
    data = tf.data.Dataset.from_tensors((X[:10], Y[:10]))
    model = make_model(schedule="constant", ema_momentum=0.6)
    snapshots = Snapshots(range(100), lambda: {"kernel": model.get_weights()[0]})
    history = fit(
        model,
        data.repeat() if "steps" in length else data,
        validation(),
        callbacks=[snapshots],
        **length,
    )
    expected = averages(raw, 0.6)
    assert model.get_weights()[0] == pytest.approx(expected, abs=1e-6)
    assert abs(model.get_weights()[0] - raw[-1]).max() > 1e-3
    taken = snapshots.arrays("when")
    for step, kernel in zip(taken["when"][1:], taken["kernel"][1:], strict=True):
        assert kernel == pytest.approx(averages(raw[:step], 0.6), abs=1e-6)
    loss = model.evaluate(OTHER_X, OTHER_Y, verbose=0)
    assert history["val_loss"].iloc[-1] == pytest.approx(loss, rel=1e-6)


def test_averaging_leaves_training_and_batch_norm_statistics_alone() -> None:
    results = []
    optimizers: list[dict[str, Any]] = [{}, {"ema_momentum": 0.9}]
    for optimizer in optimizers:
        with session(1, "float32"):
            model = make_model(layers=[keras.layers.BatchNormalization()], **optimizer)
            history = fit(model, batches(), validation(), epochs=3)
            statistics = [variable.numpy() for variable in model.non_trainable_variables]
            results.append((history["loss"].tolist(), statistics, history["val_loss"].tolist()))
    plain, averaged = results
    assert plain[0] == averaged[0]
    assert all((a == b).all() for a, b in zip(plain[1], averaged[1], strict=True))
    assert plain[2] != averaged[2]


def test_snapshots_are_taken_at_the_requested_epochs_with_the_weights_of_those() -> None:
    model = make_model()
    snapshots = Snapshots([0, 2, 3], lambda: {"kernel": model.get_weights()[0]})
    untrained = model.get_weights()[0]
    fit(model, batches(), epochs=3, callbacks=[snapshots])
    taken = snapshots.arrays("epoch")
    assert taken["epoch"].tolist() == [0, 2, 3]
    assert taken["kernel"].shape == (3, 3, 1)
    assert (taken["kernel"][0] == untrained).all()
    assert (taken["kernel"][2] == model.get_weights()[0]).all()
    assert (taken["kernel"][1] != taken["kernel"][2]).all()
    assert Snapshots([], dict).arrays("epoch")["epoch"].shape == (0,)
    one = Snapshots([4], lambda: {"a": 3})
    for epoch in range(5):
        one.on_epoch_end(epoch)
    assert {name: array.tolist() for name, array in one.arrays("epoch").items()} == {
        "epoch": [4], "a": [3],
    }  # fmt: skip


class Spoil(keras.callbacks.Callback):
    """Makes the weights infinite after step or epoch `when`, and remembers the previous ones."""

    def __init__(self, when: int) -> None:
        super().__init__()
        self.when = when
        self.good: list[Any] = []

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        del logs
        if epoch == self.when:
            self.good = self.model.get_weights()
            self.model.set_weights([value * np.inf for value in self.good])


@pytest.mark.parametrize("optimizer", [{}, {"ema_momentum": 0.5}])
@pytest.mark.parametrize(
    ("length", "when", "message"),
    [
        ({"epochs": 6}, 2, "not finite after epoch 3, expected finite numbers: lower the learning"),
        ({"steps": 40}, 16, "not finite after training step 24, expected"),
    ],
)
def test_a_diverged_training_run_returns_the_last_finite_weights(
    length: dict[str, Any], when: int, message: str, optimizer: dict[str, Any]
) -> None:
    model, spoil = make_model(**optimizer), Spoil(when)
    taken: list[Any] = []

    def take() -> dict[str, Any]:
        taken.append(model.get_weights())
        return {}

    snapshots = Snapshots(range(100), take)
    data = batches().repeat() if "steps" in length else batches()
    with pytest.raises(DivergedError, match=message) as caught:
        fit(model, data, validation(), callbacks=[spoil, snapshots], **length)
    assert caught.value.model is model
    weights = model.get_weights()
    assert np.isfinite(np.concatenate([value.ravel() for value in weights])).all()
    assert all((a == b).all() for a, b in zip(weights, taken[-2], strict=True))
    assert model.stop_training


def test_an_infinite_loss_with_finite_weights_is_a_divergence_too() -> None:
    model = make_model(learning_rate=1e-6)
    bad = tf.data.Dataset.from_tensors((X, Y * 1e30))
    with pytest.raises(DivergedError, match="after epoch 1"):
        fit(model, bad, epochs=3)


def test_a_line_is_printed_for_each_epoch() -> None:
    printed = io.StringIO()
    with redirect_stdout(printed):
        fit(make_model(), batches(), epochs=2)
    lines = printed.getvalue().splitlines()
    assert len(lines) == 2
    assert lines[1].startswith("epoch 2/2: loss ")
    assert "learning_rate 0.01" in lines[1]
