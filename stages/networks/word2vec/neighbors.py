"""Words with similar vectors."""

import numpy as np

from stages.encoding.text import SPECIAL_TOKENS

FIRST_WORD = len(SPECIAL_TOKENS)  # token ids below are no words


def unit_vectors(vectors: np.ndarray) -> np.ndarray:
    """Divide vectors [n, dim] by their norm; zero vectors are unchanged."""
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors / np.where(norms > 0, norms, 1)


def find_nearest(units: np.ndarray, index: int, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Find the words with the highest cosine similarity to a word.

    Args:
        units: Unit vectors by token id [ids, dim].
        index: Token id of the word.
        count: Number of neighbors.

    Returns:
        Token ids of other words [count], the nearest first, and their similarities [count].
    """
    similarity = units @ units[index]
    similarity[[*range(FIRST_WORD), index]] = -np.inf
    nearest = np.argsort(-similarity, kind="stable")[:count]
    return nearest, similarity[nearest]
