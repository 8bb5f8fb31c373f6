from typing import Any

import numpy as np
import pandas as pd
import pytest

from stages.core.splits import Split
from stages.inference.outputs import logits_to_pixels
from stages.metrics import likelihood
from stages.networks.draw.networks import build_generator, build_model
from stages.plots.style import figure_style, rasterize
from stages.tasks.drawing import captions, plots
from stages.tasks.drawing import evaluate as task
from tests import factories
from tests.unit.contexts import SEED, make_context

RANDOM = np.random.default_rng(1)
TEST = Split(RANDOM.integers(0, 256, (50, 8, 8)).astype(np.uint8), np.zeros(50, np.uint8))
MODEL = build_model(factories.make_config("draw").network, (8, 8))
MODEL.set_weights([RANDOM.normal(0, 0.4, weights.shape) for weights in MODEL.get_weights()])


def history() -> pd.DataFrame:
    names = ["loss", "reconstruction_loss", "kl_loss"]
    columns = [*names, *(f"val_{name}" for name in names)]
    return pd.DataFrame(
        {"epoch": [1, 2]} | {name: [9.0 + k, 5.0] for k, name in enumerate(columns)}
    )


@pytest.fixture(scope="module")
def evaluation() -> Any:
    with figure_style():
        return task.evaluate(make_context(MODEL, {"test": TEST}, {}, history=history()))


def expected_outputs() -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Pixels and outputs, by the random numbers that the evaluation draws first."""
    random = np.random.default_rng(SEED)
    pixels = (random.random(TEST.x.shape, np.float32) < TEST.x / 255).astype(np.uint8)
    noise = random.standard_normal((50, 3, 2), np.float32)
    return pixels, MODEL.predict([pixels, noise], verbose=0)


def test_losses_are_those_of_binarized_test_images(evaluation: Any) -> None:
    pixels, outputs = expected_outputs()
    reconstruction = likelihood.reconstruction_loss(255 * pixels, outputs["canvas"][:, -1]).mean()
    mean, log_variance = (outputs[name].reshape(50, 6) for name in ("mean", "log_variance"))
    kl = likelihood.kl_divergence(mean, log_variance).mean()
    scores = evaluation.metrics["test"]
    assert scores["reconstruction_loss"] == pytest.approx(reconstruction, rel=1e-4)
    assert scores["kl_loss"] == pytest.approx(kl, rel=1e-4)
    assert scores["total_loss"] == pytest.approx(reconstruction + kl, rel=1e-4)
    assert scores["elbo"] == -scores["total_loss"]


def test_the_chart_has_the_losses_by_glimpse(evaluation: Any) -> None:
    chart, scores = evaluation.chart, evaluation.metrics["test"]
    kl = chart[chart["loss"] == "KL divergence"]
    assert kl["glimpse"].tolist() == [1, 2, 3]
    assert kl["nats"].sum() == pytest.approx(scores["kl_loss"], abs=1e-3)
    reconstruction = chart[chart["loss"] == "reconstruction loss"]["nats"]
    assert reconstruction.iloc[-1] == pytest.approx(scores["reconstruction_loss"], abs=1e-3)


def test_losses_do_not_depend_on_the_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    pixels = task.binarize(TEST.x, np.random.default_rng(0))
    noise = np.random.default_rng(0).standard_normal((50, 3, 2), np.float32)
    whole = task.compute_losses(MODEL, pixels, noise)
    monkeypatch.setattr(task, "PREDICT_BATCH", 20)
    for a, b in zip(whole, task.compute_losses(MODEL, pixels, noise), strict=True):
        assert a == pytest.approx(b, rel=1e-4)


def test_binarization_keeps_the_mean_and_is_repeatable() -> None:
    images = np.full((400, 8, 8), 64, np.uint8)
    first, again = (task.binarize(images, np.random.default_rng(2)) for _ in range(2))
    assert (first == again).all()
    assert set(np.unique(first)) == {0, 1}
    assert first.mean() == pytest.approx(64 / 255, abs=0.01)


def test_every_figure_has_a_caption_and_can_be_drawn(evaluation: Any) -> None:
    shown = {*evaluation.figures, *evaluation.animations}
    assert shown == set(captions.CAPTIONS)
    assert set(evaluation.summaries) <= shown
    with figure_style():
        for figure in evaluation.figures.values():
            assert rasterize(figure).std() > 0


def test_an_animation_shows_each_glimpse_and_the_result_without_windows(evaluation: Any) -> None:
    frames = evaluation.animations["animation"]
    assert len(frames) == 3 + 1
    assert len({frame.shape for frame in frames}) == 1
    is_gray = [(frame == frame[..., :1]).all() for frame in frames]
    assert is_gray[-1]
    assert not all(is_gray[:-1])


def test_the_samples_are_those_of_the_generator(evaluation: Any) -> None:
    random = np.random.default_rng(SEED)
    random.random(TEST.x.shape, np.float32)
    random.standard_normal((50, 3, 2), np.float32)
    latent = random.standard_normal((task.GRID_SIDE**2, 3, 2), np.float32)
    canvas = build_generator(MODEL).predict(latent, verbose=0)["canvas"][0, -1]
    gray = 255 - np.round(255 / (1 + np.exp(-canvas)))
    shown = evaluation.animations["animation"][-1][: 8 * task.SCALE, : 8 * task.SCALE, 0]
    assert np.abs(shown[:: task.SCALE, :: task.SCALE] - gray).max() <= 1


def test_a_window_is_framed_at_its_outermost_filters() -> None:
    images = np.zeros((2, 5, 7), np.uint8)
    windows = np.array([[2.0, 3.0, 2.0, 1.0], [2.0, 3.0, 1000.0, 1.0]])
    color = (10, 20, 30)
    inside, outside = plots.mark_windows(images, windows, color, 1)
    framed = (inside == color).all(axis=2)
    expected = np.zeros((5, 7), bool)
    expected[1:4, 2:5] = True
    expected[2, 3] = False
    assert (framed == expected).all()
    assert (outside == 255).all()


def test_pixels_of_logits() -> None:
    logits = np.array([-1000.0, 0.0, np.log(3), 1000.0])
    assert logits_to_pixels(logits).tolist() == [0, 128, 191, 255]


def test_the_summary_of_glimpses_names_the_extremes() -> None:
    text = captions.summarize_glimpses(np.array([3.0, 9.0, 0.5, 1.5]))
    assert "Of 14.0 nats" in text
    assert "glimpse 2 takes 9.0, glimpse 3 0.5" in text
    assert "after 2 of 4" in text
