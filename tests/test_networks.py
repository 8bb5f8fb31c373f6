import zipfile
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from sklearn.metrics import log_loss

from stages import params, saving, train, training
from stages.data import Part
from stages.errors import DivergedError, UserError
from stages.networks import convolutional, lowlevel, mlp, recurrent, table_mlp
from stages.tasks.classification import evaluate
from tests.reduced import ROOT

BLOCKS = params.load(ROOT / "params.yaml").models
RANDOM = np.random.default_rng(0)
CLASSES = {"classes": list("0123456789"), "vocabulary_size": 50}
PICTURES = Part(
    RANDOM.integers(0, 256, (60, 28, 28), np.uint8), (np.arange(60) % 10).astype(np.uint8)
)
WORDS = Part(
    RANDOM.integers(2, 50, (40, 12)).astype(np.uint16), (np.arange(40) % 2).astype(np.uint8)
)
WORDS.x[::2, 7:] = 0
COLUMNS: list[dict[str, Any]] = [
    {"name": "age", "encode": "scale"},
    {"name": "shape", "encode": "one-hot", "levels": 4},
    {"name": "vote", "encode": "as is"},
]
ROWS = np.array([[20, 1, -1], [40, np.nan, 0], [np.nan, 4, 1], [60, 2, 1]], np.float32)
TABLE = Part(np.tile(ROWS, (5, 1)), (np.arange(20) % 2).astype(np.uint8))


def block(model: str, **choices: Any) -> Any:
    """A model's block with few steps, and other choices."""
    return BLOCKS[model].model_copy(update={"epochs": 2, "batch_size": 16, **choices})


@pytest.fixture(autouse=True)
def _determinism() -> None:
    training.set_determinism(1)
    keras.config.set_dtype_policy("float32")


@pytest.mark.parametrize(
    ("model", "weights"),
    [
        ("mnist_linear", 7_850),
        ("mnist_mlp", 407_050),
        ("mnist_mlp2", 269_322),
        ("mnist_cnn", 1_200_074),
    ],
)
def test_a_network_has_the_layers_that_its_parameters_say(model: str, weights: int) -> None:
    network = convolutional if BLOCKS[model].network == "convolutional" else mlp
    built = network.build(BLOCKS[model], (28, 28), 10)  # type: ignore[arg-type]
    assert built.count_params() == weights
    probabilities = evaluate.probabilities(built, PICTURES.x, "image")
    assert probabilities.shape == (60, 10)
    assert probabilities.sum(axis=1) == pytest.approx(1)


def test_alexnet_has_five_convolutions_three_pools_and_two_layers_of_4096() -> None:
    model = convolutional.build(BLOCKS["mnist_alexnet"], (28, 28), 10)  # type: ignore[arg-type]
    kinds = [type(layer).__name__ for layer in model.layers]
    assert kinds.count("Conv2D") == 5
    assert kinds.count("MaxPooling2D") == 3
    dense = [layer.units for layer in model.layers if isinstance(layer, keras.layers.Dense)]
    assert dense == [4096, 4096, 10]


SMALL = [{"filters": 4, "kernel": 3, "padding": "valid", "pool": True, "normalise": True}]
TRAININGS = {
    "mlp": (mlp, block("mnist_mlp", hidden_units=[8]), PICTURES),
    "convolutional": (
        convolutional,
        block(
            "fashion_cnn",
            convolutions=[params.Convolution(**each) for each in SMALL],  # type: ignore[arg-type]
            augmentation=params.Augmentation(shift=2, flip=True),
            precision="mixed_bfloat16",
        ),
        PICTURES,
    ),
    "table_mlp": (table_mlp, block("masses_mlp"), TABLE),
    "lstm": (recurrent, block("imdb_lstm", units=4, embedding_units=4), WORDS),
    "gru": (recurrent, block("imdb_gru", units=4, embedding_units=4), WORDS),
    "rnn": (recurrent, block("imdb_rnn", units=4, embedding_units=4), WORDS),
    "lowlevel": (lowlevel, block("mnist_lowlevel", steps=9, hidden_units=8), PICTURES),
}


@pytest.mark.parametrize("name", TRAININGS)
def test_two_trainings_are_equal_and_so_are_their_files(name: str, tmp_path: Path) -> None:
    network, chosen, part = TRAININGS[name]
    description = CLASSES | {"columns": COLUMNS}
    files, histories = [], []
    for index in range(2):
        keras.utils.clear_session()
        training.set_determinism(chosen.seed)
        trained = network.train(chosen, description, part, part)  # type: ignore[attr-defined]
        path = tmp_path / f"{index}.keras"
        saving.save_model(trained.model, path, {})
        files.append(path.read_bytes())
        histories.append(trained.history)
    assert files[0] == files[1]
    assert histories[0].equals(histories[1])
    columns = ["epoch", "learning_rate", "loss", "val_loss", "accuracy", "val_accuracy"]
    assert list(histories[0]) == columns
    assert list(histories[0]["epoch"]) == list(range(1, len(histories[0]) + 1))
    kind = {recurrent: "text", table_mlp: "table"}.get(network, "image")  # type: ignore[call-overload]
    before = evaluate.probabilities(trained.model, part.x, kind)
    after = evaluate.probabilities(saving.load_model(path), part.x, kind)
    assert (before == after).all()


def test_what_is_said_of_a_review_does_not_depend_on_its_padding() -> None:
    for cell in ("lstm", "gru", "rnn"):
        model = recurrent.build(block("imdb_lstm", cell=cell, units=4, embedding_units=4), 50)
        padded = np.pad(WORDS.x, ((0, 0), (0, 9)))
        expected = model.predict(padded, verbose=0)
        assert model.predict(WORDS.x, verbose=0) == pytest.approx(expected, abs=1e-6)
        assert evaluate.predict_texts(model, padded) == pytest.approx(expected, abs=1e-6)
        assert expected.std() > 0


def test_batches_of_similar_length_hold_every_review_once_and_little_padding() -> None:
    training.set_determinism(1)
    ordered = recurrent.similar_lengths(WORDS, 10, shuffle=True)
    orders = []
    for _ in range(3):
        batches = list(ordered)
        orders.append([x.numpy().tolist() for x, _ in batches])
        rows = np.concatenate([np.pad(x, ((0, 0), (0, 12 - x.shape[1]))) for x, _ in batches])
        assert sorted(map(tuple, rows)) == sorted(map(tuple, WORDS.x))
        assert {x.shape[1] for x, _ in batches} == {7, 12}
    assert orders[0] != orders[1] != orders[2]


def test_columns_are_encoded_by_what_the_training_rows_say() -> None:
    model = table_mlp.build(block("masses_mlp"), COLUMNS, ROWS)
    encoder = keras.Model(model.inputs, concatenated(model))
    encoded = encoder.predict(ROWS, verbose=0)
    age = (np.array([20, 40, 40, 60]) - 40) / np.std([20, 40, 60])
    assert encoded[:, 0] == pytest.approx(age)
    assert encoded[:, 1:6].tolist() == np.eye(5)[[1, 0, 4, 2]].tolist()
    assert encoded[:, 6].tolist() == [-1, 0, 1, 1]


def concatenated(model: keras.Model) -> keras.KerasTensor:
    return next(each.output for each in model.layers if isinstance(each, keras.layers.Concatenate))


def test_cross_entropy_from_bare_operations_is_that_of_scikit_learn() -> None:
    logits = RANDOM.normal(size=(20, 4)).astype(np.float32) * 5
    y = np.arange(20, dtype=np.int32) % 4
    expected = log_loss(y, tf.nn.softmax(logits).numpy())
    assert float(lowlevel.cross_entropy(logits, y)) == pytest.approx(expected, rel=1e-5)
    huge = tf.constant([[1000.0, 0.0]])
    assert np.isfinite(lowlevel.cross_entropy(huge, tf.constant([1])))


def test_a_step_from_bare_operations_is_that_of_keras() -> None:
    x = tf.constant(PICTURES.x.reshape(60, -1) / 255, tf.float32)
    y = tf.constant(PICTURES.y, tf.int32)
    parameters = lowlevel.initialise(784, 8, 10, 4.0)
    model = lowlevel.for_keras(parameters)
    model.compile(keras.optimizers.SGD(0.5), "sparse_categorical_crossentropy")
    model.train_on_batch(PICTURES.x, PICTURES.y)
    lowlevel.train_step(x, y, parameters, tf.constant(0.5))
    for ours, theirs in zip(parameters, model.get_weights(), strict=True):
        assert ours.numpy() == pytest.approx(theirs, abs=1e-5)


def test_nothing_of_keras_learns_in_the_low_level_network() -> None:
    source = Path(lowlevel.__file__).read_text()
    learning = source.split("def for_keras")[0].split("from stages.training")[1]
    assert "keras" not in learning.replace("for_keras", "")


def test_moved_and_mirrored_pictures_are_the_same_pictures() -> None:
    picture = np.zeros((28, 28), np.uint8)
    picture[10:14, 10:12] = [[1, 2], [3, 4], [5, 6], [7, 8]]
    pictures = tf.constant(np.stack([picture] * 200))
    choice = params.Augmentation(shift=2, flip=True)
    moved = training.augment(pictures, choice, tf.constant([1, 2])).numpy()
    assert moved.shape == pictures.shape
    assert moved.dtype == np.uint8
    straight = (moved == 1).argmax(axis=2).max(axis=1) < (moved == 2).argmax(axis=2).max(axis=1)
    assert 60 < straight.sum() < 140
    corners = {(each.any(1).argmax(), each.any(0).argmax()) for each in moved[straight]}
    assert corners == {(row, column) for row in range(8, 13) for column in range(8, 13)}
    assert (np.sort(moved.reshape(200, -1)) == np.sort(picture.ravel())).all()


def test_every_epoch_augments_in_another_way() -> None:
    alike = Part(np.tile(PICTURES.x[:1], (40, 1, 1)), np.zeros(40, np.uint8))
    choice = params.Augmentation(shift=2, flip=True)
    batches = training.shuffled(alike, 40, shuffle=True, augmentation=choice)
    first, second = (next(iter(batches))[0].numpy() for _ in range(2))
    assert (first != second).any(axis=(1, 2)).mean() > 0.8


@pytest.mark.parametrize("schedule", ["constant", "cosine", "one_cycle"])
def test_learning_rates(schedule: str) -> None:
    peak = 0.003
    rates = training.learning_rates(schedule, peak, 100)
    first, top, last = float(rates(0)), float(rates(30)), float(rates(100))
    assert top == pytest.approx({"cosine": 0.79 * peak}.get(schedule, peak), rel=0.01)
    assert first == pytest.approx({"one_cycle": peak / 25}.get(schedule, peak))
    assert last == pytest.approx({"constant": peak}.get(schedule, 0), abs=1e-9)


def test_the_best_weights_are_kept_and_training_stops_when_told() -> None:
    chosen = block("mnist_linear", epochs=30, early_stopping=params.EarlyStopping(patience=2))
    wrong = Part(PICTURES.x, (PICTURES.y + 1) % 10)
    trained = mlp.train(chosen, CLASSES, PICTURES, wrong)
    assert len(trained.history) < 30
    p = evaluate.probabilities(trained.model, wrong.x, "image")
    assert log_loss(wrong.y, p) == pytest.approx(trained.history["val_loss"].min(), rel=1e-4)


def test_a_saved_model_has_no_date_and_no_optimizer(tmp_path: Path) -> None:
    trained = mlp.train(block("mnist_linear"), CLASSES, PICTURES, None)
    path = tmp_path / "model.keras"
    saving.save_model(trained.model, path, {})
    with zipfile.ZipFile(path) as entries:
        assert "date" not in entries.read("metadata.json").decode()
        assert {entry.date_time for entry in entries.infolist()} == {(1980, 1, 1, 0, 0, 0)}
    assert path.stat().st_size < 3 * 4 * trained.model.count_params()


def test_a_damaged_or_absent_model_is_named(tmp_path: Path) -> None:
    path = tmp_path / "model.keras"
    for content in (None, b"", b"PK not a zip"):
        if content is not None:
            path.write_bytes(content)
        with pytest.raises(UserError, match=r"model\.keras: not a model: "):
            saving.load_model(path)


@pytest.mark.parametrize("name", ["mlp", "lowlevel"])
def test_a_training_that_goes_astray_ends_with_a_user_error(name: str) -> None:
    network, chosen, part = TRAININGS[name]
    if name == "mlp":
        rate = chosen.optimizer.model_copy(update={"learning_rate": 1e30})
        chosen = chosen.model_copy(update={"optimizer": rate, "schedule": "constant"})
    else:
        chosen = chosen.model_copy(update={"learning_rate": 3e38})
    with pytest.raises(UserError, match="the loss is not a number in epoch 1: lower learning_rate"):
        network.train(chosen, CLASSES, part, part)  # type: ignore[attr-defined]


def test_a_model_is_stored_with_what_it_made_while_it_learned(tmp_path: Path) -> None:
    path = tmp_path / "model.keras"
    model = mlp.build(BLOCKS["mnist_linear"], (28, 28), 10)  # type: ignore[arg-type]
    saving.save_model(model, path, {"sheets": PICTURES.x})
    assert (saving.load_progress(path)["sheets"] == PICTURES.x).all()
    assert (saving.load_model(path).predict(PICTURES.x, verbose=0) >= 0).all()
    saving.save_model(model, path, {})
    assert saving.load_progress(path) == {}


def test_the_last_good_weights_of_a_diverged_training_are_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr(train, "MODELS", tmp_path)
    good = mlp.build(BLOCKS["mnist_linear"], (28, 28), 10)  # type: ignore[arg-type]

    def diverge(*_: Any) -> None:
        raise DivergedError("the loss is not a number in epoch 3: lower learning_rate", good)

    monkeypatch.setattr(train, "load_part", lambda *_: PICTURES)
    monkeypatch.setattr(train, "load_description", lambda _: CLASSES)
    monkeypatch.setattr(mlp, "train", diverge)
    with pytest.raises(UserError, match=r"models\.mnist_linear: .*; the last good weights are in "):
        train.main("mnist_linear")
    kept = saving.load_model(tmp_path / "mnist_linear/last_good.keras")
    assert (kept.get_weights()[0] == good.get_weights()[0]).all()
    assert not (tmp_path / "mnist_linear/model.keras").exists()
