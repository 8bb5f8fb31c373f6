"""Texts as sequences of token ids."""

import re
import sys
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from stages.core.errors import DataError
from stages.core.splits import PADDING

UNKNOWN = 1
SPECIAL_TOKENS = ("[padding]", "[unknown]")
MAX_VOCABULARY = 65_536  # ids are uint16
TOKEN = re.compile(r"[a-z0-9]+(?:'[a-z]+)?|[!?]")


def tokenize(text: str) -> list[str]:
    """The words of a text in lower case, with ! and ?, without HTML line breaks."""
    found = TOKEN.findall(text.replace("<br />", " ").lower())
    return list(map(sys.intern, found))  # once in memory, however often a word occurs


def build_vocabulary(documents: Iterable[Sequence[str]], size: int) -> list[str]:
    """The most frequent tokens, after padding and unknown; ties in alphabetical order.

    Args:
        documents: tokens of each text.
        size: of the vocabulary at most, with the special tokens.

    Raises:
        DataError: if ids up to `size` do not fit into uint16.
    """
    if size > MAX_VOCABULARY:
        raise DataError(f"vocabulary_size: expected at most {MAX_VOCABULARY}, found {size}")
    counts = Counter(token for document in documents for token in document)
    ranked = sorted(counts, key=lambda token: (-counts[token], token))
    return [*SPECIAL_TOKENS, *ranked][:size]


def encode_documents(
    documents: Sequence[Sequence[str]], vocabulary: Sequence[str], max_length: int, keep: str
) -> np.ndarray:
    """Token ids, padded at the end.

    Args:
        documents: tokens of n texts.
        vocabulary: whose positions are the ids.
        max_length: tokens that are kept of each.
        keep: which end of a longer text is kept, "start" or "end".

    Returns:
        [n, max_length] uint16.
    """
    ids = {token: index for index, token in enumerate(vocabulary)}
    encoded = np.full((len(documents), max_length), PADDING, np.uint16)
    for row, document in zip(encoded, documents, strict=True):
        kept = document[:max_length] if keep == "start" else document[-max_length:]
        row[: len(kept)] = [ids.get(token, UNKNOWN) for token in kept]
    return encoded


def encode_text(text: str, encoding: Mapping[str, Any]) -> np.ndarray:
    """A text as one input of a model.

    Args:
        text: raw.
        encoding: `input` of info.json, of type text: `vocabulary`, `max_length`, `keep`.

    Returns:
        [max_length] uint16.
    """
    document = tokenize(text)
    vocabulary, length = encoding["vocabulary"], encoding["max_length"]
    encoded: np.ndarray = encode_documents([document], vocabulary, length, encoding["keep"])[0]
    return encoded
