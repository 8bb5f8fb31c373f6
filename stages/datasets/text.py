"""A text as a stream of characters: which one comes next?

Any text file in UTF-8 will do. The parts follow each other in the text, so that what is held out
is really new: the test part is the end of it, the validation part stands before that.
"""

from pathlib import Path

import numpy as np

from stages.data import PARTS, Part, Prepared
from stages.datasets.common import check_facts
from stages.errors import UserError
from stages.params import Text, TextPreprocess
from stages.plots import data as plots

NAMES = {" ": "space", "\n": "newline"}


def prepare(raw: Path, block: Text) -> Prepared:
    """Number the characters of the file `raw` and divide them into three parts.

    The vocabulary is that of the whole file, so that every character of a held-out part has a
    number; a character that the training part lacks is never predicted, only met.

    Raises:
        UserError: when the file can not be read, is not UTF-8, or is too short or too uniform.
    """
    text = read_text(raw)
    facts = {"characters": len(text), "distinct": len(set(text))}
    checked = check_facts(facts, block.facts)
    text = text[: block.preprocess.limit]
    vocabulary = sorted(set(text))
    if len(vocabulary) < 2:
        raise UserError(f"{raw}: expected at least 2 distinct characters, found {len(vocabulary)}")
    pieces = divide(text, block.preprocess)
    if min(map(len, pieces.values())) < 2:
        raise UserError(f"{raw}: {len(text)} characters are too few to hold parts out")
    parts = {name: encode(piece, vocabulary) for name, piece in pieces.items()}
    names = [readable(character) for character in vocabulary]
    known = set(pieces["train"])
    return Prepared(
        parts=parts,
        description={"kind": "characters", "classes": names, "vocabulary": vocabulary},
        report={
            "facts": checked,
            "vocabulary_size": len(vocabulary),
            "words": len(text.split()),
            "unknown_characters": {
                name: sum(character not in known for character in pieces[name]) for name in PARTS
            },
            "entropy_nats": round(entropy(parts["train"].y), 4),
        },
        figures={
            "frequencies": plots.frequencies(parts["train"].y, names),
            "followers": plots.followers(parts["train"], names),
        },
    )


def read_text(path: Path) -> str:
    """Read UTF-8 with or without byte order mark; line ends become LF.

    Raises:
        UserError: when there is no such file, or it is not UTF-8 or empty.
    """
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise UserError(f"{path}: can not be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: not UTF-8: {error}") from None
    if not text:
        raise UserError(f"{path}: expected a text, found an empty file")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def divide(text: str, choice: TextPreprocess) -> dict[str, str]:
    """The last `test_share` of the text, `validation_share` before it, the rest for training."""
    test = len(text) - int(len(text) * choice.test_share)
    validation = max(test - int(len(text) * choice.validation_share), 0)
    return {"train": text[:validation], "validation": text[validation:test], "test": text[test:]}


def encode(text: str, vocabulary: list[str]) -> Part:
    """The numbers of all characters but the last, and of the one behind each; both uint16."""
    number = {character: index for index, character in enumerate(vocabulary)}
    stream = np.array([number[character] for character in text], np.uint16)
    return Part(stream[:-1], stream[1:])


def readable(character: str) -> str:
    """A name for a character that a chart can show."""
    if character in NAMES:
        return NAMES[character]
    return character if character.isprintable() else character.encode("unicode_escape").decode()


def entropy(y: np.ndarray) -> float:
    """Nats a character of a model that knows only how frequent each of y [n] is."""
    shares = np.bincount(y) / len(y)
    shares = shares[shares > 0]
    return float(-(shares * np.log(shares)).sum())
