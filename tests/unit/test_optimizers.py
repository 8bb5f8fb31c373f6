import math
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from pydantic import TypeAdapter, ValidationError

from stages.config.schema import AnyOptimizer
from stages.learning.fit import encode_labels, logging_steps, make_loss
from stages.learning.optimizers import FusedAdam, FusedSgd, make_optimizer, make_schedule
from tests.factories import ADAM, RMSPROP, SGD

ADAGRAD = {"name": "adagrad", "learning_rate": 0.01, "schedule": "constant"}


def build(**values: Any) -> keras.optimizers.Optimizer:
    return make_optimizer(TypeAdapter(AnyOptimizer).validate_python(values), total_steps=100)


@pytest.mark.parametrize(
    ("values", "kind", "expected"),
    [
        (ADAM | {"beta_1": 0.7, "beta_2": 0.95}, "FusedAdam", {"beta_1": 0.7, "beta_2": 0.95}),
        (
            SGD | {"momentum": 0.8, "nesterov": True},
            "FusedSgd",
            {"momentum": 0.8, "nesterov": True},
        ),
        (
            SGD | {"momentum": 0.6, "nesterov": False},
            "FusedSgd",
            {"momentum": 0.6, "nesterov": False},
        ),
        (ADAGRAD, "Adagrad", {}),
        (RMSPROP | {"rho": 0.85, "momentum": 0.3}, "RMSprop", {"rho": 0.85, "momentum": 0.3}),
    ],
)
def test_an_optimizer_has_every_value_of_its_config(
    values: dict[str, Any], kind: str, expected: dict[str, Any]
) -> None:
    optional = {"weight_decay": 0.02, "global_clipnorm": 1.5, "ema_momentum": 0.97}
    optimizer = build(**values, **optional)
    config = optimizer.get_config()
    assert type(optimizer).__name__ == kind
    assert config.items() >= expected.items()
    assert config["weight_decay"] == 0.02
    assert config["global_clipnorm"] == 1.5
    assert (config["use_ema"], config["ema_momentum"]) == (True, 0.97)
    plain = build(**values).get_config()
    assert plain["weight_decay"] is None
    assert plain["global_clipnorm"] is None
    assert plain["clipvalue"] is None
    assert plain["use_ema"] is False


@pytest.mark.parametrize(
    ("fused", "reference"),
    [
        (FusedAdam(0.1, 0.7, 0.95), keras.optimizers.Adam(0.1, 0.7, 0.95)),
        (FusedSgd(0.1, 0.8, True), keras.optimizers.SGD(0.1, 0.8, True)),
        (FusedSgd(0.1, 0.8), keras.optimizers.SGD(0.1, 0.8)),
        (FusedSgd(0.1), keras.optimizers.SGD(0.1)),
        (FusedAdam(0.1, weight_decay=0.1), keras.optimizers.Adam(0.1, weight_decay=0.1)),
    ],
)
def test_fused_optimizers_are_equivalent_to_those_of_keras(
    fused: keras.optimizers.Optimizer, reference: keras.optimizers.Optimizer
) -> None:
    random = np.random.default_rng(1)
    start = [random.standard_normal(shape).astype(np.float32) for shape in ((7, 3), (5, 2))]
    found, expected = ([keras.Variable(values) for values in start] for _ in range(2))
    for _ in range(4):
        dense = tf.constant(random.standard_normal((7, 3)), tf.float32)
        rows = tf.IndexedSlices(tf.constant([[1.0, -2.0], [0.5, 3.0]]), [4, 1], (5, 2))
        fused.apply([dense, rows], found)
        reference.apply([dense, rows], expected)
    for values, wanted, before in zip(found, expected, start, strict=True):
        np.testing.assert_allclose(values.numpy(), wanted.numpy(), rtol=1e-4, atol=1e-5)
        assert np.abs(values.numpy() - before).max() > 0.05


def test_weights_are_decayed_but_not_biases_nor_normalization() -> None:
    model = keras.Sequential(
        [keras.Input((3,)), keras.layers.Dense(2), keras.layers.BatchNormalization()]
    )
    values = [variable.numpy() + 1 for variable in model.trainable_variables]
    for variable, value in zip(model.trainable_variables, values, strict=True):
        variable.assign(value)
    optimizer = build(**SGD | {"schedule": "constant"}, weight_decay=0.1)
    zeros = [np.zeros_like(value) for value in values]
    optimizer.apply(zeros, model.trainable_variables)
    names = [variable.name for variable in model.trainable_variables]
    assert names == ["kernel", "bias", "gamma", "beta"]
    factors = [1 - 0.1 * 0.05, 1, 1, 1]  # weight decay times learning rate
    for variable, value, factor in zip(model.trainable_variables, values, factors, strict=True):
        assert variable.numpy() == pytest.approx(value * factor)


def test_gradients_are_scaled_by_the_norm_of_all_of_them() -> None:
    optimizer = build(
        name="sgd",
        learning_rate=1.0,
        schedule="constant",
        momentum=0.0,
        nesterov=False,
        global_clipnorm=1.0,
    )
    variables = [keras.Variable([0.0]), keras.Variable([0.0])]
    optimizer.apply([keras.ops.array([3.0]), keras.ops.array([4.0])], variables)
    assert [float(v.numpy()[0]) for v in variables] == pytest.approx([-0.6, -0.8])


def test_gradients_are_clipped_by_value() -> None:
    optimizer = build(**SGD | {"momentum": 0.0, "learning_rate": 1.0}, clipvalue=0.5)
    weights = keras.Variable([0.0, 0.0, 0.0])
    optimizer.apply([keras.ops.array([0.25, 4.0, -4.0])], [weights])
    np.testing.assert_allclose(weights.numpy(), [-0.25, -0.5, 0.5])


def test_gradients_cannot_be_clipped_both_by_norm_and_by_value() -> None:
    with pytest.raises(ValidationError, match="clipvalue"):
        build(**SGD, global_clipnorm=1.0, clipvalue=0.5)


def test_the_constant_schedule_is_constant() -> None:
    assert make_schedule("constant", 0.003, 100) == 0.003


def test_the_cosine_schedule_falls_from_the_peak_to_zero() -> None:
    schedule = make_schedule("cosine", 0.003, 100)
    for step in (0, 17, 50, 93, 100):
        expected = 0.003 * (1 + math.cos(math.pi * step / 100)) / 2
        assert float(schedule(step)) == pytest.approx(expected, abs=1e-9)  # type: ignore[operator]


def test_one_cycle_rises_for_three_tenths_and_then_falls_along_a_cosine() -> None:
    schedule, peak = make_schedule("one_cycle", 0.003, 100), 0.003
    for step in (0, 10, 29):
        expected = peak / 25 + (peak - peak / 25) * step / 30
        assert float(schedule(step)) == pytest.approx(expected, rel=1e-4)  # type: ignore[operator]
    for step in (30, 40, 85, 100):
        expected = peak * (1 + math.cos(math.pi * (step - 30) / 70)) / 2
        assert float(schedule(step)) == pytest.approx(expected, abs=1e-8)  # type: ignore[operator]


@pytest.mark.parametrize("name", ["cosine", "one_cycle"])
def test_a_schedule_of_one_step_starts_at_the_peak(name: str) -> None:
    assert float(make_schedule(name, 0.5, 1)(0)) == pytest.approx(0.5)  # type: ignore[operator]


def test_label_smoothing_moves_targets_towards_equal_probabilities() -> None:
    p = np.array([[0.7, 0.2, 0.1], [0.1, 0.3, 0.6]], np.float32)
    targets = np.eye(3)[[0, 2]] * 0.7 + 0.1  # smoothing 0.3 of 3 classes
    expected = -(targets * np.log(p)).sum(axis=1).mean()
    labels = encode_labels(np.array([0, 2], np.uint8), 3)
    assert float(make_loss(3, 0.3)(labels, p)) == pytest.approx(expected, rel=1e-5)
    unsmoothed = -np.log([0.7, 0.6]).mean()
    assert float(make_loss(3, 0.0)(labels, p)) == pytest.approx(unsmoothed, rel=1e-5)


def test_label_smoothing_of_one_unit() -> None:
    p = np.array([[0.8], [0.3]], np.float32)
    targets = np.array([0.9, 0.1])  # labels 1 and 0, smoothing 0.2
    expected = -(targets * np.log(p[:, 0]) + (1 - targets) * np.log(1 - p[:, 0])).mean()
    labels = encode_labels(np.array([1, 0], np.uint8), 1)
    assert float(make_loss(1, 0.2)(labels, p)) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("steps", [1, 7, 8, 9, 100, 2000, 2003])
def test_logging_steps_increase_to_the_last_step_in_multiples_of_executions(steps: int) -> None:
    logged = logging_steps(steps)
    assert logged == sorted(set(logged))
    assert logged[0] == min(8, steps)
    assert logged[-1] == steps
    assert all(step % 8 == 0 for step in logged[:-1])
    if steps >= 2000:
        assert len(logged) > 20
        gaps = np.diff(logged)
        assert gaps[-2] > 4 * gaps[0]
