from typing import Any

import keras
import numpy as np
import pandas as pd
import pytest

from stages.core.splits import Split
from stages.metrics.images import psnr
from stages.networks.autoencoder.corruption import corrupt
from stages.plots.style import figure_style, rasterize
from stages.tasks.restoration import evaluate as task
from stages.tasks.restoration import filters
from stages.tasks.restoration.captions import CAPTIONS, METHODS, summarize
from tests.unit.contexts import SEED, make_context

HISTORY = pd.DataFrame({"epoch": [1, 2], "loss": [0.5, 0.2], "val_loss": [0.4, 0.3]})
NOISE: dict[str, Any] = {"type": "noise", "stddev": 0.2}
GRAY: dict[str, Any] = {"type": "grayscale"}


def smooth(count: int, seed: int) -> Split:
    """Images that get lighter from left to right."""
    random = np.random.default_rng(seed)
    x = np.linspace(50, 180, 12) + random.integers(-20, 20, (count, 1, 1))
    return Split(np.broadcast_to(x, (count, 8, 12)).astype(np.uint8), np.zeros(count, np.uint8))


def colored(count: int, seed: int) -> Split:
    """Reddish images of different brightness."""
    random = np.random.default_rng(seed)
    x = random.integers(60, 150, (count, 8, 12, 1)) + np.array([90, 0, 20])
    return Split(x.astype(np.uint8), np.zeros(count, np.uint8))


GRAY_SPLITS = {name: smooth(9, seed) for seed, name in enumerate(("train", "validation", "test"))}
SPLITS = {name: colored(9, seed) for seed, name in enumerate(("train", "validation", "test"))}


def half(*shape: int) -> keras.Model:
    """A network that returns half of its input, scaled to 1; in color if `shape` is."""
    inputs = keras.Input(shape[:2], dtype="uint8")
    x = keras.layers.Rescaling(0.5 / 255)(inputs)
    if len(shape) == 3:
        x = keras.layers.Concatenate()([keras.layers.Reshape((*shape[:2], 1))(x)] * 3)
    return keras.Model(inputs, x)


def evaluated(splits: dict[str, Split], corruption: dict[str, Any]) -> Any:
    model = half(*splits["test"].x.shape[1:])
    context = make_context(
        model, splits, {"classes": []}, training={"corruption": corruption}, history=HISTORY
    )
    with figure_style():
        return task.evaluate(context)


def test_the_network_and_the_filters_restore_the_same_noisy_images() -> None:
    evaluation, x = evaluated(GRAY_SPLITS, NOISE), GRAY_SPLITS["test"].x
    noisy = corrupt(x, NOISE, [SEED, 0]).numpy()
    decibels = {name: values["psnr"] for name, values in evaluation.metrics.items()}
    assert decibels["corrupted"] == pytest.approx(psnr(noisy / 255, x / 255))
    assert decibels["test"] == pytest.approx(psnr(noisy / 510, x / 255), abs=1e-4)
    assert decibels["gaussian_filter"] > decibels["corrupted"]
    assert decibels["median_filter"] > decibels["corrupted"]
    assert set(decibels) == {"test", "corrupted", "gaussian_filter", "median_filter"}
    assert "less than the next best" in evaluation.summaries["psnr"]


def test_colors_are_compared_with_gray_and_the_mean_color() -> None:
    evaluation, x = evaluated(SPLITS, GRAY), SPLITS["test"].x
    gray = corrupt(x, GRAY, [0, 0]).numpy()[..., None] / 255
    decibels = {name: values["psnr"] for name, values in evaluation.metrics.items()}
    assert decibels["corrupted"] == pytest.approx(psnr(np.repeat(gray, 3, 3), x / 255))
    assert decibels["mean_color"] > decibels["corrupted"] + 10  # all images have the same hue
    assert set(decibels) == {"test", "corrupted", "mean_color"}


@pytest.mark.parametrize(("splits", "corruption"), [(GRAY_SPLITS, NOISE), (SPLITS, GRAY)])
def test_figures_have_captions_and_methods_labels(
    splits: dict[str, Split], corruption: dict[str, Any]
) -> None:
    evaluation = evaluated(splits, corruption)
    assert set(evaluation.figures) == set(CAPTIONS)
    assert set(evaluation.chart["method"]) == set(METHODS[corruption["type"]].values())
    with figure_style():
        for figure in evaluation.figures.values():
            assert rasterize(figure).std() > 0


def test_examples_are_ordered_by_psnr() -> None:
    evaluation, x = evaluated(GRAY_SPLITS, NOISE), GRAY_SPLITS["test"].x
    noisy = corrupt(x, NOISE, [SEED, 0]).numpy()
    expected = [psnr(a / 510, b / 255) for a, b in zip(noisy, x, strict=True)]
    shown = evaluation.data["lowest_psnr"]
    assert shown["examples"] == np.argsort(expected, kind="stable").tolist()
    assert shown["psnr"] == pytest.approx(sorted(expected), abs=1e-2)


def test_the_best_filter_is_chosen() -> None:
    x = np.kron(np.random.default_rng(0).integers(0, 2, (3, 6, 6)) * 200, np.ones((1, 8, 8)))
    salted = x.copy()
    salted[:, ::9, ::7] = 255
    chosen = filters.choose_filters(salted.astype(np.uint8), x.astype(np.uint8))
    errors = {size: psnr(filters.median(salted, size) / 255, x / 255) for size in filters.SIZES}
    best = max(errors, key=lambda size: errors[size])
    expected = filters.median(salted, best)
    assert (chosen["median_filter"](salted) == expected).all()


def test_filters_leave_other_images_and_channels_alone() -> None:
    x = np.zeros((2, 9, 9, 3), np.uint8)
    x[0, 4, 4, 1] = 90
    for filtered in (filters.blur(x, 1.0), filters.median(x, 3)):
        assert filtered.shape == x.shape
        assert filtered[1].max() == filtered[..., 0].max() == filtered[..., 2].max() == 0
    assert filters.blur(x, 1.0).sum() == pytest.approx(90, rel=1e-3)


def test_equal_seeds_produce_equal_noise_in_all_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(task, "CHUNK", 4)
    x = np.full((9, 8, 12), 128, np.uint8)
    first, again = (task.corrupt_all(x, NOISE, 3) for _ in range(2))
    assert (first == again).all()
    assert (first[:4] != first[4:8]).any()
    assert len(first) == 9


def test_the_summary_compares_with_the_next_best() -> None:
    text = summarize({"noisy": 14.0, "median filter": 20.0, "autoencoder": 25.5}, "autoencoder")
    assert text == "25.50 dB with the autoencoder, 5.50 dB more than the next best (median filter)."
