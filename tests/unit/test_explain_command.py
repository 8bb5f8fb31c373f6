"""The commands of docs/look.md that explain an answer, with small models of the same ids."""

import shlex
import sys
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from stages import explain
from stages.core.errors import ModelError, UserError
from stages.core.files import write_json
from stages.core.splits import Split
from tests.unit.test_docs import commands
from tests.unit.test_explain import text_bundle

ROOT = Path(__file__).parents[2]
COMMANDS = [
    command
    for command in commands((ROOT / "docs/look.md").read_text(encoding="utf-8"))
    if command.startswith("python -m stages.explain")
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
    bundle = text_bundle()
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
    monkeypatch.setattr(explain, "load_split", lambda *_: Split(rows, np.array([0, 1])))
    monkeypatch.setattr(explain, "MODELS", tmp_path)
    monkeypatch.chdir(ROOT)
    return tmp_path


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_of_the_documentation_writes_an_explanation(
    command: str, models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    *arguments, output = shlex.split(command)[3:]
    monkeypatch.setattr(sys, "argv", ["explain", *arguments, str(models / output)])
    explain.main()
    content = (models / output).read_text(encoding="utf-8")
    model = arguments[0]
    assert f"<h1>What {model} sees" in content
    assert "http" not in content.replace("http-equiv", "")  # self-contained
    if model == "imdb_lstm":
        assert "boring</span>" in content
    else:
        assert 'src="data:image/webp;base64,' in content


def test_the_documentation_explains_each_kind_of_input() -> None:
    assert len(COMMANDS) == 3


@pytest.mark.usefixtures("models")
@pytest.mark.parametrize(
    ("model", "source", "expected"),
    [
        ("mnist_cnn", "data/own/README.md", "not in a supported format"),
        ("mnist_cnn", "missing.png", "No such file"),
        ("masses_mlp", "missing.csv", "expected a CSV file"),
        ("masses_mlp", "data/own/digits/7_easy.png", "expected a CSV file"),
        ("imdb_lstm", "good", "two words"),
        ("imdb_lstm", "good " * 30_000, "at most"),
        ("no_such_model", "good", "not a file of a trained model"),
    ],
)
def test_an_input_that_cannot_be_explained_is_refused_in_one_line(
    model: str, source: str, expected: str
) -> None:
    with pytest.raises(UserError, match=expected) as caught:
        explain.explain_input(model, source)
    assert "\n" not in str(caught.value)


def test_only_classifiers_are_explained(models: Path) -> None:
    spec = {"task": "forecasting", "input": {"type": "time_series"}}
    write_json(models / "mnist_cnn" / "spec.json", spec)
    with pytest.raises(ModelError, match="its task is forecasting"):
        explain.explain_input("mnist_cnn", "1 2 3")
