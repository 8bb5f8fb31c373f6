from typing import Any

import keras
import numpy as np
import pandas as pd
import pytest

from stages.core.errors import ConfigError
from stages.core.splits import Split
from stages.metrics import likelihood
from stages.plots.style import figure_style, rasterize
from stages.tasks.conditional_generation import evaluate as task
from stages.tasks.conditional_generation.captions import CAPTIONS
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


def make_cvae(confused: bool = False) -> keras.Model:
    """Latent means are the brightness and 0; the decoder outputs the level of the class.

    `confused` decodes the last class like the second.
    """
    shown, classes = keras.Input((4, 6), dtype="uint8"), keras.Input((), dtype="uint8")
    flat = keras.layers.Flatten()(keras.layers.Rescaling(1 / 255)(shown))
    mean, log_variance = keras.layers.Dense(2), keras.layers.Dense(2)
    encoder = keras.Model([shown, classes], [mean(flat), log_variance(flat)], name="encoder")
    kernel = np.zeros((24, 2), np.float32)
    kernel[:, 0] = 1 / 24
    mean.set_weights([kernel, np.zeros(2)])
    log_variance.set_weights([kernel, np.full(2, -6.0)])
    latent, label = keras.Input((2,)), keras.Input((), dtype="uint8")
    levels = keras.layers.Embedding(3, 24)
    scale = keras.layers.Dense(24)
    flat_logits = keras.layers.Add()([levels(label), scale(latent)])
    logits = keras.layers.Reshape((4, 6))(flat_logits)
    decoder = keras.Model([latent, label], logits, name="decoder")
    shown_levels = BRIGHT[[0, 1, 1]] if confused else BRIGHT
    levels.set_weights([np.repeat(shown_levels[:, None], 24, axis=1)])
    scale.set_weights([np.full((2, 24), 0.01), np.zeros(24)])
    inputs = [keras.Input((4, 6), dtype="uint8"), keras.Input((), dtype="uint8")]
    outputs = encoder(inputs)
    names = {
        "mean": outputs[0],
        "log_variance": outputs[1],
        "reconstruction": decoder([outputs[0], inputs[1]]),
    }
    return keras.Model(inputs, names)


def history() -> pd.DataFrame:
    names = ("loss", "reconstruction_loss", "kl_loss", "class_loss")
    columns = [*names, *(f"val_{name}" for name in names)]
    return pd.DataFrame({"epoch": [1, 2]} | {name: [2.0, 1.0] for name in columns})


def evaluated(confused: bool = False) -> Any:
    context = make_context(
        make_cvae(confused), SPLITS, INFO, training={"kl_weight": 2.0}, history=history(),
        evaluator=brightness_classifier(4, 6, LEVELS.tolist()),
    )  # fmt: skip
    with figure_style(), pytest.MonkeyPatch.context() as patch:
        patch.setattr(task, "SAMPLES_PER_CLASS", 20)
        patch.setattr(task, "NUM_NEIGHBORS", 3)
        return task.evaluate(context)


def test_samples_of_the_class_asked_for_are_recognized() -> None:
    assert evaluated().metrics["samples"] == {"accuracy": 1.0, "worst_accuracy": 1.0}
    evaluation = evaluated(confused=True)
    assert evaluation.metrics["samples"] == {
        "accuracy": pytest.approx(2 / 3), "worst_accuracy": 0.0,
    }  # fmt: skip
    assert evaluation.data["class_samples"] == {"dark": 1.0, "gray": 1.0, "light": 0.0}
    assert "0% of those of light" in evaluation.summaries["class_samples"]
    generated = evaluation.chart[evaluation.chart["images"] == "generated"]
    assert generated["accuracy"].tolist() == [1, 1, 0]
    assert evaluation.metrics["evaluator"]["accuracy"] == 1


def test_losses_are_those_of_the_test_images() -> None:
    losses, x = evaluated().metrics["test"], SPLITS["test"].x
    brightness = x.mean(axis=(1, 2)) / 255
    mean = np.stack([brightness, 0 * brightness], axis=1)
    log_variance = np.stack([brightness - 6, 0 * brightness - 6], axis=1)
    kl = likelihood.kl_divergence(mean, log_variance).mean()
    assert losses["kl_loss"] == pytest.approx(kl, rel=1e-4)
    logits = BRIGHT[SPLITS["test"].y][:, None, None] * np.ones((1, 4, 6))
    expected = likelihood.reconstruction_loss(x, logits).mean()
    assert losses["reconstruction_loss"] == pytest.approx(expected, rel=0.02)
    assert losses["total_loss"] == pytest.approx(losses["reconstruction_loss"] + 2 * kl, rel=1e-4)


def test_classes_are_found_in_a_latent_space_that_describes_them() -> None:
    assert evaluated().metrics["latent"] == {"neighbor_accuracy": 1.0}


def test_every_figure_has_a_caption_and_every_caption_a_figure() -> None:
    evaluation = evaluated()
    assert {*evaluation.figures, *evaluation.animations} == set(CAPTIONS)
    assert set(evaluation.summaries) <= set(CAPTIONS)
    with figure_style():
        for figure in evaluation.figures.values():
            assert rasterize(figure).std() > 0


def test_each_latent_vector_is_decoded_in_each_class() -> None:
    decoder = make_cvae().get_layer("decoder")
    shown = task.decode_all(decoder, np.array([[0.0, 0.0], [30.0, 0.0]]), 3)
    assert shown.shape == (2, 3, 4, 6)
    assert shown[0, :, 0, 0].tolist() == LEVELS.tolist()
    assert (shown[1] > shown[0]).all()


def test_one_seed_gives_one_set_of_samples() -> None:
    decoder = make_cvae().get_layer("decoder")
    first, again = (task.sample_classes(decoder, 3, np.random.default_rng(SEED)) for _ in range(2))
    assert (first == again).all()
    assert first.shape == (3, task.SAMPLES_PER_CLASS, 4, 6)


def test_the_walk_goes_around_at_the_typical_norm() -> None:
    circle = task.great_circle(np.array([[3.0, 0.0, 0.0], [1.0, 1.0, 0.0]]), 4)
    root = np.sqrt(3)
    assert circle == pytest.approx(
        np.array([[root, 0, 0], [0, root, 0], [-root, 0, 0], [0, -root, 0]])
    )


def test_the_evaluator_must_know_the_classes() -> None:
    context = make_context(make_cvae(), SPLITS, INFO, evaluator=brightness_classifier(4, 6, [1, 9]))
    with pytest.raises(ConfigError, match="'the_evaluator' has output shape"):
        task.evaluate(context)
