"""Training runs of tiny classifiers."""

import importlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import log_loss

from stages.core.errors import DivergedError
from stages.core.splits import Split
from stages.inference.bundle import load_bundle
from stages.inference.outputs import probabilities
from stages.learning.bundle import save_bundle
from stages.learning.fit import Trained
from stages.learning.runtime import session
from tests.factories import INFOS, make_config, make_images, make_table, make_texts

AUGMENTATION = {"shift": 1, "flip": True}
CASES: dict[str, tuple[str, str, dict[str, Any]]] = {
    "mlp": ("mlp", "images", {}),
    "cnn": (
        "cnn",
        "images",
        {
            "precision": "mixed_bfloat16",
            "augmentation": AUGMENTATION,
            "label_smoothing": 0.1,
            "optimizer": {"ema_momentum": 0.8, "weight_decay": 0.01, "global_clipnorm": 1.0},
        },
    ),
    "block_cnn": (
        "block_cnn",
        "images",
        {
            "precision": "mixed_bfloat16",
            "augmentation": AUGMENTATION
            | {"rotation": 10.0, "zoom": 0.1, "shear": 0.1, "erase": 2},
        },
    ),
    "tabular_mlp": ("tabular_mlp", "table", {"label_smoothing": 0.1}),
    "text_rnn": ("text_rnn", "texts", {"precision": "mixed_bfloat16"}),
    "text_cnn": ("text_cnn", "texts", {"precision": "mixed_bfloat16"}),
    "text_cnn_rnn": ("text_cnn_rnn", "texts", {"precision": "mixed_bfloat16"}),
    "ngrams": ("ngrams", "texts", {}),
    "raw_tensorflow": ("raw_tensorflow", "images", {}),
}
SPLITS = {
    "images": (make_images(seed=1), make_images((7, 5, 11), seed=2)),
    "table": (make_table(seed=1), make_table(23, seed=2)),
    "texts": (make_texts(seed=1), make_texts(23, seed=2)),
}
COLUMNS = ["learning_rate", "loss", "val_loss", "accuracy", "val_accuracy"]


@pytest.fixture(autouse=True)
def _session() -> Iterator[None]:
    with session(1, "float32"):
        yield


def train(
    network: str,
    kind: str,
    training: dict[str, Any],
    validation: Split | None = None,
    changed: dict[str, Any] | None = None,
) -> Trained:
    config = make_config(network, training=training, network=changed or {})
    module = importlib.import_module(f"stages.networks.{config.network.name}.train")
    pipeline = importlib.import_module(f"stages.pipelines.{config.training.input_pipeline}")
    train, _ = SPLITS[kind]
    trained: Trained = module.train(config, INFOS[kind], train, validation, pipeline.make_batches)
    return trained


@pytest.mark.parametrize("case", CASES)
def test_two_training_runs_are_equal_and_so_are_their_files(case: str, tmp_path: Path) -> None:
    network, kind, training = CASES[case]
    validation = SPLITS[kind][1]
    for folder in ("a", "b"):
        with session(1, training.get("precision", "float32")):
            trained = train(network, kind, training, validation)
            save_bundle(tmp_path / folder, trained, {"input": INFOS[kind]["input"]})
            before = probabilities(trained.model, validation.x, INFOS[kind]["input"]["type"])
    for file in ("model.keras", "history.csv", "snapshots.npz", "spec.json"):
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes()
    position = "training_step" if network == "raw_tensorflow" else "epoch"
    assert list(trained.history) == [position, *COLUMNS]
    stored = load_bundle(tmp_path / "a").model
    after = probabilities(stored, validation.x, INFOS[kind]["input"]["type"])
    tolerance = 0.05 if "precision" in training else 1e-6
    assert before == pytest.approx(after, abs=tolerance)
    y = validation.y
    refitted = network == "ngrams"  # the stored model was trained on the validation split, too
    if not refitted and "precision" not in training and "label_smoothing" not in training:
        final = trained.history["val_loss"]
        expected = final.iloc[-1] if network == "raw_tensorflow" else final.min()
        assert log_loss(y, after, labels=range(after.shape[1])) == pytest.approx(expected, rel=1e-4)


def test_another_seed_gives_another_model() -> None:
    weights = []
    for seed in (1, 2):
        with session(seed, "float32"):
            weights.append(train("mlp", "images", {}).model.get_weights()[0])
    assert (weights[0] != weights[1]).any()


@pytest.mark.parametrize(
    ("case", "training", "changed"),
    [
        ("mlp", {"epochs": 25}, {"hidden_units": [16], "dropout": 0.0}),
        ("cnn", {"epochs": 12}, {"spatial_dropout": 0.0, "dropout": 0.0}),
        ("block_cnn", {"epochs": 20}, {"dropout": 0.0}),
        ("raw_tensorflow", {"steps": 150}, {}),
        ("tabular_mlp", {"epochs": 25}, {"dropout": 0.0, "l2": 0.0}),
        ("text_rnn", {"epochs": 25}, {"word_dropout": 0.0, "units": 8}),
        ("text_cnn", {"epochs": 25}, {"word_dropout": 0.0, "filters": 8}),
        ("text_cnn_rnn", {"epochs": 25}, {"word_dropout": 0.0, "filters": 8}),
        ("ngrams", {"epochs": 10}, {}),
    ],
)
def test_a_classifier_learns(case: str, training: dict[str, Any], changed: dict[str, Any]) -> None:
    network, kind, _ = CASES[case]
    validation = SPLITS[kind][1]
    trained = train(network, kind, training, validation, changed)
    p = probabilities(trained.model, validation.x, INFOS[kind]["input"]["type"])
    most_frequent = np.bincount(validation.y).max() / len(validation.y)
    assert (p.argmax(axis=1) == validation.y).mean() > max(0.8, most_frequent)


def test_the_best_weights_are_kept_and_training_stops_early() -> None:
    train_split, other = SPLITS["images"]
    wrong = Split(other.x, (other.y + 1) % 3)
    trained = train("mlp", "images", {"epochs": 30, "early_stopping_patience": 2}, wrong)
    losses = trained.history["val_loss"]
    assert len(losses) == losses.argmin() + 1 + 2 < 30
    p = probabilities(trained.model, wrong.x, "image")
    assert log_loss(wrong.y, p) == pytest.approx(losses.min(), rel=1e-4)
    assert trained.num_examples == len(losses) * len(train_split.y)


@pytest.mark.parametrize("optimizer", [{}, {"ema_momentum": 0.7}])
def test_the_best_weights_are_kept_without_early_stopping(
    optimizer: dict[str, Any],
) -> None:
    other = SPLITS["images"][1]
    wrong = Split(other.x, (other.y + 1) % 3)
    trained = train("mlp", "images", {"epochs": 5, "optimizer": optimizer}, wrong)
    losses = trained.history["val_loss"]
    assert len(losses) == 5
    assert losses.argmin() < 4
    p = probabilities(trained.model, wrong.x, "image")
    assert log_loss(wrong.y, p) == pytest.approx(losses.min(), rel=1e-4)


def test_without_validation_the_last_weights_are_kept() -> None:
    trained = train("mlp", "images", {"epochs": 3})
    assert list(trained.history) == ["epoch", "learning_rate", "loss", "accuracy"]
    assert trained.num_examples == 3 * 41


@pytest.mark.parametrize(
    ("network", "broken", "value", "message"),
    [
        ("mlp", "stages.learning.fit.make_loss", lambda y, p: y + p / 0.0, "epoch 1"),
        (
            "raw_tensorflow",
            "stages.networks.raw_tensorflow.train.learning_rate",
            3e38,
            "training step 3",
        ),
    ],
)
def test_a_diverged_training_run_returns_its_last_finite_weights(
    network: str, broken: str, value: Any, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(broken, lambda *_: value)
    with pytest.raises(DivergedError, match=f"not finite after {message}, .*lower the") as caught:
        train(network, "images", {}, SPLITS["images"][1])
    weights = caught.value.model.get_weights()
    assert all(np.isfinite(values).all() for values in weights)
    assert any(values.any() for values in weights)
