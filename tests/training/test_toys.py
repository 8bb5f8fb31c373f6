from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from scipy.special import expit

from stages.core.errors import DivergedError
from stages.core.splits import Split
from stages.learning import bundle
from stages.learning.fit import Trained, logging_steps
from stages.learning.runtime import session
from stages.networks.fourier_mlp import train as fourier_mlp
from stages.networks.toy_mlp import train as toy_mlp
from stages.networks.toy_mlp.grid import AXIS, GRID
from stages.pipelines import arrays
from tests import factories

HEIGHT, WIDTH = 12, 20
INFO = {"input": {"type": "pixel_coordinates", "height": HEIGHT, "width": WIDTH}}


def circle(num: int, seed: int) -> Split:
    x = np.random.default_rng(seed).uniform(-1, 1, (num, 2)).astype(np.float32)
    return Split(x, (np.linalg.norm(x, axis=1) < 0.6).astype(np.uint8))


def smooth_image() -> np.ndarray:
    """Red grows downwards, green to the right, blue upwards."""
    rows, columns = np.indices((HEIGHT, WIDTH)) / WIDTH
    return np.round(255 * np.stack([rows, columns, 1 - rows], axis=-1)).astype(np.uint8)


def pixels() -> tuple[Split, Split]:
    """Split the pixels of the image: nine tenths for training, the others for validation."""
    positions = np.random.default_rng(0).permutation(np.indices((HEIGHT, WIDTH)).reshape(2, -1).T)
    positions = positions.astype(np.uint16)
    split = Split(positions, smooth_image()[positions[:, 0], positions[:, 1]])
    return split.take(np.arange(24, len(positions))), split.take(np.arange(24))


def run_toy(validation: Split | None = circle(70, 2), seed: int = 1, **changes: Any) -> Trained:  # noqa: B008
    network = {key: changes.pop(key) for key in ("hidden_units", "activation") if key in changes}
    config = factories.make_config("toy_mlp", network=network, training=changes)
    with session(seed, config.training.precision):
        return toy_mlp.train(config, {}, circle(300, 1), validation, arrays.make_batches)


def run_fourier(seed: int = 1, **changes: Any) -> Trained:
    network = {
        key: changes.pop(key)
        for key in ("num_frequencies", "sigma", "hidden_units")
        if key in changes
    }
    config = factories.make_config("fourier_mlp", network=network, training=changes)
    with session(seed, config.training.precision):
        return fourier_mlp.train(config, INFO, *pixels(), arrays.make_batches)


RUNS: dict[str, Any] = {"toy_mlp": run_toy, "fourier_mlp": run_fourier}


@pytest.mark.parametrize("network", RUNS)
def test_one_seed_gives_one_result(network: str) -> None:
    first, again, other = (RUNS[network](seed=seed) for seed in (1, 1, 2))
    for a, b in zip(first.model.get_weights(), again.model.get_weights(), strict=True):
        assert (a == b).all()
    assert first.history.equals(again.history)
    assert not first.history.equals(other.history)


@pytest.mark.parametrize("network", RUNS)
def test_history_and_snapshots_are_of_the_same_logging_steps(network: str) -> None:
    trained = RUNS[network](steps=100)
    assert trained.history.columns[0] == "training_step"
    assert trained.history["training_step"].tolist() == logging_steps(100)
    assert trained.snapshots["training_step"].tolist() == [0, *logging_steps(100)]
    examples, per_epoch = {"toy_mlp": (300, 19), "fourier_mlp": (216, 14)}[network]
    assert trained.num_examples == 100 * examples // per_epoch


@pytest.mark.parametrize("network", RUNS)
def test_a_diverged_training_run_keeps_finite_weights(network: str) -> None:
    optimizer = {"learning_rate": 1e6, "schedule": "constant", "weight_decay": 10.0}
    with pytest.raises(DivergedError, match="learning_rate") as caught:
        RUNS[network](optimizer=optimizer, steps=200)
    assert all(np.isfinite(weights).all() for weights in caught.value.model.get_weights())


@pytest.mark.parametrize("network", RUNS)
def test_the_optimizer_is_that_of_the_config(network: str, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[Any] = []
    module = {"toy_mlp": toy_mlp, "fourier_mlp": fourier_mlp}[network]
    original = module.make_optimizer

    def record(config: Any, total_steps: int) -> Any:
        made.append((config, total_steps))
        return original(config, total_steps)

    monkeypatch.setattr(module, "make_optimizer", record)
    RUNS[network](optimizer={"beta_1": 0.3, "beta_2": 0.7}, steps=5)
    ((config, total_steps),) = made
    assert (config.beta_1, config.beta_2, total_steps) == (0.3, 0.7, 5)


@pytest.mark.parametrize("network", RUNS)
def test_the_stored_model_has_standard_layers_and_the_same_outputs(
    network: str, tmp_path: Path
) -> None:
    trained = RUNS[network]()
    bundle.save_model(tmp_path / "model.keras", trained.model)
    loaded = keras.saving.load_model(tmp_path / "model.keras", compile=False)
    assert all(type(layer).__module__.startswith("keras.") for layer in loaded.layers)
    x = circle(9, 3).x if network == "toy_mlp" else pixels()[1].x
    np.testing.assert_allclose(loaded(x), trained.model(x), atol=1e-5)


# Points


def test_every_hyperparameter_of_the_toy_reaches_its_layer() -> None:
    layers = run_toy(hidden_units=[5, 4], activation="elu", steps=1).model.layers
    assert [layer.units for layer in layers] == [5, 4, 1]
    elu, sigmoid = keras.activations.elu, keras.activations.sigmoid
    assert [layer.activation for layer in layers] == [elu, elu, sigmoid]


def test_the_toy_learns_a_circle() -> None:
    trained = run_toy(hidden_units=[6], steps=800, optimizer={"learning_rate": 0.03})
    test = circle(400, 9)
    p = trained.model.predict(test.x, verbose=0)[:, 0]
    assert ((p > 0.5) == test.y).mean() > 0.93


def test_validation_is_measured_on_the_validation_points() -> None:
    validation = circle(70, 2)
    flipped = Split(validation.x, 1 - validation.y)
    trained = run_toy(flipped, hidden_units=[6], steps=400, optimizer={"learning_rate": 0.03})
    last = trained.history.iloc[-1]
    assert last["accuracy"] > 0.8
    assert last["val_accuracy"] < 0.2
    p = trained.model.predict(flipped.x, verbose=0)[:, 0].astype(float)
    expected = -np.log(np.where(flipped.y == 1, p, 1 - p)).mean()
    assert last["val_loss"] == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("hidden_units", [[], [3, 2]])
def test_surfaces_show_every_unit_over_the_grid(hidden_units: list[int]) -> None:
    trained = run_toy(hidden_units=hidden_units, steps=60)
    snapshots, num = trained.snapshots, len(trained.snapshots["training_step"])
    assert (snapshots["grid_axis"] == AXIS).all()
    assert snapshots["output"].shape == (num, 40, 40)
    assert snapshots["hidden"].shape == (num, sum(hidden_units), 40, 40)
    assert snapshots["output"].dtype == snapshots["hidden"].dtype == np.uint8
    probabilities = trained.model.predict(GRID.reshape(-1, 2), verbose=0).reshape(40, 40)
    assert np.abs(snapshots["output"][-1] - 255 * probabilities).max() <= 0.51
    if hidden_units:
        kernel, bias = trained.model.layers[0].get_weights()
        expected = np.tanh(GRID @ kernel + bias)[..., 1]
        shown = snapshots["hidden"][-1, 1].astype(float) - 127.5
        assert np.corrcoef(shown.ravel(), expected.ravel())[0, 1] > 0.999


def test_hidden_units_are_scaled_over_all_snapshots() -> None:
    units = np.zeros((2, 3, 1, 2), np.float32)
    units[0, 0, 0], units[1, 0, 0] = [1, -2], [4, 0]
    units[0, 2, 0], units[1, 2, 0] = [0, 1], [0.5, 0.25]
    surfaces = toy_mlp.to_surfaces(units)
    assert surfaces["hidden"][:, 0, 0].tolist() == [[159, 64], [255, 128]]
    assert (surfaces["hidden"][:, 1] == 128).all()
    assert surfaces["output"][:, 0].tolist() == [[0, 255], [128, 64]]


def test_the_first_row_of_a_surface_is_the_largest_y() -> None:
    assert GRID[0, 0] == pytest.approx([-1.2, 1.2])
    assert GRID[-1, -1] == pytest.approx([1.2, -1.2])
    assert GRID[0, 1, 0] > GRID[0, 0, 0]


# Pixels


def test_every_hyperparameter_of_the_fourier_network_reaches_its_layer() -> None:
    config = factories.make_config(
        "fourier_mlp", network={"num_frequencies": 400, "sigma": 5.0, "hidden_units": [6, 7]}
    )
    with session(1, "float32"):
        model = fourier_mlp.build(config.network, 20)
    frequencies, *hidden, output = (x for x in model.layers if isinstance(x, keras.layers.Dense))
    (kernel,) = frequencies.get_weights()
    assert kernel.shape == (2, 400)
    assert kernel.std() == pytest.approx(5, rel=0.1)
    assert not frequencies.trainable_weights
    assert [layer.units for layer in hidden] == [6, 7]
    assert output.units == 3


def test_the_colors_of_a_position_by_formula() -> None:
    config = factories.make_config("fourier_mlp", network={"hidden_units": [6]})
    model = fourier_mlp.build(config.network, 20)
    frequencies, kernel, bias, output_kernel, output_bias = model.get_weights()
    positions = np.array([[0, 3], [11, 19]])
    phases = 2 * np.pi * positions / 20 @ frequencies
    features = np.concatenate([np.cos(phases), np.sin(phases)], axis=1)
    expected = expit(np.maximum(features @ kernel + bias, 0) @ output_kernel + output_bias)
    np.testing.assert_allclose(model(positions.astype(np.uint16)), expected, atol=1e-5)


def test_the_frequencies_are_not_trained() -> None:
    first, later = run_fourier(steps=1), run_fourier(steps=50)
    weights, trained = first.model.get_weights(), later.model.get_weights()
    assert (weights[0] == trained[0]).all()
    assert all((a != b).any() for a, b in zip(weights[1:], trained[1:], strict=True))


def test_a_smooth_image_is_learned_and_rendered() -> None:
    trained = run_fourier(steps=600, num_frequencies=16, sigma=1.0, hidden_units=[24])
    images = trained.snapshots["images"]
    assert (images.dtype, images.shape[1:]) == (np.uint8, (HEIGHT, WIDTH, 3))
    errors = (images.astype(float) - smooth_image()) ** 2
    assert errors[-1].mean() < 0.1 * errors[0].mean()
    assert trained.history["val_loss"].iloc[-1] < 0.01
    _, validation = pixels()
    predicted = trained.model.predict(validation.x, verbose=0).astype(float)
    expected = ((predicted - validation.y / 255) ** 2).mean()
    assert trained.history["val_loss"].iloc[-1] == pytest.approx(expected, rel=1e-3)


def test_a_large_image_is_rendered_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    model = fourier_mlp.build(factories.make_config("fourier_mlp").network, 20)
    whole = fourier_mlp.render(model, HEIGHT, WIDTH)
    monkeypatch.setattr(fourier_mlp, "PREDICT_BATCH", 50)
    assert np.abs(fourier_mlp.render(model, HEIGHT, WIDTH).astype(int) - whole).max() <= 1


def test_bfloat16_tells_neighboring_pixels_apart() -> None:
    config = factories.make_config("fourier_mlp")
    with session(1, "mixed_bfloat16"):
        model = fourier_mlp.build(config.network, 500)
        features = keras.Model(model.inputs, model.get_layer("frequencies").output)
        near = features(np.array([[400, 300], [401, 300]], np.uint16)).numpy()
    assert near.dtype == np.float32
    assert (near[0] != near[1]).all()
