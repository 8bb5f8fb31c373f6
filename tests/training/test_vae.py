from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from stages.config.schema import VaeModel
from stages.core.errors import DataError, DivergedError
from stages.core.splits import Split
from stages.learning import bundle
from stages.learning.fit import Trained
from stages.learning.runtime import session
from stages.networks.vae import train as vae
from stages.pipelines import images as pipeline
from tests import factories

pytestmark = pytest.mark.usefixtures("eagerly")

RANDOM = np.random.default_rng(0)
MAKE_BATCHES: Any = pipeline.make_batches
NETWORK = {
    "encoder_filters": [2, 4], "encoder_units": [8], "encoder_dropout": 0.25,
    "decoder_units": [6, 7], "decoder_filters": [5, 3], "batch_norm_momentum": 0.8,
}  # fmt: skip


def make_config(optimizer: dict[str, Any] | None = None, **training: Any) -> VaeModel:
    training = {"augmentation": {"shift": 1, "flip": True}, "optimizer": optimizer or {}} | training
    return factories.make_config("vae", network=NETWORK, training=training)


def make_images(num: int, low: int, height: int = 8, width: int = 12) -> Split:
    x = RANDOM.integers(low, low + 100, (num, height, width), np.uint8)
    return Split(x, np.zeros(num, np.uint8))


TRAIN, VALIDATION = make_images(40, 0), make_images(25, 150)


def run(validation: Split | None = VALIDATION, seed: int = 1, **training: Any) -> Trained:
    config = make_config(**training)
    with session(seed, config.training.precision):
        return vae.train(config, {}, TRAIN, validation, MAKE_BATCHES)


def make_model(kl_weight: float = 3.0, **network: Any) -> vae.Vae:
    config = factories.make_config("vae", network=NETWORK | network).network
    shape = TRAIN.x.shape[1:]
    return vae.Vae(vae.build_encoder(config, shape), vae.build_decoder(config, shape), kl_weight)


@given(
    arrays(np.uint8, (3, 4, 5)),
    arrays(np.float32, (3, 4, 5), elements=st.floats(-10, 10, width=32)),
)
def test_reconstruction_is_the_summed_cross_entropy(x: np.ndarray, logits: np.ndarray) -> None:
    target, p = x / 255, 1 / (1 + np.exp(-logits.astype(float)))
    expected = -(target * np.log(p) + (1 - target) * np.log(1 - p)).sum(axis=(1, 2))
    assert vae.reconstruction_loss(x, logits).numpy() == pytest.approx(expected, rel=1e-4, abs=1e-3)


@given(
    arrays(np.float32, (2, 3), elements=st.floats(-3, 3, width=32)),
    arrays(np.float32, (2, 3), elements=st.floats(-4, 2, width=32)),
)
def test_kl_is_equal_to_its_integral(mean: np.ndarray, log_variance: np.ndarray) -> None:
    z = np.linspace(-20, 20, 4001)
    sigma = np.exp(log_variance.astype(float) / 2)[..., None]
    log_q = -(((z - mean[..., None]) / sigma) ** 2) / 2 - np.log(sigma * np.sqrt(2 * np.pi))
    log_p = -(z**2) / 2 - np.log(np.sqrt(2 * np.pi))
    expected = (np.exp(log_q) * (log_q - log_p)).sum(axis=-1) * (z[1] - z[0])
    assert vae.kl_loss(mean, log_variance).numpy() == pytest.approx(expected.sum(axis=1), abs=1e-3)


def test_samples_have_the_mean_and_variance_asked_for_and_pass_gradients() -> None:
    mean = tf.Variable(np.tile([[1.0, -2.0]], (20_000, 1)).astype(np.float32))
    log_variance = tf.Variable(np.tile([[0.0, np.log(0.25)]], (20_000, 1)).astype(np.float32))
    with tf.GradientTape() as tape:
        sample = vae.sample_posterior(mean, log_variance)
        total = tf.reduce_sum(sample)
    assert sample.numpy().mean(axis=0) == pytest.approx([1, -2], abs=0.03)
    assert sample.numpy().std(axis=0) == pytest.approx([1, 0.5], abs=0.02)
    by_mean, by_log_variance = tape.gradient(total, [mean, log_variance])
    assert (by_mean.numpy() == 1).all()
    expected = (sample.numpy() - mean.numpy()) / 2  # d exp(v / 2) e / dv
    assert by_log_variance.numpy() == pytest.approx(expected, abs=1e-5)


def test_the_losses_of_a_batch_by_formula() -> None:
    model = make_model(kl_weight=2.5)
    x, y = TRAIN.x[:3], VALIDATION.x[:3]
    outputs = model(x, training=False)
    loss = model.compute_loss(x, y, outputs)
    mean, log_variance = (outputs[name].numpy() for name in ("mean", "log_variance"))
    assert np.abs(log_variance).max() > 1e-3
    kl = (np.exp(log_variance) + mean**2 - log_variance - 1).sum(axis=1).mean() / 2
    p = 1 / (1 + np.exp(-outputs["reconstruction"].numpy().astype(float)))
    cross_entropy = -(y / 255 * np.log(p) + (1 - y / 255) * np.log(1 - p)).sum(axis=(1, 2)).mean()
    assert float(model.reconstruction_tracker.result()) == pytest.approx(cross_entropy, rel=1e-5)
    assert float(model.kl_tracker.result()) == pytest.approx(kl, rel=1e-4, abs=1e-6)
    assert float(loss) == pytest.approx(cross_entropy + 2.5 * kl, rel=1e-5)


def test_a_sample_is_decoded_and_the_stored_model_decodes_the_mean() -> None:
    model = make_model()
    stored = vae.build_inference_model(model.encoder, model.decoder)
    outputs, sampled = stored(TRAIN.x), model(TRAIN.x)
    by_hand = model.decoder(outputs["mean"])
    assert (outputs["reconstruction"].numpy() == by_hand.numpy()).all()
    assert (outputs["mean"].numpy() == sampled["mean"].numpy()).all()
    assert (outputs["reconstruction"].numpy() != sampled["reconstruction"].numpy()).any()


@pytest.mark.parametrize("weight", [0.0, 5.0])
def test_the_history_adds_up(weight: float) -> None:
    history = run(kl_weight=weight).history
    assert history["epoch"].tolist() == [1, 2]
    names = {"loss", "reconstruction_loss", "kl_loss"}
    assert {*names, *(f"val_{name}" for name in names)} <= set(history)
    for prefix in ("", "val_"):
        total = history[f"{prefix}reconstruction_loss"] + weight * history[f"{prefix}kl_loss"]
        assert history[f"{prefix}loss"].to_numpy() == pytest.approx(total.to_numpy(), rel=1e-5)
    assert (history["kl_loss"] > 0).all()
    # The validation images are lighter than those trained on, so the losses cannot be swapped.
    assert (history["val_reconstruction_loss"] - history["reconstruction_loss"]).abs().min() > 0.1


def test_without_validation_there_are_no_validation_losses() -> None:
    trained = run(validation=None)
    assert not [name for name in trained.history.columns if name.startswith("val_")]
    assert trained.num_examples == 2 * 40
    assert dict(trained.snapshots) == {}


def test_the_encoder_sees_augmented_images_and_the_targets_are_not() -> None:
    seen: list[tuple[tf.data.Dataset, bool]] = []

    def make_batches(split: Split, training: Any, *, shuffle: bool) -> tf.data.Dataset:
        seen.append((pipeline.make_batches(split, training, shuffle=shuffle), shuffle))
        return seen[-1][0]

    config = make_config(epochs=1)
    with session(1, "float32"):
        vae.train(config, {}, TRAIN, VALIDATION, make_batches)
    (train, train_shuffled), (validation, validation_shuffled) = seen
    assert (train_shuffled, validation_shuffled) == (True, False)
    x, y = (np.concatenate(parts) for parts in zip(*train, strict=True))
    assert sorted(y.tolist()) == sorted(TRAIN.x.tolist())
    assert np.mean([(a != b).any() for a, b in zip(x, y, strict=True)]) > 0.7
    x, y = (np.concatenate(parts) for parts in zip(*validation, strict=True))
    assert (x == VALIDATION.x).all()
    assert (y == VALIDATION.x).all()


def test_every_hyperparameter_reaches_its_layer() -> None:
    model = make_model(latent_dim=3)

    def layers(network: keras.Model, kind: type) -> list[Any]:
        return [layer for layer in network.layers if isinstance(layer, kind)]

    encoder, decoder = model.encoder, model.decoder
    assert [layer.filters for layer in layers(encoder, keras.layers.Conv2D)] == [2, 4]
    norms = layers(encoder, keras.layers.BatchNormalization)
    assert [layer.momentum for layer in norms] == [0.8, 0.8]
    assert [layer.rate for layer in layers(encoder, keras.layers.Dropout)] == [0.25]
    dense = layers(encoder, keras.layers.Dense)
    assert [layer.units for layer in dense] == [8, 3, 3]
    silu, linear = keras.activations.silu, keras.activations.linear
    assert [layer.activation for layer in dense] == [silu, linear, linear]
    dense = layers(decoder, keras.layers.Dense)
    assert [layer.units for layer in dense] == [6, 7, 2 * 3 * 5]
    assert [layer.activation for layer in dense] == [silu, silu, keras.activations.relu]
    transposed = layers(decoder, keras.layers.Conv2DTranspose)
    assert [layer.filters for layer in transposed] == [3, 1]


@pytest.mark.parametrize("precision", ["float32", "mixed_bfloat16"])
def test_shapes_and_dtypes(precision: str) -> None:
    with session(1, precision):
        model = make_model(latent_dim=3)
        outputs = model(TRAIN.x[:6])
    shapes = {name: tuple(value.shape) for name, value in outputs.items()}
    assert shapes == {"mean": (6, 3), "log_variance": (6, 3), "reconstruction": (6, 8, 12)}
    assert {value.dtype for value in outputs.values()} == {tf.float32}


def test_the_decoder_tells_latent_values_apart_that_bfloat16_does_not() -> None:
    with session(1, "mixed_bfloat16"):
        decoder = make_model(decoder_units=[64]).decoder
        hidden = keras.Model(decoder.inputs, decoder.layers[1].output)
        near = hidden(tf.constant([[2.0, 1.0], [2.001, 1.0]])).numpy()
    assert (near[0] != near[1]).any()


@pytest.mark.parametrize("shape", [(28, 30), (27, 28), (28, 28, 3), (784,)])
def test_images_that_do_not_fit_are_rejected(shape: tuple[int, ...]) -> None:
    split = Split(np.zeros((4, *shape), np.uint8), np.zeros(4, np.uint8))
    with pytest.raises(DataError, match="expected grayscale images whose height and width are div"):
        vae.train(make_config(), {}, split, None, MAKE_BATCHES)


def test_one_seed_gives_one_result() -> None:
    first, again, other = (run(seed=seed) for seed in (1, 1, 2))
    for a, b in zip(first.model.get_weights(), again.model.get_weights(), strict=True):
        assert (a == b).all()
    assert first.history.equals(again.history)
    assert not first.history.equals(other.history)


def test_training_lowers_the_loss() -> None:
    history = run(epochs=20).history
    assert history["loss"].iloc[-1] < 0.9 * history["loss"].iloc[0]


def test_averaged_weights_are_stored_and_validated() -> None:
    plain, averaged = run(epochs=1), run(epochs=1, optimizer={"ema_momentum": 0.9})
    assert plain.history["loss"].equals(averaged.history["loss"])
    assert not plain.history["val_loss"].equals(averaged.history["val_loss"])
    kernels = [t.model.get_layer("decoder").layers[-2].kernel.numpy() for t in (plain, averaged)]
    assert (kernels[0] != kernels[1]).any()


def test_a_diverged_training_run_keeps_finite_weights_of_the_inference_model() -> None:
    with pytest.raises(DivergedError, match="learning_rate") as caught:
        run(optimizer={"learning_rate": 1e6, "schedule": "constant"})
    assert all(np.isfinite(weights).all() for weights in caught.value.model.get_weights())
    assert set(caught.value.model(TRAIN.x)) == {"mean", "log_variance", "reconstruction"}


def test_the_stored_model_has_standard_layers_and_the_same_outputs(tmp_path: Path) -> None:
    trained = run(precision="mixed_bfloat16", epochs=1)
    bundle.save_model(tmp_path / "model.keras", trained.model)
    loaded = keras.saving.load_model(tmp_path / "model.keras", compile=False)
    networks = [loaded, loaded.get_layer("encoder"), loaded.get_layer("decoder")]
    layers = [layer for network in networks for layer in network.layers]
    assert all(type(layer).__module__.startswith("keras.") for layer in layers)
    assert {layer.compute_dtype for layer in layers} == {"float32"}
    portable = run(epochs=1)
    bundle.save_model(tmp_path / "model.keras", portable.model)
    loaded = keras.saving.load_model(tmp_path / "model.keras", compile=False)
    before, after = portable.model(VALIDATION.x), loaded(VALIDATION.x)
    for name in before:
        np.testing.assert_allclose(after[name], before[name], atol=1e-5)
