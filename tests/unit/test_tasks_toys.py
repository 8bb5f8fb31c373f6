"""The tasks of small networks: toy_classification, toy_generation and image_fitting."""

from typing import Any

import keras
import numpy as np
import pandas as pd
import pytest

from stages.core.splits import Split
from stages.metrics import distances
from stages.metrics.classification import classification_metrics
from stages.plots.style import figure_style
from stages.tasks.image_fitting import captions as fitting_captions
from stages.tasks.image_fitting import evaluate as fitting
from stages.tasks.toy_classification import captions as toy_captions
from stages.tasks.toy_classification import evaluate as toy
from stages.tasks.toy_classification import plots as toy_plots
from stages.tasks.toy_generation import captions as points_captions
from stages.tasks.toy_generation import evaluate as generation
from tests.unit.contexts import SEED, classifier_history, make_context

AXIS = np.linspace(-2, 2, 5, dtype=np.float32)
RANDOM = np.random.default_rng(0)
STEPS = np.array([0, 8, 2000])


# Toy classification


def make_classifier() -> keras.Model:
    """The probability of class 1 rises with the second coordinate."""
    model = keras.Sequential(
        [keras.Input((2,)), keras.layers.Dense(3), keras.layers.Dense(1, activation="sigmoid")]
    )
    model.set_weights(
        [np.array([[0, 0, 0], [1, 2, 0]]), np.zeros(3), np.array([[1], [1], [0]]), np.zeros(1)]
    )
    return model


@pytest.fixture(scope="module")
def classified() -> Any:
    x = np.array([[0, 1], [0, 2], [0, -1], [0, 0.5], [0, -2]], np.float32)
    splits = {
        "train": Split(x, np.array([1, 1, 0, 1, 0], np.uint8)),
        "test": Split(x, np.array([1, 0, 0, 0, 1], np.uint8)),
    }
    output = np.stack([np.full((5, 5), 128), np.full((5, 5), 100), np.arange(25).reshape(5, 5)])
    snapshots = {
        "training_step": STEPS, "grid_axis": AXIS, "output": output.astype(np.uint8),
        "hidden": RANDOM.integers(0, 256, (3, 3, 5, 5), np.uint8),
    }  # fmt: skip
    history = classifier_history("training_step")
    context = make_context(make_classifier(), splits, {}, snapshots=snapshots, history=history)
    with figure_style():
        return toy.evaluate(context), splits["test"]


def test_a_toy_classifier_has_the_metrics_of_every_classifier(classified: Any) -> None:
    evaluation, test = classified
    p = 1 / (1 + np.exp(-3 * test.x[:, 1].astype(float)))
    expected = classification_metrics(test.y, np.stack([1 - p, p], axis=1))
    assert evaluation.metrics["test"] == pytest.approx(expected, rel=1e-5)
    assert evaluation.metrics["test"]["accuracy"] == 2 / 5


def test_the_chart_of_a_surface_has_its_largest_y_first(classified: Any) -> None:
    chart = classified[0].chart
    assert list(chart) == ["x", "y", "probability"]
    assert chart.iloc[0].tolist() == [-2, 2, 0]
    assert chart.iloc[1].tolist() == [0, 2, pytest.approx(2 / 255, abs=1e-3)]
    assert chart.iloc[-1].tolist() == [2, -2, pytest.approx(24 / 255, abs=1e-3)]


def test_the_network_is_drawn_with_test_points_and_animated(classified: Any) -> None:
    evaluation, test = classified
    assert {*evaluation.figures, *evaluation.animations} == set(toy_captions.CAPTIONS)
    (axes,) = evaluation.figures["network"].axes
    counts = [len(line.get_xdata()) for line in axes.lines if line.get_marker() in "os"]
    assert counts == [(test.y == 0).sum(), (test.y == 1).sum()]
    assert axes.get_title() == "test points, after 2,000 steps"
    drawn = np.asarray(axes.images[0].get_array())[:, -20:]
    last = np.arange(25).reshape(5, 5).repeat(4, axis=0).repeat(4, axis=1)
    drawn = drawn[~np.isnan(drawn).any(axis=1)]
    assert np.abs(drawn - last).max() < 25.5 / 2 + 1e-6  # in steps of a tenth
    assert [text.get_text() for text in axes.texts] == ["x1, x2", "layer 1", "P(class 1)"]
    frames = evaluation.animations["training"]
    assert len(frames) == 3
    assert len({frame.shape for frame in frames}) == 1
    assert (frames[0] != frames[2]).any()


def test_points_are_drawn_where_they_lie() -> None:
    pixels = toy_plots.to_pixels(np.array([[-2, 2], [2, -2], [0, 0]]), AXIS, 20)
    assert pixels.tolist() == [[-0.5, -0.5], [19.5, 19.5], [9.5, 9.5]]


def test_surfaces_lie_in_columns_with_the_output_at_the_right() -> None:
    surfaces = toy_plots.Surfaces(np.full((1, 5, 5), 51), np.full((5, 5), 204), AXIS)
    corners = toy_plots.layout([2, 1], 5)
    canvas = toy_plots.compose(corners, surfaces)
    assert (canvas[:, -20:][~np.isnan(canvas[:, -20:])] == 204).all()
    middle = canvas[:, 45:50]
    assert (middle[~np.isnan(middle)] == 51).sum() == 25
    first, second = (canvas[len(canvas) // 2 + top :][:5, :5] for top, _ in corners[0])
    assert (first[0] == first[-1]).all()  # x1 rises to the right
    assert (np.diff(first[0]) > 0).all()
    assert (np.diff(second[:, 0]) < 0).all()  # x2 falls downwards


# Toy generation


@pytest.fixture(scope="module")
def generated() -> Any:
    inputs, points = keras.Input((3,)), keras.Input((2,))
    dense = keras.layers.Dense(2)
    generator = keras.Model(inputs, dense(inputs), name="generator")
    dense.set_weights([np.array([[1, 0], [0, 1], [0, 0]]), np.array([0.5, 0])])
    model = keras.Model([inputs, points], [generator(inputs), points])
    splits = {
        "train": Split(RANDOM.normal(size=(60, 2)).astype(np.float32), np.zeros(60, np.uint8)),
        "validation": Split(np.full((9, 2), 3, np.float32), np.zeros(9, np.uint8)),
        "test": Split(RANDOM.normal(1, 1, (20, 2)).astype(np.float32), np.zeros(20, np.uint8)),
    }
    snapshots = {
        "training_step": STEPS, "grid_axis": AXIS,
        "positions": np.stack([np.full((7, 2), level, np.float16) for level in (0, 1, 3)]),
        "surface": np.full((3, 5, 5), 128, np.uint8),
    }  # fmt: skip
    history = pd.DataFrame(
        {"training_step": [8, 2000], "generator_loss": [1.0, 2], "discriminator_loss": [3.0, 4]}
    )
    context = make_context(model, splits, {}, snapshots=snapshots, history=history)
    with figure_style():
        return generation.evaluate(context), splits


def test_generated_points_are_compared_with_test_points(generated: Any) -> None:
    evaluation, splits = generated
    noise = np.random.default_rng(SEED).standard_normal((60, 3), np.float32)
    made, directions = noise[:, :2] + [0.5, 0], distances.plane_directions()
    metrics = evaluation.metrics["test"]
    assert metrics["sliced_wasserstein"] == pytest.approx(
        distances.sliced_wasserstein(made, splits["test"].x, directions), rel=1e-5
    )
    assert metrics["sliced_wasserstein_train"] == pytest.approx(
        distances.sliced_wasserstein(splits["train"].x, splits["test"].x, directions)
    )
    assert 0 <= metrics["coverage"] <= 1
    chart = evaluation.chart
    assert list(chart) == ["x", "y", "points"]
    assert chart["points"].value_counts().to_dict() == {"real": 20, "generated": 60}
    real = chart[chart["points"] == "real"][["x", "y"]].to_numpy()
    assert real == pytest.approx(splits["test"].x, abs=1e-3)


def test_distances_of_snapshots_are_to_validation_points(generated: Any) -> None:
    evaluation, _ = generated
    records = evaluation.data["learning_curves"]
    assert [record["training_step"] for record in records] == STEPS.tolist()
    lengths = [record["sliced_wasserstein"] for record in records]
    assert lengths == pytest.approx([2 / np.pi * 18**0.5, 2 / np.pi * 8**0.5, 0], rel=0.01)
    losses, distance = evaluation.figures["learning_curves"].axes
    lines = {line.get_label(): list(line.get_ydata()) for line in losses.lines}
    assert (lines["generator"], lines["discriminator"]) == ([1, 2], [3, 4])
    assert list(distance.lines[0].get_ydata()) == lengths


def test_points_have_captions_and_frames(generated: Any) -> None:
    evaluation, _ = generated
    assert {*evaluation.figures, *evaluation.animations} == set(points_captions.CAPTIONS)
    assert len(evaluation.animations["training"]) == 3


# Image fitting


@pytest.fixture(scope="module")
def fitted() -> Any:
    height, width = 4, 6
    original = RANDOM.integers(0, 256, (height, width, 3), np.uint8)
    positions = np.indices((height, width), np.uint16).reshape(2, -1).T
    order = RANDOM.permutation(24)
    chosen = {"train": order[:15], "validation": order[15:18], "test": order[18:]}
    splits = {
        name: Split(positions[pixels], original[tuple(positions[pixels].T)])
        for name, pixels in chosen.items()
    }
    splits["test"] = Split(splits["test"].x, np.full((6, 3), 51, np.uint8))
    splits["train"] = Split(splits["train"].x, np.full((15, 3), 102, np.uint8))
    inputs = keras.Input((2,), dtype="uint16")
    constant = keras.layers.Dense(3)
    model = keras.Model(inputs, constant(keras.layers.Rescaling(1.0)(inputs)))
    constant.set_weights([np.zeros((2, 3)), np.full(3, 0.3)])
    images = np.full((3, height, width, 3), 51, np.uint8)
    images[2] = 102
    snapshots = {"training_step": STEPS, "images": images}
    history = pd.DataFrame({"training_step": [8, 2000], "loss": [1.0, 0.5]})
    context = make_context(model, splits, {}, snapshots=snapshots, history=history)
    with figure_style():
        return fitting.evaluate(context), splits


def test_psnr_is_of_training_and_of_test_pixels(fitted: Any) -> None:
    evaluation, _ = fitted
    assert evaluation.metrics == {
        "train": {"psnr": pytest.approx(20, abs=1e-3)},  # 0.4 against 0.3
        "test": {"psnr": pytest.approx(20, abs=1e-3)},  # 0.2 against 0.3
    }
    chart = evaluation.chart
    assert list(chart) == ["training_step", "psnr", "split"]
    last = chart[chart["training_step"] == 2000].set_index("split")["psnr"]
    assert last["train"] == 100
    assert last["test"] == pytest.approx(-20 * np.log10(0.2), abs=1e-3)
    curves = {
        line.get_label(): line for line in evaluation.figures["learning_curves"].axes[0].lines
    }
    assert curves["training pixels"].get_ydata()[-1] == 100
    assert curves["test pixels"].get_xdata().tolist() == STEPS.tolist()


def test_a_pixel_of_each_split_keeps_its_place(fitted: Any) -> None:
    _, splits = fitted
    image = fitting.assemble(splits, (4, 6, 3))
    for split in splits.values():
        for (row, column), color in zip(*split, strict=True):
            assert image[row, column].tolist() == color.tolist()


def test_images_have_captions_and_frames(fitted: Any) -> None:
    evaluation, _ = fitted
    assert {*evaluation.figures, *evaluation.animations} == set(fitting_captions.CAPTIONS)
    frames = evaluation.animations["training"]
    assert (len(frames), frames[0].shape) == (3, (168, 252, 3))
    original, output, error = evaluation.figures["comparison"].axes
    assert (np.asarray(output.images[0].get_array()) == 102).all()
    assert original.get_title() == "original"
    expected = np.abs(np.asarray(original.images[0].get_array()).astype(int) - 102).mean(axis=2)
    assert np.asarray(error.images[0].get_array()) == pytest.approx(expected)
