"""Text as a sequence of character ids."""

from collections.abc import Sequence

import numpy as np

from stages.core.errors import DataError

MAX_VOCABULARY = 65_536  # ids are uint16
DISPLAY_NAMES = {" ": "space", "\n": "newline"}


def encode_characters(text: str, vocabulary: Sequence[str]) -> np.ndarray:
    """The id of each character.

    Args:
        text: n characters.
        vocabulary: characters, whose positions are the ids.

    Returns:
        [n] uint16.

    Raises:
        DataError: naming the first character that is not in the vocabulary.
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
    """The text that character ids [n] stand for."""
    return "".join(vocabulary[index] for index in ids)


def display_name(character: str) -> str:
    """A name for a character that a chart can show."""
    if character in DISPLAY_NAMES:
        return DISPLAY_NAMES[character]
    return character if character.isprintable() else character.encode("unicode_escape").decode()
