"""The functions and the HTML of the demo page, with tiny models."""

import base64
import io
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import keras
import numpy as np
import pytest
from PIL import Image, ImageDraw

from stages.core.errors import DataError, ModelError, UserError
from stages.core.files import write_json
from stages.demo import __main__ as command
from stages.demo import digits, images, language, reviews, rows, show
from stages.demo.models import Models, Row
from stages.inference.classify import Answer
from stages.learning.bundle import save_model
from tests.unit.contexts import brightness_classifier
from tests.unit.image_files import BAD
from tests.unit.test_tasks_autoencoding import make_vae
from tests.unit.test_tasks_conditional_generation import make_cvae
from tests.unit.test_tasks_image_generation import make_gan
from tests.unit.test_tasks_language_modeling import VOCABULARY
from tests.unit.test_tasks_language_modeling import make_model as make_language_model

ROOT = Path(__file__).parents[2]
TEN = [str(digit) for digit in range(10)]
DIGITS: dict[str, Any] = {"classes": TEN, "input": {"type": "image", "shape": [28, 28]}}
CONFIGS = {
    "mnist_linear": ("classification", "mnist"),
    "mnist_cnn": ("classification", "mnist"),
    "mnist_untrained": ("classification", "mnist"),
    "imdb_gru": ("classification", "imdb"),
    "votes_mlp": ("classification", "congressional_votes"),
    "masses_mlp": ("classification", "mammographic_masses"),
    "fashion_vae": ("autoencoding", "fashion_mnist"),
    "fashion_gan": ("image_generation", "fashion_mnist"),
    "fashion_cvae": ("conditional_generation", "fashion_mnist"),
    "alice_charrnn": ("language_modeling", "alice"),
}


def store(folder: Path, name: str, model: keras.Model, **spec: Any) -> None:
    save_model(folder / name / "model.keras", model)
    values = {"task": CONFIGS[name][0], "dataset": CONFIGS[name][1], "classes": []}
    write_json(folder / name / "spec.json", values | spec)


def build_cnn() -> keras.Model:
    layers = [
        keras.Input((28, 28), dtype="uint8"),
        keras.layers.Rescaling(1 / 255),
        keras.layers.Reshape((28, 28, 1)),
        keras.layers.Conv2D(4, 3),
        keras.layers.MaxPooling2D(),
        keras.layers.Flatten(),
        keras.layers.Dense(10, activation="softmax"),
    ]
    return keras.Sequential(layers)


def build_text_model() -> keras.Model:
    """The odds of the second class grow with the word "good"."""
    ids = keras.Input((None,), dtype="uint16")
    effects = keras.layers.Embedding(5, 1, mask_zero=True)
    mean = keras.layers.GlobalAveragePooling1D()(effects(ids))
    model = keras.Model(ids, keras.layers.Activation("sigmoid")(mean))
    effects.set_weights([np.array([[0], [0], [0], [-1], [8.0]])])
    return model


def build_table_model(columns: int) -> keras.Model:
    """The probability of the second class grows with the last column."""
    values = keras.Input((columns,))
    dense = keras.layers.Dense(1, activation="sigmoid")
    model = keras.Model(values, dense(values))
    dense.set_weights([np.eye(columns)[:, -1:] * 3, np.array([-4.0])])
    return model


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Models:
    folder = tmp_path_factory.mktemp("models")
    keras.utils.set_random_seed(0)
    levels = [25 * digit for digit in range(10)]
    store(folder, "mnist_linear", brightness_classifier(28, 28, levels), **DIGITS)
    fitted = {"temperature": 2.0, "threshold": 0.999, "unlike": {"type": "none"}}
    write_json(folder / "mnist_linear/calibration.json", fitted)
    store(folder, "mnist_cnn", build_cnn(), **DIGITS)
    vocabulary = ["[padding]", "[unknown]", "the", "film", "good"]
    text = {"type": "text", "max_length": 20, "keep": "end", "vocabulary": vocabulary}
    store(folder, "imdb_gru", build_text_model(), classes=["bad", "good"], input=text)
    votes = [
        {"name": column.name, "encoding": "identity", "codes": {"n": -1, "y": 2, "?": 0}}
        for column in rows.list_votes()
    ]
    table = {"type": "table", "columns": votes}
    store(folder, "votes_mlp", build_table_model(16), classes=["left", "right"], input=table)
    shape = {"type": "image", "shape": [4, 6]}
    store(folder, "fashion_vae", make_vae(), input=shape)
    store(folder, "fashion_gan", make_gan(), input=shape)
    store(folder, "fashion_cvae", make_cvae(), classes=["a", "b", "c"], input=shape)
    characters = {"type": "characters", "vocabulary": VOCABULARY}
    network = {"name": "char_rnn"}
    store(folder, "alice_charrnn", make_language_model(), network=network, input=characters)
    return Models(
        {name: SimpleNamespace(task=t, dataset=d) for name, (t, d) in CONFIGS.items()}, folder
    )


def drawing(paper: str = "white", size: int = 240) -> Image.Image:
    """A seven, and a smaller stroke to its right."""
    image = Image.new("RGB", (size, size), paper)
    pen = "black" if paper == "white" else "white"
    points = [(0.2, 0.2), (0.6, 0.2), (0.3, 0.9)]
    draw = ImageDraw.Draw(image)
    draw.line([(size * x, size * y) for x, y in points], pen, round(size / 15))
    draw.line([(size * 0.9, size * 0.3), (size * 0.9, size * 0.7)], pen, round(size / 20))
    return image


def as_url(image: Image.Image) -> str:
    file = io.BytesIO()
    image.save(file, "PNG")
    return digits.PREFIX + base64.b64encode(file.getvalue()).decode()


@pytest.mark.parametrize(("paper", "size"), [("white", 240), ("black", 240), ("white", 90)])
def test_the_largest_digit_of_a_drawing_is_read(models: Models, paper: str, size: int) -> None:
    read = digits.read_digit(models, digits.decode_drawing(as_url(drawing(paper, size))))
    assert read is not None
    assert read.found == 2
    assert read.image.shape == (28, 28)
    bright = np.argwhere(read.image > 128)
    assert np.ptp(bright[:, 1]) > 6  # not the stroke, which is narrow
    assert bright[:, 1].min() < 11


def test_all_networks_answer_and_one_shows_its_layers(models: Models) -> None:
    read = digits.read_digit(models, drawing())
    assert read is not None
    assert [row.model for row in read.rows] == ["mnist_linear", "mnist_cnn", "mnist_untrained"]
    first, second, third = read.rows
    assert first.answer is not None
    assert not first.answer.known  # below the threshold of its calibration
    assert second.answer is not None
    assert third.answer is None
    assert "`dvc repro train@mnist_untrained`" in third.problem
    shapes = [layer.values.shape for layer in read.layers]
    assert shapes == [(26, 26, 4), (13, 13, 4)]
    html = show.reading(read)
    assert html.count("<img") == 3
    assert "I do not know (" in html
    assert "the largest of 2" in html
    assert "train@mnist_untrained" in html


def test_an_empty_paper_has_no_digit(models: Models) -> None:
    assert digits.read_digit(models, Image.new("RGB", (240, 240), "white")) is None


@pytest.mark.parametrize(
    "url", ["", "no drawing", digits.PREFIX + "%%%", digits.PREFIX + "AAAA", None]
)
def test_what_is_no_drawing_is_refused(url: Any) -> None:
    with pytest.raises(DataError, match="drawing"):
        digits.decode_drawing(url)


def test_an_upload_that_is_no_image_is_named_without_its_folder(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_bytes(BAD["notes.txt"][0])
    with pytest.raises(DataError) as error:
        digits.open_upload(tmp_path / "notes.txt")
    assert str(error.value).startswith("notes.txt: not in a supported format")


def test_feature_maps_are_arranged_from_black_to_white() -> None:
    values = np.zeros((5, 5, 4), np.float32)
    values[..., 1], values[..., 2] = 4, -4
    layer = digits.FeatureMaps("conv", "Conv2D", values)
    pixels = np.asarray(digits.arrange_maps(layer).convert("L"))
    assert pixels.shape == (12, 12)
    assert [pixels[0, 0], pixels[0, 6], pixels[6, 0], pixels[5, 0]] == [0, 255, 0, 96]


def test_a_model_is_loaded_once_and_only_when_it_is_used(models: Models) -> None:
    fresh = Models(models.configs, models.folder)
    assert not fresh.loaded
    assert fresh.get("mnist_cnn") is fresh.get("mnist_cnn")
    with pytest.raises(ModelError, match="train@masses_mlp"):
        fresh.get("masses_mlp")
    with pytest.raises(ModelError, match="not trained"):
        fresh.get("../models/mnist_cnn")
    assert list(fresh.loaded) == ["mnist_cnn"]


def test_a_review_is_answered_and_its_words_are_ranked(models: Models) -> None:
    (row,) = reviews.answer_review(models, "the film film good")
    assert row.answer is not None
    assert row.answer.best == "good"
    explanation = reviews.explain_review(models, "imdb_gru", "The film: good <b>film</b>")
    assert explanation.answer == "good"
    assert reviews.rank_words(explanation.words, 1)[0][0] == "good"
    html = show.words("imdb_gru", explanation)
    assert "<b>film" not in html  # escaped
    assert 'class="for"' in html


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("imdb_gru", " ", "review: empty"),
        ("imdb_gru", "good " * 1000, "up to 3000 characters"),
        ("imdb_gru", "Der Film ist leider gar nicht so gut", "not among the 5"),
        ("imdb_gru", "good", "at least two words"),
        ("mnist_cnn", "good film", "expected a model of reviews"),
    ],
)
def test_what_is_no_review_gets_a_message(
    models: Models, name: str, text: str, message: str
) -> None:
    with pytest.raises(UserError, match=message):
        reviews.explain_review(models, name, text)


def test_the_name_of_a_file_is_not_read_as_a_review(
    models: Models, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("film.txt").write_text("good good good")
    (row,) = reviews.answer_review(models, "film.txt")
    assert row.answer is not None
    assert row.answer.best == "bad"  # the word film


def test_votes_are_answered(models: Models) -> None:
    columns = rows.list_votes()
    assert len(columns) == 16
    for last, best in (("y", "right"), ("n", "left"), ("?", "left")):
        row = rows.answer_row(models, rows.VOTES, columns, [*["n"] * 15, last])
        assert row.answer is not None
        assert row.answer.best == best
    assert rows.answer_row(models, rows.VOTES, columns, ["maybe"] * 16).problem


def test_masses_have_a_warning_and_the_meaning_of_codes(models: Models) -> None:
    assert "Not a diagnostic tool" in rows.WARNING
    columns = rows.list_values()
    assert [column.name for column in columns] == ["age", "shape", "margin", "density"]
    assert ("irregular", "4") in columns[1].choices
    assert all(column.choices[-1] == ("unknown", "?") for column in columns[1:])
    row = rows.answer_row(models, rows.MASSES, columns, [50, "1", "1", "1"])
    assert "train@masses_mlp" in row.problem


def test_the_latent_plane_grows_to_the_right_and_upwards(models: Models) -> None:
    plane = np.asarray(images.draw_plane(models))
    assert plane.shape == (15 * 4, 15 * 6)
    assert plane[0, 0] == plane[-1, 0] < plane[0, 45] < plane[0, -1]
    assert images.decode_point(models, -3, 2)[0, 0] == plane[0, 0]
    with pytest.raises(ModelError, match="expected -3 to 3"):
        images.decode_point(models, 3.5, 0)


def test_samples_depend_on_the_seed_and_the_class(models: Models) -> None:
    first, again, other = (
        np.asarray(images.draw_samples(models, images.GAN, 12, seed, None)) for seed in (1, 1, 2)
    )
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
    assert images.list_classes(models) == ["a", "b", "c"]
    dark, light = (
        np.asarray(images.draw_samples(models, images.CVAE, 3, 1, name)) for name in ("a", "c")
    )
    assert dark.mean() < light.mean()


@pytest.mark.parametrize(
    ("count", "seed", "wanted", "message"),
    [
        (0, 1, None, "count: expected an integer from 1 to 60"),
        (2.5, 1, None, "count: expected a whole number"),
        (2, None, None, "seed: expected a number"),
        (2, -1, None, "seed: expected an integer from 0"),
        (2, float("nan"), None, "seed: expected a number"),
        (2, 1, "z", "class: expected one of a, b, c"),
    ],
)
def test_what_cannot_be_sampled_gets_a_message(
    models: Models, count: float, seed: Any, wanted: str | None, message: str
) -> None:
    with pytest.raises(UserError, match=message):
        images.draw_samples(models, images.CVAE, count, seed, wanted)


def test_a_prompt_is_continued(models: Models) -> None:
    text = language.continue_prompt(models, "ab ", 30, 0.5, 3)
    assert text.startswith("ab ")
    assert len(text) == 33
    assert text == language.continue_prompt(models, "ab ", 30.0, 0.5, 3)
    assert text != language.continue_prompt(models, "ab ", 30, 0.5, 4)


@pytest.mark.parametrize(
    ("prompt", "length", "temperature", "message"),
    [
        ("", 30, 0.5, "prompt: empty"),
        ("é", 30, 0.5, "character 'é'"),
        ("ab", 5000, 0.5, "length: expected an integer from 1 to 2000"),
        ("ab", 30, 0, "temperature: expected more than 0"),
        ("ab", 30, None, "temperature: expected a number"),
    ],
)
def test_what_cannot_be_continued_gets_a_message(
    models: Models, prompt: str, length: float, temperature: Any, message: str
) -> None:
    with pytest.raises(UserError, match=message):
        language.continue_prompt(models, prompt, length, temperature, 1)


def test_a_warning_is_below_its_answer_and_texts_are_escaped() -> None:
    answer = Answer("<i>", True, {"<i>": 0.75, "b": 0.25}, "unlike the training data: <u>")
    html = show.answers([Row("m", answer), Row("n", None, "not <s>")])
    assert re.findall(r"75\.0%|25\.0%", html) == ["75.0%", "25.0%"]
    assert "warning: unlike the training data: &lt;u&gt;" in html
    assert not re.search("<[ius]>", html + show.message("<i>") + show.text("<u>"))


def test_only_this_machine_is_served_unless_told_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["demo"])
    assert command.parse_arguments().host == "127.0.0.1"
    assert command.is_loopback("127.0.0.1")
    assert command.is_loopback("localhost")
    assert command.is_loopback("::1")
    assert not command.is_loopback("0.0.0.0")
    assert not command.is_loopback("example.org")


def test_both_lock_files_have_the_same_versions() -> None:
    main, demo = (
        dict(re.findall(r"^([a-z0-9.-]+)==(\S+)", (ROOT / name).read_text(), re.MULTILINE))
        for name in ("requirements.lock", "requirements-demo.lock")
    )
    shared = main.keys() & demo.keys()
    assert {"numpy", "pillow", "tensorflow"} <= shared
    assert {name: main[name] for name in shared} == {name: demo[name] for name in shared}
    assert "gradio" in demo.keys() - main.keys()
