"""Drawn digits: the pen, labels, accuracy by group, and what the page says."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from stages import draw_digits, drawn_digits, look_inside
from stages.config.load import parse_params, read_yaml
from stages.core.errors import ConfigError, DataError
from stages.core.splits import Split
from stages.page import inside
from stages.plots.drawn_digits import Drawing, plot_drawings

CLASSES = [str(digit) for digit in range(10)]
ROOT = Path(__file__).parents[2]


def drawing(file: str, label: str, group: str = "", found: int = 1) -> Drawing:
    image = np.full((20, 30, 3), 255, np.uint8)
    return Drawing(file, label, group, image, np.zeros((28, 28), np.uint8), found)


def one_hot(*answers: int) -> np.ndarray:
    return np.eye(10)[list(answers)]


def test_the_committed_digits_are_those_that_the_program_draws(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(draw_digits, "FOLDER", tmp_path)
    draw_digits.main()
    committed = sorted((ROOT / "data/own/digits").glob("*.png"))
    assert [path.name for path in sorted(tmp_path.iterdir())] == [path.name for path in committed]
    for path in committed:
        with Image.open(path) as expected, Image.open(tmp_path / path.name) as drawn:
            difference = np.asarray(drawn.convert("RGB"), int) - np.asarray(expected.convert("RGB"))
            assert np.abs(difference).mean() < 3, path  # another Pillow may choose other colors
    groups = [path.stem.split("_")[1] for path in committed]
    assert groups.count("easy") == groups.count("hard") == 10


def test_a_stroke_passes_its_points_at_even_distances() -> None:
    path = draw_digits.trace([(0.0, 0.0), (0.5, 0.3), (1.0, 0.0)])
    steps = np.hypot(*np.diff(path, axis=0).T)
    assert steps.max() < 1.1 * steps.min()
    for point in [(0.0, 0.0), (0.5, 0.3), (1.0, 0.0)]:
        assert np.hypot(*(path - point).T).min() < draw_digits.STEP


def test_the_pen_inks_its_width() -> None:
    path = np.stack([np.linspace(10, 30, 100), np.full(100, 20.0)], axis=1)
    ink = draw_digits.cover([path], [np.full(100, 3.0)], (40, 40))
    assert ink[:, 20].sum() == pytest.approx(6, abs=0.5)
    assert ink[20, 20] == 1
    assert not ink[:, 5].any()


def test_a_pen_may_leave_the_image() -> None:
    path = np.stack([np.linspace(-5, 50, 100), np.full(100, 1.0)], axis=1)
    ink = draw_digits.cover([path], [np.full(100, 3.0)], (20, 40))
    assert ink[:4].all()
    assert not ink[5:].any()


def test_accuracy_is_by_group_and_a_digit_that_is_not_found_is_wrong() -> None:
    drawings = [
        drawing("1_easy.png", "1", "easy"),
        drawing("2_easy.png", "2", "easy"),
        drawing("3_hard.png", "3", "hard"),
        drawing("0_hard.png", "0", "hard", found=0),
    ]
    metrics = drawn_digits.measure(drawings, {"model": one_hot(1, 7, 3, 0)}, CLASSES)
    assert metrics == {"model": {"easy": 0.5, "hard": 0.5, "all": 0.5}}
    plain = [drawing("1_mine.png", "1")]
    assert drawn_digits.measure(plain, {"model": one_hot(1)}, CLASSES) == {"model": {"all": 1.0}}


def test_the_finding_names_what_is_wrong() -> None:
    drawings = [drawing("1_easy.png", "1"), drawing("2_easy.png", "2")]
    answers = {"a": one_hot(1, 2), "b": one_hot(1, 2), "c": one_hot(1, 3)}
    assert drawn_digits.describe(drawings, answers, CLASSES) == (
        "a and b recognize all 2 drawn digits. c recognizes 1 of 2 (not 2_easy.png)."
    )
    assert drawn_digits.describe(drawings, {"a": one_hot(0, 0)}, CLASSES) == (
        "a recognizes 0 of 2 (not 1_easy.png, 2_easy.png)."
    )


def test_drawings_are_read_with_label_and_group(tmp_path: Path) -> None:
    for name in ("7_hard_crossed.png", "7_easy.png", "1_mine.JPG"):
        pixels = np.full((60, 60), 250, np.uint8)
        pixels[10:50, 28:33] = 10
        Image.fromarray(pixels).save(tmp_path / name)
    (tmp_path / "README.md").write_text("not an image")
    drawings = drawn_digits.read_drawings(tmp_path, CLASSES)
    assert [(each.file, each.label, each.group) for each in drawings] == [
        ("1_mine.JPG", "1", ""),
        ("7_easy.png", "7", "easy"),
        ("7_hard_crossed.png", "7", "hard"),
    ]
    assert all(each.digit.shape == (28, 28) and each.digit.max() > 200 for each in drawings)


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("x_easy.png", b"", "begins with its label"),
        ("7_easy.png", b"no image", "not in a supported format"),
        ("7_easy.txt", b"", "found none"),
    ],
)
def test_a_folder_with_unusable_files_is_refused(
    tmp_path: Path, name: str, content: bytes, expected: str
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=expected):
        drawn_digits.read_drawings(tmp_path, CLASSES)


def test_an_answer_is_green_if_it_is_right() -> None:
    drawings = [drawing("1_easy.png", "1", "easy"), drawing("2_easy.png", "2", "easy")]
    figure = plot_drawings(drawings, {"a": one_hot(1, 3)}, CLASSES)
    bars: list[Any] = [axes.patches for axes in figure.axes if axes.patches]
    highest = [max(each, key=lambda bar: bar.get_height()) for each in bars]
    colors = [bar.get_facecolor() for bar in highest]
    assert colors[0] != colors[1]
    assert [round(bar.get_x() + bar.get_width() / 2) for bar in highest] == [1, 3]


def test_the_page_counts_the_digits_of_each_group() -> None:
    drawings = [{"group": "easy"}] * 3 + [{"group": "hard"}] * 2
    metrics = {"a": {"easy": 2 / 3, "hard": 0.5, "all": 0.6}}
    page = inside.DrawnDigits({"drawings": drawings}, metrics, [])
    assert page.groups == ["easy", "hard", "all"]
    assert page.rows == [("a", ["2 of 3", "1 of 2", "3 of 5"])]


def test_words_are_shaded_by_their_effect() -> None:
    pieces = inside.shade([("good", -2.0), (" ", None), ("bad", 1.0), ("a", 0.01)])
    assert [each["kind"] for each in pieces] == ["against", "", "for", ""]
    assert [each["strength"] for each in pieces[:3]] == ["1.00", "0.00", "0.50"]
    assert [each["title"] for each in pieces] == ["-2.00", "", "+1.00", "+0.01"]
    assert inside.describe_words([("good", -2.0), ("bad", 1.0)], "negative") == (
        "Most for negative: “bad” (+1.0). Most against negative: “good” (-2.0)."
    )
    assert inside.shade([]) == []
    assert inside.describe_words([("a", 0.0)], "negative") == ""


@pytest.mark.parametrize(
    ("section", "key", "value", "expected"),
    [
        ("drawn_digits", "models", ["fashion_cnn"], "drawn_digits.models: expected some of"),
        ("drawn_digits", "models", ["mnist_cnn", "mnist_cnn"], "each model must be named once"),
        ("drawn_digits", "models", [], "drawn_digits.models"),
        (
            "look_inside",
            "models",
            {"fashion_vae": {"dataset": "fashion_mnist", "examples": [0]}},
            "look_inside.models: expected some",
        ),
        (
            "look_inside",
            "models",
            {"mnist_cnn": {"dataset": "mnist", "examples": [-1]}},
            "look_inside.models.mnist_cnn.examples.0",
        ),
        (
            "look_inside",
            "models",
            {"mnist_cnn": {"dataset": "imdb", "examples": [1]}},
            "look_inside.models.mnist_cnn.dataset: expected that of models.mnist_cnn, 'mnist'",
        ),
        ("look_inside", "models", {}, "at least 1 item"),
        ("look_inside", "split", "train", "look_inside.split"),
        ("look_inside", "occluded_side", 0, "look_inside.occluded_side"),
    ],
)
def test_invalid_parameters_are_refused(
    section: str, key: str, value: object, expected: str
) -> None:
    values = read_yaml(ROOT / "params.yaml")
    values[section][key] = value
    with pytest.raises(ConfigError, match=re.escape(expected)) as caught:
        parse_params(values, "params.yaml")
    assert "\n" not in str(caught.value)


def test_an_example_that_does_not_exist_is_refused() -> None:
    split = Split(np.zeros((3, 2)), np.zeros(3))
    assert len(look_inside.choose(split, [2, 0], "votes_mlp").y) == 2
    with pytest.raises(ConfigError, match="0 to 2, found 3"):
        look_inside.choose(split, [0, 3], "votes_mlp")


def test_answers_are_counted() -> None:
    right = {"example": 1, "answer": "3", "label": "3"}
    wrong = {"example": 8, "answer": "6", "label": "5"}
    assert inside.describe_answers([right, right]) == "2 of these 2 answers are right."
    assert inside.describe_answers([right, wrong]) == (
        "1 of these 2 answers is right; example 8 is 5."
    )
