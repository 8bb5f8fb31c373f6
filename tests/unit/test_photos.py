"""Classification of photographs, with a small network in the place of one of ImageNet."""

import hashlib
import json
import sys
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from PIL import Image

from stages import classify_photos
from stages.config.load import load_params, parse_params, read_yaml
from stages.config.schema import PublishedFile
from stages.core.errors import ConfigError, DataError
from stages.photos import classify, weights

ROOT = Path(__file__).parents[2]
NAMES = ["red", "green", "deep_blue"]


def TinyNet(weights: Any = None) -> keras.Model:  # noqa: N802
    """Its class is the brightest color; the interface is that of keras.applications."""
    assert weights is None
    image = keras.Input((6, 8, 3))
    color = keras.layers.GlobalAveragePooling2D()(image)
    return keras.Model(image, keras.layers.Dense(3, activation="softmax", name="head")(color))


def preprocess_input(x: np.ndarray) -> np.ndarray:
    return x / 255


def publish(folder: Path, name: str, content: bytes) -> dict[str, str]:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(content)
    return {"file": f"nets/{name}", "md5": hashlib.md5(content).hexdigest()}


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project whose mirror has the weights of the small network."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DATASETS_MIRROR", str(tmp_path / "mirror"))
    monkeypatch.setattr(keras.applications, "TinyNet", TinyNet, raising=False)
    model = TinyNet()
    model.get_layer("head").set_weights([10 * np.eye(3), np.zeros(3)])
    model.save_weights(tmp_path / "tiny.weights.h5")
    mirror = tmp_path / "mirror/imagenet"
    index = {str(number): [f"n{number}", name] for number, name in enumerate(NAMES)}
    values = read_yaml(ROOT / "params.yaml")
    values["photos"] |= {
        "network": "TinyNet",
        "top": 2,
        "urls": ["https://nowhere.invalid"],
        "class_index": publish(mirror, "index.json", json.dumps(index).encode()),
        "weights": {
            "TinyNet": publish(
                mirror, "tiny.weights.h5", (tmp_path / "tiny.weights.h5").read_bytes()
            )
        },
    }
    (tmp_path / "params.yaml").write_text(json.dumps(values))
    return tmp_path


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> None:
    monkeypatch.setattr(sys, "argv", ["classify_photos", *arguments])
    classify_photos.main()


def test_the_photographs_of_scikit_learn_are_classified(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run(monkeypatch)
    lines = capsys.readouterr().out.splitlines()
    assert [line for line in lines if line.endswith(":")] == ["china.jpg:", "flower.jpg:"]
    assert len(lines) == 6
    assert (project / "data/raw/imagenet/tiny.weights.h5").is_file()


def test_a_folder_is_classified_and_a_damaged_file_has_a_line(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (project / "own").mkdir()
    Image.new("RGB", (40, 30), (0, 30, 255)).save(project / "own/sea.png")
    (project / "own/broken.png").write_bytes(b"not an image")
    (project / "own/notes.txt").write_text("no image either")
    with pytest.raises(DataError, match="some files are not photographs"):
        run(monkeypatch, "own")
    shown = capsys.readouterr()
    assert shown.out.splitlines()[1].split() == ["100.0%", "deep", "blue"]
    assert shown.err.startswith("error: own/broken.png: ")
    assert shown.err.count("\n") == 1


def test_the_answer_is_that_of_the_network_on_preprocessed_pixels() -> None:
    model = TinyNet()
    model.get_layer("head").set_weights([np.eye(3), np.zeros(3)])
    pretrained = classify.Pretrained(model, preprocess_input, NAMES)
    answer = dict(classify.classify(pretrained, Image.new("RGB", (8, 6), (255, 0, 51)), 3))
    expected = np.exp([1, 0, 0.2]) / np.exp([1, 0, 0.2]).sum()
    assert list(answer) == ["red", "deep_blue", "green"]
    assert list(answer.values()) == pytest.approx(expected[[0, 2, 1]], abs=1e-6)


def test_weights_that_cannot_be_had_are_one_line_that_says_what_to_do(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fetch(source: str) -> bytes:
        raise OSError(f"no {source}")

    monkeypatch.setattr(weights, "fetch", fetch)
    with pytest.raises(DataError) as error:
        run(monkeypatch)
    message = str(error.value)
    assert "\n" not in message
    assert "https://nowhere.invalid/nets/index.json: " in message
    assert "download it elsewhere and put it into data/raw/imagenet/ or" in message
    assert not (project / "data").exists()


def test_a_damaged_file_is_not_kept(project: Path) -> None:
    file = PublishedFile(file="nets/index.json", md5="0" * 32)
    with pytest.raises(DataError, match="not the file with MD5 000"):
        weights.fetch_published(file, [])
    assert not (project / "data/raw/imagenet/index.json").exists()


def test_weights_of_another_network_are_refused(project: Path) -> None:
    wrong = project / "wrong.weights.h5"
    keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)]).save_weights(wrong)
    index = project / "mirror/imagenet/index.json"
    with pytest.raises(DataError, match=r"wrong\.weights\.h5: not the weights of TinyNet: "):
        classify.load_pretrained("TinyNet", lambda: wrong, index)
    with pytest.raises(ConfigError, match=r"no network 'Nothing' in keras\.applications"):
        classify.load_pretrained("Nothing", lambda: wrong, index)


def test_a_network_without_weights_is_refused(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ConfigError, match=r"no file and hash of the weights of 'VGG16'"):
        run(monkeypatch, "--network", "VGG16")
    (project / "empty").mkdir()
    with pytest.raises(DataError, match="empty: no images in this folder"):
        run(monkeypatch, "empty")
    with pytest.raises(DataError, match="nowhere: expected a folder of photographs"):
        run(monkeypatch, "nowhere")
    assert not (project / "data").exists()  # no weights were fetched
    values = read_yaml(ROOT / "params.yaml")
    values["photos"]["network"] = "VGG16"
    with pytest.raises(ConfigError, match=r"photos\.network: expected one of ResNet50"):
        parse_params(values, "params.yaml")


def test_every_listed_network_exists_with_the_published_hash() -> None:
    folder = Path(keras.__file__).parent / "src/applications"
    source = "".join(path.read_text() for path in folder.glob("*.py"))
    for name, file in load_params(ROOT / "params.yaml").photos.weights.items():
        assert callable(getattr(keras.applications, name))
        assert file.md5 in source, name
