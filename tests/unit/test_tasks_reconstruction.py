from pathlib import Path
from types import SimpleNamespace
from typing import Any

import keras
import numpy as np
import pandas as pd
import pytest
from sklearn.decomposition import PCA
from sklearn.metrics import roc_auc_score

from stages import detect_anomalies
from stages.core.files import flatten, read_json, write_json
from stages.core.splits import Split, save_split
from stages.learning.bundle import save_model
from stages.metrics.images import psnr
from stages.plots.style import figure_style, rasterize
from stages.tasks.reconstruction import anomalies, neighbors, plots
from stages.tasks.reconstruction import evaluate as task
from stages.tasks.reconstruction.captions import (
    ANOMALY_CAPTIONS,
    CAPTIONS,
    summarize_clusters,
    summarize_scores,
)
from tests.unit.contexts import make_context

NAMES = ["dark", "gray", "light"]
LEVELS = np.array([20, 120, 230])
INFO: dict[str, Any] = {"classes": NAMES, "input": {"type": "image", "shape": [4, 6]}}
HISTORY = pd.DataFrame({"epoch": [1, 2], "loss": [0.5, 0.2], "val_loss": [0.4, 0.3]})


def images(counts: list[int], seed: int) -> Split:
    """`counts` images of each class, of its level and a little noise."""
    random = np.random.default_rng(seed)
    y = np.repeat(np.arange(3), counts).astype(np.uint8)
    x = LEVELS[y][:, None, None] + random.integers(-9, 10, (len(y), 4, 6))
    return Split(x.astype(np.uint8), y)


SPLITS = {"train": images([14, 12, 13], 1), "test": images([5, 3, 4], 2)}


def mean_autoencoder() -> keras.Model:
    """Encodes an image as its mean brightness, and decodes that for all pixels."""
    shown = keras.Input((4, 6), dtype="uint8")
    flat = keras.layers.Flatten()(keras.layers.Rescaling(1 / 255)(shown))
    latent = keras.layers.Dense(1)
    encoder = keras.Model(shown, latent(flat), name="encoder")
    latent.set_weights([np.full((24, 1), 1 / 24), np.zeros(1)])
    code = keras.Input((1,))
    dense = keras.layers.Dense(24)
    decoder = keras.Model(code, keras.layers.Reshape((4, 6))(dense(code)), name="decoder")
    dense.set_weights([np.ones((1, 24)), np.zeros(24)])
    inputs = keras.Input((4, 6), dtype="uint8")
    return keras.Model(inputs, decoder(encoder(inputs)))


@pytest.fixture(scope="module")
def evaluation() -> Any:
    with figure_style():
        return task.evaluate(make_context(mean_autoencoder(), SPLITS, INFO, history=HISTORY))


def test_reconstructions_are_compared_with_as_many_components(evaluation: Any) -> None:
    x = SPLITS["test"].x / 255
    mean = np.broadcast_to(x.mean(axis=(1, 2), keepdims=True), x.shape)
    assert evaluation.metrics["test"]["psnr"] == pytest.approx(psnr(mean, x), abs=1e-3)
    pca = PCA(1).fit(SPLITS["train"].x.reshape(-1, 24) / 255)
    flat = x.reshape(-1, 24)
    expected = psnr(pca.inverse_transform(pca.transform(flat)).clip(0, 1), flat)
    assert evaluation.metrics["pca"]["psnr"] == pytest.approx(expected, abs=1e-3)
    assert "From 24 pixels to 1 numbers" in evaluation.summaries["reconstructions"]


def test_classes_far_apart_are_found_in_every_representation(evaluation: Any) -> None:
    for name in ("latent", "pca", "pixels"):
        scores = {key: evaluation.metrics[name][key] for key in task.captions.MEASURES}
        assert scores == dict.fromkeys(task.captions.MEASURES, 1.0), name
    assert set(evaluation.chart["representation"]) == {"autoencoder", "PCA", "pixels"}
    assert len(evaluation.chart) == 9


def test_every_figure_has_a_caption_and_every_caption_a_figure(evaluation: Any) -> None:
    assert set(evaluation.figures) == set(CAPTIONS)
    assert set(evaluation.summaries) <= set(CAPTIONS)
    with figure_style():
        for figure in evaluation.figures.values():
            assert rasterize(figure).std() > 0


def test_the_same_evaluation_twice_is_equal(evaluation: Any) -> None:
    with figure_style():
        again = task.evaluate(make_context(mean_autoencoder(), SPLITS, INFO, history=HISTORY))
    assert again.metrics == evaluation.metrics


def test_neighbors_are_the_nearest_and_in_order() -> None:
    vectors = np.array([[0.0], [10.0], [3.0], [4.0]], np.float32)
    found = neighbors.nearest(vectors, np.array([[2.9], [9.0]], np.float32), 3)
    assert found.tolist() == [[2, 3, 0], [1, 3, 2]]


def test_precision_and_votes_by_hand() -> None:
    found, y = np.array([[1, 1, 0], [0, 2, 2], [2, 1, 0]]), np.array([1, 0, 0])
    assert neighbors.precision(found, y) == pytest.approx((2 + 1 + 1) / 9)
    assert neighbors.vote_accuracy(found, y) == pytest.approx(2 / 3)  # 0 is the first of three


def test_clusters_are_matched_with_classes_one_to_one() -> None:
    vectors = np.array([[0.0], [0.1], [5.0], [5.1], [9.0], [9.1]])
    y = np.array([2, 2, 0, 0, 1, 0])
    counts = neighbors.cluster_counts(vectors, y, 3, seed=1)
    assert counts.tolist() == [[2, 1, 0], [0, 1, 0], [0, 0, 2]]
    assert neighbors.cluster_accuracy(counts) == pytest.approx(5 / 6)


def test_summaries_name_the_extremes() -> None:
    counts = np.array([[9, 1], [5, 5]])
    text = summarize_clusters(counts, ["bag", "coat"])
    assert "90% of the images of bag" in text
    assert "50% of those of coat" in text
    scores = {name: {"precision_at_10": value} for name, value in (("a", 0.5), ("b", 0.75))}
    assert summarize_scores(scores) == "Precision at 10: 75.0% with b, 50.0% with a."


def test_neighbors_of_another_class_have_a_frame() -> None:
    queries = np.zeros((1, 4, 6), np.uint8)
    found = np.zeros((1, 2, 4, 6), np.uint8)
    with figure_style():
        (axes,) = plots.search(queries, found, np.array([[True, False]]), ["dark"]).axes
    pixels = np.asarray(axes.images[0].get_array())
    colored = (pixels == plots.FRAME_COLOR).all(axis=2)
    assert colored.sum() == (4 + 4) * (6 + 4) - 4 * 6
    assert colored[:, : 3 * 11].sum() == 0


def detected() -> Any:
    ordinary = images([5, 6, 7], 3).x
    odd = np.tile(np.array([0, 255], np.uint8), (9, 4, 3))
    odd[0] = 7  # as plain as the ordinary ones
    with figure_style():
        return (
            anomalies.detect(mean_autoencoder(), {"plain": ordinary, "striped": odd}),
            ordinary,
            odd,
        )


def test_anomalies_have_larger_errors() -> None:
    evaluation, ordinary, odd = detected()
    everything = np.concatenate([ordinary, odd]) / 255
    errors = everything.var(axis=(1, 2))
    y = np.repeat([0, 1], [len(ordinary), len(odd)])
    metrics = evaluation.metrics["anomalies"]
    assert metrics["roc_auc"] == pytest.approx(roc_auc_score(y, errors))
    assert metrics["true_positive_rate"] == pytest.approx(8 / 9)
    assert "88.9% of the test images of striped" in evaluation.summaries["roc_curve"]
    worst = evaluation.data["largest_errors"]["examples"]
    assert worst == np.argsort(-errors[: len(ordinary)], kind="stable")[: len(worst)].tolist()


def test_the_figures_of_anomalies_have_captions() -> None:
    evaluation, *_ = detected()
    assert set(evaluation.figures) == set(ANOMALY_CAPTIONS)
    with figure_style():
        for figure in evaluation.figures.values():
            assert rasterize(figure).std() > 0


def test_the_stage_writes_metrics_captions_and_figures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    save_model(Path("models/m/model.keras"), mean_autoencoder())
    write_json(Path("models/m/spec.json"), {})
    for name, split in SPLITS.items():
        save_split(Path(f"data/processed/{name}_images/test"), split)
    section = SimpleNamespace(dataset="train_images", anomalies="test_images")
    params = SimpleNamespace(anomaly_detection={"m": section})
    monkeypatch.setattr(detect_anomalies, "load_params", lambda: params)
    detect_anomalies.main("m")
    folder = Path("reports/m/anomaly_detection")
    metrics = flatten(read_json(folder / "metrics.json"))
    assert set(metrics) == {"anomalies.roc_auc", "anomalies.true_positive_rate"}
    captions = read_json(folder / "details.json")[0]["captions"]
    assert {path.stem for path in (folder / "plots").iterdir()} == set(captions)
    assert "test images of test_images" in captions["roc_curve"]["summary"]


def test_errors_are_by_image() -> None:
    shown = np.array([[[0, 255]], [[51, 51]]], np.uint8)
    decoded = np.array([[[0.0, 0.5]], [[0.2, 0.0]]])
    assert anomalies.image_errors(shown, decoded) == pytest.approx([0.125, 0.02])


def test_the_first_example_of_each_class_is_shown() -> None:
    assert task.first_of_each(np.array([2, 0, 2, 0]), 3).tolist() == [1, 0]
