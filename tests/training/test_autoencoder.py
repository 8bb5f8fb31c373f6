from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from stages.core.errors import DataError, DivergedError
from stages.core.splits import Split
from stages.learning import bundle
from stages.learning.fit import Trained
from stages.learning.runtime import session
from stages.networks.autoencoder import train as autoencoder
from stages.networks.autoencoder.corruption import corrupt
from stages.pipelines import images as pipeline
from tests import factories

pytestmark = pytest.mark.usefixtures("eagerly")

RANDOM = np.random.default_rng(0)
MAKE_BATCHES: Any = pipeline.make_batches
NOISE = {"type": "noise", "stddev": 0.2}
GRAY = {"type": "grayscale"}


def split(*shape: int, low: int = 0) -> Split:
    x = RANDOM.integers(low, low + 100, shape).astype(np.uint8)
    return Split(x, np.zeros(len(x), np.uint8))


TRAIN, VALIDATION = split(40, 8, 12), split(25, 8, 12, low=150)
COLOR = split(30, 8, 12, 3)


def run(
    case: str = "autoencoder",
    data: tuple[Split, Split | None] = (TRAIN, VALIDATION),
    network: dict[str, Any] | None = None,
    **training: Any,
) -> Trained:
    config = factories.make_config(case, network=network or {}, training=training)
    with session(config.training.seed, config.training.precision):
        return autoencoder.train(config, {}, *data, MAKE_BATCHES)


def test_noise_has_the_deviation_asked_for_and_stays_in_range() -> None:
    gray = np.full((20, 30, 40), 128, np.uint8)
    noisy = corrupt(gray, {"type": "noise", "stddev": 0.1}, [1, 2]).numpy()
    assert noisy.dtype == np.uint8
    assert noisy.mean() == pytest.approx(128, abs=1)
    assert noisy.std() == pytest.approx(25.5, rel=0.03)
    strong = corrupt(gray, {"type": "noise", "stddev": 2.0}, [1, 2]).numpy()
    assert {strong.min(), strong.max()} == {0, 255}
    again, other = (corrupt(gray, NOISE, [seed, 2]).numpy() for seed in (1, 3))
    assert (again == corrupt(gray, NOISE, [1, 2]).numpy()).all()
    assert (again != other).any()


def test_gray_is_the_luma_of_the_colors() -> None:
    gray = corrupt(COLOR.x, {"type": "grayscale"}, [0, 0]).numpy()
    expected = COLOR.x @ np.array([0.2989, 0.587, 0.114])
    assert gray.shape == COLOR.x.shape[:3]
    assert gray == pytest.approx(expected, abs=0.6)
    assert corrupt(COLOR.x, None, [0, 0]) is COLOR.x


def seen_batches(**training: Any) -> list[tf.data.Dataset]:
    seen = []
    fit = autoencoder.fit

    def remember(model: Any, train: Any, validation: Any, **arguments: Any) -> Any:
        seen.extend([train, validation])
        return fit(model, train, validation, **arguments)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(autoencoder, "fit", remember)
        run(epochs=1, **training)
    return seen


def test_inputs_are_corrupted_and_targets_are_not() -> None:
    train, validation = seen_batches(case="denoising")
    x, y = (np.concatenate(parts) for parts in zip(*train, strict=True))
    targets = np.rint(255 * y).astype(np.uint8)
    assert sorted(targets.tolist()) == sorted(TRAIN.x.tolist())
    differences = x.astype(float) - targets
    assert 20 < differences[targets > 60].std() < 60  # 0.2 of 255 is 51, less what is clipped
    x, y = (np.concatenate(parts) for parts in zip(*validation, strict=True))
    assert np.rint(255 * y).astype(np.uint8).tolist() == VALIDATION.x.tolist()


def test_training_noise_differs_by_epoch_and_validation_noise_does_not() -> None:
    train, validation = seen_batches(case="denoising")

    def noise(batches: tf.data.Dataset) -> float:
        return sum(float(tf.reduce_sum(tf.cast(x, tf.float32) - 255 * y)) for x, y in batches)

    assert noise(train) != pytest.approx(noise(train), abs=1e-3)
    assert noise(validation) == noise(validation)


def test_without_corruption_the_input_is_the_target() -> None:
    train, _ = seen_batches()
    for x, y in train:
        assert (x.numpy() == np.rint(255 * y.numpy())).all()


def test_a_bottleneck_has_an_encoder_and_a_decoder() -> None:
    model = run().model
    encoder, decoder = model.get_layer("encoder"), model.get_layer("decoder")
    latent = encoder(TRAIN.x)
    assert latent.shape == (40, 3)
    assert (decoder(latent).numpy() == model(TRAIN.x).numpy()).all()


def test_every_hyperparameter_reaches_its_layer() -> None:
    config = factories.make_config("denoising").network
    model = autoencoder.build_autoencoder(config, (8, 12), (8, 12, 3))

    def layers(kind: type) -> list[Any]:
        return [layer for layer in model.layers if type(layer) is kind]

    assert [layer.filters for layer in layers(keras.layers.Conv2D)] == [4, 5, 3]
    assert [layer.filters for layer in layers(keras.layers.Conv2DTranspose)] == [6, 3]
    shapes = [layer.output.shape[1:] for layer in layers(keras.layers.Concatenate)]
    assert shapes == [(4, 6, 6 + 4), (8, 12, 3 + 1)]
    assert model.output_shape == (None, 8, 12, 3)


def test_skip_connections_pass_the_input_around_the_smallest_feature_maps() -> None:
    model = run("denoising", epochs=1).model
    one = np.zeros((1, 8, 12), np.uint8)
    other = one.copy()
    other[0, 3, 5] = 255
    changed = np.abs(model(one).numpy() - model(other).numpy())[0]
    assert changed[3, 5] > 0


def test_a_gray_image_becomes_a_color_image() -> None:
    trained = run(data=(COLOR, COLOR), network={"latent_dim": None}, corruption=GRAY)
    assert trained.model.input_shape == (None, 8, 12)
    output = trained.model(corrupt(COLOR.x, GRAY, [0, 0])).numpy()
    assert output.shape == (30, 8, 12, 3)
    assert output.dtype == np.float32
    assert 0 <= output.min() < output.max() <= 1


def test_the_loss_is_the_mean_squared_error() -> None:
    trained = run()
    expected = np.mean((trained.model.predict(VALIDATION.x, verbose=0) - VALIDATION.x / 255) ** 2)
    assert trained.history["val_loss"].iloc[-1] == pytest.approx(expected, rel=1e-4)
    assert trained.history["epoch"].tolist() == [1, 2]
    assert trained.num_examples == 80
    assert dict(trained.snapshots) == {}


def test_without_validation_there_is_no_validation_loss() -> None:
    assert "val_loss" not in run(data=(TRAIN, None)).history


def test_training_lowers_the_loss() -> None:
    history = run(epochs=20).history
    assert history["loss"].iloc[-1] < 0.9 * history["loss"].iloc[0]


def test_one_seed_gives_one_result() -> None:
    first, again, other = (run("denoising", seed=seed) for seed in (1, 1, 2))
    for a, b in zip(first.model.get_weights(), again.model.get_weights(), strict=True):
        assert (a == b).all()
    assert first.history.equals(again.history)
    assert not first.history.equals(other.history)


@pytest.mark.parametrize("shape", [(28, 30), (27, 28), (6, 8, 3)])
def test_images_that_cannot_be_halved_are_rejected(shape: tuple[int, ...]) -> None:
    with pytest.raises(DataError, match="expected a height and width divisible by 4"):
        run(data=(split(4, *shape), None))


def test_gray_images_cannot_be_colorized() -> None:
    with pytest.raises(DataError, match="expected color images"):
        run(corruption=GRAY)


def test_a_diverged_training_run_keeps_finite_weights() -> None:
    with pytest.raises(DivergedError, match="learning_rate") as caught:
        run(optimizer={"learning_rate": 1e6, "schedule": "constant", "beta_1": 0.0}, epochs=40)
    assert all(np.isfinite(weights).all() for weights in caught.value.model.get_weights())


def test_the_stored_model_has_the_same_outputs(tmp_path: Path) -> None:
    for case in ("autoencoder", "denoising"):
        trained = run(case, epochs=1)
        bundle.save_model(tmp_path / "model.keras", trained.model)
        loaded = keras.saving.load_model(tmp_path / "model.keras", compile=False)
        np.testing.assert_allclose(loaded(TRAIN.x), trained.model(TRAIN.x), atol=1e-5)
