import io
import subprocess
import sys
from pathlib import Path

import matplotlib
import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from PIL import Image, ImageSequence

from stages.plots.colors import TRAINING, VALIDATION
from stages.plots.history import Panel, lowest, plot_history
from stages.plots.images import (
    dark_on_white,
    enlarge,
    evenly_spaced,
    image_grid,
    image_grid_figure,
)
from stages.plots.style import (
    DPI,
    STYLE,
    encode_animation,
    figure_style,
    quantize,
    rasterize,
    save_animation,
    save_figure,
)

IMAGES = np.arange(5, dtype=np.uint8)[:, None, None] * np.ones((1, 2, 3), np.uint8)


def test_an_import_configures_nothing_and_the_style_is_restored() -> None:
    code = (
        "import matplotlib; before = dict(matplotlib.rcParams)\n"
        "import stages.plots.style, stages.plots.history, stages.plots.images\n"
        "assert dict(matplotlib.rcParams) == before"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
    matplotlib.rcParams["font.size"] = 31
    try:
        with figure_style():
            assert matplotlib.rcParams["font.size"] == STYLE["font.size"]
            assert not matplotlib.rcParams["axes.spines.top"]
        assert matplotlib.rcParams["font.size"] == 31
    finally:
        matplotlib.rcdefaults()


def test_figures_look_the_same_whatever_was_configured(tmp_path: Path) -> None:
    history = pd.DataFrame({"epoch": [1, 2], "loss": [2.0, 1.0]})
    for size in (7, 20):
        matplotlib.rcParams["font.size"] = size
        with figure_style():
            save_figure(
                plot_history(history, [Panel("loss", ["loss"])], "epoch"), tmp_path / f"{size}.png"
            )
    matplotlib.rcdefaults()
    assert (tmp_path / "7.png").read_bytes() == (tmp_path / "20.png").read_bytes()


def test_a_history_is_drawn_by_its_columns() -> None:
    history = pd.DataFrame(
        {"epoch": [1, 2, 3], "loss": [3.0, 2, 1], "val_loss": [4.0, 1, 2], "g": [7, 8, 9.0],
         "d": [5, 6, 4.0]}
    )  # fmt: skip
    panels = [
        Panel("loss, nats", ["loss"], log=True),
        Panel("both", ["g", "d"], labels=["one", "two"], reference=(0.5, "chance")),
    ]
    with figure_style():
        first, second = plot_history(history, panels, "epoch").axes
    training, validation = first.lines
    assert (np.array(training.get_ydata()).tolist(), np.array(validation.get_ydata()).tolist()) == (
        [3, 2, 1],
        [4, 1, 2],
    )
    assert (training.get_color(), validation.get_color()) == (TRAINING, VALIDATION)
    assert (first.get_yscale(), second.get_yscale()) == ("log", "linear")
    assert (first.get_xlabel(), first.get_title()) == ("epoch", "loss, nats")
    assert {line.get_label(): np.array(line.get_ydata()).tolist() for line in second.lines} == {
        "one": [7, 8, 9], "two": [5, 6, 4], "chance": [0.5, 0.5],
    }  # fmt: skip
    assert all(tick == int(tick) for tick in first.get_xticks())
    assert lowest(history, "val_loss", "epoch") == (2, 1)


def test_steps_are_on_a_logarithmic_axis_and_validation_may_be_missing() -> None:
    history = pd.DataFrame({"training_step": [8, 100], "loss": [2.0, 1.0]})
    with figure_style():
        (axes,) = plot_history(history, [Panel("loss", ["loss"])], "training_step").axes
    assert (axes.get_xscale(), axes.get_xlabel()) == ("log", "training step")
    assert [line.get_label() for line in axes.lines] == ["training"]


def test_an_image_grid_has_a_line_between_its_images() -> None:
    grid = image_grid(IMAGES, 3)
    assert grid.tolist() == [
        [0, 0, 0, 255, 1, 1, 1, 255, 2, 2, 2],
        [0, 0, 0, 255, 1, 1, 1, 255, 2, 2, 2],
        [255] * 11,
        [3, 3, 3, 255, 4, 4, 4, 255, 255, 255, 255],
        [3, 3, 3, 255, 4, 4, 4, 255, 255, 255, 255],
    ]
    color = np.repeat(IMAGES[..., None], 3, axis=3)
    assert (image_grid(color, 3) == grid[..., None]).all()
    assert (dark_on_white(IMAGES) == 255 - IMAGES).all()
    assert (dark_on_white(color) == color).all()


def test_pixels_are_those_of_a_saved_figure() -> None:
    history = pd.DataFrame({"epoch": [1, 2, 3], "loss": [3.0, 2, 1], "accuracy": [0.1, 0.2, 0.3]})
    with figure_style():
        for panels in (
            [Panel("loss", ["loss"])],
            [Panel(name, [name]) for name in ("loss", "accuracy")],
        ):
            figures = [plot_history(history, panels, "epoch") for _ in range(2)]
            for figure in figures:
                figure.axes[-1].imshow(np.eye(9), aspect="auto", extent=(1, 2, 3, 4))
            buffer = io.BytesIO()
            figures[0].savefig(buffer, format="png", dpi=DPI)
            assert (rasterize(figures[1]) == np.asarray(Image.open(buffer).convert("RGB"))).all()


def test_an_image_grid_is_drawn_without_interpolation() -> None:
    images = np.random.default_rng(0).integers(0, 256, (6, 20, 30), np.uint8)
    with figure_style():
        pixels = rasterize(image_grid_figure(images, 3, "title"))
    assert pixels.shape == (41 + 28, 92, 3)
    difference = pixels[28:, :, 0].astype(int) - image_grid(255 - images, 3)
    assert np.abs(difference).max() <= 1  # the color map rounds


def test_evenly_spaced_indices_include_both_ends() -> None:
    assert evenly_spaced(10, 4).tolist() == [0, 3, 6, 9]
    assert evenly_spaced(100, 100).tolist() == list(range(100))
    assert evenly_spaced(3, 10).tolist() == [0, 1, 2]


def test_enlarging_repeats_pixels() -> None:
    image = np.array([[1, 2, 3], [4, 5, 6]], np.uint8)
    assert enlarge(image, 7).tolist() == [[1, 1, 2, 2, 3, 3]] * 2 + [[4, 4, 5, 5, 6, 6]] * 2
    assert enlarge(image, 2) is not None
    assert enlarge(image, 2).tolist() == image.tolist()


@pytest.mark.parametrize("shape", [(20, 30), (20, 30, 3)])
def test_an_animation_has_its_frames_and_is_the_same_each_time(
    tmp_path: Path, shape: tuple[int, ...]
) -> None:
    frames = [np.full(shape, level, np.uint8) for level in (0, 120, 255)]
    for copy in ("a.png", "b.png"):
        save_animation(frames, tmp_path / copy)
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    with Image.open(tmp_path / "a.png") as image:
        shown = [np.asarray(frame.convert("RGB")) for frame in ImageSequence.Iterator(image)]
        durations = image.info["duration"]
    assert [frame.mean() for frame in shown] == [0, 120, 255]
    assert durations == 3000
    with Image.open(io.BytesIO(encode_animation(frames[:2]))) as image:
        assert getattr(image, "n_frames", 1) == 2


def test_a_palette_has_few_colors_but_enough() -> None:
    gray = np.tile(np.arange(256, dtype=np.uint8), (8, 1))
    assert quantize(gray).mode == "P"
    difference = np.asarray(quantize(gray).convert("L"), int) - gray
    assert np.abs(difference).mean() < 2.5
    few = quantize(np.zeros((4, 4, 3), np.uint8)).getcolors()
    assert few is not None
    assert len(few) == 1


def test_a_saved_figure_is_the_same_each_time(tmp_path: Path) -> None:
    with figure_style():
        for copy in ("a.png", "b.png"):
            figure = Figure(figsize=(3, 2))
            figure.subplots().plot([1, 3, 2])
            save_figure(figure, tmp_path / copy)
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    with Image.open(tmp_path / "a.png") as image:
        assert image.size == (300, 200)
        assert image.info.get("Software") is None
