"""Text as a sequence of character ids."""

from collections.abc import Sequence

import numpy as np

from stages.core.errors import DataError

MAX_VOCABULARY = 65_536  # ids are uint16
DISPLAY_NAMES = {" ": "space", "\n": "newline"}


def encode_characters(text: str, vocabulary: Sequence[str]) -> np.ndarray:
    """Encode text as character ids.

    Args:
        text: Text of n characters.
        vocabulary: Characters, whose positions are the ids.

    Returns:
        Ids, uint16 [n].

    Raises:
        DataError: If a character is not in the vocabulary, or the vocabulary is too large.
    """
    if len(vocabulary) > MAX_VOCABULARY:
        raise DataError(
            f"expected at most {MAX_VOCABULARY} distinct characters, found {len(vocabulary)}"
        )
    ids = {character: index for index, character in enumerate(vocabulary)}
    try:
        return np.array([ids[character] for character in text], np.uint16)
    except KeyError as error:
        raise DataError(
            f"character {error.args[0]!r}: not one of the {len(vocabulary)} of the vocabulary"
        ) from None


def decode_characters(ids: np.ndarray, vocabulary: Sequence[str]) -> str:
    """Decode character ids [n] to text."""
    return "".join(vocabulary[index] for index in ids)


def display_name(character: str) -> str:
    """Return a printable name of a character, for charts."""
    if character in DISPLAY_NAMES:
        return DISPLAY_NAMES[character]
    return character if character.isprintable() else character.encode("unicode_escape").decode()
