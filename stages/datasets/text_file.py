"""Any UTF-8 text file, for character-level language models.

The splits are consecutive parts of the text, so that validation and test text are unseen: the test
split is its end, the validation split precedes that.
"""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from scipy.stats import entropy

from stages.core.errors import DataError
from stages.core.splits import SPLITS, Split
from stages.datasets.common import Prepared, check_counts, read_bytes
from stages.encoding.characters import display_name, encode_characters
from stages.plots import datasets as plots

if TYPE_CHECKING:
    from stages.config.schema import TextFile, TextPreprocess

MIN_CHARACTERS = 2  # of a split: input and target
MAX_BYTES = 1 << 28


def prepare(source: Path, config: "TextFile") -> Prepared:
    """Encode the characters of the file `source` and split them.

    The vocabulary is built from the whole file, so that every character of the validation and test
    split has an id; the model has not seen those that are absent from the training split.

    Raises:
        DataError: If the file cannot be read, is not UTF-8, is too short, or has only one distinct
            character.
    """
    text = read_text(source)
    counts = {"characters": len(text), "distinct_characters": len(set(text))}
    checked = check_counts(counts, config.expected)
    text = text[: config.preprocess.max_characters]
    vocabulary = sorted(set(text))
    if len(vocabulary) < 2:
        raise DataError(f"{source}: expected 2 distinct characters or more, found {vocabulary}")
    texts = split_text(text, config.preprocess)
    shortest = min(texts, key=lambda name: len(texts[name]))
    if len(texts[shortest]) < MIN_CHARACTERS:
        raise DataError(
            f"{source}: {len(text)} characters leave {len(texts[shortest])} for the {shortest} "
            f"split, expected at least {MIN_CHARACTERS}"
        )
    streams = {name: encode_characters(texts[name], vocabulary) for name in SPLITS}
    splits = {name: Split(stream[:-1], stream[1:]) for name, stream in streams.items()}
    names = [display_name(character) for character in vocabulary]
    train, known = splits["train"], set(texts["train"])
    return Prepared(
        splits=splits,
        info={
            "classes": [],
            "positive_class": None,
            "input": {"type": "characters", "vocabulary": vocabulary},
        },
        report={
            "counts": checked,
            "vocabulary_size": len(vocabulary),
            "words": len(text.split()),
            "unknown_characters": {
                name: sum(character not in known for character in texts[name]) for name in SPLITS
            },
            "entropy_nats": round(float(entropy(np.bincount(train.y))), 4),
        },
        figures={
            "frequencies": plots.character_frequencies(train.y, names),
            "bigrams": plots.bigrams(train, names),
        },
    )


def read_text(path: Path) -> str:
    """Read UTF-8 with or without byte order mark; line endings become LF.

    Raises:
        DataError: If the file cannot be read, is not UTF-8, or is empty.
    """
    try:
        text = read_bytes(path, MAX_BYTES).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: not UTF-8: {error.reason} at byte {error.start}") from None
    if not text:
        raise DataError(f"{path}: expected a text, found an empty file")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def split_text(text: str, options: "TextPreprocess") -> dict[str, str]:
    """Split a text: `test_fraction` at the end, `validation_fraction` before it, the rest first."""
    test = len(text) - int(len(text) * options.test_fraction)
    validation = max(test - int(len(text) * options.validation_fraction), 0)
    return {"train": text[:validation], "validation": text[validation:test], "test": text[test:]}
