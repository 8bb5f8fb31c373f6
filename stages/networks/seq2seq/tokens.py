"""Target sequences as token ids: the tokens, an end-of-sequence token, and padding."""

from collections.abc import Sequence

import numpy as np

PADDING, START, END = 0, 1, 2  # ids; START precedes the target as the first input of the decoder
SPECIAL = ["[padding]", "[start]", "[end]"]  # the first entries of each target vocabulary


def encode_tokens(sequences: Sequence[Sequence[str]], vocabulary: Sequence[str]) -> np.ndarray:
    """Encode token sequences as ids, each followed by END, and then padded.

    Args:
        sequences: Tokens of each of n sequences.
        vocabulary: Tokens by id, beginning with SPECIAL; at most 256.

    Returns:
        Ids, uint8 [n, length of the longest sequence + 1].
    """
    ids = {token: number for number, token in enumerate(vocabulary)}
    encoded = np.full((len(sequences), 1 + max(map(len, sequences))), PADDING, np.uint8)
    for row, tokens in zip(encoded, sequences, strict=True):
        row[: len(tokens)] = [ids[token] for token in tokens]
        row[len(tokens)] = END
    return encoded


def decode_tokens(ids: np.ndarray, vocabulary: Sequence[str]) -> list[str]:
    """Decode the ids [length] of a sequence to its tokens before END."""
    (ends,) = np.nonzero(ids == END)
    return [vocabulary[number] for number in ids[: ends[0] if len(ends) else len(ids)]]
