from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from stages.core.errors import DataError, DivergedError
from stages.core.splits import Split
from stages.learning import bundle
from stages.learning.fit import Trained
from stages.learning.runtime import session
from stages.metrics.likelihood import kl_divergence
from stages.metrics.likelihood import reconstruction_loss as exact_reconstruction_loss
from stages.networks.draw import networks
from stages.networks.draw import train as draw
from stages.pipelines import images as pipeline
from tests import factories

pytestmark = pytest.mark.usefixtures("eagerly")

RANDOM = np.random.default_rng(0)
MAKE_BATCHES: Any = pipeline.make_batches
SHAPE = (8, 12)


def make_images(num: int, low: int) -> Split:
    x = RANDOM.integers(low, low + 100, (num, *SHAPE), np.uint8)
    return Split(x, np.zeros(num, np.uint8))


TRAIN, VALIDATION = make_images(40, 0), make_images(25, 150)
PIXELS = (RANDOM.random((5, *SHAPE)) < 0.4).astype(np.uint8)


def run(validation: Split | None = VALIDATION, **training: Any) -> Trained:
    config = factories.make_config("draw", training=training)
    with session(config.training.seed, config.training.precision):
        return draw.train(config, {}, TRAIN, validation, MAKE_BATCHES)


def make_model(**network: int) -> keras.Model:
    """Build a model with random weights, larger than at the start of training."""
    keras.utils.set_random_seed(3)
    model = networks.build_model(factories.make_config("draw", network=network).network, SHAPE)
    model.set_weights([RANDOM.normal(0, 0.5, w.shape) for w in model.get_weights()])
    return model


def noise(model: keras.Model, num: int = len(PIXELS), seed: int = 0) -> np.ndarray:
    shape = (num, *model.inputs[1].shape[1:])
    return np.random.default_rng(seed).standard_normal(shape, np.float32)


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


def gaussian_filters(center: float, spacing: float, stddev: float, size: int, length: int) -> Any:
    """Filters of the paper, in loops."""
    filters = np.zeros((size, length))
    for i in range(size):
        mean = center + (i - (size - 1) / 2) * spacing
        for pixel in range(length):
            filters[i, pixel] = np.exp(-((pixel - mean) ** 2) / (2 * stddev**2))
        filters[i] /= filters[i].sum() + networks.EPSILON
    return filters


class ByHand:
    """The network of the paper for one image, from the weights of a model, in NumPy."""

    def __init__(self, model: keras.Model) -> None:
        self.weights = {
            name: [w.astype(float) for w in model.get_layer(name).get_weights()]
            for name in ("encoder", "decoder")
        }
        self.start = [
            model.get_layer("start").get_layer(name).get_weights()[0][0].astype(float)
            for name in ("encoder_hidden", "encoder_cell", "decoder_hidden", "decoder_cell",
                         "canvas")
        ]  # fmt: skip

    def attend(self, hidden: np.ndarray, kernel: Any, bias: Any, size: int) -> tuple[Any, ...]:
        row, column, log_variance, log_spacing, log_intensity = hidden @ kernel + bias
        height, width = SHAPE
        row, column = (height - 1) / 2 * (row + 1), (width - 1) / 2 * (column + 1)
        spacing = (max(SHAPE) - 1) / (size - 1) * np.exp(log_spacing)
        stddev = np.exp(log_variance / 2)
        return (
            gaussian_filters(row, spacing, stddev, size, height),
            gaussian_filters(column, spacing, stddev, size, width),
            np.exp(log_intensity),
            [row, column, (size - 1) * spacing, stddev],
        )

    def lstm(self, inputs: np.ndarray, cell: np.ndarray, kernel: Any, bias: Any) -> tuple[Any, Any]:
        i, f, o, g = np.split(inputs @ kernel + bias, 4)
        cell = sigmoid(f + 1) * cell + sigmoid(i) * np.tanh(g)
        return sigmoid(o) * np.tanh(cell), cell

    def draw(self, image: np.ndarray, noise: np.ndarray, read: int, write: int) -> dict[str, Any]:
        encoder_hidden, encoder_cell, hidden, cell, canvas = self.start
        canvas = canvas.reshape(SHAPE)
        window, window_bias, gates, gates_bias, moments, moments_bias = self.weights["encoder"]
        found: dict[str, Any] = {
            name: [] for name in ("mean", "log_variance", "canvas", "read", "write")
        }
        for glimpse in noise.astype(float):
            rows, columns, intensity, shown = self.attend(hidden, window, window_bias, read)
            both = [image, image - sigmoid(canvas)]
            patches = [intensity * rows @ pixels @ columns.T for pixels in both]
            inputs = np.concatenate([np.ravel(patches), hidden, encoder_hidden])
            encoder_hidden, encoder_cell = self.lstm(inputs, encoder_cell, gates, gates_bias)
            mean, log_variance = np.split(encoder_hidden @ moments + moments_bias, 2)
            latent = mean + np.exp(log_variance / 2) * glimpse
            hidden, cell, canvas, written = self.write(latent, hidden, cell, canvas, write)
            for name, value in zip(
                found, (mean, log_variance, canvas, shown, written), strict=True
            ):
                found[name].append(value)
        return {name: np.array(values) for name, values in found.items()}

    def write(self, latent: Any, hidden: Any, cell: Any, canvas: Any, size: int) -> tuple[Any, ...]:
        gates, gates_bias, *rest = self.weights["decoder"]
        window, window_bias, patch, patch_bias = (
            rest if rest[0].shape[1] == 5 else [*rest[2:], *rest[:2]]
        )
        hidden, cell = self.lstm(np.concatenate([latent, hidden]), cell, gates, gates_bias)
        rows, columns, intensity, shown = self.attend(hidden, window, window_bias, size)
        drawn = ((hidden @ patch + patch_bias) / intensity).reshape(size, size)
        return hidden, cell, canvas + rows.T @ drawn @ columns, shown


def test_the_network_is_that_of_the_paper() -> None:
    model = make_model()
    outputs = model.predict([PIXELS, noise(model)], verbose=0)
    hand = ByHand(model)
    for number, image in enumerate(PIXELS):
        expected = hand.draw(image, noise(model)[number], read=3, write=2)
        for name, value in expected.items():
            np.testing.assert_allclose(outputs[name][number], value, rtol=1e-3, atol=1e-3)


def test_the_generator_is_the_decoder_on_latent_variables_of_the_prior() -> None:
    model = make_model()
    generator, latent = networks.build_generator(model), noise(model, seed=4)
    outputs = generator.predict(latent, verbose=0)
    hand = ByHand(model)
    _, _, hidden, cell, canvas = hand.start
    canvas = canvas.reshape(SHAPE)
    for number, vector in enumerate(latent[0].astype(float)):
        hidden, cell, canvas, window = hand.write(vector, hidden, cell, canvas, 2)
        np.testing.assert_allclose(outputs["canvas"][0, number], canvas, rtol=1e-3, atol=1e-3)
        np.testing.assert_allclose(outputs["write"][0, number], window, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("precision", ["float32", "mixed_bfloat16"])
def test_shapes_and_dtypes(precision: str) -> None:
    with session(1, precision):
        model = make_model(glimpses=2, latent_dim=4)
        outputs = model([PIXELS, noise(model)])
    assert {name: tuple(value.shape) for name, value in outputs.items()} == {
        "mean": (5, 2, 4), "log_variance": (5, 2, 4), "canvas": (5, 2, *SHAPE),
        "read": (5, 2, 4), "write": (5, 2, 4),
    }  # fmt: skip
    assert {keras.backend.standardize_dtype(value.dtype) for value in outputs.values()} == {
        "float32"
    }


def test_the_losses_of_a_batch_by_formula() -> None:
    model = draw.Draw(make_model())
    outputs = model(TRAIN.x[:6])
    loss = model.compute_loss(None, None, outputs)
    values = {name: np.asarray(value) for name, value in outputs.items()}
    assert set(np.unique(values["pixels"])) == {0, 1}
    reconstruction = exact_reconstruction_loss(255 * values["pixels"], values["canvas"][:, -1])
    kl = sum(kl_divergence(values["mean"][:, k], values["log_variance"][:, k]) for k in range(3))
    assert float(model.reconstruction_tracker.result()) == pytest.approx(
        reconstruction.mean(), rel=1e-4
    )
    assert float(model.kl_tracker.result()) == pytest.approx(np.mean(kl), rel=1e-4)
    assert float(loss) == pytest.approx(reconstruction.mean() + np.mean(kl), rel=1e-4)


def test_pixels_are_one_with_the_probability_of_their_value() -> None:
    keras.utils.set_random_seed(1)
    values = np.array([0, 64, 128, 255], np.uint8)
    pixels = draw.binarize(np.broadcast_to(values, (20_000, 4))).numpy()
    assert pixels.dtype == np.uint8
    assert pixels.mean(axis=0) == pytest.approx(values / 255, abs=0.015)
    assert (pixels[:, 0] == 0).all()
    assert (pixels[:, 3] == 1).all()


def test_drawing_begins_with_the_mean_image() -> None:
    x = np.zeros((4, 2, 2), np.uint8)
    x[:, 0, 0], x[:2, 0, 1], x[:, 1, 1] = 51, 255, 255
    probabilities = sigmoid(draw.mean_logits(x))
    assert probabilities == pytest.approx(np.array([[0.2, 0.5], [0.001, 0.999]]), rel=1e-4)
    start = run(optimizer={"learning_rate": 1e-9}, epochs=1).model.get_layer("start")
    canvas = start(np.ones((1, 1), np.float32))[-1][0]
    np.testing.assert_allclose(canvas, draw.mean_logits(TRAIN.x), atol=1e-5)


def test_the_history_adds_up() -> None:
    history = run().history
    assert history["epoch"].tolist() == [1, 2]
    for prefix in ("", "val_"):
        total = history[f"{prefix}reconstruction_loss"] + history[f"{prefix}kl_loss"]
        assert history[f"{prefix}loss"].to_numpy() == pytest.approx(total.to_numpy(), rel=1e-5)
    assert not [name for name in run(validation=None).history if str(name).startswith("val_")]


@pytest.mark.traced
def test_training_lowers_the_loss_and_is_repeatable() -> None:
    first, again = run(epochs=6), run(epochs=6)
    assert first.history["loss"].iloc[-1] < first.history["loss"].iloc[0]
    assert first.history.equals(again.history)
    for a, b in zip(first.model.get_weights(), again.model.get_weights(), strict=True):
        assert (a == b).all()
    assert first.num_examples == 6 * 40


def test_color_images_are_rejected() -> None:
    split = Split(np.zeros((4, 8, 8, 3), np.uint8), np.zeros(4, np.uint8))
    with pytest.raises(DataError, match="expected grayscale images"):
        draw.train(factories.make_config("draw"), {}, split, None, MAKE_BATCHES)


def test_a_diverged_training_run_keeps_finite_weights() -> None:
    with pytest.raises(DivergedError, match="learning_rate") as caught:
        run(optimizer={"learning_rate": 1e6, "schedule": "constant"}, epochs=4)
    assert all(np.isfinite(weights).all() for weights in caught.value.model.get_weights())


def test_the_stored_model_has_standard_layers_and_the_same_outputs(tmp_path: Path) -> None:
    trained = run(precision="mixed_bfloat16", epochs=1)
    bundle.save_model(tmp_path / "a.keras", trained.model)
    bundle.save_model(tmp_path / "b.keras", trained.model)
    assert (tmp_path / "a.keras").read_bytes() == (tmp_path / "b.keras").read_bytes()
    loaded = keras.saving.load_model(tmp_path / "a.keras", compile=False, safe_mode=True)
    parts = [loaded, *(loaded.get_layer(name) for name in ("start", "encoder", "decoder"))]
    layers = [layer for part in parts for layer in part.layers]
    assert all(type(layer).__module__.startswith("keras.") for layer in layers)
    dense = [layer for layer in layers if isinstance(layer, keras.layers.Dense)]
    assert {layer.compute_dtype for layer in dense} == {"float32"}
    portable = run(epochs=1)
    bundle.save_model(tmp_path / "c.keras", portable.model)
    loaded = keras.saving.load_model(tmp_path / "c.keras", compile=False, safe_mode=True)
    inputs = [PIXELS, noise(portable.model)]
    before, after = portable.model(inputs), loaded(inputs)
    for name in before:
        np.testing.assert_allclose(after[name], before[name], atol=1e-5)
