import base64
import io
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image, ImageSequence

from stages import files, params, report
from stages.data import Part, describe_parts
from stages.plots import data
from stages.plots.style import save_animation, save_figure, sheet
from stages.tasks.classification import metrics
from stages.tasks.classification import plots as classification

Y = np.array([0, 0, 0, 1, 1])
SCORE = np.array([0.1, 0.4, 0.6, 0.3, 0.9])
P = np.stack([1 - SCORE, SCORE], axis=1)
HISTORY = pd.DataFrame(
    {
        "epoch": [1, 2],
        "loss": [2, 1],
        "val_loss": [2, 2],
        "accuracy": [0, 1],
        "val_accuracy": [0, 1],
    }
)
ERRORS = metrics.curves(Y, SCORE) | {
    "rows": "test rows", "positive": "yes", "trade_offs": metrics.trade_offs(Y, SCORE, (0.0,)),
}  # fmt: skip
PICTURES = np.arange(5 * 28 * 28).reshape(5, 28, 28).astype(np.uint8)
PARTS = {"train": Part(PICTURES, Y), "test": Part(PICTURES, Y)}
MISTAKE = {"actual": "no", "predicted": "yes", "probability": 0.9}
VOTES = pd.DataFrame({"a": [1, -1, np.nan, 1, 1]})
FIGURES = {
    "curves": lambda: classification.curves(HISTORY),
    "confusion": lambda: classification.confusion(metrics.confusion(Y, P, ["no", "yes"])),
    "calibration": lambda: classification.calibration(metrics.calibration(Y, P)),
    "binary": lambda: classification.binary_curves(ERRORS),
    "mistakes": lambda: classification.mistakes(PICTURES, [MISTAKE] * 5),
    "balance": lambda: data.class_balance(PARTS, ["no", "yes"]),
    "samples": lambda: data.samples(PICTURES, Y, ["no", "yes"]),
    "matrix": lambda: data.matrix(PICTURES.reshape(5, -1)),
    "missing": lambda: data.missing(pd.DataFrame({"no": {"a": 0.5}, "yes": {"a": 0.1}})),
    "means": lambda: data.mean_by_class(VOTES, Y, ["no", "yes"]),
    "histogram": lambda: data.histogram_by_class(SCORE, Y, ["no", "yes"], "score", 0.5),
}


def model(**changes: Any) -> dict[str, Any]:
    mistake = MISTAKE | {"text": "<script>alert()</script>", "path": "test/neg/1_1.txt"}
    return {
        "id": "a_model",
        "task": "classification",
        "title": "A model",
        "metric": "test.accuracy",
        "value": "95.00 %",
        "as_taught": "",
        "target": "90.00 %",
        "state": "reached",
        "metrics": {"test.accuracy": 0.95},
        "timing": {"train_seconds": 75.2, "samples_per_second": 12345, "epochs": 3},
        "pictures": {"curves": "data:image/png;base64,AAAA"},
        "data": {"mistakes": {"3": mistake}, "binary": ERRORS},
    } | changes


DATASET = {
    "id": "d",
    "report": {
        "facts": {"rows": {"found": 5, "expected": None}},
        "parts": describe_parts(PARTS, ["no", "yes"]),
        "missing": {"any column": {"no": 0.5, "yes": 0.1}},
        "bi_rads_out_of_range": {"55": 1},
    },
    "pictures": {},
}


class Tags(HTMLParser):
    """Checks that every element that is opened is closed in turn."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        del attrs
        if tag not in {"meta", "img"}:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_page_is_whole_and_says_what_was_reached() -> None:
    page = report.render([model(), model(id="other", value="85.00 %", state="missed")], [DATASET])
    tags = Tags()
    tags.feed(page)
    assert tags.open == []
    assert 'reached">95.00 %' in page
    assert 'missed">85.00 %' in page
    assert "1 min 15 s" in page
    assert "50.00 % of no and 10.00 % of yes" in page
    assert "55 (1 rows)" in page


def test_the_gallery_shows_what_was_made_up_once() -> None:
    pictures = {"training": "data:image/png;base64,BBBB", "curves": "data:image/png;base64,AAAA"}
    texts = {"samples": {"epochs": [0], "texts": {"0.7": ["xq"]}}}
    texts["final_samples"] = {"texts": {"0.7": "Alice & <b>"}}
    page = report.render(
        [
            model(id="a_gan", task="generation", pictures=pictures, data={}),
            model(id="a_text", task="language", pictures={}, data=texts),
        ],
        [DATASET],
    )
    tags = Tags()
    tags.feed(page)
    assert tags.open == []
    gallery, articles = page.split("<h2>Each model</h2>")
    assert "BBBB" in gallery
    assert "BBBB" not in articles
    assert "AAAA" in articles
    assert "Alice &amp; &lt;b&gt;" in gallery
    assert "after 0 epochs" in articles


def test_an_animation_on_the_page_has_few_frames(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    save_animation([np.full((8, 8), level, np.uint8) for level in range(0, 200, 10)], path)
    content = base64.b64decode(report.data_url(path).removeprefix("data:image/png;base64,"))
    with Image.open(io.BytesIO(content)) as picture:
        shown = [np.asarray(each.convert("L")).mean() for each in ImageSequence.Iterator(picture)]
    assert len(shown) == report.FRAMES
    assert (shown[0], shown[-1]) == (0, 190)
    save_animation([np.full((8, 8), 7, np.uint8)], path)
    assert report.data_url(path).endswith(base64.b64encode(path.read_bytes()).decode())


def test_the_state_of_a_model_depends_on_which_way_is_better(tmp_path: Path) -> None:
    (tmp_path / "plots").mkdir()
    files.write_json(tmp_path / "metrics.json", {"test": {"loss": 1.45}})
    files.write_json(tmp_path / "timing.json", {})
    row = params.Result(title="t", metric="test.loss", better="lower", as_taught=None, target=1.7)
    opposite = row.model_copy(update={"better": "higher"})
    for chosen, state in ((row, "reached"), (opposite, "missed")):
        described = report.describe_model(tmp_path, "m", chosen, "language")
        assert (described["state"], described["value"]) == (state, "1.45")


def test_a_review_can_not_inject_markup() -> None:
    page = report.render([model()], [DATASET])
    assert "<script>" not in page
    assert "&lt;script&gt;" in page


def test_rows_of_a_table_are_shown_with_what_is_missing() -> None:
    mistakes = {"3": MISTAKE | {"values": {"age": 67.0, "shape": None}}}
    page = report.render([model(data={"mistakes": mistakes})], [DATASET])
    assert "age: 67, shape: missing" in page


def test_nested_metrics_are_named_as_dvc_names_them() -> None:
    assert files.flatten({"test": {"accuracy": 1.0}, "fid": 2.0}) == {
        "test.accuracy": 1.0,
        "fid": 2.0,
    }


@pytest.mark.parametrize(
    ("seconds", "shown"), [(3.4, "3 s"), (59.6, "1 min 00 s"), (754, "12 min 34 s")]
)
def test_durations(seconds: float, shown: str) -> None:
    assert report.duration(seconds) == shown


@pytest.mark.parametrize("name", FIGURES)
def test_a_figure_is_a_picture_and_the_same_each_time(tmp_path: Path, name: str) -> None:
    for copy in ("a.png", "b.png"):
        save_figure(FIGURES[name](), tmp_path / copy)
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    with Image.open(tmp_path / "a.png") as picture:
        assert picture.width >= 230
        assert picture.getextrema() != (0, 0)  # numbers of the palette: more than one color


def test_a_model_without_mistakes_has_an_empty_sheet(tmp_path: Path) -> None:
    save_figure(classification.mistakes(PICTURES[:0], []), tmp_path / "a.png")
    assert (tmp_path / "a.png").is_file()


def test_a_sheet_has_a_line_between_its_pictures() -> None:
    pictures = np.arange(5, dtype=np.uint8)[:, None, None] * np.ones((1, 2, 3), np.uint8)
    made = sheet(pictures, 3)
    assert made.tolist() == [
        [0, 0, 0, 255, 1, 1, 1, 255, 2, 2, 2],
        [0, 0, 0, 255, 1, 1, 1, 255, 2, 2, 2],
        [255] * 11,
        [3, 3, 3, 255, 4, 4, 4, 255, 255, 255, 255],
        [3, 3, 3, 255, 4, 4, 4, 255, 255, 255, 255],
    ]
    colours = np.repeat(pictures[..., None], 3, axis=3)
    assert (sheet(colours, 3) == made[..., None]).all()


@pytest.mark.parametrize("shape", [(20, 30), (20, 30, 3)])
def test_an_animation_has_its_frames_and_is_the_same_each_time(
    tmp_path: Path, shape: tuple[int, ...]
) -> None:
    frames = [np.full(shape, level, np.uint8) for level in (0, 120, 255)]
    for copy in ("a.png", "b.png"):
        save_animation(frames, tmp_path / copy)
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    with Image.open(tmp_path / "a.png") as picture:
        shown = [np.asarray(each.convert("RGB")) for each in ImageSequence.Iterator(picture)]
    assert [each.mean() for each in shown] == [0, 120, 255]
