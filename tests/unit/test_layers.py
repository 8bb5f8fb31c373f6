from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from stages.learning.layers import FusedBatchNormalization
from stages.learning.runtime import session

SHAPE = (6, 5, 4, 3)
ARGUMENTS = {"momentum": 0.8, "epsilon": 0.02}


@pytest.fixture(autouse=True)
def _session() -> Iterator[None]:
    with session(1, "float32"):
        yield


def both() -> list[keras.layers.Layer]:
    random = np.random.default_rng(2)
    weights = [random.uniform(0.5, 2, 3).astype(np.float32) for _ in range(4)]
    layers = [FusedBatchNormalization(**ARGUMENTS), keras.layers.BatchNormalization(**ARGUMENTS)]
    for layer in layers:
        layer.build((None, *SHAPE[1:]))
        layer.set_weights(weights)
    return layers


def inputs(seed: int = 0) -> tf.Tensor:
    scales = np.array([0.1, 1, 3])
    return tf.constant(np.random.default_rng(seed).normal(1, 2, SHAPE) * scales, tf.float32)


@pytest.mark.parametrize("frozen", [False, True])
@pytest.mark.parametrize("training", [False, True])
def test_it_is_equivalent_to_the_layer_of_keras(training: bool, frozen: bool) -> None:
    ours, theirs = both()
    if frozen:
        ours.trainable = theirs.trainable = False
    before = ours.get_weights()
    for seed in range(3):
        x = inputs(seed)
        expected = theirs(x, training=training).numpy()
        assert ours(x, training=training).numpy() == pytest.approx(expected, abs=1e-4)
    for found, expected in zip(ours.get_weights(), theirs.get_weights(), strict=True):
        assert found == pytest.approx(expected, rel=1e-5)
    moved = any((a != b).any() for a, b in zip(before, ours.get_weights(), strict=True))
    assert moved == (training and not frozen)


def test_its_gradients_are_those_of_keras() -> None:
    gradients = []
    for layer in both():
        x = inputs()
        with tf.GradientTape() as tape:
            tape.watch(x)
            loss = tf.reduce_sum(layer(x, training=True) ** 3)
        gradients.append(tape.gradient(loss, [x, layer.gamma.value, layer.beta.value]))
    for ours, theirs in zip(*gradients, strict=True):
        assert ours.numpy() == pytest.approx(theirs.numpy(), rel=1e-3, abs=1e-2)


@pytest.mark.parametrize(
    "arguments",
    [{"scale": False}, {"center": False}, {"axis": 1}, {"renorm": True}, {"epsilon": 1e-6}],
)
def test_what_the_kernel_does_not_support_is_rejected(arguments: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="FusedBatchNormalization needs scale, center"):
        FusedBatchNormalization(**arguments)


def test_masks_are_rejected() -> None:
    with pytest.raises(ValueError, match="does not support masks"):
        FusedBatchNormalization()(inputs(), mask=tf.ones(SHAPE[:3], tf.bool))
