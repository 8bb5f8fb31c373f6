from typing import Any

import keras
import numpy as np
import pandas as pd
import pytest

from stages.core.splits import Split
from stages.metrics import distances
from stages.plots.style import figure_style
from stages.tasks.classifier import predict_features
from stages.tasks.image_generation import evaluate as task
from stages.tasks.image_generation.captions import CAPTIONS
from tests.unit.contexts import SEED, brightness_classifier, make_context

RANDOM = np.random.default_rng(0)
TRAIN = RANDOM.integers(0, 100, (30, 4, 6), np.uint8)
TEST = RANDOM.integers(150, 256, (20, 4, 6), np.uint8)
SPLITS = {
    "train": Split(TRAIN, np.zeros(30, np.uint8)),
    "test": Split(TEST, np.zeros(20, np.uint8)),
}
CLASSES = list("abcdefghij")
LEVELS = [10 + 26 * k for k in range(10)]
INFO: dict[str, Any] = {"classes": CLASSES, "input": {"type": "image"}}
HISTORY = pd.DataFrame(
    {
        "epoch": [1, 2],
        "generator_loss": [1.0, 2.0],
        "discriminator_loss": [3.0, 4.0],
        "discriminator_accuracy": [0.6, 0.7],
    }
)


def make_gan(shape: tuple[int, ...] = (4, 6)) -> keras.Model:
    """Generated images are gray, by the first of three noise numbers; light images are real."""
    size = int(np.prod(shape))
    noise = keras.Input((3,))
    paint = keras.layers.Dense(size)
    gray = keras.layers.Rescaling(40.0, 128.0)(keras.layers.Reshape(shape)(paint(noise)))
    generator = keras.Model(noise, gray, name="generator")
    kernel = np.zeros((3, size), np.float32)
    kernel[0] = 1
    paint.set_weights([kernel, np.zeros(size)])
    shown = keras.Input(shape)
    decide = keras.layers.Dense(1)
    logit = decide(keras.layers.Flatten()(shown))
    discriminator = keras.Model(shown, logit, name="discriminator")
    decide.set_weights([np.full((size, 1), 1 / size), np.array([-128.0])])
    images = keras.Input(shape, dtype="uint8")
    as_float = keras.layers.Rescaling(1.0)(images)
    inputs = keras.Input((3,))
    return keras.Model([inputs, images], [generator(inputs), discriminator(as_float)])


def noise_of(count: int) -> np.ndarray:
    return np.random.default_rng(SEED).standard_normal((count, 3))


def generated_levels(count: int) -> np.ndarray:
    return np.rint((40 * noise_of(count)[:, 0] + 128).clip(0, 255)).astype(np.uint8)


def evaluated(evaluator: keras.Model | None, splits: dict[str, Split] = SPLITS) -> Any:
    snapshots = {"epoch": np.array([0, 2]), "images": np.full((2, 81, 4, 6), 30, np.uint8)}
    context = make_context(
        make_gan(), splits, INFO, history=HISTORY, snapshots=snapshots, evaluator=evaluator
    )
    with figure_style():
        return task.evaluate(context)


@pytest.fixture(scope="module")
def by_features() -> Any:
    return evaluated(brightness_classifier(4, 6, LEVELS))


@pytest.fixture(scope="module")
def by_pixels() -> Any:
    return evaluated(None)


def test_generated_images_are_compared_with_test_images(by_features: Any) -> None:
    evaluator = brightness_classifier(4, 6, LEVELS)
    levels = generated_levels(len(TEST))
    generated = np.broadcast_to(levels[:, None, None], TEST.shape).astype(np.uint8)
    (made, labels), (real, _) = (predict_features(evaluator, x) for x in (generated, TEST))
    counts = np.bincount(labels, minlength=10) / len(TEST)
    metrics = by_features.metrics
    assert metrics["classes_covered"] == (counts >= 0.02).sum()
    occurring = counts[counts > 0]
    assert metrics["class_kl"] == pytest.approx((occurring * np.log(10 * occurring)).sum())
    assert metrics["frechet_distance"] == pytest.approx(
        distances.frechet_distance(made, real), rel=1e-6
    )
    assert set(metrics) == {
        "classes_covered", "class_kl", "frechet_distance", "frechet_distance_train",
        "frechet_distance_noise", "discriminator",
    }  # fmt: skip


def test_references_are_training_images_and_noise(by_features: Any) -> None:
    metrics = by_features.metrics
    assert (
        metrics["frechet_distance_train"]
        == pytest.approx((TEST.mean() - TRAIN.mean()) ** 2 / 255**2, rel=0.2)
        or metrics["frechet_distance_train"] > (TEST.mean() - TRAIN.mean()) ** 2 / 255**2
    )
    assert metrics["frechet_distance_noise"] < metrics["frechet_distance_train"]


def test_the_discriminator_is_correct_on_light_test_and_dark_generated_images(
    by_features: Any,
) -> None:
    dark = (generated_levels(len(TEST)) <= 128).mean()
    light = (TEST.mean(axis=(1, 2)) > 128).mean()
    assert light == 1
    assert by_features.metrics["discriminator"]["accuracy"] == pytest.approx((light + dark) / 2)


def test_the_chart_has_fractions_of_real_and_generated_images(by_features: Any) -> None:
    chart = by_features.chart
    assert list(chart) == ["value", "images", "fraction"]
    assert chart.groupby("images")["fraction"].sum().to_dict() == pytest.approx(
        {"real": 1, "generated": 1}
    )
    labels = np.abs(TEST.mean(axis=(1, 2))[:, None] - LEVELS).argmin(axis=1)
    real = chart[chart["images"] == "real"].set_index("value")["fraction"]
    assert real.to_dict() == pytest.approx(
        dict(zip(CLASSES, np.bincount(labels, minlength=10) / 20, strict=True))
    )
    (axes,) = by_features.figures["class_distribution"].axes
    bars = axes.patches
    assert [bar.get_width() for bar in bars[:10]] == real.tolist()
    assert bars[0].get_label() != "generated"


def test_without_evaluator_pixels_are_compared(by_pixels: Any) -> None:
    assert set(by_pixels.metrics) == {
        "sliced_wasserstein", "sliced_wasserstein_train", "discriminator",
    }  # fmt: skip
    assert by_pixels.metrics["sliced_wasserstein_train"] > by_pixels.metrics["sliced_wasserstein"]
    chart = by_pixels.chart.set_index(["images", "value"])["fraction"]
    assert chart["real", "0-31"] == 0
    assert chart["real", "224-255"] == pytest.approx((TEST >= 224).mean(), abs=1e-5)
    levels = generated_levels(20)
    expected = ((levels >= 96) & (levels < 128)).mean()
    assert chart["generated", "96-127"] == pytest.approx(expected, abs=1e-5)


def test_every_figure_has_a_caption_and_every_caption_a_figure(
    by_features: Any, by_pixels: Any
) -> None:
    names = {
        name
        for evaluation in (by_features, by_pixels)
        for name in (*evaluation.figures, *evaluation.animations)
    }
    # Generated levels are 48 to 208 mostly; the classes of the sums are 10, 62 to 244.
    assert names | {"vector_arithmetic"} == set(CAPTIONS)


def test_learning_curves_have_a_label_each(by_features: Any) -> None:
    losses, accuracy = by_features.figures["learning_curves"].axes
    lines = {line.get_label(): list(line.get_ydata()) for line in (*losses.lines, *accuracy.lines)}
    assert lines["generator"] == [1, 2]
    assert lines["discriminator"] == [3, 4]
    assert lines["training batches"] == [0.6, 0.7]
    assert set(lines["chance"]) == {0.5}


def test_grayscale_images_are_dark_on_white_in_all_figures(by_features: Any) -> None:
    generated, real = by_features.figures["samples"].axes
    assert np.asarray(real.images[0].get_array())[:4, :6].tolist() == (255 - TEST[0]).tolist()
    shown = np.asarray(generated.images[0].get_array())[0, 0]
    assert shown == 255 - generated_levels(20)[0]
    frames = by_features.animations["training"]
    assert (len(frames), frames[0][0, 0], frames[0].shape) == (2, 225, (9 * 5 - 1, 9 * 7 - 1))


def test_the_nearest_training_image() -> None:
    train = np.array([[[0, 0]], [[100, 100]], [[200, 0]]], np.uint8)
    images = np.array([[[180, 20]], [[90, 120]]], np.uint8)
    assert task.nearest_images(images, train).tolist() == [2, 1]


def test_interpolation_keeps_ends_and_norm() -> None:
    seen = []

    class Generator:
        @staticmethod
        def predict(noise: np.ndarray, **options: Any) -> np.ndarray:
            del options
            seen.append(noise)
            return np.zeros((len(noise), 2, 2))

    ends = RANDOM.normal(size=(2, 3, 5))
    images = task.interpolate(Generator, ends, 7)  # type: ignore[arg-type]
    assert images.shape == (3, 7, 2, 2)
    noise = seen[0].reshape(3, 7, 5)
    assert np.linalg.norm(noise, axis=2) == pytest.approx(np.full((3, 7), np.sqrt(5)), rel=1e-5)
    unit = ends / np.linalg.norm(ends, axis=2, keepdims=True) * np.sqrt(5)
    assert noise[:, 0] == pytest.approx(unit[0], rel=1e-5)
    assert noise[:, -1] == pytest.approx(unit[1], rel=1e-5)


def test_arithmetic_is_first_minus_second_plus_third() -> None:
    noise = np.array([[1.0, 0], [0, 1], [3, 4], [5, 0]])
    labels = np.array([2, 0, 3, 3])
    vectors = task.arithmetic_vectors(noise, labels, [(2, 0, 3)])
    expected = np.array([[1, 0], [0, 1], [4, 2], [5, 1]])
    expected = expected / np.linalg.norm(expected, axis=1, keepdims=True) * np.sqrt(2)
    assert vectors == pytest.approx(expected)


def test_arithmetic_is_shown_where_all_classes_are_generated() -> None:
    context = make_context(make_gan(), SPLITS, INFO, evaluator=brightness_classifier(4, 6, LEVELS))
    evaluation = evaluated(brightness_classifier(4, 6, LEVELS))
    evaluation.figures.pop("vector_arithmetic", None)
    noise = np.array([[(level - 128) / 40, 0, 0] for level in LEVELS for _ in range(2)])
    images = task.generate(make_gan().get_layer("generator"), noise)
    task.add_arithmetic(evaluation, context, noise, images)
    titles = evaluation.data["vector_arithmetic"]["titles"]
    assert titles[:3] == ["c", "- a", "+ d"]
    assert titles[4:7] == ["j", "- h", "+ f"]
    assert len(evaluation.figures["vector_arithmetic"].axes) == 8


def test_arithmetic_is_a_figure_of_an_evaluation_in_which_every_class_is_generated() -> None:
    levels = np.quantile(generated_levels(len(TEST)), np.linspace(0, 1, 10)).tolist()
    evaluation = evaluated(brightness_classifier(4, 6, levels))
    assert evaluation.metrics["classes_covered"] == 10
    assert len(evaluation.figures["vector_arithmetic"].axes) == 8
    titles = evaluation.data["vector_arithmetic"]["titles"]
    assert [title[:1] for title in titles] == ["c", "-", "+", "=", "j", "-", "+", "="]


def test_a_grid_of_generated_images_is_shown_next_to_one_of_test_images(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shown = []
    monkeypatch.setattr(task.plots, "samples", lambda *grids: shown.append(grids))
    test = RANDOM.integers(150, 256, (100, 4, 6), np.uint8)
    evaluated(None, SPLITS | {"test": Split(test, np.zeros(100, np.uint8))})
    ((generated, real),) = shown
    assert generated[:, 0, 0].tolist() == generated_levels(100)[:81].tolist()
    assert (real == test[:81]).all()


def test_generated_levels_are_rounded_and_clipped() -> None:
    noise = np.array([[0.011, 0, 0], [0.02, 0, 0], [99, 0, 0], [-99, 0, 0]])
    levels = task.generate(make_gan().get_layer("generator"), noise)[:, 0, 0]
    assert levels.tolist() == [128, 129, 255, 0]
