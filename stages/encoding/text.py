"""Encoding of texts as sequences of token ids."""

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
    """Split a text into lower-case words, ! and ?, without HTML line breaks."""
    tokens = TOKEN.findall(text.replace("<br />", " ").lower())
    return list(map(sys.intern, tokens))  # one copy in memory of each distinct word


def build_vocabulary(documents: Iterable[Sequence[str]], size: int) -> list[str]:
    """Build a vocabulary of the most frequent tokens; ties in alphabetical order.

    Args:
        documents: Tokens of each text.
        size: Maximum size of the vocabulary, including the special tokens.

    Returns:
        Special tokens, then the most frequent tokens.

    Raises:
        DataError: If ids up to `size` do not fit into uint16.
    """
    if size > MAX_VOCABULARY:
        raise DataError(f"vocabulary_size: expected at most {MAX_VOCABULARY}, found {size}")
    counts = Counter(token for document in documents for token in document)
    ranked = sorted(counts, key=lambda token: (-counts[token], token))
    return [*SPECIAL_TOKENS, *ranked][:size]


def encode_documents(
    documents: Sequence[Sequence[str]], vocabulary: Sequence[str], max_length: int, keep: str
) -> np.ndarray:
    """Encode texts as token ids, padded at the end.

    Args:
        documents: Tokens of n texts.
        vocabulary: Tokens, whose positions are the ids.
        max_length: Maximum number of tokens of a text; longer texts are truncated.
        keep: End of a longer text that is kept, "start" or "end".

    Returns:
        Token ids, uint16 [n, max_length].
    """
    ids = {token: index for index, token in enumerate(vocabulary)}
    encoded = np.full((len(documents), max_length), PADDING, np.uint16)
    for row, document in zip(encoded, documents, strict=True):
        kept = document[:max_length] if keep == "start" else document[-max_length:]
        row[: len(kept)] = [ids.get(token, UNKNOWN) for token in kept]
    return encoded


def encode_text(text: str, encoding: Mapping[str, Any]) -> np.ndarray:
    """Encode a text as one model input.

    Args:
        text: Raw text.
        encoding: `input` of info.json, of type text: `vocabulary`, `max_length`, `keep`.

    Returns:
        Token ids, uint16 [max_length].
    """
    document = tokenize(text)
    vocabulary, length = encoding["vocabulary"], encoding["max_length"]
    encoded: np.ndarray = encode_documents([document], vocabulary, length, encoding["keep"])[0]
    return encoded
