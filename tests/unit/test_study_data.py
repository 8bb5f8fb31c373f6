"""Data, runs and snapshots of studies."""

import importlib.metadata
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from stages.core.splits import Split
from stages.plots.studies import plot_study
from stages.studies import training
from stages.studies.data import choose_examples, keep_last_tokens
from stages.studies.findings import Summary
from stages.studies.snapshots import measure_points, take_snapshot
from stages.studies.training import Run, kept_row, train_all
from tests import factories

IMAGES = Split(np.arange(40, dtype=np.uint8).reshape(10, 2, 2), np.arange(10))


def test_examples_of_a_smaller_number_are_among_those_of_a_larger_one() -> None:
    few, more = choose_examples(IMAGES, 3), choose_examples(IMAGES, 6)
    assert len(few.y) == 3
    assert set(few.y) < set(more.y)
    np.testing.assert_array_equal(few.x, IMAGES.x[few.y])
    assert choose_examples(IMAGES, None) is IMAGES
    assert choose_examples(IMAGES, 10) is IMAGES


def test_a_text_keeps_its_beginning() -> None:
    text = Split(np.array([3, 1, 2]), np.array([1, 2, 5]))
    part = choose_examples(text, 2)
    assert (part.x.tolist(), part.y.tolist()) == ([3, 1], [1, 2])


def test_the_last_tokens_are_kept() -> None:
    texts = Split(np.array([[1, 2, 3, 4], [5, 6, 0, 0], [7, 8, 9, 0]]), np.array([0, 1, 0]))
    kept = keep_last_tokens(texts, 2)
    assert kept.x.tolist() == [[3, 4], [5, 6], [8, 9]]
    np.testing.assert_array_equal(kept.y, texts.y)
    assert keep_last_tokens(texts, 4) is texts
    assert keep_last_tokens(texts, None) is texts
    assert keep_last_tokens(texts, 3).x.tolist() == [[2, 3, 4], [5, 6, 0], [7, 8, 9]]


Train = Callable[..., list[str]]


@pytest.fixture
def trained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Train:
    """Return a function that runs a study and returns the variants that it trained."""
    study: dict[str, Any] = {
        "model": "my_mlp", "network": "mlp", "grid": {"network.dropout": [0.1, 0.2]},
        "variants": {}, "settings": {}, "seeds": [1, 2], "snapshot": None, "metric": "val_loss",
    }  # fmt: skip

    def run(splits: Any = IMAGES, **changed: Any) -> list[str]:
        names = []

        def train_one(config: Any, *_: Any) -> Run:
            names.append(f"{config.network.dropout:g}, {config.training.seed}")
            values = {"val_loss": [0.5], "diverged": [False], "kept": [True]}
            return Run(pd.DataFrame(values), np.ones(2))

        monkeypatch.setattr(training, "train_one", train_one)
        section, data = SimpleNamespace(**study | changed), {"train": splits, "validation": splits}
        runs = list(train_all(section, factories.make_config("mlp"), {}, data, tmp_path))
        assert len(list(tmp_path.iterdir())) == len(runs)
        return names

    return run


def test_finished_runs_are_not_trained_again(trained: Train) -> None:
    assert trained() == ["0.1, 1", "0.1, 2", "0.2, 1", "0.2, 2"]
    assert trained() == []
    assert trained(grid={"network.dropout": [0.1, 0.3, 0.2]}) == ["0.3, 1", "0.3, 2"]
    assert trained(seeds=[1, 2, 3])[-1] == "0.2, 3"  # and those with 0.3 are removed
    assert trained(grid={"network.dropout": [0.3]}) == ["0.3, 1", "0.3, 2"]


@pytest.mark.parametrize("keys", [("max_examples", "max_tokens"), ("max_tokens", "max_examples")])
def test_finished_runs_are_found_in_another_process(
    trained: Train, monkeypatch: pytest.MonkeyPatch, keys: tuple[str, ...]
) -> None:
    assert len(trained()) == 4
    monkeypatch.setattr(training, "DATA_KEYS", keys)  # a set: each process has its own order
    assert trained() == []


@pytest.mark.parametrize(
    "changed",
    [
        {"settings": {"max_examples": 5}},
        {"settings": {"max_tokens": 5}},
        {"settings": {"training.epochs": 3}},
        {"snapshot": "output"},
    ],
)
def test_another_value_of_a_study_continues_no_earlier_run(
    trained: Train, changed: dict[str, Any]
) -> None:
    assert len(trained()) == 4
    assert len(trained(**changed)) == 4


def test_another_version_of_a_package_continues_no_earlier_run(
    trained: Train, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert len(trained()) == 4
    monkeypatch.setattr(importlib.metadata, "version", lambda name: f"another {name}")
    assert len(trained()) == 4


def test_a_hash_of_code_is_of_modules_and_of_all_modules_in_folders(tmp_path: Path) -> None:
    module, nested = tmp_path / "module.py", tmp_path / "folder/nested/deep.py"
    nested.parent.mkdir(parents=True)
    paths = [str(module), str(tmp_path / "folder")]
    hashes = set()
    for changed in (module, nested):
        for content in ("a = 1", "a = 2"):
            changed.write_text(content)
            hashes.add(training.hash_code(paths))
    assert len(hashes) == 4
    (tmp_path / "folder/notes.txt").write_text("no module")
    assert training.hash_code(paths) in hashes


def test_other_data_or_code_continues_no_earlier_study(
    trained: Train, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert len(trained()) == 4
    assert len(trained(IMAGES._replace(x=IMAGES.x + 1))) == 4
    assert len(trained(IMAGES._replace(y=IMAGES.y + 1))) == 4
    monkeypatch.setattr(training, "hash_code", lambda _: "other")
    assert len(trained()) == 4


def test_the_last_snapshot_is_taken() -> None:
    trained = SimpleNamespace(
        snapshots={"output": np.arange(6).reshape(3, 2)}, model=SimpleNamespace(layers=[])
    )
    assert take_snapshot(trained, "output").tolist() == [4, 5]
    with pytest.raises(KeyError, match="output"):
        take_snapshot(trained, "decoded")


def test_generated_points_are_compared_with_real_ones() -> None:
    real = np.random.default_rng(0).normal(size=(200, 2)).astype(np.float32)
    same, far = measure_points(real, real), measure_points(real + 5, real)
    assert same["val_sliced_wasserstein"] < 0.01
    assert far["val_sliced_wasserstein"] > 1
    assert same["val_coverage"] == 1
    assert far["val_coverage"] < 0.1


def test_early_stopping_keeps_the_epoch_of_the_lowest_loss() -> None:
    history = pd.DataFrame({"epoch": [1, 2, 3], "val_loss": [3.0, 1.0, 2.0]})
    assert kept_row(history, SimpleNamespace(early_stopping_patience=1)) == 1
    assert kept_row(history, SimpleNamespace(early_stopping_patience=None)) == 2
    assert kept_row(history, SimpleNamespace()) == 2


POINTS = Split(np.zeros((4, 2), np.float32), np.array([0, 1, 0, 1]))


@pytest.mark.parametrize(
    "snapshot",
    [
        np.zeros((40, 40), np.uint8),
        np.zeros((50, 2), np.float16),
        np.zeros((30, 8, 8), np.uint8),
        np.zeros((30, 8, 8, 3), np.uint8),
    ],
)
def test_each_run_has_its_snapshot(snapshot: np.ndarray) -> None:
    grid = {"network.hidden_units": ["a", "b"]}
    study = SimpleNamespace(chart="snapshots", metric="val_accuracy", grid=grid)
    table = pd.DataFrame(
        {
            "variant": ["a", "a", "b", "b"],
            "seed": [1, 2, 1, 2],
            "val_accuracy": [0.5, 0.6, 0.7, np.nan],
            "kept": True,
            "diverged": [False, False, False, True],
        }
    )
    figure = plot_study(study, table, [], [snapshot] * 3 + [None], POINTS)
    titles = [axes.get_title() for axes in figure.axes]
    assert titles == ["accuracy 50.0%", "accuracy 60.0%", "accuracy 70.0%", "diverged"]
    rows = [axes.get_ylabel() for axes in figure.axes]
    assert rows == ["hidden units a", "", "hidden units b", ""]


CURVES = pd.DataFrame(
    {
        "variant": ["a"] * 4 + ["b"],
        "seed": [1, 1, 1, 2, 1],
        "epoch": [1, 2, 3, 1, np.nan],
        "val_loss": [3.0, 1.0, 2.0, 1.0, np.nan],
        "kept": [False, True, False, True, True],
        "diverged": [False] * 4 + [True],
    }
)


def test_curves_show_which_epoch_is_kept_and_what_diverged() -> None:
    study = SimpleNamespace(chart="curves", metric="val_loss", grid={})
    figure = plot_study(study, CURVES, [], [], POINTS)
    (axes,) = figure.axes
    assert axes.get_ylabel() == "validation loss"
    mean, marks, broken = axes.get_lines()
    assert mean.get_ydata().tolist() == [2.0, 1.0, 2.0]  # type: ignore[union-attr]
    assert (marks.get_xdata().tolist(), marks.get_ydata().tolist()) == ([2.0], [1.0])  # type: ignore[union-attr]
    assert broken.get_label() == "b (diverged)"
    assert all(tick == round(tick) for tick in axes.get_xticks())  # no fractions of epochs
    assert axes.get_yscale() == "linear"


def test_curves_that_differ_widely_have_a_logarithmic_axis() -> None:
    study = SimpleNamespace(chart="curves", metric="val_loss", grid={})
    wide = CURVES.assign(val_loss=CURVES["val_loss"].replace(3.0, 300.0))
    (axes,) = plot_study(study, wide, [], [], POINTS).axes
    assert axes.get_yscale() == "log"


@pytest.mark.parametrize(
    ("grid", "scale", "label"),
    [
        ({"x.learning_rate": [0.1, 1.0, 100.0]}, "log", "learning rate"),
        ({"x.units": [1, 2, 3]}, "linear", "units"),
        ({"max_examples": [100, 1000, 3000]}, "log", "number of training examples"),
        ({"x.activation": ["a", "b", "c"]}, "linear", "activation"),
    ],
)
def test_values_are_drawn_at_their_place(
    grid: dict[str, list[object]], scale: str, label: str
) -> None:
    (values,) = grid.values()
    names = [f"{value:g}" if isinstance(value, float) else str(value) for value in values]
    summaries = [Summary(name, [0.1, 0.3], 0) for name in names]
    study = SimpleNamespace(chart="values", metric="val_accuracy", grid=grid)
    figure: Figure = plot_study(study, pd.DataFrame(), summaries, [], POINTS)
    (axes,) = figure.axes
    assert (axes.get_xscale(), axes.get_xlabel()) == (scale, label)
    assert axes.get_lines()[-1].get_ydata().tolist() == pytest.approx([0.2] * 3)  # type: ignore[union-attr]
