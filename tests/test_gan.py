import base64
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from stages import saving, training
from stages.data import Part
from stages.errors import DivergedError
from stages.evaluation import Evaluation, Inputs
from stages.networks import gan
from stages.params import Gan
from stages.tasks.generation import evaluate, metrics
from tests.small import GAN

RANDOM = np.random.default_rng(0)
KIND = {"kind": "image"}
GREY = Part(RANDOM.integers(0, 256, (40, 12, 8), np.uint8), np.zeros(40, np.uint8))
COLOUR = Part(RANDOM.integers(0, 256, (40, 8, 12, 3), np.uint8), np.zeros(40, np.uint8))


@pytest.fixture(autouse=True)
def _determinism() -> None:
    training.set_determinism(1)
    keras.config.set_dtype_policy("float32")


def block(**choices: Any) -> Gan:
    return GAN.model_copy(update=choices)


@pytest.mark.parametrize("part", [GREY, COLOUR], ids=["grey", "colour"])
@pytest.mark.parametrize("precision", ["float32", "mixed_bfloat16"])
def test_two_trainings_are_equal_and_so_are_their_files(
    part: Part, precision: str, tmp_path: Path
) -> None:
    files, sheets = [], []
    for index in range(2):
        keras.utils.clear_session()
        training.set_determinism(1)
        trained = gan.train(block(precision=precision, discriminator_steps=2), KIND, part, None)
        path = tmp_path / f"{index}.keras"
        saving.save_model(trained.model, path, trained.progress)
        files.append(path.read_bytes())
        sheets.append(trained.progress["samples"])
    assert files[0] == files[1]
    assert (sheets[0] == sheets[1]).all()
    assert sheets[0].shape == (3, 81, *part.x.shape[1:])
    assert sheets[0].dtype == np.uint8
    assert trained.samples == 2 * 2 * 16  # an epoch is a step of two, and its rest is left
    assert list(trained.history) == ["epoch", *gan.MEASURES]
    loaded = saving.load_model(path)
    noise, maps = RANDOM.normal(size=(5, 6)).astype(np.float32), gan.as_maps(part.x[:5])
    before, after = trained.model([noise, maps]), loaded([noise, maps])
    for ours, theirs in zip(before, after, strict=True):
        assert (ours.numpy() == theirs.numpy()).all()
    assert after[0].shape == maps.shape
    assert after[1].shape == (5, 1)
    stored = gan.generate(loaded.get_layer("generator"), noise)
    assert stored.shape == (5, *part.x.shape[1:])


def test_what_is_kept_is_the_average_of_the_weights() -> None:
    moving = gan.train(block(ema_decay=0.0), KIND, GREY, None).model.get_layer("generator")
    keras.utils.clear_session()
    training.set_determinism(1)
    averaged = gan.train(block(ema_decay=0.9), KIND, GREY, None).model.get_layer("generator")
    differences = [
        np.abs(a - b).max()
        for a, b in zip(moving.get_weights(), averaged.get_weights(), strict=True)
    ]
    assert max(differences) > 0


def test_each_kind_of_step_changes_its_own_network_alone() -> None:
    discriminator = gan.build_discriminator(GAN, (12, 8, 1))
    before = [each.copy() for each in discriminator.get_weights()]
    step = tf.function(gan.make_discriminator_step(GAN, discriminator, 5))
    generated = tf.zeros([16, 12, 8, 1])
    loss, accuracy = step(tf.constant(gan.as_maps(GREY.x[:16])), generated)
    assert 0 < float(loss) < 5
    assert 0 <= float(accuracy) <= 1
    changed = [(a != b).any() for a, b in zip(before, discriminator.get_weights(), strict=True)]
    assert all(changed)


def test_a_generator_learns_the_brightness_of_the_pictures() -> None:
    bright = Part(np.full((64, 12, 8), 230, np.uint8), np.zeros(64, np.uint8))
    fast = GAN.generator_optimizer.model_copy(update={"learning_rate": 0.01})
    chosen = block(
        epochs=30, schedule="constant", generator_optimizer=fast, discriminator_optimizer=fast
    )
    samples = gan.train(chosen, KIND, bright, None).progress["samples"]
    distances = np.abs(samples.astype(float) - 230).mean(axis=(1, 2, 3))
    print(distances.round())
    assert distances[-1] < distances[0] / 2


def test_the_penalty_is_half_the_squared_slope_of_the_logit() -> None:
    slope = np.arange(24, dtype=np.float32).reshape(1, 24) / 100
    linear = keras.Sequential(
        [
            keras.Input((4, 6, 1)),
            keras.layers.Flatten(),
            keras.layers.Dense(1, use_bias=False, kernel_initializer=lambda *_, **__: slope.T),
        ]
    )
    pictures = tf.random.uniform([3, 4, 6, 1], 0, 255)
    expected = ((slope * gan.SCALE) ** 2).sum() / 2
    assert float(gan.gradient_penalty(linear, pictures)) == pytest.approx(expected, rel=1e-5)


def test_cross_entropy_of_logits() -> None:
    logits = tf.constant([[0.0], [2.0]])
    p = np.array([0.5, 1 / (1 + np.exp(-2))])
    expected = -(0.9 * np.log(p) + 0.1 * np.log(1 - p)).mean()
    assert float(gan.cross_entropy(logits, 0.9)) == pytest.approx(expected)
    assert np.isfinite(float(gan.cross_entropy(tf.constant([[1e4], [-1e4]]), 1.0)))


def test_a_training_that_goes_astray_gives_the_last_good_weights(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def make_epoch(*arguments: Any) -> Any:
        run = original(*arguments)

        def broken(iterator: Any, steps: tf.Tensor, before: tf.Tensor) -> tf.Tensor:
            means = run(iterator, steps, before)
            return means * np.nan if before > 0 else means

        return broken

    original = gan.make_epoch
    good = gan.train(block(epochs=1, schedule="constant"), KIND, GREY, None).model.get_weights()
    keras.utils.clear_session()
    training.set_determinism(1)
    monkeypatch.setattr(gan, "make_epoch", make_epoch)
    with pytest.raises(DivergedError, match="in epoch 2: lower generator_optimizer") as caught:
        gan.train(block(epochs=3, schedule="constant"), KIND, GREY, None)
    kept = caught.value.model.get_weights()
    assert all((a == b).all() for a, b in zip(good, kept, strict=True))


def test_an_absurd_learning_rate_is_told_from_a_bug() -> None:
    rate = GAN.generator_optimizer.model_copy(update={"learning_rate": 1e38})
    with pytest.raises(DivergedError, match="epoch 1") as caught:
        gan.train(block(generator_optimizer=rate, discriminator_optimizer=rate), KIND, GREY, None)
    assert all(np.isfinite(each).all() for each in caught.value.model.get_weights())


def test_the_frechet_distance_of_normal_distributions() -> None:
    """Of N(m, A) and N(n, B) with A and B that commute: |m - n|^2 + sum of (a - b)^2."""
    turn = np.linalg.qr(RANDOM.normal(size=(3, 3)))[0]
    exact = RANDOM.normal(size=(4000, 3))
    exact = (exact - exact.mean(axis=0)) @ np.linalg.inv(np.linalg.cholesky(np.cov(exact.T)).T)
    a = exact * [1, 2, 3] @ turn
    b = exact * [2, 2, 0.5] @ turn + [1, 0, -2]
    assert metrics.frechet_distance(a, b) == pytest.approx(5 + 1 + 0 + 6.25, rel=1e-6)
    assert metrics.frechet_distance(b, a) == pytest.approx(12.25, rel=1e-6)


@given(st.integers(0, 1000), st.integers(1, 6), st.floats(0, 100))
def test_the_frechet_distance_is_zero_for_equal_rows_and_grows_with_their_distance(
    seed: int, width: int, shift: float
) -> None:
    rows = np.random.default_rng(seed).normal(size=(20, width))
    assert metrics.frechet_distance(rows, rows[::-1]) == pytest.approx(0, abs=1e-5)
    expected = width * shift**2
    assert metrics.frechet_distance(rows, rows + shift) == pytest.approx(
        expected, rel=1e-6, abs=1e-4
    )


def test_features_that_are_constant_are_no_trouble() -> None:
    rows = RANDOM.normal(size=(50, 4)) * [1, 0, 0, 2]
    assert metrics.frechet_distance(rows, rows + np.array([0, 3, 0, 0])) == pytest.approx(9)


def test_shares_and_divergence_of_classes() -> None:
    labels = np.array([0] * 49 + [1] * 49 + [3] * 2)
    shares = metrics.shares_of(labels, 4)
    assert shares.tolist() == [0.49, 0.49, 0, 0.02]
    assert metrics.classes_generated(shares) == 3
    assert metrics.classes_generated(np.array([0.981, 0.019])) == 1
    expected = 2 * 0.49 * np.log(0.49 * 4) + 0.02 * np.log(0.02 * 4)
    assert metrics.class_kl(shares) == pytest.approx(expected)
    assert metrics.class_kl(np.full(10, 0.1)) == pytest.approx(0)
    assert metrics.class_kl(np.array([1.0, 0, 0])) == pytest.approx(np.log(3))


def test_the_sliced_wasserstein_distance() -> None:
    pictures = RANDOM.integers(0, 100, (60, 5, 4), np.uint8)

    def distance(a: np.ndarray, b: np.ndarray) -> float:
        return metrics.sliced_wasserstein(a, b, np.random.default_rng(1))

    assert distance(pictures, pictures[::-1]) == pytest.approx(0, abs=1e-5)
    near, far = distance(pictures, pictures + 10), distance(pictures, pictures + 100)
    # moved by the same everywhere, the distance along a line is |sum of its direction| * shift
    assert far == pytest.approx(10 * near, rel=1e-4)
    assert near == distance(pictures, pictures + 10)


def classifier() -> keras.Model:
    return keras.Sequential(
        [
            keras.Input((12, 8), dtype="uint8"),
            keras.layers.Rescaling(1 / 255),
            keras.layers.Flatten(),
            keras.layers.Dense(5),
            keras.layers.Dropout(0.5),
            keras.layers.Dense(10, activation="softmax"),
        ]
    )


def test_features_are_the_last_hidden_layer_and_labels_what_the_judge_says() -> None:
    judge = classifier()
    hidden, labels = metrics.features(judge, GREY.x)
    assert hidden.dtype == np.float64
    assert (labels == judge.predict(GREY.x, verbose=0).argmax(axis=1)).all()
    kernel, bias = judge.layers[2].get_weights()
    expected = (GREY.x / 255).reshape(40, -1) @ kernel + bias
    assert hidden == pytest.approx(expected, rel=1e-6, abs=1e-4)


def evaluated(part: Part, judge: keras.Model | None) -> Evaluation:
    trained = gan.train(GAN, KIND, part, None)
    inputs = Inputs(
        description={"kind": "image", "classes": list("abcdefghij")},
        parts={"train": part, "test": part},
        folder=None,  # type: ignore[arg-type]
        model=trained.model,
        retrain=None,  # type: ignore[arg-type]
        judge=judge or trained.model,
        history=trained.history,
        progress=dict(trained.progress),
    )
    return evaluate.evaluate(inputs, GAN)


def test_an_evaluation_by_a_classifier() -> None:
    done = evaluated(Part(np.tile(GREY.x, (10, 1, 1)), np.zeros(400, np.uint8)), classifier())
    assert set(done.metrics) == {
        "classes_generated",
        "class_kl",
        "fid_fashion",
        "fid_fashion_floor",
        "fid_fashion_ceiling",
        "discriminator",
    }
    assert 0 <= done.metrics["discriminator"]["accuracy"] <= 1
    assert done.metrics["fid_fashion_floor"] < done.metrics["fid_fashion"]
    assert list(done.chart) == ["value", "pictures", "share"]
    assert done.chart.groupby("pictures")["share"].sum().to_list() == pytest.approx(
        [1, 1], abs=1e-3
    )
    assert {"samples", "curves", "shares", "interpolation", "neighbours"} <= set(done.figures)
    packed = done.data["samples"]
    stored = np.frombuffer(base64.b64decode(packed["base64"]), packed["dtype"])
    assert stored.reshape(packed["shape"]).shape == (81, 12, 8)
    assert stored.std() > 0
    frames = done.animations["training"]
    assert len(frames) == 3
    assert frames[0].shape == (9 * 13 - 1, 9 * 9 - 1)


def test_an_evaluation_of_colour_pictures_without_classifier() -> None:
    done = evaluated(COLOUR, None)
    assert set(done.metrics) == {"sliced_wasserstein", "sliced_wasserstein_floor", "discriminator"}
    assert done.metrics["sliced_wasserstein"] > 0
    assert isinstance(done.chart, pd.DataFrame)
    assert done.chart["value"].iloc[0] == "0-31"
    assert done.chart.groupby("pictures")["share"].sum().to_list() == pytest.approx(
        [1, 1], abs=1e-3
    )
    assert done.animations["training"][0].shape == (9 * 9 - 1, 9 * 13 - 1, 3)


def test_noise_between_two_ends_keeps_its_length_and_ends() -> None:
    generator = gan.build_generator(GAN, (12, 8, 1))
    ends = RANDOM.normal(size=(2, 3, 6))
    ends *= np.sqrt(6) / np.linalg.norm(ends, axis=2, keepdims=True)
    paths = evaluate.interpolate(generator, ends)
    assert paths.shape == (3, evaluate.STEPS, 12, 8)
    for end, column in ((0, 0), (1, -1)):
        expected = gan.generate(generator, ends[end].astype(np.float32)).astype(int)
        assert np.abs(paths[:, column].astype(int) - expected).max() <= 1


def test_the_nearest_training_picture() -> None:
    train = np.array([[[0, 0]], [[100, 100]], [[200, 0]]], np.uint8)
    pictures = np.array([[[180, 20]], [[90, 120]]], np.uint8)
    assert evaluate.nearest(pictures, train).tolist() == [2, 1]
