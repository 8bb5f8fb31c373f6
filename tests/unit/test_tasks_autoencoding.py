from typing import Any

import keras
import numpy as np
import pandas as pd
import pytest

from stages.core.errors import ConfigError
from stages.core.splits import Split
from stages.metrics import likelihood
from stages.plots.style import figure_style, rasterize
from stages.tasks.autoencoding import evaluate as task
from stages.tasks.autoencoding import plots
from stages.tasks.autoencoding.captions import CAPTIONS
from tests.unit.contexts import SEED, brightness_classifier, make_context

NAMES = ["dark", "gray", "light"]
LEVELS = np.array([10, 100, 250])
INFO: dict[str, Any] = {"classes": NAMES, "input": {"type": "image", "shape": [4, 6]}}
BRIGHT = np.log(LEVELS / 255 / (1 - LEVELS / 255))  # logits


def images(counts: list[int], seed: int) -> Split:
    """`counts` images of each class, of its level and a little noise."""
    random = np.random.default_rng(seed)
    y = np.repeat(np.arange(3), counts).astype(np.uint8)
    noise = random.integers(-5, 6, (len(y), 4, 6))
    return Split((LEVELS[y][:, None, None] + noise).clip(0, 255).astype(np.uint8), y)


SPLITS = {"train": images([9, 5, 7], 1), "test": images([4, 2, 3], 2)}


def make_vae(latent_dim: int = 2) -> keras.Model:
    """Latent means are the brightness and 0; the decoder outputs the brightness for all pixels."""
    shown = keras.Input((4, 6), dtype="uint8")
    flat = keras.layers.Flatten()(keras.layers.Rescaling(1 / 255)(shown))
    mean = keras.layers.Dense(latent_dim, name="mean")
    log_variance = keras.layers.Dense(latent_dim, name="log_variance")
    encoder = keras.Model(shown, [mean(flat), log_variance(flat)], name="encoder")
    kernel = np.zeros((24, latent_dim), np.float32)
    kernel[:, 0] = 8 / 24
    mean.set_weights([kernel, np.r_[-4, np.zeros(latent_dim - 1)]])
    log_variance.set_weights([kernel / 4, np.full(latent_dim, -6.0)])
    latent = keras.Input((latent_dim,))
    dense = keras.layers.Dense(24)
    decoder = keras.Model(latent, keras.layers.Reshape((4, 6))(dense(latent)), name="decoder")
    kernel = np.zeros((latent_dim, 24), np.float32)
    kernel[0] = 1
    dense.set_weights([kernel, np.zeros(24)])
    inputs = keras.Input((4, 6), dtype="uint8")
    outputs = encoder(inputs)
    names = {"mean": outputs[0], "log_variance": outputs[1], "reconstruction": decoder(outputs[0])}
    return keras.Model(inputs, names)


def history() -> pd.DataFrame:
    columns = ("loss", "reconstruction_loss", "kl_loss", "val_loss", "val_reconstruction_loss")
    values = {name: [10.0 + k, 5.0 - k] for k, name in enumerate([*columns, "val_kl_loss"])}
    return pd.DataFrame({"epoch": [1, 2]} | values)


def evaluated(latent_dim: int = 2, kl_weight: float = 3.0) -> Any:
    context = make_context(
        make_vae(latent_dim), SPLITS, INFO, training={"kl_weight": kl_weight}, history=history(),
        evaluator=brightness_classifier(4, 6, LEVELS.tolist()),
    )  # fmt: skip
    with figure_style():
        return task.evaluate(context)


@pytest.fixture(scope="module")
def evaluation() -> Any:
    return evaluated()


def test_losses_are_those_of_the_test_images_by_one_seeded_sample_each(evaluation: Any) -> None:
    x = SPLITS["test"].x
    brightness = x.mean(axis=(1, 2)) / 255
    mean = np.stack([8 * brightness - 4, 0 * brightness], axis=1)
    log_variance = np.stack([2 * brightness - 6, 0 * brightness - 6], axis=1)
    noise = np.random.default_rng(SEED).standard_normal(mean.shape)
    logits = (mean + np.exp(log_variance / 2) * noise)[:, :1, None].repeat(4, 1).repeat(6, 2)
    reconstruction = likelihood.reconstruction_loss(x, logits).mean()
    kl = likelihood.kl_divergence(mean, log_variance).mean()
    assert evaluation.metrics == {
        "test": {
            "total_loss": pytest.approx(reconstruction + 3 * kl, rel=1e-4),
            "reconstruction_loss": pytest.approx(reconstruction, rel=1e-4),
            "kl_loss": pytest.approx(kl, rel=1e-4),
            "elbo": pytest.approx(-(reconstruction + kl), rel=1e-4),
        }
    }


def test_the_chart_and_the_reconstructions_are_of_test_images(evaluation: Any) -> None:
    test = SPLITS["test"]
    assert list(evaluation.chart) == ["z1", "z2", "class"]
    assert evaluation.chart["class"].tolist() == [NAMES[label] for label in test.y]
    expected = test.x.mean(axis=(1, 2)) / 255 * 8 - 4
    assert evaluation.chart["z1"].to_numpy() == pytest.approx(expected, abs=1e-3)
    assert evaluation.data["reconstructions"]["examples"] == [[0, 1], [4, 5], [6, 7]]


def test_classes_are_fitted_to_training_images_and_classified(evaluation: Any) -> None:
    records = {record["class"]: record for record in evaluation.data["class_samples"]}
    train = SPLITS["train"]
    for label, name in enumerate(NAMES):
        expected = train.x[train.y == label].mean() / 255 * 8 - 4
        assert records[name]["mean"] == pytest.approx([expected, 0], abs=1e-3)
    assert {name: record["class_accuracy"] for name, record in records.items()}["gray"] == 1


def test_every_figure_has_a_caption_and_every_caption_a_figure(evaluation: Any) -> None:
    assert {*evaluation.figures, *evaluation.animations} == set(CAPTIONS)
    text = evaluation.summaries["learning_curves"]
    metrics = evaluation.metrics["test"]
    assert f"{metrics['reconstruction_loss']:.1f} reconstruction + 3 x" in text


def test_learning_curves_have_three_losses(evaluation: Any) -> None:
    panels = evaluation.figures["learning_curves"].axes
    for axes, name in zip(panels, ("loss", "reconstruction_loss", "kl_loss"), strict=True):
        training, validation = axes.lines
        assert training.get_ydata().tolist() == history()[name].tolist()
        assert validation.get_ydata().tolist() == history()[f"val_{name}"].tolist()


def test_each_panel_of_the_latent_space_has_its_own_class(evaluation: Any) -> None:
    test = SPLITS["test"]
    panels = [axes for axes in evaluation.figures["latent_space"].axes if axes.get_title()]
    for label, axes in enumerate(panels):
        others, own = axes.lines
        assert (len(own.get_xdata()), len(others.get_xdata())) == (
            (test.y == label).sum(), (test.y != label).sum(),
        )  # fmt: skip
        assert axes.get_title() == NAMES[label]


def test_the_walk_begins_at_the_first_class_and_is_dark_on_white(evaluation: Any) -> None:
    walk = np.array(evaluation.animations["walk"])
    assert len(walk) == 3 * task.WALK_STEPS
    means = walk[:: task.WALK_STEPS].mean(axis=(1, 2))
    expected = 255 - 255 / (1 + np.exp(4 - 8 * LEVELS / 255))
    assert means == pytest.approx(expected, abs=4)


def test_more_latent_variables_are_evaluated_too() -> None:
    assert set(evaluated(latent_dim=3, kl_weight=1.0).figures) | {"walk", "decoded_grid"} == set(
        CAPTIONS
    )


def test_an_evaluator_is_needed_and_must_know_the_classes() -> None:
    context = make_context(make_vae(), SPLITS, INFO)
    with pytest.raises(ConfigError, match="evaluator: found 'none', expected a classifier"):
        task.evaluate(context)
    context = make_context(make_vae(), SPLITS, INFO, evaluator=brightness_classifier(4, 6, [1, 9]))
    with pytest.raises(ConfigError, match="'the_evaluator' has output shape"):
        task.evaluate(context)


def test_an_image_is_decoded_by_the_sigmoid() -> None:
    decoder = make_vae().get_layer("decoder")
    decoded = task.decode(decoder, np.stack([BRIGHT, 0 * BRIGHT], axis=1))
    assert decoded[:, 0, 0].tolist() == LEVELS.tolist()


def test_the_grid_divides_the_prior_into_equal_probabilities() -> None:
    axis, grid = task.prior_grid(4, 3)
    assert axis == pytest.approx([-1.1503, -0.3186, 0.3186, 1.1503], abs=1e-4)
    assert grid[0] == pytest.approx([axis[0], axis[-1], 0])
    assert grid[1] == pytest.approx([axis[1], axis[-1], 0])
    assert grid[-1] == pytest.approx([axis[-1], axis[0], 0])


def test_classes_are_fitted_and_sampled_where_they_lie() -> None:
    means = np.array([[0, 0], [2, 0], [10, 10], [10, 14]], np.float32)
    distributions = task.fit_classes(means, np.array([0, 0, 1, 1]), 2)
    assert distributions.mean.tolist() == [[1, 0], [10, 12]]
    assert distributions.covariance.tolist() == [[[1, 0], [0, 0]], [[0, 0], [0, 4]]]
    drawn = task.sample_classes(distributions, 4000, np.random.default_rng(0))
    assert drawn.mean(axis=1) == pytest.approx(distributions.mean, abs=0.1)
    assert drawn.std(axis=1) == pytest.approx(np.array([[1, 0], [0, 2]]), abs=0.1)


def test_accuracy_is_by_class() -> None:
    shown = np.full((2, 4, 4, 6), 10, np.uint8)  # one of the second class's images is light
    shown[1, 0] = 250
    evaluator = brightness_classifier(4, 6, [10, 250])
    assert task.class_accuracy(evaluator, shown).tolist() == [1, 0.25]


def test_the_path_goes_from_corner_to_corner_and_back() -> None:
    corners = np.array([[0.0, 0.0], [3.0, 0.0], [3.0, 3.0]])
    path = task.closed_path(corners, 3)
    assert path[::3].tolist() == corners.tolist()
    assert path[1].tolist() == [1, 0]
    assert path[-1].tolist() == [1, 1]


def test_the_manifold_has_its_axes_in_order() -> None:
    shown = np.arange(9, dtype=np.uint8)[:, None, None] * np.ones((1, 4, 4), np.uint8)
    with figure_style():
        figure = plots.manifold(shown, np.array([-1.0, 0.0, 1.0]))
        rasterize(figure)
    (axes,) = figure.axes
    ticks = {label.get_text(): tick for label, tick in
             zip(axes.get_yticklabels(), axes.get_yticks(), strict=True)}  # fmt: skip
    assert ticks["1.0"] < ticks["-1.0"]  # rows count downwards
    ticks = {label.get_text(): tick for label, tick in
             zip(axes.get_xticklabels(), axes.get_xticks(), strict=True)}  # fmt: skip
    assert ticks["-1.0"] < ticks["1.0"]
