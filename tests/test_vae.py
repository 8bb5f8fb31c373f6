import base64
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pandas as pd
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from stages import saving, training
from stages.data import Part
from stages.errors import UserError
from stages.evaluation import Evaluation, Inputs, packed
from stages.networks import vae
from stages.params import Augmentation, Vae
from stages.plots.style import rasterise, sheet
from stages.tasks.autoencoding import evaluate, plots

RANDOM = np.random.default_rng(0)
NAMES = ["dark", "light"]
CHOICES: dict[str, Any] = {
    "network": "vae",
    "task": "autoencoding",
    "dataset": "fashion_mnist",
    "judge": "fashion_cnn",
    "seed": 1,
    "epochs": 2,
    "batch_size": 16,
    "optimizer": {
        "name": "adam",
        "learning_rate": 0.002,
        "momentum": 0.9,
        "weight_decay": 0.0,
        "clip_norm": None,
    },
    "schedule": "one_cycle",
    "precision": "float32",
    "latent_units": 2,
    "kl_weight": 3.0,
    "encoder_filters": [2, 4],
    "encoder_units": [8],
    "encoder_dropout": 0.1,
    "decoder_units": [8],
    "decoder_filters": [4, 2],
    "activation": "gelu",
    "augmentation": {"shift": 1, "flip": True},
}


def block(**choices: Any) -> Vae:
    return Vae.model_validate(CHOICES | choices)


def pictures(rows: int, height: int = 8, width: int = 8) -> Part:
    """Dark pictures of class 0 and light ones of class 1."""
    y = (np.arange(rows) % 2).astype(np.uint8)
    x = RANDOM.integers(0, 100, (rows, height, width)) + 150 * y[:, None, None]
    return Part(x.astype(np.uint8), y)


PICTURES = pictures(40)
FEW = pictures(10)


@pytest.fixture(autouse=True)
def _determinism() -> None:
    training.set_determinism(1)
    keras.config.set_dtype_policy("float32")


@given(
    arrays(np.uint8, (3, 4, 4)),
    arrays(np.float32, (3, 4, 4), elements=st.floats(-10, 10, width=32)),
)
def test_reconstruction_is_the_summed_cross_entropy(x: np.ndarray, logits: np.ndarray) -> None:
    share, p = x / 255, 1 / (1 + np.exp(-logits.astype(float)))
    expected = -(share * np.log(p) + (1 - share) * np.log(1 - p)).sum(axis=(1, 2))
    assert vae.reconstruction_loss(x, logits).numpy() == pytest.approx(expected, rel=1e-4, abs=1e-3)


def test_reconstruction_of_known_pictures() -> None:
    black, grey = np.zeros((1, 4, 4), np.float32), np.full((1, 4, 4), 255, np.uint8)
    assert float(vae.reconstruction_loss(grey, black)[0]) == pytest.approx(16 * np.log(2))
    assert float(vae.reconstruction_loss(grey, black + 1000)[0]) == 0
    assert float(vae.reconstruction_loss(grey, black - 1000)[0]) == 16_000


@given(
    arrays(np.float32, (2, 3), elements=st.floats(-3, 3, width=32)),
    arrays(np.float32, (2, 3), elements=st.floats(-4, 2, width=32)),
)
def test_kl_is_the_integral_that_it_stands_for(mean: np.ndarray, log_variance: np.ndarray) -> None:
    z = np.linspace(-20, 20, 4001)
    sigma = np.exp(log_variance.astype(float) / 2)[..., None]
    log_q = -(((z - mean[..., None]) / sigma) ** 2) / 2 - np.log(sigma * np.sqrt(2 * np.pi))
    log_p = -(z**2) / 2 - np.log(np.sqrt(2 * np.pi))
    expected = (np.exp(log_q) * (log_q - log_p)).sum(axis=-1) * (z[1] - z[0])
    latent = np.stack([mean, log_variance], axis=1)
    assert vae.kl_loss(mean, latent).numpy() == pytest.approx(expected.sum(axis=1), abs=1e-3)


def test_kl_of_the_prior_is_zero_and_of_a_moved_one_half_its_square() -> None:
    latent = np.zeros((2, 2, 2), np.float32)
    latent[1, 0] = [3, 4]
    assert vae.kl_loss(latent, latent).numpy().tolist() == [0, 12.5]


def test_samples_have_the_mean_and_variance_asked_for_and_pass_gradients() -> None:
    mean = tf.Variable(np.tile([[1.0, -2.0]], (20_000, 1)).astype(np.float32))
    log_variance = tf.Variable(np.tile([[0.0, np.log(0.25)]], (20_000, 1)).astype(np.float32))
    with tf.GradientTape() as tape:
        sample = vae.Sampling()(mean, log_variance)
        total = tf.reduce_sum(sample)
    assert sample.numpy().mean(axis=0) == pytest.approx([1, -2], abs=0.03)
    assert sample.numpy().std(axis=0) == pytest.approx([1, 0.5], abs=0.02)
    by_mean, by_log_variance = tape.gradient(total, [mean, log_variance])
    assert (by_mean.numpy() == 1).all()
    expected = (sample.numpy() - mean.numpy()) / 2  # d exp(v / 2) e / dv
    assert by_log_variance.numpy() == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("precision", ["float32", "mixed_bfloat16"])
@pytest.mark.parametrize(("height", "width", "units"), [(8, 8, 2), (12, 4, 3)])
def test_the_parts_have_the_shapes_and_dtypes_that_they_say(
    precision: str, height: int, width: int, units: int
) -> None:
    keras.config.set_dtype_policy(precision)
    model = vae.build(block(latent_units=units), (height, width))
    x = pictures(6, height, width).x
    mean, log_variance = model.get_layer("encoder")(x)
    logits = model.get_layer("decoder")(mean)
    outputs = model(x)
    assert mean.shape == log_variance.shape == (6, units)
    assert logits.shape == outputs["reconstruction"].shape == (6, height, width)
    assert outputs["kl"].shape == (6, 2, units)
    assert {each.dtype for each in (mean, log_variance, logits, *outputs.values())} == {tf.float32}
    assert (outputs["kl"][:, 0].numpy() == mean.numpy()).all()
    assert (outputs["kl"][:, 1].numpy() == log_variance.numpy()).all()


def test_the_decoder_sees_differences_that_bfloat16_would_not() -> None:
    keras.config.set_dtype_policy("mixed_bfloat16")
    decoder = vae.build(block(decoder_units=[64]), (8, 8)).get_layer("decoder")
    hidden = keras.Model(decoder.inputs, decoder.layers[1].output)
    near = hidden(tf.constant([[2.0, 1.0], [2.001, 1.0]])).numpy()
    assert (near[0] != near[1]).any()


@pytest.mark.parametrize("shape", [(28, 30), (27, 28), (28, 28, 3), (784,)])
def test_pictures_that_the_convolutions_can_not_halve_are_refused(shape: tuple[int, ...]) -> None:
    part = Part(np.zeros((4, *shape), np.uint8), np.zeros(4, np.uint8))
    said = f"pictures of {' x '.join(map(str, shape))}: expected .* divisible by 4"
    with pytest.raises(UserError, match=said):
        vae.train(block(), {}, part, part)


def test_the_encoder_sees_changed_pictures_and_the_losses_the_pictures() -> None:
    change = Augmentation(shift=1, flip=True)
    seen = list(vae.changed_batches(PICTURES, 20, change))
    shown = np.concatenate([x for x, _ in seen])
    wanted = np.concatenate([y["reconstruction"] for _, y in seen])
    assert sorted(wanted.tolist()) == sorted(PICTURES.x.tolist())
    assert wanted.tolist() != PICTURES.x.tolist()
    assert np.mean([(a != b).any() for a, b in zip(shown, wanted, strict=True)]) > 0.7
    held_out = list(vae.batches(PICTURES, 20, shuffle=False))
    assert np.concatenate([x for x, _ in held_out]).tolist() == PICTURES.x.tolist()
    assert all((x.numpy() == y["reconstruction"].numpy()).all() for x, y in held_out)


def test_two_trainings_are_equal_and_so_are_files_and_samples(tmp_path: Path) -> None:
    files, histories, evaluations = [], [], []
    for index in range(2):
        keras.utils.clear_session()
        training.set_determinism(1)
        trained = vae.train(block(), {}, PICTURES, PICTURES)
        path = tmp_path / f"{index}.keras"
        saving.save_model(trained.model, path, trained.progress)
        files.append(path.read_bytes())
        histories.append(trained.history)
        training.set_determinism(1)
        evaluations.append(evaluated(saving.load_model(path), trained.history))
    assert files[0] == files[1]
    assert histories[0].equals(histories[1])
    assert evaluations[0].metrics == evaluations[1].metrics
    assert evaluations[0].data == evaluations[1].data
    assert np.array_equal(evaluations[0].animations["walk"], evaluations[1].animations["walk"])


def test_the_weight_of_kl_is_that_of_the_block_and_the_history_adds_up() -> None:
    for weight in (0.0, 5.0):
        training.set_determinism(1)
        history = vae.train(block(kl_weight=weight, batch_size=20), {}, PICTURES, PICTURES).history
        assert list(history) == [
            "epoch",
            "loss",
            "reconstruction_loss",
            "kl_loss",
            "learning_rate",
            "val_kl_loss",
            "val_reconstruction_loss",
            "val_loss",
        ]
        for part in ("", "val_"):
            total = history[f"{part}reconstruction_loss"] + weight * history[f"{part}kl_loss"]
            assert history[f"{part}loss"].to_numpy() == pytest.approx(total.to_numpy(), rel=1e-5)


def test_training_without_a_validation_part_lowers_the_loss() -> None:
    chosen = block(epochs=30, encoder_dropout=0.0)
    history = vae.train(chosen, {}, PICTURES, None).history
    assert history["loss"].iloc[-1] < 0.9 * history["loss"].iloc[0]
    assert list(history) == ["epoch", *vae.LOSSES, "learning_rate"]


def test_a_training_that_goes_astray_ends_with_a_user_error() -> None:
    optimizer = CHOICES["optimizer"] | {"learning_rate": 1e30}
    with pytest.raises(UserError, match="the loss is not a number in epoch 1: lower learning_rate"):
        vae.train(block(optimizer=optimizer, schedule="constant"), {}, PICTURES, PICTURES)


def test_a_loaded_model_encodes_and_decodes_as_the_saved_one(tmp_path: Path) -> None:
    keras.config.set_dtype_policy("mixed_bfloat16")
    model = vae.build(block(latent_units=3), (8, 8))
    saving.save_model(model, tmp_path / "model.keras", {})
    loaded = saving.load_model(tmp_path / "model.keras")
    means = [evaluate.encode(each.get_layer("encoder"), PICTURES.x) for each in (model, loaded)]
    assert (means[0] == means[1]).all()
    drawn = [evaluate.decode(each.get_layer("decoder"), means[0]) for each in (model, loaded)]
    assert (drawn[0] == drawn[1]).all()
    assert drawn[0].dtype == np.uint8
    assert drawn[0].shape == (40, 8, 8)


def judge() -> keras.Model:
    """Says dark or light by the mean pixel."""
    layers = [
        keras.Input((8, 8), dtype="uint8"),
        keras.layers.Rescaling(1 / 255),
        keras.layers.Flatten(),
        keras.layers.Dense(2, activation="softmax"),
    ]
    model = keras.Sequential(layers)
    model.set_weights([np.tile([-1, 1], (64, 1)), np.array([32, -32])])
    return model


def evaluated(model: keras.Model, history: pd.DataFrame, **choices: Any) -> Evaluation:
    inputs = Inputs(
        description={"classes": NAMES},
        parts={"train": PICTURES, "validation": FEW, "test": PICTURES},
        folder=Path(),
        model=model,
        retrain=lambda _: model,
        judge=choices.pop("judge", judge()),
        history=history,
        progress={},
    )
    return evaluate.evaluate(inputs, block(**choices))


@pytest.fixture(scope="module")
def trained() -> training.Trained:
    training.set_determinism(1)
    keras.config.set_dtype_policy("float32")
    rate = CHOICES["optimizer"] | {"learning_rate": 0.01}
    chosen = block(epochs=80, encoder_dropout=0.0, optimizer=rate, kl_weight=0.5)
    return vae.train(chosen, {}, PICTURES, PICTURES)


def test_an_evaluation_says_what_the_model_does(trained: training.Trained) -> None:
    evaluation = evaluated(trained.model, trained.history, kl_weight=0.5)
    assert set(evaluation.metrics["test"]) == {"total_loss", "reconstruction_loss", "kl_loss"}
    expected = trained.history.iloc[-1]  # the test part of this test is its validation part
    assert evaluation.metrics["test"]["total_loss"] == pytest.approx(expected["val_loss"], rel=0.02)
    assert evaluation.metrics["test"]["kl_loss"] == pytest.approx(expected["val_kl_loss"], rel=1e-3)
    classes = evaluation.data["classes"]
    assert {name: classes[name]["recognised"] for name in NAMES} == {"dark": 1, "light": 1}
    assert evaluation.data["latent"]["mean"]["shape"] == [90, 2]
    assert list(evaluation.chart) == ["x", "y", "class"]
    assert list(evaluation.chart["class"][:2]) == NAMES
    walk = np.array(evaluation.animations["walk"])
    assert walk.shape == (len(NAMES) * evaluate.STEPS, 64, 64)
    assert walk[0].mean() > walk[evaluate.STEPS].mean() + 50  # 0 is black here


def test_a_judge_that_is_no_classifier_of_the_classes_is_refused(trained: training.Trained) -> None:
    with pytest.raises(UserError, match="judge: 'fashion_cnn' is no classifier of 2 classes"):
        evaluated(trained.model, trained.history, judge=trained.model)


def test_each_figure_is_drawn_for_more_latent_numbers_than_two() -> None:
    model = vae.build(block(latent_units=3), (8, 8))
    history = pd.DataFrame({name: [1.0] for name in vae.LOSSES} | {"epoch": [1]})
    history = history.join(history.add_prefix("val_"))
    evaluation = evaluated(model, history, latent_units=3)
    assert set(evaluation.figures) == {
        "curves",
        "samples",
        "manifold",
        "reconstructions",
        "latent",
        "classes",
    }


@given(st.integers(1, 9), st.integers(2, 4))
def test_the_manifold_divides_the_plane_into_equal_probabilities(side: int, units: int) -> None:
    axis, grid = evaluate.manifold(side, units)
    assert axis == pytest.approx(-axis[::-1], abs=1e-9)
    assert (np.diff(axis) > 0).all()
    assert grid.shape == (side * side, units)
    assert grid[0, :2] == pytest.approx([axis[0], axis[-1]], abs=1e-6)
    assert len(np.unique(grid, axis=0)) == side * side
    assert (grid[:, 2:] == 0).all()


def test_classes_are_fitted_and_sampled_where_they_lie() -> None:
    means = np.array([[0, 0], [2, 0], [10, 10], [10, 14]], np.float32)
    classes = evaluate.fit_classes(means, np.array([0, 0, 1, 1]), 2)
    assert classes.mean.tolist() == [[1, 0], [10, 12]]
    assert classes.covariance.tolist() == [[[1, 0], [0, 0]], [[0, 0], [0, 4]]]
    drawn = evaluate.sample_classes(classes, 4000, np.random.default_rng(0))
    assert drawn.shape == (2, 4000, 2)
    assert drawn.mean(axis=1) == pytest.approx(classes.mean, abs=0.1)
    assert drawn.std(axis=1) == pytest.approx(np.array([[1, 0], [0, 2]]), abs=0.1)


def test_the_walk_goes_from_class_to_class_and_back() -> None:
    corners = np.array([[0.0, 0.0], [3.0, 0.0], [3.0, 3.0]])
    way = evaluate.path(corners)
    assert way[:: evaluate.STEPS].tolist() == corners.tolist()
    assert way[1].tolist() == [1, 0]
    assert way[-1].tolist() == [1, 1]


@given(arrays(np.float16, (3, 2), elements=st.floats(-9, 9, width=16)))
def test_packed_arrays_can_be_unpacked(array: np.ndarray) -> None:
    said = packed(array)
    content = base64.b64decode(said["base64"])
    unpacked = np.frombuffer(content, said["dtype"]).reshape(said["shape"])
    assert (unpacked == array).all()


def test_a_sheet_is_drawn_pixel_by_pixel() -> None:
    drawn = RANDOM.integers(0, 256, (6, 20, 30), np.uint8)
    image = rasterise(plots.pictures(drawn, 3, "title"))
    assert image.shape == (41 + plots.TITLE, 92, 3)
    difference = image[plots.TITLE :, :, 0].astype(int) - sheet(255 - drawn, 3)
    assert np.abs(difference).max() <= 1  # the colour map rounds
