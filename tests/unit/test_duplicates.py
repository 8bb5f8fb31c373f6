"""Duplicates across splits, on tiny inputs whose duplicates are known."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.core.splits import Split
from stages.datasets import duplicates

RANDOM = np.random.default_rng(0)
PHOTOS = RANDOM.integers(0, 200, (40, 28, 28)).astype(np.uint8)


def splits_of(train: Any, validation: Any, test: Any) -> dict[str, Split]:
    arrays = {"train": train, "validation": validation, "test": test}
    return {name: Split(np.array(x), np.array(y)) for name, (x, y) in arrays.items()}


def test_equal_rows_are_counted_once_each_and_missing_values_are_equal() -> None:
    nan = np.nan
    rows = splits_of(
        ([[1, nan], [1, nan], [2, 3], [5, 5]], [0, 0, 0, 0]),
        ([[7.0, 8], [2, 3]], [0, 1]),
        ([[1, nan], [7, 8], [2, 3], [nan, 1], [8, 7], [5, 5]], [0, 0, 0, 0, 0, 1]),
    )
    assert duplicates.find_duplicates(rows, "table") == {
        "kind": "table",
        "examples": 6,
        "exact": 4,  # not the mirrored rows
        "other_class": 2,  # [2, 3] is in both classes, [5, 5] in the other one
    }


def test_a_split_without_duplicates_has_none() -> None:
    rows = splits_of(([[1], [2]], [0, 1]), ([[3]], [0]), ([[4], [5]], [0, 1]))
    found = duplicates.find_duplicates(rows, "table")
    assert (found["exact"], found["other_class"]) == (0, 0)


def test_hashes_are_of_the_content_and_the_same_in_every_process() -> None:
    x = np.array([[1, 2], [1, 3], [1, 2]], np.uint8)
    hashes = duplicates.hash_examples(x)
    assert hashes.dtype == np.uint64
    assert (hashes[:, None] == hashes).tolist() == [[1, 0, 1], [0, 1, 0], [1, 0, 1]]
    assert hashes[0] == 3486908633402805293


def test_pixels_are_not_searched() -> None:
    coordinates = splits_of(([[0, 0]], [[1, 2, 3]]), ([[0, 1]], [[1, 2, 3]]), ([[1, 0]], [[1] * 3]))
    assert duplicates.find_duplicates(coordinates, "pixel_coordinates") == {}


# Images


def test_brighter_and_noisy_copies_are_near_duplicates_and_shifted_ones_are_not() -> None:
    noise = RANDOM.integers(0, 2, (28, 28)).astype(np.uint8)
    test = np.stack([
        PHOTOS[0],  # exact, in the training split
        PHOTOS[1] + 55,
        PHOTOS[30] // 2,  # in the validation split
        PHOTOS[2] + noise,
        np.roll(PHOTOS[3], 1, axis=1),
        255 - PHOTOS[4],
        RANDOM.integers(0, 200, (28, 28)),
    ]).astype(np.uint8)  # fmt: skip
    near = duplicates.find_similar_images([PHOTOS[:30], PHOTOS[30:]], test)
    assert near is not None
    assert near.tolist() == [True] * 4 + [False] * 3
    labels = np.zeros(40, np.uint8)
    splits = splits_of((PHOTOS[:30], labels[:30]), (PHOTOS[30:], labels[30:]), (test, labels[:7]))
    found = duplicates.find_duplicates(splits, "image")
    assert (found["exact"], found["near"], found["examples"]) == (1, 3, 7)


@pytest.mark.parametrize(("correlation", "near"), [(0.9945, False), (0.9955, True)])
def test_the_limit_is_a_correlation(correlation: float, near: bool) -> None:
    base, other = (RANDOM.standard_normal((1, 7, 7)) for _ in range(2))  # not reduced
    first = duplicates.standardize(base)
    second = duplicates.standardize(other)
    second = duplicates.standardize(second - (second @ first.T) * first)
    mixed = correlation * first + (1 - correlation**2) ** 0.5 * second
    images = [image.reshape(1, 7, 7) for image in (first, mixed)]
    found = duplicates.find_similar_images([images[0]], images[1])
    assert found is not None
    assert found.tolist() == [near]


def test_images_in_color_of_any_size_are_compared() -> None:
    photos = RANDOM.integers(0, 256, (6, 9, 5, 3)).astype(np.uint8)
    swapped = photos[:1, :, :, ::-1]
    near = duplicates.find_similar_images([photos[:4]], np.concatenate([photos[3:5], swapped]))
    assert near is not None
    assert near.tolist() == [True, False, False]


def test_constant_images_are_exact_but_no_near_duplicates() -> None:
    images = np.stack([np.full((8, 8), level, np.uint8) for level in (0, 9, 200)])
    labels = np.zeros(1, np.uint8)
    splits = splits_of(*((images[[index]], labels) for index in (0, 1, 1)))
    found = duplicates.find_duplicates(splits, "image")
    assert (found["exact"], found["near"]) == (1, 0)
    assert not duplicates.standardize(images).any()


def test_images_that_are_alike_only_when_reduced_are_no_duplicates(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(duplicates, "CHUNK", 3)  # the duplicate is in the last part
    image = np.kron(np.array([[1.0, -1.0], [-2.0, 2.0]]), np.ones((14, 14)))
    checkers = 0.4 * (-1.0) ** np.indices((28, 28)).sum(axis=0)  # 0 on average over each block
    alike = np.stack([image + checkers, image - checkers] * 4)
    near = duplicates.find_similar_images([alike], image[None])
    assert near is not None
    assert near.tolist() == [False]
    near = duplicates.find_similar_images([np.concatenate([alike, image[None]])], image[None])
    assert near is not None
    assert near.tolist() == [True]
    distances = np.linalg.norm(
        duplicates.reduce_images(alike) - duplicates.reduce_images(image[None]), axis=1
    )
    assert (distances < 0.1).all()  # all of them are candidates


def test_too_many_images_are_not_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(duplicates, "MAX_PAIRS", 39)
    labels = np.zeros(10, np.uint8)
    splits = splits_of(
        (PHOTOS[:5], labels[:5]), (PHOTOS[5:8], labels[5:8]), (PHOTOS[:5], labels[:5])
    )
    found = duplicates.find_duplicates(splits, "image")
    assert (found["exact"], found["near"]) == (5, None)
    monkeypatch.setattr(duplicates, "MAX_PAIRS", 40)
    assert duplicates.find_duplicates(splits, "image")["near"] == 0


@given(st.integers(1, 20), st.integers(1, 20), st.integers(0, 2**32 - 1))
def test_reduced_images_are_at_most_as_far_apart(height: int, width: int, seed: int) -> None:
    images = np.random.default_rng(seed).integers(0, 256, (2, height, width, 3)).astype(np.uint8)
    full, reduced = duplicates.standardize(images), duplicates.reduce_images(images)
    assert reduced.shape == (2, min(height, 7) * min(width, 7) * 3)
    distance = np.linalg.norm(full[0] - full[1])
    assert np.linalg.norm(reduced[0] - reduced[1]) <= distance + 1e-5
    if max(height, width) <= 7:
        assert np.linalg.norm(reduced[0] - reduced[1]) == pytest.approx(distance, abs=1e-5)


def test_the_distance_of_images_of_blocks_is_not_reduced() -> None:
    images = np.kron(RANDOM.integers(0, 256, (2, 7, 7)), np.ones((1, 4, 2)))
    full, reduced = duplicates.standardize(images), duplicates.reduce_images(images)
    assert np.linalg.norm(reduced[0] - reduced[1]) == pytest.approx(
        np.linalg.norm(full[0] - full[1]), abs=1e-5
    )


# Texts


def texts(*rows: list[int]) -> np.ndarray:
    padded = np.zeros((len(rows), 40), np.uint16)
    for row, ids in zip(padded, rows, strict=True):
        row[: len(ids)] = ids
    return padded


def test_texts_that_share_half_of_their_shingles_are_near_duplicates() -> None:
    words = list(range(1, 41))
    others = texts(words, [50, 51, 52, 53, 54, 55, 56, 57], list(range(100, 130)))
    test = texts(
        words,
        [*words[:29], *range(200, 211)],  # 25 shingles of 36 + 11
        [*words[:20], *range(200, 220)],  # 16 of 56
        words[::-1],
        [50, 51, 52, 53, 54, 55, 56, 99],  # 3 of 5
        list(range(110, 130)),  # a part
        [1, 2, 3],  # too short for a shingle
    )
    near = duplicates.find_similar_texts(others, test)
    assert near.tolist() == [True, True, False, False, True, True, False]


def test_exact_duplicates_of_texts_are_not_counted_as_near() -> None:
    words = list(range(1, 41))
    y = np.zeros(2, np.uint8)
    splits = splits_of(
        (texts(words, words[:20]), y),
        (texts([7] * 40, list(range(60, 90))), y),
        (texts(words, [*range(60, 88), 5, 5]), 1 - y),
    )
    assert duplicates.find_duplicates(splits, "text") == {
        "kind": "text",
        "examples": 2,
        "exact": 1,
        "other_class": 1,
        "near": 1,
        "words": 5,
        "min_resemblance": 0.5,
    }


def test_the_search_finds_what_a_comparison_of_all_pairs_does() -> None:
    random = np.random.default_rng(3)
    others = random.integers(1, 50, (30, 40)).astype(np.uint16)
    test = others[random.integers(0, 30, 60)]
    for row in test:  # replace the end of each text, by a different length
        kept = random.integers(0, 41)
        row[kept:] = random.integers(1, 50, 40 - kept)
    expected = [
        max(duplicates.resemblance(text, other) for other in others) >= duplicates.MIN_RESEMBLANCE
        for text in test
    ]
    assert 5 < sum(expected) < 55
    assert duplicates.find_similar_texts(others, test).tolist() == expected


def test_resemblance_is_the_fraction_of_shared_shingles() -> None:
    first, second = texts(list(range(1, 11)), list(range(1, 9)))
    assert duplicates.resemblance(first, second) == 4 / 6
    assert duplicates.resemblance(first, first) == 1
    repeated, once = texts([1, 2, 3, 4, 5] * 3, [1, 2, 3, 4, 5, 1, 2, 3, 4])
    assert duplicates.resemblance(repeated, once) == 1  # as sets


def test_texts_shorter_than_a_shingle_are_not_searched() -> None:
    short = np.ones((3, 4), np.uint16)
    assert not duplicates.find_similar_texts(short, short).any()


@given(st.lists(st.integers(0, 3), min_size=3, max_size=30))
def test_shingles_have_equal_hashes_only_if_they_are_equal(ids: list[int]) -> None:
    hashes = duplicates.hash_shingles(np.array(ids, np.uint64), 3).tolist()
    shingles = [tuple(ids[start : start + 3]) for start in range(len(ids) - 2)]
    assert len(hashes) == len(shingles)
    pairs = [(hashes[i] == hashes[j], shingles[i] == shingles[j])
             for i in range(len(hashes)) for j in range(i)]  # fmt: skip
    assert all(equal == same for equal, same in pairs)


# Characters


def test_repeated_passages_are_counted_in_characters(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(duplicates, "PASSAGE", 4)

    def repeated(text: str, test: str) -> int | None:
        return duplicates.count_repeated(*(np.array(list(map(ord, part))) for part in (text, test)))

    assert repeated("abcdefgh", "xxabcdexx") == 5  # overlapping passages count once
    assert repeated("abcdefgh", "abcd-efgh") == 8
    assert repeated("abcdefgh", "abc-def-gh") == 0
    assert repeated("abcdefgh", "abcd") == 4
    assert repeated("abcdefgh", "abc") == repeated("abc", "abcdefgh") == 0
    monkeypatch.setattr(duplicates, "MAX_CHARACTERS", 11)
    assert repeated("abcdefgh", "abcd") is None


def test_a_passage_may_be_in_the_validation_text() -> None:
    passage = np.arange(40, dtype=np.uint16)
    other, y = np.full(60, 99, np.uint16), np.zeros(60, np.uint16)
    splits = splits_of((other, y), (passage, y), (np.concatenate([passage[:9], passage]), y))
    found = duplicates.find_duplicates(splits, "characters")
    assert found == {"kind": "characters", "examples": 49, "passage": 40, "repeated": 40}
