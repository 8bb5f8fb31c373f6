"""Large Movie Review Dataset: is a film review positive or negative?

Maas et al.: Learning word vectors for sentiment analysis, ACL 2011.
"""

import json
import re
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd

from stages.data import Part, Prepared
from stages.datasets.common import check_facts, split
from stages.errors import UserError
from stages.params import Reviews, ReviewsPreprocess
from stages.plots import data as plots

CLASSES = ["negative", "positive"]
PADDING, UNKNOWN = 0, 1
SPECIAL = ["[padding]", "[unknown]"]
WORD = re.compile(r"[a-z0-9]+(?:'[a-z]+)?|[!?]")


def prepare(raw: Path, block: Reviews) -> Prepared:
    """Turn reviews into rows of word numbers; the vocabulary is of the training part alone."""
    choice = block.preprocess
    paths, texts = read_reviews(raw / "reviews.nul")
    in_train = np.array([path.startswith("train/") for path in paths])
    label = np.array(["/pos/" in path for path in paths], np.uint8)
    facts = {
        "train_reviews": int(in_train.sum()),
        "test_reviews": int((~in_train).sum()),
        "train_positive": int(label[in_train].sum()),
        "test_positive": int(label[~in_train].sum()),
    }
    checked = check_facts(facts, block.facts)
    rows = {
        "all_train": limited(np.flatnonzero(in_train), choice),
        "test": limited(np.flatnonzero(~in_train), choice),
    }
    full = Part(rows.pop("all_train"), label)
    train, validation = split(Part(full.x, label[full.x]), choice.validation_share, choice.seed)
    rows |= {"train": train.x, "validation": validation.x}
    words = {name: [tokenize(texts[row]) for row in chosen] for name, chosen in rows.items()}
    vocabulary = build_vocabulary(words["train"], choice.vocabulary_size)
    parts = {
        name: Part(encode(words[name], vocabulary, choice), label[rows[name]])
        for name in ("train", "validation", "test")
    }
    lengths = np.array([len(review) for review in words["train"]])
    reviews = ({"path": paths[row], "text": texts[row]} for row in rows["test"])
    return Prepared(
        parts=parts,
        description={
            "kind": "text",
            "classes": CLASSES,
            "positive": "positive",
            "vocabulary_size": len(vocabulary),
        },
        report={
            "facts": checked,
            "vocabulary_size": len(vocabulary),
            "unknown_words_share_test": unknown_share(words["test"], vocabulary),
            "words_a_review": pd.Series(lengths).describe().round(1).to_dict(),
            "truncated_share": round(float((lengths > choice.length).mean()), 4),
        },
        figures={
            "classes": plots.class_balance(parts, CLASSES),
            "length": plots.histogram_by_class(
                lengths, parts["train"].y, CLASSES, "words a review", choice.length
            ),
        },
        files={
            "vocabulary.txt": "\n".join(vocabulary) + "\n",
            "test_reviews.jsonl": "".join(json.dumps(review) + "\n" for review in reviews),
        },
    )


def read_reviews(path: Path) -> tuple[list[str], list[str]]:
    """Read paths and texts from the verified content: path, NUL, text, NUL, and so on.

    Raises:
        UserError: when it is cut off or not UTF-8.
    """
    try:
        fields = path.read_bytes().decode("utf-8").split("\0")
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: not UTF-8: {error}") from None
    if len(fields) % 2 == 0 or fields[-1]:
        raise UserError(f"{path}: cut off after {len(fields) // 2} reviews")
    return fields[:-1:2], fields[1::2]


def limited(rows: np.ndarray, choice: ReviewsPreprocess) -> np.ndarray:
    """At most `limit` of `rows`, chosen at random since files are sorted by class."""
    chosen = np.random.default_rng(choice.seed).permutation(rows)[: choice.limit]
    return np.sort(chosen)


def tokenize(text: str) -> list[str]:
    """The words of a review in lower case, with ! and ?, without HTML line breaks."""
    return WORD.findall(text.replace("<br />", " ").lower())


def build_vocabulary(reviews: Iterable[list[str]], size: int) -> list[str]:
    """The most frequent words, after padding and unknown; ties in alphabetical order."""
    counts = Counter(word for review in reviews for word in review)
    ranked = sorted(counts, key=lambda word: (-counts[word], word))
    return (SPECIAL + ranked)[:size]


def encode(
    reviews: Iterable[list[str]], vocabulary: list[str], choice: ReviewsPreprocess
) -> np.ndarray:
    """Word numbers [n, length] as uint16, padded at the end, from the start or end of each."""
    number = {word: index for index, word in enumerate(vocabulary)}
    reviews = list(reviews)
    encoded = np.full((len(reviews), choice.length), PADDING, np.uint16)
    for row, review in zip(encoded, reviews, strict=True):
        part = review[: choice.length] if choice.keep == "start" else review[-choice.length :]
        row[: len(part)] = [number.get(word, UNKNOWN) for word in part]
    return encoded


def unknown_share(reviews: Iterable[list[str]], vocabulary: list[str]) -> float:
    """The share of all words that the vocabulary lacks."""
    known, every = set(vocabulary), [word for review in reviews for word in review]
    return round(sum(word not in known for word in every) / max(len(every), 1), 4)
