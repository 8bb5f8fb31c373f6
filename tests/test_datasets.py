import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages import params
from stages.data import PARTS, Part, concatenate, load_part, save_part
from stages.datasets import common, congressional_votes, images, imdb, mammographic_masses
from stages.errors import UserError
from tests.reduced import ROOT

BLOCKS = params.load(ROOT / "params.yaml").datasets


def block(dataset: str, facts: Mapping[str, float], **choices: Any) -> Any:
    """The dataset's block with other facts and choices."""
    known = BLOCKS[dataset]
    return known.model_copy(
        update={"facts": facts, "preprocess": known.preprocess.model_copy(update=choices)}
    )


def idx(values: np.ndarray, magic: int | None = None) -> bytes:
    magic = 0x800 + values.ndim if magic is None else magic
    return struct.pack(f">{1 + values.ndim}I", magic, *values.shape) + values.tobytes()


def write_images(folder: Path, rows: int = 60, classes: int = 10) -> None:
    random = np.random.default_rng(0)
    for name in ("train", "t10k"):
        x = random.integers(0, 256, (rows, 28, 28), np.uint8)
        y = (np.arange(rows) % classes).astype(np.uint8)
        (folder / f"{name}-images-idx3-ubyte").write_bytes(idx(x))
        (folder / f"{name}-labels-idx1-ubyte").write_bytes(idx(y))


def test_pictures_are_split_with_all_classes_in_each_part(tmp_path: Path) -> None:
    write_images(tmp_path)
    facts = {"train_images": 60, "test_images": 60, "classes": 10}
    prepared = images.prepare(tmp_path, block("mnist", facts, validation_share=0.2))
    assert {name: part.x.shape for name, part in prepared.parts.items()} == {
        "train": (48, 28, 28),
        "validation": (12, 28, 28),
        "test": (60, 28, 28),
    }
    for part in prepared.parts.values():
        assert part.x.dtype == part.y.dtype == np.uint8
        assert set(part.y) == set(range(10))
    assert set(prepared.figures) == {"samples", "matrix", "classes"}


def test_a_limit_takes_the_first_pictures(tmp_path: Path) -> None:
    write_images(tmp_path)
    prepared = images.prepare(tmp_path, block("mnist", {}, limit=40, validation_share=0.25))
    assert [len(prepared.parts[name].y) for name in PARTS] == [30, 10, 40]


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("train-images-idx3-ubyte", idx(np.zeros((1, 28, 28), np.uint8), 0x801),
         "expected magic number 0x803, found 0x801"),
        ("train-images-idx3-ubyte", idx(np.zeros((60, 28, 28), np.uint8))[:-1],
         "expected 47040 values for shape [60, 28, 28], found 47039"),
        ("train-images-idx3-ubyte", idx(np.zeros((60, 28, 28), np.uint8)) + b"x",
         "expected 47040 values for shape [60, 28, 28], found 47041"),
        ("train-images-idx3-ubyte", idx(np.zeros((60, 27, 28), np.uint8)),
         "expected pictures of 28x28, found (27, 28)"),
        ("train-images-idx3-ubyte", b"\0\0", "expected at least 16 bytes, found 2"),
        ("train-labels-idx1-ubyte", idx(np.zeros(59, np.uint8)),
         "expected 60 labels, one a picture, found 59"),
        ("train-labels-idx1-ubyte", idx(np.full(60, 10, np.uint8)),
         "expected labels below 10, found 10"),
    ],
)  # fmt: skip
def test_a_damaged_idx_file_is_named(
    tmp_path: Path, name: str, content: bytes, expected: str
) -> None:
    write_images(tmp_path)
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UserError) as caught:
        images.prepare(tmp_path, block("mnist", {}))
    assert str(caught.value) == f"{tmp_path / name}: {expected}"


@given(st.binary(max_size=40))
def test_any_bytes_are_an_idx_file_or_a_user_error(tmp_path_factory: Any, content: bytes) -> None:
    path = tmp_path_factory.mktemp("idx") / "f"
    path.write_bytes(content)
    try:
        values = images.read_idx(path, 1)
    except UserError:
        return
    assert idx(values) == content


VOTES = "y,n,?," * 5 + "y"


def write_votes(folder: Path, rows: list[str]) -> Path:
    path = folder / "house-votes-84.data"
    path.write_text("\n".join(rows) + "\n")
    return path


def test_votes_are_numbers_and_missing_is_one_of_them(tmp_path: Path) -> None:
    write_votes(tmp_path, [f"democrat,{VOTES}", f"republican,{VOTES}"] * 20)
    prepared = congressional_votes.prepare(tmp_path, block("congressional_votes", {"rows": 40}))
    every = concatenate(*(prepared.parts[name] for name in PARTS))
    assert len(every.y) == 40
    assert every.x.dtype == np.float32
    assert every.x[0].tolist() == [1, -1, 0] * 5 + [1]
    missing = prepared.report["missing"]["any column"]
    assert missing == {"democrat": 1.0, "republican": 1.0}


def test_incomplete_votes_are_dropped_when_asked(tmp_path: Path) -> None:
    whole = "y,n," * 8
    rows = [f"{party},{votes.rstrip(',')}" for party in ("democrat", "republican")
            for votes in [whole] * 20 + [VOTES] * 5]  # fmt: skip
    write_votes(tmp_path, rows)
    chosen = block("congressional_votes", {"complete_rows": 40}, drop_incomplete=True)
    prepared = congressional_votes.prepare(tmp_path, chosen)
    assert prepared.report["rows_used"] == 40
    assert not any((part.x == 0).any() for part in prepared.parts.values())


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        (f"democrat,{VOTES}"[:-2], None),
        (f"whig,{VOTES}", "line 3, column 'party': 'whig' is not allowed"),
        ("democrat," + VOTES.replace("n", "x", 1), "line 3, column 'water_project_cost_sharing': "
         "'x' is not allowed"),
        (f"democrat,{VOTES},y", "expected 17 columns"),
    ],
)  # fmt: skip
def test_a_wrong_row_of_votes_is_named(tmp_path: Path, row: str, expected: str | None) -> None:
    path = write_votes(tmp_path, [f"democrat,{VOTES}", f"republican,{VOTES}", row])
    with pytest.raises(UserError) as caught:
        congressional_votes.prepare(tmp_path, block("congressional_votes", {}))
    message = str(caught.value)
    assert message.startswith(f"{path}: {expected or 'line 3, column'}")
    assert "\n" not in message


def test_a_column_missing_everywhere_is_named(tmp_path: Path) -> None:
    path = write_votes(tmp_path, [f"democrat,{VOTES}"[:-2]] * 3)
    with pytest.raises(UserError, match="expected 17 columns, found 16"):
        congressional_votes.prepare(tmp_path, block("congressional_votes", {}))
    path.write_text("")
    with pytest.raises(UserError, match="not a table"):
        congressional_votes.prepare(tmp_path, block("congressional_votes", {}))


MASSES = ["5,67,3,5,3,1", "4,43,1,1,?,1", "55,58,4,5,3,0", "4,?,1,1,3,0"]


def write_masses(folder: Path, rows: list[str]) -> Path:
    path = folder / "mammographic_masses.data"
    path.write_text("\n".join(rows) + "\n")
    return path


def test_masses_keep_what_is_missing_and_report_what_is_out_of_range(tmp_path: Path) -> None:
    write_masses(tmp_path, MASSES * 10)
    prepared = mammographic_masses.prepare(tmp_path, block("mammographic_masses", {"rows": 40}))
    every = concatenate(*(prepared.parts[name] for name in PARTS))
    assert every.x.shape == (40, 4)
    assert np.isnan(every.x).sum(axis=0).tolist() == [10, 0, 0, 10]
    assert prepared.report["bi_rads_out_of_range"] == {"55": 10}
    assert [c["encode"] for c in prepared.description["columns"]] == ["scale"] + ["one-hot"] * 3


def test_bi_rads_is_a_column_when_asked(tmp_path: Path) -> None:
    write_masses(tmp_path, MASSES * 10)
    chosen = block("mammographic_masses", {}, drop_bi_rads=False)
    prepared = mammographic_masses.prepare(tmp_path, chosen)
    assert prepared.description["columns"][0]["name"] == "bi_rads"
    assert np.nanmax(prepared.parts["train"].x[:, 0]) == 5


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ("5,old,3,5,3,1", "line 2, column 'age': 'old' is not allowed"),
        ("5,6.5,3,5,3,1", "line 2, column 'age': '6.5' is not allowed"),
        ("5,67,5,5,3,1", "line 2, column 'shape': '5' is not allowed"),
        ("5,67,3,5,3,2", "line 2, column 'severity': '2' is not allowed"),
        ("5,67,3,5,3,?", "line 2, column 'severity': '?' is not allowed"),
    ],
)
def test_a_wrong_row_of_masses_is_named(tmp_path: Path, row: str, expected: str) -> None:
    path = write_masses(tmp_path, [MASSES[0], row])
    with pytest.raises(UserError) as caught:
        mammographic_masses.prepare(tmp_path, block("mammographic_masses", {}))
    assert str(caught.value).startswith(f"{path}: {expected}, expected ")


def write_reviews(folder: Path, reviews: dict[str, str]) -> None:
    (folder / "reviews.nul").write_text("".join(f"{k}\0{v}\0" for k, v in reviews.items()))


REVIEWS = {
    f"{part}/{label}/{number}_{number}.txt": f"A {word}<br />film, don't {part} {number}"
    for part in ("test", "train")
    for label, word in (("neg", "bad"), ("pos", "good"))
    for number in range(20)
}


def test_reviews_become_numbers_by_the_words_of_training_reviews(tmp_path: Path) -> None:
    write_reviews(tmp_path, REVIEWS)
    facts = {"train_reviews": 40, "test_positive": 20}
    prepared = imdb.prepare(tmp_path, block("imdb", facts, length=7, vocabulary_size=9))
    vocabulary = prepared.files["vocabulary.txt"].split()
    assert vocabulary[:5] == ["[padding]", "[unknown]", "a", "don't", "film"]
    assert "test" not in vocabulary
    assert [len(prepared.parts[name].y) for name in PARTS] == [36, 4, 40]
    first = [vocabulary[number] for number in prepared.parts["test"].x[0]]
    assert first[:5] == ["a", "bad", "film", "don't", "[unknown]"]
    assert first[-1] == "[padding]"
    assert prepared.parts["test"].y.tolist() == [0] * 20 + [1] * 20
    assert prepared.files["test_reviews.jsonl"].count("\n") == 40


@pytest.mark.parametrize(("keep", "expected"), [("start", [2, 3]), ("end", [1, 2])])
def test_a_long_review_is_cut_at_one_end(keep: str, expected: list[int]) -> None:
    choice = block("imdb", {}, length=2, keep=keep).preprocess
    vocabulary = ["[padding]", "[unknown]", "a", "b"]
    reviews = [["a", "b", "new", "a"]]
    assert imdb.encode(reviews, vocabulary, choice)[0].tolist() == expected


def test_ties_in_a_vocabulary_are_alphabetical_and_its_size_is_kept() -> None:
    assert imdb.build_vocabulary([["c", "b", "a", "c"]], 4)[2:] == ["c", "a"]


@given(st.text())
def test_words_are_in_lower_case_and_without_markup(text: str) -> None:
    for word in imdb.tokenize(text + "<br />End"):
        assert word == word.lower()
        assert imdb.WORD.fullmatch(word)
    assert imdb.tokenize(text + "<br />End")[-1] == "end"


@pytest.mark.parametrize("content", [b"a\0text", b"a\0text\0b\0", b"a\0\xff\0"])
def test_damaged_reviews_are_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "reviews.nul"
    path.write_bytes(content)
    with pytest.raises(UserError, match=r"reviews\.nul: (cut off|not UTF-8)"):
        imdb.read_reviews(path)


def test_facts_that_do_not_hold_are_named() -> None:
    with pytest.raises(UserError, match=r"facts\.rows: expected 435, found 434"):
        common.check_facts({"rows": 434}, {"rows": 435})
    with pytest.raises(UserError, match=r"facts\.row: not counted, expected one of rows"):
        common.check_facts({"rows": 434}, {"row": 435})


@given(
    st.integers(20, 200),
    st.floats(0.1, 0.5),
    st.integers(0, 2**32 - 1),
)
def test_a_split_loses_and_doubles_no_row(rows: int, share: float, seed: int) -> None:
    part = Part(np.arange(rows), (np.arange(rows) % 2).astype(np.uint8))
    kept, held_out = common.split(part, share, seed)
    assert sorted([*kept.x, *held_out.x]) == list(range(rows))
    assert abs(held_out.y.mean() - part.y.mean()) < 1 / len(held_out.y)
    again, _ = common.split(part, share, seed)
    assert (again.x == kept.x).all()


def test_too_few_rows_to_split_are_a_user_error() -> None:
    with pytest.raises(UserError, match="2 rows can not be split"):
        common.split(Part(np.arange(2), np.array([0, 1], np.uint8)), 0.1, 1)


def test_missing_values_are_counted_by_class() -> None:
    values = pd.DataFrame({"a": [1, None, 3, None], "b": [1, 2, 3, 4]})
    assert common.missing_by_class(values, np.array([0, 0, 1, 1]), ["x", "y"]) == {
        "a": {"x": 0.5, "y": 0.5},
        "b": {"x": 0.0, "y": 0.0},
        "any column": {"x": 0.5, "y": 0.5},
    }


def test_equal_parts_are_equal_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    part = Part(np.arange(6).reshape(3, 2), np.array([0, 1, 0], np.uint8))
    folder = tmp_path / "data/processed/d"
    folder.mkdir(parents=True)
    save_part(folder, "train", part)
    save_part(folder, "test", part)
    assert (folder / "train.npz").read_bytes() == (folder / "test.npz").read_bytes()
    monkeypatch.chdir(tmp_path)
    assert (load_part("d", "train").x == part.x).all()
