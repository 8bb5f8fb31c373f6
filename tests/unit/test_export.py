"""Export of models to other runtimes, and what is concluded from the comparison."""

import json
import runpy
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
from PIL import Image

from stages import check_export, export
from stages.config.load import parse_params, read_yaml
from stages.config.schema import Export, ExportedModel
from stages.core.errors import ConfigError, ModelError
from stages.core.splits import Split, save_split
from stages.exporting import agreement, convert
from stages.exporting.agreement import INT8, KERAS, LITERT, ONNX, ExportedFile, Reference
from stages.exporting.runtimes import open_litert, open_onnx, predict_batches
from stages.page import exports, render
from tests.unit.test_report import BASELINE, DATASET, check, model

ROOT = Path(__file__).parents[2]
CLASSES = [str(number) for number in range(10)]


def make_cnn() -> keras.Model:
    keras.utils.set_random_seed(1)
    return keras.Sequential(
        [
            keras.Input((28, 28), dtype="uint8"),
            keras.layers.Rescaling(1 / 255),
            keras.layers.Reshape((28, 28, 1)),
            keras.layers.Conv2D(4, 3, activation="relu"),
            keras.layers.MaxPooling2D(2),
            keras.layers.Flatten(),
            keras.layers.Dense(10, activation="softmax"),
        ]
    )


def make_text_model() -> keras.Model:
    keras.utils.set_random_seed(1)
    ids = keras.Input((None,), dtype="int32")
    vectors = keras.layers.Embedding(20, 4, mask_zero=True)(ids)
    outputs = keras.layers.Dense(1, activation="sigmoid")(keras.layers.LSTM(3)(vectors))
    return keras.Model(ids, outputs)


def images(number: int) -> np.ndarray:
    return np.random.default_rng(1).integers(0, 256, (number, 28, 28), np.uint8)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with one small trained model and its data."""
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "models/digits"
    folder.mkdir(parents=True)
    make_cnn().save(folder / "model.keras")
    spec = {
        "task": "classification", "dataset": "mnist", "classes": CLASSES,
        "input": {"type": "image", "shape": [28, 28]},
    }  # fmt: skip
    (folder / "spec.json").write_text(json.dumps(spec))
    for name, number in (("train", 30), ("test", 20)):
        labels = (np.arange(number) % 10).astype(np.uint8)
        save_split(tmp_path / "data/processed/mnist" / name, Split(images(number), labels))
    return tmp_path


@pytest.mark.parametrize("batch_size", [1, 7])
def test_exported_files_compute_what_the_model_computes(tmp_path: Path, batch_size: int) -> None:
    network, x = make_cnn(), images(10)
    convert.export_onnx(network, tmp_path / "model.onnx")
    convert.export_litert(network, tmp_path / "model.tflite")
    expected = network.predict(x, verbose=0)
    for open_, name in ((open_onnx, "model.onnx"), (open_litert, "model.tflite")):
        outputs = predict_batches(open_(tmp_path / name), x, batch_size)
        np.testing.assert_allclose(outputs, expected, atol=1e-5)


def test_integers_of_8_bits_are_smaller_and_close(tmp_path: Path) -> None:
    network, x = make_cnn(), images(10)
    convert.export_litert(network, tmp_path / "model.tflite")
    convert.export_int8(network, tmp_path / "int8.tflite", x)
    assert (tmp_path / "int8.tflite").stat().st_size < (tmp_path / "model.tflite").stat().st_size
    outputs = predict_batches(open_litert(tmp_path / "int8.tflite"), x, 10)
    np.testing.assert_allclose(outputs, network.predict(x, verbose=0), atol=0.1)


def test_a_text_model_is_exported_with_texts_of_one_length(tmp_path: Path) -> None:
    network = make_text_model()
    x = np.array([[3, 4, 5, 0, 0], [6, 7, 8, 9, 2]], np.int32)
    expected = network.predict(x, verbose=0)
    convert.export_onnx(network, tmp_path / "model.onnx")
    convert.export_litert(network, tmp_path / "model.tflite", max_length=5)
    outputs = open_onnx(tmp_path / "model.onnx")(x)
    np.testing.assert_allclose(outputs, expected, atol=1e-5)
    outputs = predict_batches(open_litert(tmp_path / "model.tflite"), x, 1)
    np.testing.assert_allclose(outputs, expected, atol=1e-5)
    with pytest.raises(ModelError, match="integers of 8 bits need one input of a fixed shape"):
        export.load_calibration(network, "imdb")


def test_a_model_without_counterpart_is_refused_in_one_line(tmp_path: Path) -> None:
    matrix = keras.Input((2, 2))
    network = keras.Model(matrix, keras.ops.cholesky(matrix))
    with pytest.raises(ModelError, match=r"^model\.tflite: not convertible: .+$") as error:
        convert.export_litert(network, tmp_path / "model.tflite")
    assert "\n" not in str(error.value)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("copied", [False, True])
def test_the_command_writes_all_formats(
    project: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, copied: bool
) -> None:
    name = str(project / "models/digits") if copied else "digits"
    monkeypatch.setattr(sys, "argv", ["export", name, "--output", "out"])
    export.main()
    files = {"model.onnx", "model.tflite", "model_int8.tflite", "spec.json"}
    assert {path.name for path in Path("out").iterdir()} == files
    assert json.loads(Path("out/spec.json").read_text())["classes"] == CLASSES
    assert len(capsys.readouterr().out.splitlines()) == 3


def test_without_training_data_8_bits_are_left_out(
    project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (project / "data").rename(project / "moved")
    export.export(Path("models/digits"), Path("out"))
    assert "model_int8.tflite: left out: data/processed/mnist/train" in capsys.readouterr().out
    assert not Path("out/model_int8.tflite").exists()
    with pytest.raises(ModelError, match="nothing: no model; train it"):
        export.export(Path("nothing"), Path("out"))


def test_the_stage_reports_sizes_and_accuracies(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    digits = ExportedModel(dataset="mnist", formats=["onnx", "litert", "int8"])
    config = Export(num_examples=15, models={"digits": digits})
    params = type("Params", (), {"export": config})
    monkeypatch.setattr(check_export, "load_params", lambda: params)
    check_export.main("digits")
    metrics = json.loads(Path("reports/export/digits/metrics.json").read_text())
    assert metrics["onnx"]["accuracy"] == metrics["litert"]["accuracy"]
    size = (project / "models/digits/model.keras").stat().st_size
    assert 0 <= metrics["keras"]["bytes"] - size < 0.1 * size
    expected = make_cnn().predict(images(20)[:15], verbose=0).argmax(axis=1) == np.arange(15) % 10
    assert metrics["keras"]["accuracy"] == expected.mean()
    with pytest.raises(ConfigError, match="no exported model 'other', expected one of digits"):
        check_export.main("other")
    page = exports.read_export(["other", "digits"])
    assert page is not None
    assert [row["format"] for row in page.rows] == [KERAS, ONNX, LITERT, INT8]


# Conclusions

P = np.array([[0.9, 0.1], [0.2, 0.8]])
REFERENCE = Reference("a", P, np.array([0, 1]))


def test_a_file_that_disagrees_is_refused() -> None:
    assert agreement.compare(REFERENCE, ONNX, 7, P) == ExportedFile("a", ONNX, 7, 1.0, 0.0)
    wrong = P + np.array([[0.001, 0], [0, 0]])
    with pytest.raises(ModelError, match=r"a: onnx: a probability differs by 0\.001"):
        agreement.compare(REFERENCE, ONNX, 7, wrong)
    with pytest.raises(ModelError, match="differs by nan"):
        agreement.compare(REFERENCE, LITERT, 7, np.full_like(P, np.nan))
    assert agreement.compare(REFERENCE, INT8, 7, P[::-1]).accuracy == 0


@pytest.mark.parametrize(
    ("size", "rounded"), [(7, 7), (10, 10), (99, 99), (101, 110), (905_018, 910_000), (990, 990)]
)
def test_sizes_are_rounded_up_to_two_digits(size: int, rounded: int) -> None:
    assert agreement.round_up(size) == rounded


FILES = [
    ExportedFile(model, format_, 10, accuracy, difference)._asdict()
    for model, format_, accuracy, difference in (
        ("a", KERAS, 0.95, 0.0),
        ("a", ONNX, 0.95, 2e-6),
        ("a", INT8, 0.941, 0.1),
        ("b", KERAS, 0.95, 0.0),
        ("b", LITERT, 0.95, 1e-6),
        ("b", INT8, 0.9, 0.3),
    )
]


def test_the_finding_says_for_which_models_8_bits_hold() -> None:
    finding = exports.conclude(FILES, 1000)
    assert "by at most 2e-06." in finding
    assert "hold for a, within 1% of accuracy; they do not hold for b (-5.0 points)." in finding
    assert exports.describe_int8(FILES[:2]) == []
    assert exports.conclude([FILES[0], FILES[2]], 9) == (
        "Integers of 8 bits hold for a, within 1% of accuracy."
    )


def test_the_page_shows_files_and_times() -> None:
    reports = [{"num_examples": 1000, "files": FILES[:3]}, {"num_examples": 50, "files": FILES[3:]}]
    times = {
        "machine": "a processor",
        "models": {"a": {"onnx": {"one": 0.25, "batch": 3.5}}},
        "start": {"ONNX": 0.3},
    }
    shown = exports.make_page(reports, times)
    page = render.render([model()], [DATASET], BASELINE, exported=shown)
    section = page.partition('<h2 id="export">')[2].partition("<h2")[0]
    assert "On up to 1,000 test examples" in section
    assert "hold for a, within 1% of accuracy" in section
    assert "0.25" in section
    assert "0.30 s with ONNX" in section
    assert section.count("<tbody>") == 2
    assert 'href="#export"' not in check(render.render([model()], [DATASET], BASELINE))
    assert exports.describe_size(900) == "0.9 kB"
    assert exports.describe_size(910_000) == "910 kB"
    assert exports.describe_size(2_400_000) == "2.4 MB"


# The example


@pytest.mark.parametrize(("background", "ink"), [(0, 255), (255, 0), (90, 200)])
def test_the_example_recognizes_a_digit_without_tensorflow(
    project: Path, background: int, ink: int
) -> None:
    export.export(Path("models/digits"), Path("out"))
    pixels = np.full((200, 150), background, np.uint8)
    pixels[40:160, 60:80] = ink
    Image.fromarray(pixels).save("digit.png")
    example = ROOT / "examples/onnx_digits.py"
    blocked = "import sys; sys.modules.update(dict.fromkeys(['tensorflow', 'keras', 'stages']))"
    code = f"{blocked}; import runpy; runpy.run_path({str(example)!r}, run_name='__main__')"
    command = [sys.executable, "-c", code, "out/model.onnx", "digit.png"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=project)
    digit = runpy.run_path(str(example))["read_digit"]("digit.png")
    assert (digit.shape, digit.dtype) == ((28, 28), np.uint8)
    rows, columns = np.nonzero(digit)
    assert (rows.min(), rows.max()) == (4, 23)
    assert abs(columns.mean() - 13.5) <= 0.5
    expected = make_cnn().predict(digit[None], verbose=0).argmax()
    assert done.stdout.startswith(f"digit.png: {expected} (")


def test_the_example_refuses_an_empty_image(tmp_path: Path) -> None:
    Image.new("L", (30, 30), 200).save(tmp_path / "empty.png")
    read_digit = runpy.run_path(str(ROOT / "examples/onnx_digits.py"))["read_digit"]
    with pytest.raises(SystemExit, match=r"empty\.png: the image is empty"):
        read_digit(str(tmp_path / "empty.png"))


@pytest.mark.parametrize(
    ("exported", "message"),
    [
        (("nothing", "mnist", ["onnx"]), "nothing: expected the id of a model whose task is"),
        (("fashion_vae", "fashion_mnist", ["onnx"]), "fashion_vae: expected the id of a model"),
        (("imdb_lstm", "imdb", ["int8"]), "imdb_lstm: texts have any length"),
        (("mnist_cnn", "mnist", ["onnx", "onnx"]), "mnist_cnn: formats must be unique"),
        (("mnist_cnn", "mnist", ["pickle"]), "mnist_cnn.formats.0: input should be 'onnx'"),
        (("mnist_cnn", "imdb", ["onnx"]), "mnist_cnn.dataset: expected that of models.mnist_cnn"),
        (None, "at least 1 item"),
    ],
)
def test_an_invalid_section_is_refused(
    exported: tuple[str, str, list[str]] | None, message: str
) -> None:
    values = read_yaml(ROOT / "params.yaml")
    values["export"]["models"] = {}
    if exported is not None:
        name, dataset, formats = exported
        values["export"]["models"] = {name: {"dataset": dataset, "formats": formats}}
    with pytest.raises(ConfigError) as error:
        parse_params(values, "params.yaml")
    assert message in str(error.value)
