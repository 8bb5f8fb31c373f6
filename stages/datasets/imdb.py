"""Large Movie Review Dataset: is a movie review positive or negative?

Reference: Maas et al.: Learning word vectors for sentiment analysis, ACL 2011.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from stages.core.errors import DataError
from stages.core.splits import SPLITS, Split
from stages.datasets.common import Prepared, check_counts, read_bytes, split_indices, summarize
from stages.encoding.text import build_vocabulary, encode_documents, tokenize
from stages.plots import datasets as plots

if TYPE_CHECKING:
    from stages.config.schema import Reviews, ReviewsPreprocess

FILE = "reviews.nul"
CLASSES = ["negative", "positive"]
MAX_BYTES = 1 << 28


def prepare(source: Path, config: "Reviews") -> Prepared:
    """Encode reviews as token ids; the vocabulary is built from the training split.

    Raises:
        DataError: If the file is damaged, or counts are not the expected ones.
    """
    options = config.preprocess
    paths, texts = read_reviews(source / FILE)
    is_train = np.array([path.startswith("train/") for path in paths], bool)
    labels = np.array(["/pos/" in path for path in paths], np.uint8)
    checked = check_counts(count(is_train, labels), config.expected)
    indices = split_reviews(is_train, labels, options)
    documents = {name: [tokenize(texts[index]) for index in indices[name]] for name in SPLITS}
    vocabulary = build_vocabulary(documents["train"], options.vocabulary_size)
    splits = {
        name: Split(
            encode_documents(documents[name], vocabulary, options.max_length, options.keep),
            labels[indices[name]],
        )
        for name in SPLITS
    }
    lengths = np.array([len(document) for document in documents["train"]])
    return Prepared(
        splits=splits,
        info={
            "classes": CLASSES,
            "positive_class": "positive",
            "input": {
                "type": "text",
                "vocabulary": vocabulary,
                "max_length": options.max_length,
                "keep": options.keep,
            },
        },
        report={
            "counts": checked,
            "vocabulary_size": len(vocabulary),
            "unknown_words_fraction_test": out_of_vocabulary(documents["test"], vocabulary),
            "words_per_review": summarize(lengths),
            "max_length": options.max_length,
            "truncated_fraction": round(float((lengths > options.max_length).mean()), 4),
        },
        figures={
            "classes": plots.class_distribution(splits, CLASSES),
            "length": plots.length_by_class(
                lengths, splits["train"].y, CLASSES, options.max_length
            ),
        },
        raw={"test": [{"path": paths[i], "text": texts[i]} for i in indices["test"]]},
    )


def read_reviews(path: Path) -> tuple[list[str], list[str]]:
    """Read the paths and texts of n reviews: path, NUL, text, NUL, and so on.

    Raises:
        DataError: If the file is truncated or not UTF-8.
    """
    try:
        fields = read_bytes(path, MAX_BYTES).decode("utf-8").split("\0")
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: not UTF-8: {error.reason} at byte {error.start}") from None
    if len(fields) % 2 == 0 or fields[-1]:
        raise DataError(f"{path}: truncated after {len(fields) // 2} reviews")
    return fields[:-1:2], fields[1::2]


def count(is_train: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    """Return the counts to check. is_train: bool [n]; labels: [n], 1 is positive."""
    return {
        "train_reviews": int(is_train.sum()),
        "test_reviews": int((~is_train).sum()),
        "train_positive": int(labels[is_train].sum()),
        "test_positive": int(labels[~is_train].sum()),
    }


def split_reviews(
    is_train: np.ndarray, labels: np.ndarray, options: "ReviewsPreprocess"
) -> dict[str, np.ndarray]:
    """Split the training reviews; the test set is given.

    Args:
        is_train: Whether a review is not in the test set, bool [n].
        labels: Class of each review [n].
        options: Validation fraction, seed and maximum number of reviews.

    Returns:
        Sorted indices by split.
    """
    training = subsample(np.flatnonzero(is_train), options)
    indices = split_indices(labels[training], options.validation_fraction, 0, options.seed)
    splits = {name: training[selected] for name, selected in indices.items()}
    return splits | {"test": subsample(np.flatnonzero(~is_train), options)}


def subsample(indices: np.ndarray, options: "ReviewsPreprocess") -> np.ndarray:
    """Draw at most `max_examples` of indices [n] at random; the file is sorted by class."""
    selected = np.random.default_rng(options.seed).permutation(indices)[: options.max_examples]
    return np.sort(selected)


def out_of_vocabulary(documents: Sequence[Sequence[str]], vocabulary: Sequence[str]) -> float:
    """Return the fraction of all tokens that are not in the vocabulary."""
    known = set(vocabulary)
    tokens = [token for document in documents for token in document]
    return round(sum(token not in known for token in tokens) / max(len(tokens), 1), 4)
