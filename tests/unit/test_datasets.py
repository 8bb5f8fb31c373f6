"""Each dataset module on a tiny source of its own, whose splits and labels are known.

Training and test examples differ, classes have different sizes, and inputs encode their label, so
that whatever is swapped, shifted or mixed up shows.
"""

import json
import struct
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.figure import Figure
from PIL import Image

from stages import preprocess
from stages.config.schema import IdxImages, Masses, Reviews, SingleImage, TextFile, Votes
from stages.core.errors import DataError
from stages.core.files import read_json
from stages.core.splits import SPLITS, Split, load_info, load_raw, load_split
from stages.datasets import (
    common,
    congressional_votes,
    idx_images,
    imdb,
    mammographic_masses,
    single_image,
    text_file,
)
from stages.encoding.image import CropResize
from stages.encoding.table import encode_row
from stages.encoding.text import encode_text
from stages.plots import datasets as plots

Expected = dict[str, Any] | None


def sizes(splits: dict[str, Split]) -> list[int]:
    return [len(splits[name].y) for name in SPLITS]


def all_examples(splits: dict[str, Split]) -> Split:
    arrays = zip(*(splits[name] for name in SPLITS), strict=True)
    return Split(*map(np.concatenate, arrays))


# Shared code


@given(st.integers(20, 200), st.floats(0.1, 0.4), st.floats(0.1, 0.4), st.integers(0, 2**32 - 1))
def test_a_split_has_each_example_once_and_each_class_in_proportion(
    number: int, validation: float, test: float, seed: int
) -> None:
    labels = (np.arange(number) % 3 == 0).astype(np.uint8)
    indices = common.split_indices(labels, validation, test, seed)
    assert sorted(np.concatenate(list(indices.values()))) == list(range(number))
    assert set(indices) == set(SPLITS)
    for chosen in indices.values():
        assert (np.diff(chosen) > 0).all()
        assert abs(labels[chosen].mean() - labels.mean()) < 1 / len(chosen) + 1e-9
    again = common.split_indices(labels, validation, test, seed)
    assert all((again[name] == indices[name]).all() for name in SPLITS)


def test_fractions_are_of_all_examples_and_rounded_up() -> None:
    labels = np.arange(200) % 2
    indices = common.split_indices(labels, 0.075, 0.2, 1)
    assert {name: len(chosen) for name, chosen in indices.items()} == {
        "train": 145, "validation": 15, "test": 40,
    }  # fmt: skip
    indices = common.split_indices(labels, 0.071, 0, 1)
    assert {name: len(chosen) for name, chosen in indices.items()} == {
        "train": 185, "validation": 15,
    }  # fmt: skip
    hundredths = common.split_indices(np.zeros(100), 0.07, 0.1, 1)  # 0.07 * 100 > 7 in floats
    assert len(hundredths["validation"]) == 7


def test_the_seed_decides_a_split() -> None:
    labels = np.arange(100) % 2
    first, other = (common.split_indices(labels, 0.1, 0.2, seed) for seed in (1, 2))
    assert all((first[name] != other[name]).any() for name in ("validation", "test"))


def test_too_few_examples_to_split_are_an_error() -> None:
    with pytest.raises(DataError, match="2 examples cannot be split, 1 of them for validation"):
        common.split_indices(np.array([0, 1]), 0.1, 0, 1)
    with pytest.raises(DataError, match="0 examples cannot be split"):
        common.split_indices(np.zeros(0, int), 0.1, 0.1, 1)


def test_counts_that_differ_are_named() -> None:
    with pytest.raises(DataError, match=r"expected\.rows: expected 435, found 434 in the source"):
        common.check_counts({"rows": 434}, {"rows": 435})
    with pytest.raises(DataError, match=r"expected\.row: no such count, use one of rows"):
        common.check_counts({"rows": 434}, {"row": 435})
    assert common.check_counts({"rows": 4, "b": 2}, {"rows": 4}) == {
        "rows": {"found": 4, "expected": 4},
        "b": {"found": 2, "expected": None},
    }


def test_missing_values_are_counted_by_class() -> None:
    rows = [{"a": a, "b": b} for a, b in (("1", "1"), ("?", "2"), ("?", "?"), ("?", "1"))]
    assert common.missing_by_class(rows, ["a", "b"], np.array([0, 0, 1, 0]), ["x", "y"]) == {
        "a": {"x": 0.6667, "y": 1.0},
        "b": {"x": 0.0, "y": 1.0},
        "any feature": {"x": 0.6667, "y": 1.0},
    }


COLUMNS = {"a": common.one_of("1", "2"), "b": common.one_of("x", "?")}


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"1,x\n3,x\n", "line 2, column 'a': '3' is not allowed, expected one of 1, 2"),
        (b"1,x\n\n1,y\n3,x\n", "line 3, column 'b': 'y' is not allowed, expected one of x, ? "
         "(1 more such value)"),
        (b"3,y\n3,x\n", "line 1, column 'a': '3' is not allowed, expected one of 1, 2 "
         "(2 more such values)"),
        (b"NA,x\n", "line 1, column 'a': 'NA' is not allowed, expected one of 1, 2"),
        (b"1,\n", "line 1, column 'b': '' is not allowed, expected one of x, ?"),
        (b"1,x\n1\n", "line 2: expected 2 columns, found 1"),
        (b"1,x,1\n", "line 1: expected 2 columns, found 3"),
        (b'1,"x\n', "line 1: not csv: unexpected end of data"),
        (b"", "expected rows of 2 columns, found none"),
        (b"\xff", "not UTF-8: invalid start byte at byte 0"),
        (b"1" * 200_000 + b",x", "line 1: not csv: field larger than field limit (131072)"),
        (b"1" * 10_000_001, "expected at most 10,000,000 bytes, found 10,000,001"),
    ],
)  # fmt: skip
def test_a_wrong_table_is_named_with_line_and_column(
    tmp_path: Path, content: bytes, expected: str
) -> None:
    path = tmp_path / "t.data"
    path.write_bytes(content)
    with pytest.raises(DataError) as caught:
        common.read_table(path, COLUMNS)
    assert str(caught.value) == f"{path}: {expected}"


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        common.read_table(tmp_path / "t", COLUMNS)
    assert str(caught.value) == f"{tmp_path / 't'}: cannot be read: No such file or directory"
    with pytest.raises(DataError, match="cannot be read: Is a directory"):
        common.read_table(tmp_path, COLUMNS)


def test_statistics_of_the_report() -> None:
    assert common.summarize(np.array([1, 2, 3, 10])) == {
        "mean": 4.0, "std": 3.5, "min": 1.0, "25%": 1.8, "50%": 2.5, "75%": 4.8, "max": 10.0,
    }  # fmt: skip


# IDX images

CLASSES = ["zero", "one", "two", "three"]
LABELS = {  # three classes of different sizes; the fourth never occurs
    "train": np.array([0] * 30 + [1] * 20 + [2] * 10, np.uint8),
    "t10k": np.array([2] * 9 + [1] * 8 + [0] * 7, np.uint8),
}


def to_idx(values: np.ndarray, magic: int | None = None) -> bytes:
    magic = 0x800 + values.ndim if magic is None else magic
    return struct.pack(f">{1 + values.ndim}I", magic, *values.shape) + values.tobytes()


def idx_config(expected: Expected = None, **options: Any) -> IdxImages:
    defaults = {"classes": CLASSES, "validation_fraction": 0.2, "seed": 1, "max_examples": None}
    return IdxImages.model_validate(
        {"source": "unused", "module": "idx_images", "expected": expected or {},
         "preprocess": defaults | options}
    )  # fmt: skip


@pytest.fixture
def idx_source(tmp_path: Path) -> Path:
    """Images whose first pixels are the label, the number of the image, and that of the file."""
    for number, (name, labels) in enumerate(LABELS.items()):
        x = np.zeros((len(labels), 28, 28), np.uint8)
        x[:, 0, 0], x[:, 0, 1], x[:, 0, 2] = labels, np.arange(len(labels)), number
        (tmp_path / f"{name}-images-idx3-ubyte").write_bytes(to_idx(x))
        (tmp_path / f"{name}-labels-idx1-ubyte").write_bytes(to_idx(labels))
    return tmp_path


def test_images_keep_their_labels_and_their_file(idx_source: Path) -> None:
    expected = {"train_images": 60, "test_images": 24, "classes": 3}
    prepared = idx_images.prepare(idx_source, idx_config(expected))
    assert sizes(prepared.splits) == [48, 12, 24]
    for name, split in prepared.splits.items():
        assert split.x.dtype == split.y.dtype == np.uint8
        assert (split.x[:, 0, 0] == split.y).all()
        assert (split.x[:, 0, 2] == (name == "test")).all()
    train, validation, test = (prepared.splits[name] for name in SPLITS)
    assert np.bincount(train.y).tolist() == [24, 16, 8]
    assert np.bincount(validation.y).tolist() == [6, 4, 2]
    assert test.x[:, 0, 1].tolist() == list(range(24))
    assert sorted([*train.x[:, 0, 1], *validation.x[:, 0, 1]]) == list(range(60))
    assert prepared.info == {
        "classes": CLASSES,
        "positive_class": None,
        "input": {"type": "image", "shape": [28, 28]},
    }
    assert prepared.report["counts"]["classes"] == {"found": 3, "expected": 3}
    assert set(prepared.figures) == {"samples", "flattened_inputs", "classes"}
    other = idx_images.prepare(idx_source, idx_config(seed=2))
    assert (other.splits["validation"].x != validation.x).any()


def test_max_examples_takes_the_first_images_of_each_file(idx_source: Path) -> None:
    prepared = idx_images.prepare(idx_source, idx_config(max_examples=20, validation_fraction=0.25))
    assert sizes(prepared.splits) == [15, 5, 20]
    for split in prepared.splits.values():
        assert split.x[:, 0, 1].max() < 20
        assert (split.x[:, 0, 0] == split.y).all()


IMAGES = np.zeros((60, 28, 28), np.uint8)


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("train-images-idx3-ubyte", to_idx(IMAGES, 0x801),
         "expected magic number 0x803, found 0x801"),
        ("train-images-idx3-ubyte", to_idx(IMAGES)[:-1],
         "expected 47040 values for shape [60, 28, 28], found 47039"),
        ("train-images-idx3-ubyte", to_idx(IMAGES) + b"x",
         "expected 47040 values for shape [60, 28, 28], found 47041"),
        ("train-images-idx3-ubyte", to_idx(IMAGES[:, 1:]),
         "expected images of 28x28 pixels, found 27x28"),
        ("train-images-idx3-ubyte", b"\0\0", "expected at least 16 bytes, found 2"),
        ("train-labels-idx1-ubyte", to_idx(np.zeros(59, np.uint8)),
         "expected 60 labels, one per image, found 59"),
        ("train-labels-idx1-ubyte", to_idx(np.arange(60, dtype=np.uint8) % 5),
         "expected labels below 4, found 4"),
        ("train-labels-idx1-ubyte", to_idx(np.full(60, 2, np.uint8)),
         "expected labels of at least 2 classes, found only 'two'"),
        ("t10k-labels-idx1-ubyte", to_idx(np.zeros(24, np.uint8)),
         "expected labels of at least 2 classes, found only 'zero'"),
    ],
)  # fmt: skip
def test_a_damaged_idx_file_is_named(
    idx_source: Path, name: str, content: bytes, expected: str
) -> None:
    (idx_source / name).write_bytes(content)
    with pytest.raises(DataError) as caught:
        idx_images.prepare(idx_source, idx_config())
    assert str(caught.value) == f"{idx_source / name}: {expected}"


@pytest.mark.parametrize(("number", "expected"), [(1, "expected 784 values"), (1 << 24, "at most")])
def test_an_idx_file_is_not_read_before_its_size_is_right(
    idx_source: Path, number: int, expected: str
) -> None:
    path = idx_source / "train-images-idx3-ubyte"
    with path.open("wb") as file:  # sparse: 12 GB of which 16 bytes are on disk
        file.write(struct.pack(">4I", 0x803, number, 28, 28))
        file.truncate(16 + 784 * (1 << 24))
    with pytest.raises(DataError, match=expected):
        idx_images.prepare(idx_source, idx_config())


@given(st.binary(max_size=40))
def test_any_bytes_are_an_idx_file_or_an_error(tmp_path_factory: Any, content: bytes) -> None:
    path = tmp_path_factory.mktemp("idx") / "f"
    path.write_bytes(content)
    try:
        values = idx_images.read_idx(path, 1)
    except DataError:
        return
    assert to_idx(values) == content


# Congressional votes

VOTES = "y,n,?,n," * 4  # what democrats vote here
COMPLETE = "n,y," * 8  # what republicans vote here


def votes_config(expected: Expected = None, **options: Any) -> Votes:
    defaults = {"validation_fraction": 0.1, "test_fraction": 0.25, "seed": 1,
                "drop_incomplete": False}  # fmt: skip
    return Votes.model_validate(
        {"source": "unused", "module": "congressional_votes", "expected": expected or {},
         "preprocess": defaults | options}
    )  # fmt: skip


def write_votes(folder: Path, rows: list[str]) -> Path:
    path = folder / "house-votes-84.data"
    path.write_text("\n".join(rows) + "\n")
    return path


DEMOCRAT, REPUBLICAN = f"democrat,{VOTES}"[:-1], f"republican,{COMPLETE}"[:-1]
CODED = {0: [1, -1, 0, -1] * 4, 1: [-1, 1] * 8}


def test_votes_are_numbers_and_missing_is_one_of_them(tmp_path: Path) -> None:
    write_votes(tmp_path, [DEMOCRAT] * 24 + [REPUBLICAN] * 16)
    config = votes_config({"rows": 40, "complete_rows": 16})
    prepared = congressional_votes.prepare(tmp_path, config)
    assert sizes(prepared.splits) == [26, 4, 10]
    everyone = all_examples(prepared.splits)
    assert everyone.x.dtype == np.float32
    assert np.bincount(everyone.y).tolist() == [24, 16]
    assert all(x.tolist() == CODED[y] for x, y in zip(*everyone, strict=True))
    assert prepared.report["missing"]["any feature"] == {"democrat": 1.0, "republican": 0.0}
    assert prepared.report["rows_used"] == 40
    assert prepared.info["classes"] == ["democrat", "republican"]
    assert prepared.info["positive_class"] == "republican"
    columns = json.loads(json.dumps(prepared.info["input"]["columns"]))
    row = dict(zip([column["name"] for column in columns], DEMOCRAT.split(",")[1:], strict=True))
    assert encode_row(row, columns).tolist() == CODED[0]
    assert columns[3]["name"] == "physician_fee_freeze"


def test_incomplete_votes_are_dropped_if_asked(tmp_path: Path) -> None:
    complete = [f"democrat,{COMPLETE}"[:-1]] * 20 + [REPUBLICAN] * 20
    write_votes(tmp_path, [DEMOCRAT] * 5 + complete)
    config = votes_config({"rows": 45, "complete_rows": 40}, drop_incomplete=True)
    prepared = congressional_votes.prepare(tmp_path, config)
    assert prepared.report["rows_used"] == 40
    assert prepared.report["missing"]["any feature"] == {"democrat": 0.2, "republican": 0.0}
    assert not (all_examples(prepared.splits).x == 0).any()


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        (DEMOCRAT[:-2], "line 3: expected 17 columns, found 16"),
        (f"whig,{VOTES}"[:-1], "line 3, column 'party': 'whig' is not allowed, "
         "expected one of democrat, republican"),
        (DEMOCRAT.replace("y,n", "y,x", 1), "line 3, column 'water_project_cost_sharing': "
         "'x' is not allowed, expected one of n, y, ?"),
    ],
)  # fmt: skip
def test_a_wrong_row_of_votes_is_named(tmp_path: Path, row: str, expected: str) -> None:
    path = write_votes(tmp_path, [DEMOCRAT, REPUBLICAN, row])
    with pytest.raises(DataError) as caught:
        congressional_votes.prepare(tmp_path, votes_config())
    assert str(caught.value) == f"{path}: {expected}"


@pytest.mark.parametrize("number", [1, 435])
def test_votes_of_one_party_are_rejected(tmp_path: Path, number: int) -> None:
    path = write_votes(tmp_path, [REPUBLICAN] * number)
    with pytest.raises(DataError) as caught:
        congressional_votes.prepare(tmp_path, votes_config())
    message = "expected labels of at least 2 classes, found only 'republican'"
    assert str(caught.value) == f"{path}: {message}"


# Mammographic masses

BENIGN, MALIGNANT = "2,43,1,1,?,0", "5,67,3,5,3,1"


def masses_config(expected: Expected = None, **options: Any) -> Masses:
    defaults = {"validation_fraction": 0.1, "test_fraction": 0.25, "seed": 1,
                "drop_incomplete": False, "drop_bi_rads": True}  # fmt: skip
    return Masses.model_validate(
        {"source": "unused", "module": "mammographic_masses", "expected": expected or {},
         "preprocess": defaults | options}
    )  # fmt: skip


def write_masses(folder: Path, rows: list[str]) -> Path:
    path = folder / "mammographic_masses.data"
    path.write_text("\n".join(rows) + "\n")
    return path


def test_masses_keep_what_is_missing(tmp_path: Path) -> None:
    rows = [BENIGN] * 20 + [MALIGNANT] * 10 + ["4,?,4,2,1,1"] * 6 + ["1,58,2,3,4,0"] * 4
    write_masses(tmp_path, rows)
    expected = {"rows": 40, "complete_rows": 14, "malignant_fraction_of_complete": 0.714}
    prepared = mammographic_masses.prepare(tmp_path, masses_config(expected))
    everyone = all_examples(prepared.splits)
    assert everyone.x.dtype == np.float32
    found = Counter((*map(str, x.tolist()), int(y)) for x, y in zip(*everyone, strict=True))
    assert found == {
        ("43.0", "1.0", "1.0", "nan", 0): 20,
        ("67.0", "3.0", "5.0", "3.0", 1): 10,
        ("nan", "4.0", "2.0", "1.0", 1): 6,
        ("58.0", "2.0", "3.0", "4.0", 0): 4,
    }
    assert prepared.info["positive_class"] == "malignant"
    assert prepared.report["missing"]["density"] == {"benign": 0.8333, "malignant": 0.0}
    columns = prepared.info["input"]["columns"]
    assert [column["encoding"] for column in columns] == ["standardize"] + ["one_hot"] * 3
    assert [column.get("num_codes") for column in columns] == [None, 4, 5, 4]
    assert columns[2]["codes"] == {"1": 1, "2": 2, "3": 3, "4": 4, "5": 5}
    row: dict[str, Any] = {"age": 43, "shape": "1", "margin": 1, "density": None}
    assert np.array_equal(
        encode_row(row, columns), np.array([43, 1, 1, np.nan], np.float32), equal_nan=True
    )


def test_bi_rads_is_a_column_if_asked_and_missing_out_of_range(tmp_path: Path) -> None:
    codes = ["0", "6", "55", "1", "5", "?"]
    rows = [f"{code},50,1,1,1,{index % 2}" for index, code in enumerate(codes * 7)]
    write_masses(tmp_path, [*rows, "0,50,1,1,1,0"])
    prepared = mammographic_masses.prepare(tmp_path, masses_config(drop_bi_rads=False))
    assert prepared.report["bi_rads_out_of_range"] == {"0": 8, "55": 7, "6": 7}
    column = prepared.info["input"]["columns"][0]
    assert (column["name"], column["num_codes"]) == ("bi_rads", 5)
    bi_rads = all_examples(prepared.splits).x[:, 0]
    values, counts = np.unique(bi_rads[~np.isnan(bi_rads)], return_counts=True)
    assert (values.tolist(), counts.tolist()) == ([1, 5], [7, 7])
    assert prepared.report["missing"]["bi_rads"]["malignant"] == round(7 / 21, 4)


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ("5,old,3,5,3,1", "column 'age': 'old' is not allowed, expected an integer from 0 to 999"),
        ("5,6.5,3,5,3,1", "column 'age': '6.5' is not allowed, expected an integer from"),
        ("5,67,5,5,3,1", "column 'shape': '5' is not allowed, expected one of 1, 2, 3, 4, ?"),
        ("5,67,4,6,3,1", "column 'margin': '6' is not allowed, expected one of 1, 2, 3, 4, 5, ?"),
        ("5,67,4,5,5,1", "column 'density': '5' is not allowed, expected one of 1, 2, 3, 4, ?"),
        ("5,67,3,5,3,2", "column 'severity': '2' is not allowed, expected one of 0, 1"),
        ("5,67,3,5,3,?", "column 'severity': '?' is not allowed, expected one of 0, 1"),
    ],
)
def test_a_wrong_row_of_masses_is_named(tmp_path: Path, row: str, expected: str) -> None:
    path = write_masses(tmp_path, [MALIGNANT, row])
    with pytest.raises(DataError) as caught:
        mammographic_masses.prepare(tmp_path, masses_config())
    assert str(caught.value).startswith(f"{path}: line 2, {expected}")


@pytest.mark.parametrize(
    ("rows", "options", "expected"),
    [
        ([BENIGN] * 40, {}, "expected labels of at least 2 classes, found only 'benign'"),
        (["5,?,3,5,3,0", "5,?,3,5,3,1"] * 20, {}, "column 'age': expected a number in some row"),
        (["5,9,?,5,3,0", "5,?,3,5,3,1"] * 20, {"drop_incomplete": True}, "0 examples cannot be"),
    ],
)
def test_masses_from_which_nothing_can_be_learned_are_rejected(
    tmp_path: Path, rows: list[str], options: dict[str, Any], expected: str
) -> None:
    write_masses(tmp_path, rows)
    with pytest.raises(DataError, match=expected):
        mammographic_masses.prepare(tmp_path, masses_config(**options))


# IMDB

REVIEWS = {  # the text tells the file, the class and the number
    f"{split}/{label}/{number}_7.txt": f"A {word}<br />film, don't {split} n{number}"
    for split, label, word, count in (
        ("test", "neg", "bad", 10),
        ("test", "pos", "good", 20),
        ("train", "neg", "bad", 24),
        ("train", "pos", "good", 16),
    )
    for number in range(count)
}


def imdb_config(expected: Expected = None, **options: Any) -> Reviews:
    defaults = {"validation_fraction": 0.1, "seed": 1, "max_examples": None,
                "vocabulary_size": 1000, "max_length": 7, "keep": "end"}  # fmt: skip
    return Reviews.model_validate(
        {"source": "unused", "module": "imdb", "expected": expected or {},
         "preprocess": defaults | options}
    )  # fmt: skip


@pytest.fixture
def reviews(tmp_path: Path) -> Path:
    content = "".join(f"{path}\0{text}\0" for path, text in REVIEWS.items())
    (tmp_path / "reviews.nul").write_text(content)
    return tmp_path


def test_reviews_keep_their_labels_and_their_file(reviews: Path) -> None:
    expected = {"train_reviews": 40, "test_reviews": 30, "train_positive": 16, "test_positive": 20}
    prepared = imdb.prepare(reviews, imdb_config(expected))
    vocabulary = prepared.info["input"]["vocabulary"]
    assert vocabulary[:6] == ["[padding]", "[unknown]", "a", "don't", "film", "train"]
    assert "test" not in vocabulary
    assert sizes(prepared.splits) == [36, 4, 30]
    for name, split in prepared.splits.items():
        assert split.x.shape == (len(split.y), 7)
        for ids, label in zip(*split, strict=True):
            a, word, film, dont, origin, _, padding = (vocabulary[index] for index in ids)
            assert (a, film, dont, padding) == ("a", "film", "don't", "[padding]")
            assert word == ("good" if label else "bad")
            assert origin == ("[unknown]" if name == "test" else "train")
    assert prepared.splits["test"].y.tolist() == [0] * 10 + [1] * 20
    for seed in range(4):
        half = imdb.prepare(reviews, imdb_config(validation_fraction=0.5, seed=seed)).splits
        counts = [np.bincount(half[name].y).tolist() for name in SPLITS]
        assert counts == [[12, 8], [12, 8], [10, 20]]
    other = imdb.prepare(reviews, imdb_config(expected, seed=2))
    assert (other.splits["validation"].x != prepared.splits["validation"].x).any()


def test_raw_test_reviews_are_encoded_as_the_split_says(reviews: Path) -> None:
    prepared = imdb.prepare(reviews, imdb_config(max_length=3, vocabulary_size=9))
    assert set(prepared.raw) == {"test"}
    encoding = json.loads(json.dumps(prepared.info["input"]))
    assert len(encoding["vocabulary"]) == 9
    test = prepared.splits["test"]
    for example, ids, label in zip(prepared.raw["test"], *test, strict=True):
        assert example["path"].startswith(f"test/{'pos' if label else 'neg'}/")
        assert REVIEWS[example["path"]] == example["text"]
        assert (encode_text(example["text"], encoding) == ids).all()
    assert prepared.info["positive_class"] == "positive"


def test_max_examples_takes_reviews_of_both_classes(reviews: Path) -> None:
    prepared = imdb.prepare(reviews, imdb_config(max_examples=20))
    assert sizes(prepared.splits) == [18, 2, 20]
    assert 0 < prepared.splits["test"].y.mean() < 1
    paths = [example["path"] for example in prepared.raw["test"]]
    assert paths == sorted(paths, key=list(REVIEWS).index)
    assert [path.split("/")[1] == "pos" for path in paths] == prepared.splits["test"].y.tolist()
    other = imdb.prepare(reviews, imdb_config(max_examples=20, seed=2))
    assert [example["path"] for example in other.raw["test"]] != paths


def test_the_report_counts_truncated_reviews_and_unknown_words(reviews: Path) -> None:
    report = imdb.prepare(reviews, imdb_config(max_length=5)).report
    assert report["truncated_fraction"] == 1.0  # all have six words
    assert imdb.prepare(reviews, imdb_config(max_length=6)).report["truncated_fraction"] == 0.0
    assert report["words_per_review"]["mean"] == 6.0
    assert imdb.out_of_vocabulary([["a", "b"], ["a", "c", "d"]], ["a", "b"]) == 0.4
    assert imdb.out_of_vocabulary([], ["a"]) == 0.0
    assert report["unknown_words_fraction_test"] > 1 / 6


@pytest.mark.parametrize("content", [b"a\0text", b"a\0text\0b\0", b"a\0\xff\0"])
def test_damaged_reviews_are_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "reviews.nul"
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"reviews\.nul: (truncated after|not UTF-8)"):
        imdb.read_reviews(path)


# Text files


def text_config(expected: Expected = None, **options: Any) -> TextFile:
    defaults = {"validation_fraction": 0.1, "test_fraction": 0.2, "max_characters": None}
    return TextFile.model_validate(
        {"source": "unused", "module": "text_file", "expected": expected or {},
         "preprocess": defaults | options}
    )  # fmt: skip


def test_a_text_is_split_in_order(tmp_path: Path) -> None:
    path = tmp_path / "text"
    path.write_bytes("\ufeff".encode() + b"abcdefghijklm\nopqr\r\nst\rvwxyzABC"[:36])
    text = "abcdefghijklm\nopqr\nst\nvwxyzABC"
    config = text_config({"characters": 30, "distinct_characters": 28})
    prepared = text_file.prepare(path, config)
    vocabulary = prepared.info["input"]["vocabulary"]
    assert vocabulary == sorted(set(text))
    pieces = {"train": text[:21], "validation": text[21:24], "test": text[24:]}
    for name, split in prepared.splits.items():
        assert split.x.dtype == split.y.dtype == np.uint16
        assert "".join(vocabulary[index] for index in split.x) == pieces[name][:-1]
        assert "".join(vocabulary[index] for index in split.y) == pieces[name][1:]
    assert prepared.info["classes"] == []
    assert prepared.report["unknown_characters"] == {"train": 0, "validation": 2, "test": 6}
    assert prepared.report["words"] == 4


def test_entropy_is_in_nats(tmp_path: Path) -> None:
    path = tmp_path / "text"
    path.write_text("ab" * 50)
    prepared = text_file.prepare(path, text_config())
    train = prepared.splits["train"].y
    assert len(train) == 69
    p = np.array([34, 35]) / 69
    assert prepared.report["entropy_nats"] == round(-float((p * np.log(p)).sum()), 4)


def test_max_characters_takes_the_beginning(tmp_path: Path) -> None:
    path = tmp_path / "text"
    path.write_text("ab" * 50 + "c" * 50)
    prepared = text_file.prepare(path, text_config(max_characters=40))
    assert prepared.info["input"]["vocabulary"] == ["a", "b"]
    assert sizes(prepared.splits) == [27, 3, 7]
    assert prepared.report["counts"]["characters"]["found"] == 150


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", "expected a text, found an empty file"),
        (b"\xff\xfe", "not UTF-8"),
        (b"a" * 50, "expected 2 distinct characters or more, found ['a']"),
        (b"ab" * 7, "14 characters leave 1 for the validation split, expected at least 2"),
    ],
)
def test_a_text_that_cannot_be_split_is_rejected(
    tmp_path: Path, content: bytes, expected: str
) -> None:
    path = tmp_path / "text"
    path.write_bytes(content)
    with pytest.raises(DataError) as caught:
        text_file.prepare(path, text_config())
    assert str(caught.value).startswith(f"{path}: {expected}")
    path.write_bytes(b"ab" * 10)  # the smallest of which each split has two characters
    text_file.prepare(path, text_config())


def test_a_missing_text_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="text: cannot be read: No such file"):
        text_file.prepare(tmp_path / "text", text_config())


# Single images


def image_config(expected: Expected = None, **options: Any) -> SingleImage:
    defaults = {"validation_fraction": 0.1, "test_fraction": 0.2, "seed": 1, "max_side": 16}
    return SingleImage.model_validate(
        {"source": "unused", "module": "single_image", "expected": expected or {},
         "preprocess": defaults | options}
    )  # fmt: skip


def write_image(folder: Path, height: int, width: int) -> Path:
    """Red is the row of a pixel, green the column."""
    rows, columns = np.indices((height, width), np.uint8)
    pixels = np.stack([rows, columns, np.full((height, width), 7, np.uint8)], axis=-1)
    path = folder / "image.png"
    Image.fromarray(pixels).save(path)
    return path


def test_pixels_keep_their_color_and_are_in_one_split(tmp_path: Path) -> None:
    path = write_image(tmp_path, 10, 16)
    prepared = single_image.prepare(path, image_config({"width": 16, "height": 10}))
    assert list(prepared.splits) == list(SPLITS)
    assert sizes(prepared.splits) == [112, 16, 32]
    everything = all_examples(prepared.splits)
    assert everything.x.dtype == np.uint16
    assert (everything.x == everything.y[:, :2]).all()
    assert len(np.unique(everything.x, axis=0)) == 160
    assert prepared.info["input"] == {"type": "pixel_coordinates", "height": 10, "width": 16}
    again = single_image.prepare(path, image_config())
    other = single_image.prepare(path, image_config(seed=2))
    assert (again.splits["test"].x == prepared.splits["test"].x).all()
    assert (other.splits["test"].x != prepared.splits["test"].x).any()


def test_a_large_image_is_downscaled_and_both_sizes_are_reported(tmp_path: Path) -> None:
    path = write_image(tmp_path, 32, 64)
    prepared = single_image.prepare(path, image_config())
    assert prepared.info["input"] == {"type": "pixel_coordinates", "height": 8, "width": 16}
    assert prepared.report == {
        "counts": {"width": {"found": 64, "expected": None},
                   "height": {"found": 32, "expected": None}},
        "downscaled": {"width": 16, "height": 8},
    }  # fmt: skip


def test_a_small_image_is_rejected(tmp_path: Path) -> None:
    single_image.prepare(write_image(tmp_path, 8, 8), image_config())
    path = write_image(tmp_path, 28, 64)
    with pytest.raises(DataError) as caught:
        single_image.prepare(path, image_config())
    assert str(caught.value) == (
        f"{path}: expected at least 8 pixels per side, found 64x28, downscaled to 16x7"
    )


def test_tiny_fractions_hold_one_pixel_out_and_large_ones_are_rejected(tmp_path: Path) -> None:
    path = write_image(tmp_path, 10, 10)
    tiny = image_config(validation_fraction=0.0001, test_fraction=0.0001)
    assert sizes(single_image.prepare(path, tiny).splits) == [98, 1, 1]
    most = image_config(validation_fraction=0.5, test_fraction=0.49)
    assert sizes(single_image.prepare(path, most).splits) == [1, 50, 49]
    for validation, test in ((0.6, 0.6), (0.5, 0.5), (0.0005, 0.999)):
        config = image_config(validation_fraction=validation, test_fraction=test)
        with pytest.raises(DataError) as caught:
            single_image.prepare(path, config)
        assert str(caught.value) == (
            "preprocess.validation_fraction and preprocess.test_fraction: expected to leave pixels "
            f"for training, found {validation:g} and {test:g} of 100 pixels"
        )


def test_a_file_that_is_no_image_is_named(tmp_path: Path) -> None:
    path = tmp_path / "image.png"
    with pytest.raises(DataError, match=r"image\.png: no such file; put an image there or change"):
        single_image.prepare(path, image_config())
    path.write_bytes(b"text")
    with pytest.raises(DataError, match=r"image\.png: not in a supported format"):
        single_image.prepare(path, image_config())


# The stage


def test_preprocess_writes_data_and_report(
    reviews: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = tmp_path / "project"
    project.mkdir()
    monkeypatch.chdir(project)
    config = imdb_config().model_copy(update={"source": str(reviews)})
    params = SimpleNamespace(datasets={"films": config})
    monkeypatch.setattr(preprocess, "load_params", lambda: params)
    preprocess.main("films")
    written = {str(path.relative_to(project)): path for path in project.rglob("*.*")}
    assert sorted(written) == [
        "data/processed/films/info.json",
        "data/processed/films/test/raw.jsonl",
        *(f"data/processed/films/{name}/{array}.npy" for name in sorted(SPLITS) for array in "xy"),
        "reports/data/films/details.json",
        "reports/data/films/plots/classes.png",
        "reports/data/films/plots/length.png",
    ]  # fmt: skip
    prepared = imdb.prepare(reviews, config)
    for name in SPLITS:
        split = load_split("films", name)
        assert (split.x == prepared.splits[name].x).all()
        assert (split.y == prepared.splits[name].y).all()
    assert load_raw("films", "test", [29, 0]) == [prepared.raw["test"][i] for i in (29, 0)]
    info, report = load_info("films"), read_json(project / "reports/data/films/details.json")[0]
    assert info.keys() == {"classes", "positive_class", "input", "splits"}
    assert info["splits"] == report["splits"]
    assert report["example"] == {"split": "test", "class": "negative", **prepared.raw["test"][0]}
    assert {name: report["duplicates"][name] for name in ("kind", "examples", "exact", "near")} == {
        "kind": "text", "examples": 30, "exact": 0, "near": 0,
    }  # fmt: skip
    assert info["splits"]["train"] == {
        "x": {"shape": [36, 7], "dtype": "uint16"},
        "y": {"shape": [36], "dtype": "uint8"},
        "examples_per_class": {"negative": 22, "positive": 14},
    }
    before = {name: path.read_bytes() for name, path in written.items()}
    preprocess.main("films")
    assert {name: path.read_bytes() for name, path in written.items()} == before


# Figures


def bar_heights(figure: Figure) -> list[list[float]]:
    containers: Any = figure.axes[0].containers
    return [[round(float(value), 3) for value in group.datavalues] for group in containers]


SPLIT = Split(np.arange(4), np.array([0, 1, 1, 1]))


def test_the_class_distribution_is_that_of_each_split() -> None:
    splits = {
        "test": Split(np.arange(1), np.array([0])),
        "train": SPLIT,
        "validation": Split(np.arange(2), np.array([1, 2])),
    }
    figure = plots.class_distribution(splits, ["a", "b", "c"])
    assert bar_heights(figure) == [[0.25, 0.75, 0], [0, 0.5, 0.5], [1, 0, 0]]
    assert [text.get_text() for text in figure.legends[0].get_texts()] == list(SPLITS)
    places = [bar.get_x() for group in figure.axes[0].containers for bar in group]  # type: ignore[union-attr,attr-defined]
    assert len(set(np.round(places, 6))) == 9


def test_samples_are_of_their_class() -> None:
    y = np.array([2, 0, 1, 1, 2, 2])
    x = np.zeros((6, 4, 4), np.uint8) + (10 * y + 1)[:, None, None].astype(np.uint8)
    figure = plots.samples(x, y, ["a", "b", "c"])
    shown = [[float(np.asarray(axes.images[0].get_array())[0, 0]) for axes in row if axes.images]
             for row in np.array(figure.axes).reshape(3, plots.COLUMNS)]  # fmt: skip
    assert shown == [[1], [11, 11], [21, 21, 21]]


def test_missing_values_and_votes_are_drawn_by_class() -> None:
    figure = plots.missing({"a_b": {"x": 0.1, "y": 0.2}, "any feature": {"x": 0.3, "y": 0.4}})
    assert bar_heights(figure) == [[0.1, 0.3], [0.2, 0.4]]
    assert [text.get_text() for text in figure.axes[0].get_yticklabels()] == ["a b", "any feature"]
    votes = np.array([[1, 0], [0, -1], [-1, -1], [1, 0]], np.float32)
    figure = plots.mean_votes(votes, ["v", "w"], np.array([0, 0, 1, 1]), ["x", "y"])
    assert bar_heights(figure) == [[1, -1], [0, -1]]


def test_histograms_count_each_class() -> None:
    ages = np.array([12, 14, np.nan, 20, 24, 31], np.float32)
    figure = plots.age_by_class(ages, np.array([0, 1, 1, 0, 1, 1]), ["x", "y"])
    assert bar_heights(figure) == [[1, 0, 1, 0, 0], [1, 0, 1, 0, 1]]
    lengths = np.array([3, 3, 5, 9])
    figure = plots.length_by_class(lengths, np.array([0, 1, 1, 1]), ["x", "y"], 7)
    assert sum(bar_heights(figure)[0]) == 1
    assert figure.axes[0].lines[0].get_xdata() == [7, 7]  # type: ignore[comparison-overlap]


def test_sizes_are_height_then_width() -> None:
    figure = plots.image_sizes(np.array([[10, 60], [10, 60]]), CropResize(None, 1.0, (8, 9, 3)))
    lines = [axes.lines[0].get_xdata() for axes in figure.axes]
    assert np.array(lines).tolist() == [[8, 8], [9, 9]]
    counts: list[Any] = [axes.containers[0] for axes in figure.axes]
    places = [int(np.flatnonzero(group.datavalues)[0]) for group in counts]
    assert places[0] < places[1]


def test_bigrams_are_probabilities_of_the_next_character() -> None:
    split = Split(np.array([0, 0, 0, 1]), np.array([0, 1, 1, 0]))
    figure = plots.bigrams(split, ["a", "b"])
    drawn = np.asarray(figure.axes[0].images[0].get_array(), float)
    assert np.allclose(drawn, np.array([[1 / 3, 2 / 3], [1, 0]]))
    figure = plots.character_frequencies(np.array([1, 1, 0]), ["a", "b", "c"])
    assert bar_heights(figure) == [[0.667, 0.333, 0]]


FIGURES: dict[str, Callable[[], Figure]] = {
    "flattened": lambda: plots.flattened(np.zeros((5, 28, 28), np.uint8)),
    "image": lambda: plots.image(np.zeros((4, 8, 3), np.uint8)),
    "crops": lambda: plots.crops([Image.new("RGB", (20, 30))], CropResize(None, 0.8, (8, 8, 3))),
}


@pytest.mark.parametrize("name", FIGURES)
def test_figures_say_what_they_show(name: str) -> None:
    figure = FIGURES[name]()
    title = figure.get_suptitle() or figure.axes[0].get_title()
    assert (
        title
        == {
            "flattened": "Flattened input vectors (first 5 images)",
            "image": "8x4 pixels",
            "crops": "Top: source with crop box; bottom: network input, 8x8 pixels",
        }[name]
    )
