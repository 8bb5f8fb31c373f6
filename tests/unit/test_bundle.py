import json
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pandas as pd
import pytest

from stages.core.errors import ModelError
from stages.inference.bundle import Bundle, load_bundle, load_history, load_model, load_snapshots
from stages.inference.outputs import probabilities
from stages.inference.predict import predict
from stages.learning.bundle import save_bundle, save_model, to_portable
from stages.learning.fit import Trained
from stages.learning.layers import FusedBatchNormalization
from stages.learning.runtime import session
from stages.networks.block_cnn import train as block_cnn
from stages.networks.cnn import train as cnn
from stages.networks.mlp import train as mlp
from stages.networks.tabular_mlp import train as tabular_mlp
from stages.networks.text_rnn import train as text_rnn
from tests.factories import (
    COLUMNS,
    INFOS,
    VOCABULARY,
    make_config,
    make_images,
    make_table,
    make_texts,
)

IMAGES, TABLE, TEXTS = make_images(), make_table(), make_texts()
HISTORY = pd.DataFrame({"epoch": [1, 2], "loss": [0.1, 1 / 3]})
SNAPSHOTS = {"epoch": np.array([0, 2], np.int32), "images": IMAGES.x[:2]}
ANSWER = """
import importlib.util, sys
import keras, numpy as np
for name in sys.argv[1:]:
    for model in (f"{name}.keras", f"{name}_bfloat16.keras"):
        answer = keras.saving.load_model(model).predict(np.load(f"{name}.npy"), verbose=0)
        np.save(model + ".npy", answer)
assert importlib.util.find_spec("stages") is None
"""
NETWORKS = ["mlp", "cnn", "block_cnn", "tabular_mlp", "text_rnn"]


@pytest.fixture(autouse=True)
def _session() -> Iterator[None]:
    with session(1, "float32"):
        yield


def build(name: str) -> tuple[keras.Model, np.ndarray]:
    """A network whose weights, moving averages included, are none of the initial ones."""
    config = make_config(name).network
    if name == "cnn":
        model, x = cnn.build(config, (8, 8), 3), IMAGES.x
    elif name == "block_cnn":
        model, x = block_cnn.average_flips(block_cnn.build(config, (8, 8), 3)), IMAGES.x
    elif name == "mlp":
        model, x = mlp.build(config, (8, 8), 3), IMAGES.x
    elif name == "tabular_mlp":
        model, x = tabular_mlp.build(config, COLUMNS, TABLE.x), TABLE.x
    else:
        model, x = text_rnn.build(config, len(VOCABULARY)), TEXTS.x
    random = np.random.default_rng(3)
    model.set_weights([random.uniform(0.2, 0.8, w.shape) for w in model.get_weights()])
    return model, x


def trained(model: keras.Model) -> Trained:
    return Trained(model, HISTORY, SNAPSHOTS, 7)


def test_keras_alone_reads_stored_models_in_a_fresh_process(tmp_path: Path) -> None:
    expected = {}
    for name in NETWORKS:
        with session(1, "mixed_bfloat16"):
            save_model(tmp_path / f"{name}_bfloat16.keras", build(name)[0])
        model, x = build(name)
        save_model(tmp_path / f"{name}.keras", model)
        np.save(tmp_path / f"{name}.npy", x)
        expected[name] = model.predict(x, verbose=0)
    subprocess.run([sys.executable, "-I", "-c", ANSWER, *NETWORKS], cwd=tmp_path, check=True)
    for name in NETWORKS:
        assert expected[name].std() > 1e-3
        for file in (f"{name}.keras.npy", f"{name}_bfloat16.keras.npy"):
            assert np.load(tmp_path / file) == pytest.approx(expected[name], abs=1e-5)


@pytest.mark.parametrize("name", ["cnn", "block_cnn", "text_rnn", "tabular_mlp"])
def test_a_model_trained_in_bfloat16_is_stored_in_float32(name: str, tmp_path: Path) -> None:
    with session(1, "mixed_bfloat16"):
        model, _ = build(name)
        assert "bfloat16" in str(model.get_config())
        save_model(tmp_path / "model.keras", model)
        assert keras.config.dtype_policy().name == "mixed_bfloat16"
    with zipfile.ZipFile(tmp_path / "model.keras") as entries:
        text = entries.read("config.json").decode()
    assert "bfloat16" not in text
    assert "stages" not in text
    assert "Fused" not in text
    stored = load_model(tmp_path / "model.keras")
    assert {layer.compute_dtype for layer in stored.layers} == {"float32"}


def test_saving_leaves_the_model_as_it_is(tmp_path: Path) -> None:
    with session(1, "mixed_bfloat16"):
        model, x = build("cnn")
        model.compile("adam", "sparse_categorical_crossentropy")
        model.fit(IMAGES.x, IMAGES.y, verbose=0)
        optimizer, weights, before = model.optimizer, model.get_weights(), model.get_config()
        expected = model.predict(x, verbose=0)
        save_model(tmp_path / "model.keras", model)
        assert model.optimizer is optimizer
        assert model.compiled
        assert str(model.get_config()) == str(before)
        assert all((a == b).all() for a, b in zip(weights, model.get_weights(), strict=True))
        assert (model.predict(x, verbose=0) == expected).all()
        assert any(isinstance(layer, FusedBatchNormalization) for layer in model.layers)


def test_equal_models_are_equal_files_without_date_and_optimizer(tmp_path: Path) -> None:
    model, _ = build("cnn")
    save_bundle(tmp_path / "a", trained(model), {"task": "classification"})
    model.compile("adam", "sparse_categorical_crossentropy")
    model.fit(IMAGES.x, IMAGES.y * 0, epochs=0, verbose=0)
    with session(2, "mixed_bfloat16"):  # other seed, names and precision
        keras.layers.Dense(1)
        save_bundle(tmp_path / "b", trained(model), {"task": "classification"})
    for name in ("model.keras", "spec.json", "snapshots.npz", "history.csv"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
    for name in ("model.keras", "snapshots.npz"):
        with zipfile.ZipFile(tmp_path / "a" / name) as entries:
            assert {entry.date_time for entry in entries.infolist()} == {(1980, 1, 1, 0, 0, 0)}
    with zipfile.ZipFile(tmp_path / "a/model.keras") as entries:
        assert entries.namelist() == sorted(entries.namelist())
        assert "date" not in entries.read("metadata.json").decode()
        assert "adam" not in entries.read("config.json").decode().lower()


def test_models_with_other_weights_are_other_files(tmp_path: Path) -> None:
    model, _ = build("mlp")
    save_model(tmp_path / "a.keras", model)
    model.set_weights([value + 1e-6 for value in model.get_weights()])
    save_model(tmp_path / "b.keras", model)
    assert (tmp_path / "a.keras").read_bytes() != (tmp_path / "b.keras").read_bytes()


def test_nested_models_keep_their_names_and_weights() -> None:
    with session(1, "mixed_bfloat16"):
        part = keras.Sequential(
            [
                keras.Input((4, 4, 2)),
                FusedBatchNormalization(momentum=0.6),
                keras.layers.Flatten(),
                keras.layers.Dense(3, dtype="float32"),
            ],
            name="encoder",
        )
        images = keras.Input((4, 4, 2), name="images")
        model = keras.Model(images, {"mean": part(images)})
        part.layers[0].moving_mean.assign([1.0, 2.0])
        copy = to_portable(model)
    encoder = copy.get_layer("encoder")
    normalization = encoder.layers[0]
    assert type(normalization) is keras.layers.BatchNormalization
    assert normalization.momentum == 0.6
    assert normalization.moving_mean.numpy().tolist() == [1, 2]
    assert normalization.compute_dtype == "float32"
    assert list(copy.output) == ["mean"]


def test_what_was_stored_is_read(tmp_path: Path) -> None:
    model, x = build("mlp")
    spec = {"task": "classification", **INFOS["images"]}
    save_bundle(tmp_path / "model", trained(model), spec)
    bundle = load_bundle(tmp_path / "model")
    assert bundle.spec == spec
    assert (bundle.model.predict(x, verbose=0) == model.predict(x, verbose=0)).all()
    pd.testing.assert_frame_equal(load_history(tmp_path / "model"), HISTORY)
    snapshots = load_snapshots(tmp_path / "model")
    assert list(snapshots) == ["epoch", "images"]
    assert (snapshots["images"] == IMAGES.x[:2]).all()


def test_a_bundle_without_snapshots_has_an_empty_file_of_them(tmp_path: Path) -> None:
    save_bundle(tmp_path, Trained(build("mlp")[0], HISTORY, {}, 7), {})
    assert load_snapshots(tmp_path) == {}


@pytest.mark.parametrize("content", [None, b"", b"PK not a zip", "half", "flipped"])
@pytest.mark.parametrize(
    ("file", "load"),
    [
        ("model.keras", load_bundle),
        ("spec.json", load_bundle),
        ("snapshots.npz", load_snapshots),
        ("history.csv", load_history),
    ],
)
def test_a_missing_or_damaged_file_is_named_in_one_line(
    file: str, load: Any, content: bytes | str | None, tmp_path: Path
) -> None:
    save_bundle(tmp_path, trained(build("mlp")[0]), {"task": "classification"})
    path = tmp_path / file
    good = path.read_bytes()
    if content is None:
        path.unlink()
    elif isinstance(content, bytes):
        path.write_bytes(content)
    elif content == "half":
        path.write_bytes(good[: len(good) // 2])
    else:
        middle = len(good) // 2
        path.write_bytes(good[:middle] + bytes([good[middle] ^ 255]) + good[middle + 1 :])
    if file == "history.csv" and content not in (None, b""):
        return  # any text is a table of one column
    with pytest.raises(ModelError, match=f"{file}: not a file of a trained model: ") as caught:
        load(tmp_path)
    assert "\n" not in str(caught.value)


def test_probabilities_have_a_column_for_each_class() -> None:
    model, x = build("tabular_mlp")
    p = probabilities(model, x, "table")
    assert p.shape == (40, 2)
    assert p[:, 1] == pytest.approx(model.predict(x, verbose=0)[:, 0], abs=1e-6)
    assert p.sum(axis=1) == pytest.approx(1)
    assert p.dtype == np.float64


def test_probabilities_of_texts_are_in_the_order_of_the_texts() -> None:
    texts = make_texts(1300).x
    model, _ = build("text_rnn")
    expected = model.predict(texts, verbose=0)[:, 0]
    assert expected.std() > 1e-3
    assert probabilities(model, texts, "text")[:, 1] == pytest.approx(expected, abs=1e-6)


def bundle(name: str, kind: str) -> Bundle:
    return Bundle(build(name)[0], {"task": "classification", **INFOS[kind]})


def test_a_table_row_gets_a_class_with_probabilities() -> None:
    answer = predict(bundle("tabular_mlp", "table"), {"age": 67, "shape": "3", "vote": "y"})
    row = np.array([[67, 3, 1]], np.float32)
    expected = float(build("tabular_mlp")[0].predict(row, verbose=0)[0, 0])
    assert answer["probabilities"]["malignant"] == pytest.approx(expected, abs=1e-6)
    assert answer["probabilities"]["benign"] == pytest.approx(1 - expected, abs=1e-6)
    assert answer["class"] == ("malignant" if expected > 0.5 else "benign")
    json.dumps(answer)


def test_a_text_gets_a_class_with_probabilities() -> None:
    answer = predict(bundle("text_rnn", "texts"), "A b c, zzz!")
    tokens = np.array([[2, 3, 4, 1, 1]], np.uint16)
    expected = float(build("text_rnn")[0].predict(tokens, verbose=0)[0, 0])
    assert answer["probabilities"]["positive"] == pytest.approx(expected, abs=1e-6)


def test_an_image_file_gets_a_class_by_its_bytes_or_path(tmp_path: Path) -> None:
    from PIL import Image

    Image.fromarray(IMAGES.x[0]).save(tmp_path / "image.png")
    ours = bundle("cnn", "images")
    answer = predict(ours, (tmp_path / "image.png").read_bytes())
    assert answer == predict(ours, str(tmp_path / "image.png"))
    expected = ours.model.predict(IMAGES.x[:1], verbose=0)[0]
    assert list(answer["probabilities"].values()) == pytest.approx(expected, abs=1e-5)
    assert list(answer["probabilities"]) == ["shirt", "shoe", "bag"]
    assert answer["class"] == ["shirt", "shoe", "bag"][expected.argmax()]


@pytest.mark.parametrize(
    ("name", "kind", "raw", "message"),
    [
        ("cnn", "images", b"no image", "input: not in a supported format"),
        ("cnn", "images", "absent.png", "absent.png: No such file or directory; expected an image"),
        ("cnn", "images", 3, "input: expected image, found int"),
        ("tabular_mlp", "table", {"age": 3}, "input: .*no value for shape, vote"),
        ("tabular_mlp", "table", "age", "input: expected table, found str"),
        ("text_rnn", "texts", b"bytes", "input: expected text, found bytes"),
    ],
)
def test_an_invalid_input_is_rejected(name: str, kind: str, raw: Any, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        predict(bundle(name, kind), raw)
