"""`python -m stages.predict`: inputs, tables, JSON, errors."""

import json
import re
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from PIL import Image

from stages import predict as command
from stages.core.errors import DataError, ModelError, UserError
from stages.core.files import write_json
from stages.inference import examples, images, samples, tables
from stages.inference.classify import Answer
from stages.inference.examples import Example, read_examples
from stages.learning.bundle import save_model
from tests.unit.contexts import brightness_classifier
from tests.unit.image_files import encode, halves
from tests.unit.test_tasks_autoencoding import make_vae
from tests.unit.test_tasks_conditional_generation import make_cvae
from tests.unit.test_tasks_image_generation import make_gan
from tests.unit.test_tasks_restoration import half
from tests.unit.test_tasks_word_vectors import INFO
from tests.unit.test_tasks_word_vectors import make_model as make_vectors

CLASSES = ["dark", "middle", "light"]
IMAGE: dict[str, Any] = {"type": "image", "shape": [8, 12]}
COLUMNS: list[dict[str, Any]] = [
    {"name": "age", "encoding": "standardize"},
    {"name": "vote", "encoding": "identity", "codes": {"n": -1, "y": 1}},
]
TABLE = {"classes": ["no", "yes"], "input": {"type": "table", "columns": COLUMNS}}
TEXT = {
    "classes": ["bad", "good"],
    "input": {
        "type": "text", "max_length": 20, "keep": "end",
        "vocabulary": ["[padding]", "[unknown]", "the", "film", "good"],
    },
}  # fmt: skip


@pytest.fixture(autouse=True)
def _in_a_new_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def store(name: str, model: keras.Model, **spec: Any) -> None:
    save_model(Path(name) / "model.keras", model)
    write_json(Path(name) / "spec.json", {"task": "classification", "classes": [], **spec})


def store_classifier() -> None:
    model = brightness_classifier(8, 12, [40, 128, 220])
    store("models/gray", model, classes=CLASSES, input=IMAGE)
    fitted = {"temperature": 2.0, "threshold": 0.7, "unlike": {"type": "none"}}
    write_json(Path("models/gray/calibration.json"), fitted)


def write_image(name: str, level: int) -> str:
    Path(name).parent.mkdir(parents=True, exist_ok=True)
    Image.new("L", (24, 16), level).save(name)
    return name


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[list[str], list[str], int]:
    """Return the lines of standard output and error, and the status."""
    status = 0
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.argv", ["predict", *arguments])
        try:
            command.main()
        except SystemExit as error:
            status = int(error.code or 0)
    printed = capsys.readouterr()
    return printed.out.splitlines(), printed.err.splitlines(), status


def test_a_table_has_all_probabilities(capsys: pytest.CaptureFixture[str]) -> None:
    store_classifier()
    files = [write_image("dark.png", 30), write_image("between.png", 84)]
    out, err, status = run(capsys, "gray", *files)
    assert out[0].split() == ["input", "answer", *CLASSES]
    name, best, *percents = out[1].split()
    assert (name, best) == ("dark.png", "dark")
    assert sum(float(each.rstrip("%")) for each in percents) == pytest.approx(100, abs=0.2)
    assert "I do not know (" in out[2]
    assert (err, status) == ([], 0)
    assert {len(line) for line in out} == {len(out[0])}


def test_a_copied_folder_answers_in_json(capsys: pytest.CaptureFixture[str]) -> None:
    store_classifier()
    Path("models/gray").rename("copied")
    out, _, _ = run(capsys, "copied", write_image("light.png", 225), "--json")
    (answer,) = map(json.loads, out)
    assert answer["input"] == "light.png"
    assert answer["class"] == answer["best"] == "light"
    assert answer["confidence"] == answer["probabilities"]["light"] > 0.7
    out, _, _ = run(capsys, "copied", "--json", write_image("between.png", 84))
    assert json.loads(out[0])["class"] is None


def test_a_model_without_calibration_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    store_classifier()
    Path("models/gray/calibration.json").unlink()
    out, err, status = run(capsys, "gray", write_image("between.png", 84))
    assert "do not know" not in out[1]
    assert err == ["note: no calibration.json: probabilities as the model outputs them"]
    assert status == 0


def test_the_inputs_that_can_be_read_are_answered(capsys: pytest.CaptureFixture[str]) -> None:
    store_classifier()
    Path("empty.png").touch()
    content = encode(halves(), "PNG")
    Path("cut.png").write_bytes(content[: len(content) // 2])
    Path("text.png").write_text("no image")
    frames = [Image.new("L", (9, 9), level) for level in (0, 200)]
    frames[0].save("animated.gif", save_all=True, append_images=frames[1:])
    Image.new("1", (20_000, 20_000)).save("bomb.png")
    bad = ["empty.png", "cut.png", "text.png", "animated.gif", "bomb.png", "missing.png", "a\0b"]
    out, err, status = run(capsys, "gray", *bad, write_image("dark.png", 30), "--json")
    assert [json.loads(line)["class"] for line in out] == ["dark"]
    assert status == 1
    reasons = ["empty", "damaged", "format", "animated: 2", "too large", "No such file", "null"]
    for line, reason, name in zip(err, reasons, bad, strict=True):
        assert line.startswith(f"error: {name}"), line
        assert reason in line


def test_a_folder_is_answered_in_order_and_in_batches(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    store_classifier()
    monkeypatch.setattr(command, "BATCH", 4)
    monkeypatch.setattr(command, "MANY", 5)
    for index in range(10):
        write_image(f"photos/{index}.png", [30, 225][index % 2])
    Path("photos/notes.md").touch()
    out, err, status = run(capsys, "gray", "photos", "--json")
    assert [json.loads(line)["class"] for line in out] == ["dark", "light"] * 5
    assert status == 0
    assert "10 examples" in "".join(err)  # the progress bar
    Path("none").mkdir()
    _, (error,), status = run(capsys, "gray", "none")
    assert error.startswith("error: none: no images in this folder (.bmp")
    assert status == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nothing", "x"], "nothing: no trained model; expected a folder or one of gan, gray"),
        (["gray"], "no INPUT; gray expects image files"),
        (["gray", "x", "--class", "dark"], "--class: gray cannot choose a class"),
        (["gan", "x", "--output", "s.png"], "gan generates and takes no INPUT"),
        (["gan"], "gan answers with images: name a file"),
        (["broken", "x"], "spec.json: not the description of a model"),
    ],
)
def test_a_wrong_command_is_one_line(
    capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    store_classifier()
    store("models/gan", make_gan((4, 6)), task="image_generation", input=IMAGE)
    write_json(Path("broken/spec.json"), {"task": "classification"})
    with pytest.raises(ModelError, match=re.escape(message)):
        run(capsys, *arguments)


def test_samples_are_written_to_a_sheet(capsys: pytest.CaptureFixture[str]) -> None:
    store("models/gan", make_gan((4, 6)), task="image_generation", input=IMAGE)
    out, _, _ = run(capsys, "gan", "--count", "12", "--output", "sheets/s.png")
    assert [line.partition(", generated in ")[0] for line in out] == ["sheets/s.png: 12 images"]
    sheet = Image.open("sheets/s.png")
    assert sheet.size == (10 * (6 * 14 + 2) - 2, 2 * (4 * 14 + 2) - 2)
    run(capsys, "gan", "--count", "12", "--output", "again.png")
    assert np.array_equal(np.asarray(sheet), np.asarray(Image.open("again.png")))
    run(capsys, "gan", "--count", "12", "--seed", "2", "--output", "again.png")
    assert not np.array_equal(np.asarray(sheet), np.asarray(Image.open("again.png")))


def test_a_class_is_sampled_where_the_model_can() -> None:
    cvae = make_cvae()
    spec = {"task": "conditional_generation", "classes": ["a", "b", "c"]}
    bundle = samples.Bundle(cvae, spec)
    all_classes = samples.sample_images(bundle, 2, 1, None)
    chosen = samples.sample_images(bundle, 2, 1, "b")
    assert np.array_equal(all_classes[2:4], chosen)
    with pytest.raises(ModelError, match="class: expected one of a, b, c; found 'z'"):
        samples.sample_images(bundle, 2, 1, "z")
    vae = samples.Bundle(make_vae(), {"task": "autoencoding", "classes": []})
    assert samples.sample_images(vae, 3, 1, None).shape[0] == 3
    with pytest.raises(ModelError, match="cannot choose a class"):
        samples.sample_images(vae, 3, 1, "b")


def test_a_restored_image_is_shown_beside_its_input(capsys: pytest.CaptureFixture[str]) -> None:
    store("models/half", half(8, 12), task="restoration", input=IMAGE)
    out, _, status = run(capsys, "half", write_image("x.png", 200), "--output", "s.png", "--json")
    assert np.allclose(json.loads(out[0])["restored"], 100)
    left, right = np.array_split(np.asarray(Image.open("s.png").convert("L")), 2, axis=1)
    assert (left[5, 5], right[5, -5], status) == (200, 100, 0)


def test_neighbors_of_words_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    store("models/words", make_vectors(), task="word_vectors", input=INFO["input"])
    word = INFO["input"]["vocabulary"][2]
    out, err, status = run(capsys, "words", word.upper(), "zzz", "--count", "2")
    assert out[0] == f"{word.upper()}:"
    assert len(out) == 3
    assert "error: zzz: word: expected one of" in err[0]
    assert status == 1


def read(argument: str, spec: dict[str, Any]) -> list[Example | UserError]:
    return list(read_examples(argument, spec))


def test_rows_are_read_by_the_header_in_any_order() -> None:
    Path("t.csv").write_text("\ufeffname, vote ,age\nx,y,50\nz, n ,?\n", encoding="utf-8")
    first, second = read("t.csv", TABLE)
    assert isinstance(first, Example)
    assert isinstance(second, Example)
    assert first.x.tolist() == [50, 1]
    assert (first.name, second.name) == ("t.csv:2", "t.csv:3")
    assert np.isnan(second.x[0])
    assert second.x[1] == -1


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "t.csv: empty, expected a CSV file with a header"),
        (b"age,vote\n", "t.csv: no row below the header"),
        (b"age\n50\n", "t.csv: no column vote in the header"),
        (b"50,y\n", "t.csv: no column age, vote in the header"),
        (b"age,vote\n50,maybe\n", "t.csv:2: vote: expected one of n, y, ?; found 'maybe'"),
        (b"age,vote\nold,y\n", "t.csv:2: age: expected a number or ?, found 'old'"),
        (b"age,vote\n50\n", "t.csv:2: expected 2 values, as in the header"),
        (b"age,vote\n50,y,3\n", "t.csv:2: expected 2 values, as in the header"),
        (b"\x89PNG\xff\xfe\n\x00", "t.csv: not a CSV file in UTF-8"),
    ],
)
def test_a_wrong_table_is_one_line(content: bytes, message: str) -> None:
    Path("t.csv").write_bytes(content)
    (error,) = read("t.csv", TABLE)
    assert isinstance(error, DataError)
    assert message in str(error)
    assert "\n" not in str(error)


def test_a_wrong_row_leaves_the_others() -> None:
    Path("t.csv").write_text("age,vote\n50,y\n51,q\n52,n\n")
    first, second, third = read("t.csv", TABLE)
    assert isinstance(second, DataError)
    assert isinstance(first, Example)
    assert isinstance(third, Example)


def test_a_text_is_itself_or_that_of_a_file() -> None:
    Path("review.txt").write_text("The film!", encoding="utf-8")
    (from_file,), (itself,) = read("review.txt", TEXT), read("The film!", TEXT)
    assert isinstance(from_file, Example)
    assert isinstance(itself, Example)
    assert np.array_equal(from_file.x, itself.x)
    assert (from_file.name, itself.name) == ("review.txt", "The film!")


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ("", "text: empty, expected a text"),
        ("  ", "empty, expected a text"),
        ("这部电影很好看", "no word in it, expected an English text"),
        ("Der Film ist leider gar nicht so gut", "of its words are not among the 5 of the model"),
        ("the film " * 12_000, "108000 characters, expected at most 100000"),
        ("missing.txt", "missing.txt: No such file or directory; expected a text file"),
        ("latin.txt", "latin.txt: not a text in UTF-8"),
        ("large.txt", "large.txt: too long"),
        ("empty.txt", "empty.txt: empty, expected a text"),
    ],
)
def test_a_wrong_text_is_one_line(argument: str, message: str) -> None:
    Path("latin.txt").write_bytes("Käse".encode("latin-1"))
    Path("large.txt").write_text("the film " * 120_000)
    Path("empty.txt").touch()
    (error,) = read(argument, TEXT)
    assert isinstance(error, DataError)
    assert message in str(error)
    assert "\n" not in str(error)
    assert len(str(error)) < 200


def test_numbers_are_read_from_the_command_line_or_a_file() -> None:
    points = {"classes": [], "input": {"type": "points"}}
    series = {"classes": [], "input": {"type": "time_series", "length": 3}}
    Path("n.txt").write_text("1\n2\n3\n4\n")
    (point,), (past,) = read("0.5, -1", points), read("n.txt", series)
    assert isinstance(point, Example)
    assert isinstance(past, Example)
    assert point.x.tolist() == [0.5, -1]
    assert past.x.tolist() == [2, 3, 4]
    (short,), (wrong,) = read("1 2", series), read("a,b", points)
    assert "expected at least 3 values, found 2" in str(short)
    assert "expected numbers" in str(wrong)


def test_drawings_on_transparent_ground_keep_their_contrast() -> None:
    for color, ground in ((255, 0), (0, 255)):
        image = Image.new("RGBA", (20, 20), (color, color, color, 0))
        image.paste((color, color, color, 255), (5, 5, 10, 10))
        pixels = np.asarray(images.to_rgb(image))
        assert pixels[0, 0].tolist() == [ground] * 3
        assert pixels[7, 7].tolist() == [color] * 3


def test_a_long_name_keeps_its_end_and_a_long_text_its_start() -> None:
    assert tables.fit("folder/" * 9 + "photo.png").endswith("/photo.png")
    assert len(tables.fit("x" * 99)) == tables.NAME
    assert examples.shorten("a\nb " * 50).startswith("a b a b")
    answer = Answer("a", True, {"a": 1.0, "b": 0.0}, "unlike")
    assert tables.row(Example("x", np.zeros(1)), answer).splitlines()[1] == "  warning: unlike"
