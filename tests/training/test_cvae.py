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
from stages.networks.cvae import train as cvae
from stages.pipelines import images as pipeline
from tests import factories

pytestmark = pytest.mark.usefixtures("eagerly")

MAKE_BATCHES: Any = pipeline.make_batches
INFO = factories.INFOS["images"]
TRAIN, VALIDATION = factories.make_images(seed=1), factories.make_images((7, 5, 4))
SHAPE = TRAIN.x.shape[1:]


def run(validation: Split | None = VALIDATION, data: Split = TRAIN, **training: Any) -> Trained:
    config = factories.make_config("cvae", training=training)
    with session(config.training.seed, config.training.precision):
        return cvae.train(config, INFO, data, validation, MAKE_BATCHES)


def make_networks(**network: Any) -> tuple[keras.Model, keras.Model]:
    config = factories.make_config("cvae", network=network).network
    return cvae.build_encoder(config, SHAPE, 3), cvae.build_decoder(config, SHAPE, 3)


def make_model() -> cvae.Cvae:
    config = factories.make_config("cvae").training
    classifier = keras.Sequential(
        [
            keras.Input(SHAPE),
            keras.layers.Rescaling(1 / 255),
            keras.layers.Flatten(),
            keras.layers.Dense(3, activation="softmax"),
        ]
    )
    return cvae.Cvae(make_networks(), classifier, config)


def test_the_losses_of_a_batch_by_formula() -> None:
    model = make_model()
    x, y = TRAIN.x[:5], TRAIN.y[:5]
    outputs = model((x, y), training=False)
    loss = model.compute_loss((x, y), x, outputs)
    mean, log_variance = (outputs[name].numpy() for name in ("mean", "log_variance"))
    kl = (np.exp(log_variance) + mean**2 - log_variance - 1).sum(axis=1).mean() / 2
    p = 1 / (1 + np.exp(-outputs["reconstruction"].numpy().astype(float)))
    cross_entropy = -(x / 255 * np.log(p) + (1 - x / 255) * np.log(1 - p)).sum(axis=(1, 2)).mean()
    recognized = outputs["probabilities"].numpy()[np.arange(5), y]
    class_loss = -np.log(recognized).mean()
    assert float(model.class_tracker.result()) == pytest.approx(class_loss, rel=1e-4)
    assert float(loss) == pytest.approx(cross_entropy + 3 * kl + 5 * class_loss, rel=1e-4)


def test_the_classifier_is_frozen_and_passes_gradients_to_the_decoder() -> None:
    model = make_model()
    x, y = TRAIN.x[:5], TRAIN.y[:5]
    own = {id(variable) for variable in model.classifier.variables}
    assert not own & {id(variable) for variable in model.trainable_variables}
    with tf.GradientTape() as tape:
        p = model((x, y))["probabilities"]
        loss = tf.reduce_mean(p[:, 0])
    gradients = tape.gradient(loss, model.decoder.trainable_variables)
    assert all(np.abs(gradient.numpy()).max() > 0 for gradient in gradients)


def test_encoder_and_decoder_know_the_class() -> None:
    encoder, decoder = make_networks()
    x, first, second = TRAIN.x[:4], np.zeros(4, np.uint8), np.ones(4, np.uint8)
    assert (encoder([x, first])[0].numpy() != encoder([x, second])[0].numpy()).any()
    latent = np.zeros((4, 2), np.float32)
    assert (decoder([latent, first]).numpy() != decoder([latent, second]).numpy()).any()


def test_classes_are_one_hot() -> None:
    classes = keras.Input((), dtype="uint8")
    encoded = keras.Model(classes, cvae.one_hot(classes, 3))(np.array([2, 0], np.uint8))
    assert encoded.numpy().tolist() == [[0, 0, 1], [1, 0, 0]]


def test_the_classifier_learns_the_classes() -> None:
    config = factories.make_config("cvae", training={"classifier_epochs": 30}).training
    with session(1, "float32"):
        classifier = cvae.train_small_classifier(config, TRAIN, 3, MAKE_BATCHES)
    predicted = classifier.predict(TRAIN.x, verbose=0).argmax(axis=1)
    assert (predicted == TRAIN.y).mean() > 0.9


@pytest.mark.parametrize("weight", [0.0, 5.0])
def test_the_history_adds_up(weight: float) -> None:
    history = run(classifier_weight=weight).history
    assert history["epoch"].tolist() == [1, 2]
    for prefix in ("", "val_"):
        reconstruction, kl, class_loss = (
            history[f"{prefix}{name}"] for name in ("reconstruction_loss", "kl_loss", "class_loss")
        )
        total = (reconstruction + 3 * kl + weight * class_loss).to_numpy()
        assert history[f"{prefix}loss"].to_numpy() == pytest.approx(total, rel=1e-5)


def test_without_validation_there_are_no_validation_losses() -> None:
    trained = run(validation=None)
    assert not [name for name in trained.history.columns if name.startswith("val_")]
    assert trained.num_examples == 2 * len(TRAIN.x)
    assert dict(trained.snapshots) == {}


def test_every_hyperparameter_reaches_its_layer() -> None:
    encoder, decoder = make_networks(latent_dim=4, encoder_filters=[2, 3, 5])

    def layers(network: keras.Model, kind: type) -> list[Any]:
        return [layer for layer in network.layers if isinstance(layer, kind)]

    assert [layer.filters for layer in layers(encoder, keras.layers.Conv2D)] == [2, 3, 5]
    assert [layer.units for layer in layers(encoder, keras.layers.Dense)] == [6, 4, 4]
    assert [layer.units for layer in layers(decoder, keras.layers.Dense)] == [7, 2 * 2 * 4]
    assert [layer.filters for layer in layers(decoder, keras.layers.Conv2DTranspose)] == [3, 1]
    assert layers(decoder, keras.layers.Dense)[0].activation is keras.activations.silu


@pytest.mark.parametrize("precision", ["float32", "mixed_bfloat16"])
def test_shapes_and_dtypes(precision: str) -> None:
    with session(1, precision):
        model = make_model()
        outputs = model((TRAIN.x[:6], TRAIN.y[:6]))
    shapes = {name: tuple(value.shape) for name, value in outputs.items()}
    assert shapes == {
        "mean": (6, 2), "log_variance": (6, 2), "reconstruction": (6, 8, 8),
        "probabilities": (6, 3),
    }  # fmt: skip
    assert outputs["reconstruction"].dtype == outputs["mean"].dtype == tf.float32


@pytest.mark.parametrize("shape", [(28, 30), (8, 8, 3)])
def test_images_that_do_not_fit_are_rejected(shape: tuple[int, ...]) -> None:
    split = Split(np.zeros((4, *shape), np.uint8), np.zeros(4, np.uint8))
    with pytest.raises(DataError, match="expected grayscale images whose height and width are div"):
        run(data=split)


def test_one_seed_gives_one_result() -> None:
    first, again, other = (run(seed=seed) for seed in (1, 1, 2))
    for a, b in zip(first.model.get_weights(), again.model.get_weights(), strict=True):
        assert (a == b).all()
    assert first.history.equals(again.history)
    assert not first.history.equals(other.history)


def test_training_lowers_the_loss() -> None:
    history = run(epochs=20).history
    assert history["loss"].iloc[-1] < 0.9 * history["loss"].iloc[0]


def test_a_diverged_training_run_keeps_finite_weights_of_the_inference_model() -> None:
    with pytest.raises(DivergedError, match="learning_rate") as caught:
        run(optimizer={"learning_rate": 1e6, "schedule": "constant"}, epochs=10)
    assert all(np.isfinite(weights).all() for weights in caught.value.model.get_weights())


def test_the_stored_model_has_standard_layers_and_the_same_outputs(tmp_path: Path) -> None:
    trained = run(epochs=1)
    bundle.save_model(tmp_path / "model.keras", trained.model)
    loaded = keras.saving.load_model(tmp_path / "model.keras", compile=False)
    networks = [loaded, loaded.get_layer("encoder"), loaded.get_layer("decoder")]
    layers = [layer for network in networks for layer in network.layers]
    assert all(type(layer).__module__.startswith("keras.") for layer in layers)
    inputs = [VALIDATION.x, VALIDATION.y]
    before, after = trained.model(inputs), loaded(inputs)
    assert set(before) == {"mean", "log_variance", "reconstruction"}
    for name in before:
        np.testing.assert_allclose(after[name], before[name], atol=1e-5)
