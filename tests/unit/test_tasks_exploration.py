from types import SimpleNamespace
from typing import Any

import keras
import numpy as np
import pytest

from stages.plots.style import figure_style, rasterize
from stages.tasks.exploration import arithmetic, attributes, plots
from stages.tasks.exploration import explore as task
from stages.tasks.exploration.captions import CAPTIONS
from stages.tasks.exploration.inversion import Search, descend, find_nearest, invert

RANDOM = np.random.default_rng(0)
CONFIG = SimpleNamespace(
    seed=1, num_images=6, restarts=3, steps=40, learning_rate=0.1, strength=1.0
)  # fmt: skip


def bar(top: int, bottom: int, left: int, right: int, side: int = 28) -> np.ndarray:
    image = np.zeros((1, side, side), np.uint8)
    image[0, top:bottom, left:right] = 255
    return image


@pytest.mark.parametrize("thickness", [1, 2, 3])
def test_thickness_of_a_long_bar(thickness: int) -> None:
    for image in (bar(2, 26, 10, 10 + thickness), bar(10, 10 + thickness, 2, 26)):
        assert attributes.thickness(image)[0] == pytest.approx(thickness, rel=0.15)
        assert attributes.thickness(image // 2) == pytest.approx(attributes.thickness(image), 0.01)


@pytest.mark.parametrize("slope", [-0.5, 0.0, 0.25, 1.0])
def test_slant_of_a_line(slope: float) -> None:
    image = np.zeros((1, 29, 29), np.uint8)
    for row in range(4, 25):
        image[0, row, round(14 - slope * (row - 14))] = 200
    assert attributes.slant(image)[0] == pytest.approx(slope, abs=0.03)
    assert attributes.slant(image[:, :, ::-1])[0] == pytest.approx(-slope, abs=0.03)


def test_width_is_the_standard_deviation_of_the_columns() -> None:
    image = RANDOM.integers(0, 256, (3, 9, 7)).astype(np.uint8)
    for one, measured in zip(image, attributes.width(image), strict=True):
        columns = np.repeat(np.tile(np.arange(7), 9), one.reshape(-1))
        assert measured == pytest.approx(columns.std())


@pytest.mark.parametrize("name", attributes.ATTRIBUTES)
def test_attributes_of_an_empty_image_are_zero(name: str) -> None:
    assert attributes.ATTRIBUTES[name](np.zeros((2, 5, 5), np.uint8)).tolist() == [0, 0]


def test_extremes_are_means_of_the_lowest_and_highest_fifth_of_each_class() -> None:
    values = RANDOM.permutation(40).astype(float)
    labels = np.repeat([0, 1], [30, 10])
    noise = np.stack([values, labels], axis=1)
    found = arithmetic.find_extremes(noise, labels, values, 2)
    for label, count in ((0, 6), (1, 2)):
        ordered = np.sort(values[labels == label])
        assert found.low[label].tolist() == [ordered[:count].mean(), label]
        assert found.high[label].tolist() == [ordered[-count:].mean(), label]
    spreads = [values[labels == label].std() for label in (0, 1)]
    assert found.spread == pytest.approx(np.mean(spreads))
    assert arithmetic.direction(found) == pytest.approx([1, 0])


def test_moved_noise_keeps_its_norm_and_moves_along_the_direction() -> None:
    noise, along = RANDOM.normal(size=(5, 4)), np.array([0, 1.0, 0, 0])
    moved = arithmetic.move(noise, along, 2.0)
    assert np.linalg.norm(moved, axis=1) == pytest.approx(np.linalg.norm(noise, axis=1))
    assert (moved @ along > noise @ along).all()
    assert arithmetic.move(noise, along, 0.0) == pytest.approx(noise)


def test_success_needs_a_change_of_half_a_deviation_and_the_same_class() -> None:
    before, after = np.zeros(5), np.array([1.0, 0.99, 5.0, -1.0, 2.0])
    labels = np.array([0, 0, 0, 0, 1]), np.array([0, 0, 1, 0, 1])
    grown = arithmetic.success((before, after), labels, 2.0, 1)
    assert grown.tolist() == [True, False, False, False, True]
    shrunk = arithmetic.success((before, after), labels, 2.0, -1)
    assert shrunk.tolist() == [False, False, False, True, False]


def test_arithmetic_for_all_pairs_has_the_typical_norm() -> None:
    extremes = arithmetic.Extremes(RANDOM.normal(size=(3, 4)), RANDOM.normal(size=(3, 4)), 1.0)
    vectors = arithmetic.combine(extremes)
    assert vectors.shape == (6, 4, 4)
    assert np.linalg.norm(vectors, axis=2) == pytest.approx(np.full((6, 4), 2.0))
    a, c = arithmetic.pairs(3)[3]
    assert (a, c) == (1, 2)
    result = extremes.high[a] - extremes.low[a] + extremes.low[c]
    assert vectors[3, 3] == pytest.approx(2 * result / np.linalg.norm(result))


def make_generator() -> keras.Model:
    """Noise controls position (and so the class), thickness and slant of a stroke, roughly."""
    noise = keras.Input((3,))
    rows = np.arange(12, dtype=np.float32)[:, None] - 5.5
    columns = np.arange(12, dtype=np.float32)[None] - 5.5
    x = keras.layers.Rescaling(1.0)(noise)
    position, slope, thick = (x[:, k, None, None] for k in range(3))
    center = 2.5 * keras.ops.tanh(3 * position) - 0.3 * keras.ops.multiply(slope, rows)
    distance = keras.ops.subtract(columns, center)
    ink = keras.ops.exp(-((distance / keras.ops.exp(0.3 * thick)) ** 2))
    return keras.Model(noise, 255 * ink)


def make_evaluator() -> keras.Model:
    """Classifies by whether the left or the right half is brighter."""
    images = keras.Input((12, 12), dtype="uint8")
    pixels = keras.layers.Flatten()(keras.layers.Rescaling(1 / 255)(images))
    dense = keras.layers.Dense(2, activation="softmax", use_bias=False)
    model = keras.Model(images, dense(pixels))
    left = np.tile(np.arange(12) < 6, 12)
    dense.set_weights([np.stack([left, ~left], axis=1).astype(np.float32)])
    return model


EXPLORER = task.Explorer(make_generator(), make_evaluator(), ["left", "right"])
TEST = EXPLORER.generate(np.random.default_rng(5).normal(size=(30, 3)))


def test_the_nearest_images_are_found_in_order() -> None:
    pool, images = RANDOM.integers(0, 256, (2, 9, 4, 4)).astype(np.uint8)
    expected = [
        np.argsort([((a.astype(int) - b) ** 2).sum() for a in pool])[:3].tolist() for b in images
    ]
    assert find_nearest(pool, images, 3).tolist() == expected


def test_descent_finds_the_noise_of_images_of_the_generator() -> None:
    found = invert(EXPLORER.generator, TEST[:8], Search(3, 60, 0.1), np.random.default_rng(0))
    before, after = EXPLORER.generate(found.start), EXPLORER.generate(found.noise)
    assert found.errors.shape == (8, 3)
    assert task.mean_psnr(after, TEST[:8]) > task.mean_psnr(before, TEST[:8]) + 5
    squared = ((after / 255 - TEST[:8] / 255) ** 2).mean(axis=(1, 2))
    assert found.errors.min(axis=1) == pytest.approx(squared, abs=1e-4)


def test_the_descent_of_an_image_does_not_depend_on_the_others() -> None:
    starts = RANDOM.normal(size=(4, 3)).astype(np.float32)
    search = Search(1, 5, 0.1)
    together, _ = descend(EXPLORER.generator, starts, TEST[:4], search)
    alone, _ = descend(EXPLORER.generator, starts[2:3], TEST[2:3], search)
    assert together[2:3] == pytest.approx(alone, abs=1e-5)


@pytest.fixture(scope="module")
def evaluation() -> Any:
    with figure_style():
        return task.explore(EXPLORER, TEST, CONFIG)


def test_metrics_of_an_exploration(evaluation: Any) -> None:
    inversion, rates = evaluation.metrics["inversion"], evaluation.metrics["attributes"]
    assert inversion["psnr"] > inversion["psnr_start"]
    assert inversion["same_class"] == 1
    for name in ("thickness", "slant"):  # width depends on both
        assert rates[name]["success_rate"] > rates[name]["random_success_rate"]
        assert rates[name]["arithmetic_success_rate"] == 1
    shown = evaluation.data["success"]
    assert shown["rates"]["slant"][shown["strengths"].index(1.0)] == rates["slant"]["success_rate"]


def test_every_figure_has_a_caption_and_can_be_drawn(evaluation: Any) -> None:
    assert set(evaluation.figures) == set(CAPTIONS)
    assert set(evaluation.summaries) <= set(CAPTIONS)
    with figure_style():
        for figure in evaluation.figures.values():
            assert rasterize(figure).std() > 0


def test_an_exploration_is_repeatable(evaluation: Any) -> None:
    with figure_style():
        assert task.explore(EXPLORER, TEST, CONFIG).metrics == evaluation.metrics


def test_without_images_of_a_class_there_is_no_arithmetic() -> None:
    three = EXPLORER._replace(classes=["left", "right", "never"])
    with figure_style():
        evaluation = task.explore(three, TEST, CONFIG)
    assert set(evaluation.metrics) == {"inversion"}
    assert set(evaluation.figures) == {"inversion"}


def test_the_success_figure_marks_the_reported_length() -> None:
    with figure_style():
        figure = plots.success([1.0, 2.0], {"slant": [0.5, 0.25]}, 2.0)
    lines = figure.axes[0].get_lines()
    assert np.asarray(lines[0].get_ydata()).tolist() == [0.5, 0.25]
    assert np.asarray(lines[1].get_xdata()).tolist() == [2.0, 2.0]
