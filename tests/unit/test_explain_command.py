"""`predict --explain` as docs/look.md shows it, with small models of the same ids."""

import shlex
import sys
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from stages import predict
from stages.core.errors import ModelError
from stages.core.files import write_json
from stages.core.splits import Split
from stages.inference import explanation
from tests.documents import commands
from tests.unit.test_explain import text_bundle

ROOT = Path(__file__).parents[2]
COMMANDS = [
    command
    for command in commands((ROOT / "docs/look.md").read_text(encoding="utf-8"))
    if "--explain" in command
]
COLUMNS = [
    {"name": "age", "encoding": "identity"},
    *(
        {"name": name, "encoding": "identity", "codes": {str(n): n for n in range(1, 6)}}
        for name in ("shape", "margin", "density")
    ),
]


def digits() -> tuple[keras.Model, dict[str, Any]]:
    model = keras.Sequential(
        [
            keras.Input((28, 28), dtype="uint8"),
            keras.layers.Rescaling(1 / 255),
            keras.layers.Reshape((28, 28, 1)),
            keras.layers.Conv2D(2, 3, strides=3),
            keras.layers.Flatten(),
            keras.layers.Dense(10, activation="softmax"),
        ]
    )
    classes = [str(digit) for digit in range(10)]
    return model, {
        "dataset": "mnist", "classes": classes, "input": {"type": "image", "shape": [28, 28]},
    }  # fmt: skip


def masses() -> tuple[keras.Model, dict[str, Any]]:
    inputs = keras.Input((4,))
    hidden = keras.ops.nan_to_num(inputs) / 50
    model = keras.Model(inputs, keras.layers.Dense(1, activation="sigmoid")(hidden))
    return model, {
        "dataset": "mammographic_masses", "classes": ["benign", "malignant"],
        "input": {"type": "table", "columns": COLUMNS},
    }  # fmt: skip


@pytest.fixture
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    keras.utils.set_random_seed(1)
    bundle = text_bundle(boring=-1, a=0, bit=0, film=0)
    for name, (model, spec) in {
        "mnist_cnn": digits(),
        "masses_mlp": masses(),
        "imdb_lstm": (bundle.model, bundle.spec),
    }.items():
        (tmp_path / name).mkdir()
        model.save(tmp_path / name / "model.keras")
        content = {"model": name, "task": "classification", **spec}
        write_json(tmp_path / name / "spec.json", content)
    rows = np.array([[40, 1, 2, 3], [70, 4, np.nan, 3]], np.float32)
    monkeypatch.setattr(explanation, "load_split", lambda *_: Split(rows, np.array([0, 1])))
    monkeypatch.setattr(predict, "MODELS", tmp_path)
    monkeypatch.chdir(ROOT)
    return tmp_path


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    """Run the command; returns its status."""
    monkeypatch.setattr(sys, "argv", ["predict", *arguments])
    try:
        predict.main()
    except SystemExit as error:
        return int(error.code or 0)
    return 0


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_of_the_documentation_writes_an_explanation(
    command: str, models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    *arguments, output = shlex.split(command)[3:]
    assert run(monkeypatch, *arguments, str(models / output)) == 0
    content = (models / output).read_text(encoding="utf-8")
    model = arguments[0]
    assert f"<h1>Why {model} answers as it does</h1>" in content
    assert "http" not in content.replace("http-equiv", "")  # self-contained
    if model == "imdb_lstm":
        assert "boring</span>" in content
    else:
        assert 'src="data:image/webp;base64,' in content


def test_the_documentation_explains_each_kind_of_input() -> None:
    assert len(COMMANDS) == 3


@pytest.mark.parametrize(
    ("model", "source", "expected"),
    [
        ("mnist_cnn", "data/own/README.md", "not in a supported format"),
        ("masses_mlp", "missing.csv", "expected a CSV file"),
        ("imdb_lstm", "good", "two words"),
    ],
)
def test_an_input_that_cannot_be_explained_is_one_line_and_leaves_no_file(
    model: str,
    source: str,
    expected: str,
    models: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    output = models / "out.html"
    assert run(monkeypatch, model, source, "--explain", str(output)) == 1
    errors = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error")]
    assert len(errors) == 1
    assert expected in errors[0]
    assert not output.exists()


def test_a_folder_that_cannot_be_written_is_one_line(
    models: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (models / "file").touch()
    output = str(models / "file" / "out.html")
    assert run(monkeypatch, "imdb_lstm", "good film", "--explain", output) == 1
    assert f"{output}: cannot be written" in capsys.readouterr().err


def test_only_classifiers_are_explained(models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = {"task": "forecasting", "classes": [], "input": {"type": "time_series"}}
    write_json(models / "mnist_cnn" / "spec.json", spec)
    with pytest.raises(ModelError, match="expected a classifier of image, text, table"):
        run(monkeypatch, "mnist_cnn", "1 2 3", "--explain", str(models / "out.html"))
