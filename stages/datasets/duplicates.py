"""Duplicates across splits: test examples that occur among the training and validation examples.

A model may have memorized such examples, so that its test result is too good.

Reference: Barz, Denzler: Do we train on test data? Purging CIFAR of near-duplicates, 2020; Broder:
On the resemblance and containment of documents, 1997.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from scipy.sparse import csr_array
from sklearn.neighbors import NearestNeighbors

from stages.core.splits import PADDING, SPLITS, Split

MIN_CORRELATION = 0.995  # of the pixels of near-duplicate images; below, images only look alike
BLOCKS = 7  # per side of a reduced image
MAX_PAIRS = 2_000_000_000  # of images to compare: about ten seconds
CHUNK = 1024  # images or texts that are converted at a time
WORDS = 5  # per shingle, a sequence of consecutive words
MIN_RESEMBLANCE = 0.5  # of near-duplicate texts: shared fraction of their shingles
SKETCH = 32  # shingles that represent a text in the search
MIN_SHARED = 3  # of them, for a pair of texts to be compared
PASSAGE = 40  # characters of a repeated passage, about eight words
MAX_CHARACTERS = 20_000_000  # of a text to search for repeated passages


def find_duplicates(splits: Mapping[str, Split], kind: str) -> dict[str, Any]:
    """Count the test examples that have a duplicate among the training and validation examples.

    Args:
        splits: Splits by name.
        kind: `type` of the `input` of info.json.

    Returns:
        Counts for the report, serializable as JSON; empty for pixel coordinates, which are all
        different, and for time series, whose windows overlap. `kind`; `examples`, in the test
        split; `exact`, with an equal input; `other_class`, with an equal input of another class; of
        images and texts, `near`, with a near-duplicate but no exact one, None if there are too many
        images; of characters, `passage` and `repeated`, see `count_repeated`.
    """
    if kind in {"pixel_coordinates", "time_series"}:
        return {}
    *others, test = (splits[name] for name in SPLITS)
    found: dict[str, Any] = {"kind": kind, "examples": len(test.x)}
    if kind == "characters":
        text = np.concatenate([split.x for split in others])
        return found | {"passage": PASSAGE, "repeated": count_repeated(text, test.x)}
    exact, other_class = find_equal(others, test)
    found |= {"exact": int(exact.sum()), "other_class": int(other_class.sum())}
    if kind == "image":
        near = find_similar_images([split.x for split in others], test.x)
        count = None if near is None else int((near & ~exact).sum())
        return found | {"near": count, "min_correlation": MIN_CORRELATION}
    if kind == "text":
        near = find_similar_texts(np.concatenate([split.x for split in others]), test.x)
        measure = {"words": WORDS, "min_resemblance": MIN_RESEMBLANCE}
        return found | {"near": int((near & ~exact).sum())} | measure
    return found


def find_equal(others: Sequence[Split], test: Split) -> tuple[np.ndarray, np.ndarray]:
    """Find the test examples whose input is equal to another one, by hash.

    Args:
        others: Splits to compare with; x [n, ...], y [n]. Missing values are equal.
        test: Test examples; x [m, ...], y [m].

    Returns:
        Whether an equal input exists, and whether one of another class does, each bool [m].
    """
    hashes = np.concatenate([hash_examples(split.x) for split in others])
    labels = np.concatenate([split.y for split in others])
    test_hashes = hash_examples(test.x)
    other_class = np.zeros(len(test_hashes), bool)
    for label in np.unique(labels):
        equal = np.isin(test_hashes, hashes[labels == label])
        other_class |= equal & (test.y != label)
    return np.isin(test_hashes, hashes), other_class


def hash_examples(x: np.ndarray) -> np.ndarray:
    """Hash examples [n, ...] to uint64 [n]; with a billion pairs, a collision is as rare as 1e-10.

    Python's own hash differs from process to process.
    """
    digests = (hashlib.blake2b(row.tobytes(), digest_size=8).digest() for row in x)
    return np.frombuffer(b"".join(digests), "<u8").astype(np.uint64)


def find_similar_images(others: Sequence[np.ndarray], test: np.ndarray) -> np.ndarray | None:
    """Find the test images that have a near-duplicate: their pixels correlate.

    Correlation ignores brightness and contrast; images that are shifted or cropped are not found.
    The squared distance of standardized images is 2 - 2 * correlation, and reduced images are at
    most as far apart. So the search among reduced images misses no pair, and each pair that it
    finds is checked. Images may be memory-mapped: only the reduced ones are all in memory.

    Args:
        others: Arrays of images to compare with, uint8 [n, height, width(, channels)].
        test: Test images, uint8 [m, height, width(, channels)].

    Returns:
        Whether the correlation with another image is at least MIN_CORRELATION, bool [m]; None if
        there are more than MAX_PAIRS pairs.

    Reference:
        Faloutsos, Ranganathan, Manolopoulos: Fast subsequence matching in time-series databases,
        1994 (search by a lower bound of the distance).
    """
    if sum(map(len, others)) * len(test) > MAX_PAIRS:
        return None
    radius = (2 - 2 * MIN_CORRELATION) ** 0.5 + 1e-4  # more than rounding errors
    near, reduced = np.zeros(len(test), bool), reduce_images(test)
    for images in others:
        index = NearestNeighbors(radius=radius, algorithm="brute").fit(reduce_images(images))
        candidates = index.radius_neighbors(reduced, return_distance=False)
        for row in np.flatnonzero([len(indices) > 0 for indices in candidates]):
            image = standardize(test[[row]])[0]
            near[row] |= any(
                (standardize(images[part]) @ image >= MIN_CORRELATION).any()
                for part in chunks(np.sort(candidates[row]))
            )
    return near


def standardize(images: np.ndarray) -> np.ndarray:
    """Flatten images [n, ...] to mean 0 and length 1, float32 [n, pixels]; constant ones to 0."""
    pixels = images.reshape(len(images), -1).astype(np.float32)
    pixels -= pixels.mean(axis=1, keepdims=True)
    lengths = np.linalg.norm(pixels, axis=1, keepdims=True)
    standardized: np.ndarray = pixels / np.where(lengths > 0, lengths, 1)
    return standardized


def reduce_images(images: np.ndarray) -> np.ndarray:
    """Standardize images, and reduce them to BLOCKS x BLOCKS blocks: an orthogonal projection.

    Args:
        images: Images [n, height, width(, channels)].

    Returns:
        Sums of each block, divided by the square root of its size, float32 [n, blocks].
    """
    height, width = images.shape[1:3]
    rows, columns = (
        np.unique(np.linspace(0, side, BLOCKS, endpoint=False).astype(int))
        for side in (height, width)
    )
    sizes = np.outer(np.diff([*rows, height]), np.diff([*columns, width])).astype(np.float32)
    reduced = []
    for part in chunks(images):
        pixels = standardize(part).reshape(len(part), height, width, -1)
        sums = np.add.reduceat(np.add.reduceat(pixels, rows, axis=1), columns, axis=2)
        reduced.append((sums / np.sqrt(sizes)[..., None]).reshape(len(part), -1))
    return np.concatenate(reduced)


def chunks(array: np.ndarray) -> Iterator[np.ndarray]:
    """Yield an array [n, ...] in parts of at most CHUNK rows."""
    for start in range(0, len(array), CHUNK):
        yield array[start : start + CHUNK]


def find_similar_texts(others: np.ndarray, test: np.ndarray) -> np.ndarray:
    """Find the test texts that have a near-duplicate: they share many sequences of words.

    The resemblance of two texts is the fraction of their shingles that both have. Of the SKETCH
    smallest hashes of all shingles of two texts, this fraction is expected to be in both texts, and
    so in the sketches of both. At a resemblance of MIN_RESEMBLANCE, the probability that this holds
    for less than MIN_SHARED is 1e-7 (binomial distribution). Each pair of texts that shares
    MIN_SHARED is compared in full.

    Args:
        others: Token ids of the texts to compare with, uint16 [n, length].
        test: Token ids of the test texts, uint16 [m, length].

    Returns:
        Whether the resemblance with another text is at least MIN_RESEMBLANCE, bool [m].

    Reference:
        Broder: On the resemblance and containment of documents, 1997.
    """
    near = np.zeros(len(test), bool)
    if test.shape[1] < WORDS:
        return near
    sketch, test_sketch = sketch_texts(others), sketch_texts(test)
    shared = np.intersect1d(sketch, test_sketch)
    shared = shared[shared != NO_SHINGLE]
    counts = (incidence(test_sketch, shared) @ incidence(sketch, shared).T).tocoo()
    for row, column, count in zip(*counts.coords, counts.data, strict=True):
        if count >= MIN_SHARED and not near[row]:
            near[row] = resemblance(test[row], others[column]) >= MIN_RESEMBLANCE
    return near


NO_SHINGLE = np.iinfo(np.uint64).max  # instead of a hash, where a text is padded


def hash_shingles(ids: np.ndarray, length: int) -> np.ndarray:
    """Hash each sequence of `length` consecutive ids.

    Args:
        ids: Ids [..., number of ids].
        length: Ids in a sequence, at most their number.

    Returns:
        Hashes, uint64 [..., number of ids - length + 1].
    """
    number = ids.shape[-1] - length + 1
    hashes = np.zeros((*ids.shape[:-1], number), np.uint64)
    for offset in range(length):
        hashes = hashes * np.uint64(0x9E3779B97F4A7C15) + ids[..., offset : offset + number] + 1
        hashes ^= hashes >> np.uint64(29)  # so that the upper bits affect the order too
    return hashes


def sketch_texts(texts: np.ndarray) -> np.ndarray:
    """Return the smallest hashes of the shingles of texts [n, length]: uint64 [n, SKETCH].

    Texts with fewer shingles have NO_SHINGLE instead.
    """
    sketches = np.full((len(texts), SKETCH), NO_SHINGLE, np.uint64)
    for part, sketch in zip(chunks(texts), chunks(sketches), strict=True):
        hashes = hash_shingles(part.astype(np.uint64), WORDS)
        hashes[part[:, WORDS - 1 :] == PADDING] = NO_SHINGLE
        size = min(SKETCH, hashes.shape[1])
        sketch[:, :size] = np.partition(hashes, size - 1, axis=1)[:, :size]
    return sketches


def incidence(sketches: np.ndarray, shared: np.ndarray) -> csr_array:
    """Return which of the sorted hashes `shared` [h] each sketch [n, SKETCH] has, int32 [n, h]."""
    rows, columns = np.nonzero(np.isin(sketches, shared))
    positions = np.searchsorted(shared, sketches[rows, columns])
    ones = np.ones(len(rows), np.int32)
    return csr_array((ones, (rows, positions)), (len(sketches), len(shared)))


def resemblance(text: np.ndarray, other: np.ndarray) -> float:
    """Return the Jaccard index of the shingles of two texts, token ids [length] each."""
    first, second = (
        set(hash_shingles(ids[ids != PADDING].astype(np.uint64), WORDS).tolist())
        for ids in (text, other)
    )
    return len(first & second) / len(first | second)


def count_repeated(others: np.ndarray, test: np.ndarray) -> int | None:
    """Count the test characters in passages that also occur in the training or validation text.

    Args:
        others: Character ids of the training and validation text [n].
        test: Character ids of the test text [m].

    Returns:
        Characters in passages of PASSAGE or more characters; None if the texts have more than
        MAX_CHARACTERS.
    """
    if len(others) + len(test) > MAX_CHARACTERS:
        return None
    if min(len(others), len(test)) < PASSAGE:
        return 0
    hashes, test_hashes = (hash_shingles(ids.astype(np.uint64), PASSAGE) for ids in (others, test))
    starts = np.flatnonzero(np.isin(test_hashes, hashes))
    changes = np.zeros(len(test) + 1, int)  # +1 where a passage starts, -1 where it has ended
    np.add.at(changes, starts, 1)
    np.add.at(changes, starts + PASSAGE, -1)
    return int((changes.cumsum() > 0).sum())
