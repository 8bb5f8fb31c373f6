from typing import Any

import numpy as np
import pytest

from stages.core.splits import Split
from stages.datasets import congressional_votes, examples, mammographic_masses
from stages.datasets.common import Prepared
from stages.encoding.table import encode_row

MASSES = [
    mammographic_masses.describe_column(name) for name in ("age", "shape", "margin", "density")
]


def prepared(x: Any, kind: str, raw: Any = None, **encoding: Any) -> Prepared:
    splits = {
        name: Split(np.array(x), np.array([label, 0], np.uint8))
        for name, label in (("train", 1), ("validation", 0), ("test", 0))
    }
    info = {"classes": ["no", "yes"], "input": {"type": kind, **encoding}}
    return Prepared(splits, info, {}, {}, raw or {})


@pytest.mark.parametrize(
    ("row", "columns"),
    [
        ({"age": "67", "shape": "3", "margin": "?", "density": "4"}, MASSES),
        ({"age": "?", "shape": "?", "margin": "5", "density": "1"}, MASSES),
        (
            dict(zip(congressional_votes.VOTES, "yn?y" * 4, strict=True)),
            congressional_votes.COLUMNS,
        ),
    ],
)
def test_a_decoded_row_is_that_of_the_source(row: dict[str, str], columns: Any) -> None:
    assert examples.decode_row(encode_row(row, columns), columns) == row


def test_the_example_of_a_table_is_the_first_training_row() -> None:
    x = np.array([[67, 3, np.nan, 2], [1, 1, 1, 1]], np.float32)
    assert examples.describe_example(prepared(x, "table", columns=MASSES)) == {
        "split": "train",
        "class": "yes",
        "values": {"age": "67", "shape": "3", "margin": "?", "density": "2"},
    }


def test_the_example_of_texts_is_the_first_raw_one() -> None:
    raw = {"test": [{"path": "a/1.txt", "text": "Good."}, {"path": "a/2.txt", "text": "Bad."}]}
    assert examples.describe_example(prepared([[1], [2]], "text", raw)) == {
        "split": "test",
        "class": "no",
        "path": "a/1.txt",
        "text": "Good.",
    }
    assert examples.describe_example(prepared([[1], [2]], "text")) == {}


def test_the_example_of_characters_is_from_the_middle() -> None:
    x = np.array([0] * 300 + [1] * 398 + [2] * 302, np.uint16)
    found = examples.describe_example(prepared(x, "characters", vocabulary=["a", "b", "c"]))
    assert found == {"split": "train", "text": "b" * 398 + "cc"}
    short = examples.describe_example(prepared(x[:2], "characters", vocabulary=["a"]))
    assert short["text"] == "aa"


@pytest.mark.parametrize("kind", ["image", "pixel_coordinates"])
def test_images_have_figures_instead(kind: str) -> None:
    assert examples.describe_example(prepared(np.zeros((2, 3, 3)), kind)) == {}
