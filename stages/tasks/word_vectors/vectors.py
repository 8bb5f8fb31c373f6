"""Word vectors as arrays: loss on other texts, neighbors, analogies, means of texts."""

from collections.abc import Mapping, Sequence
from itertools import permutations
from typing import Any, NamedTuple

import numpy as np
from scipy.special import log_expit

from stages.core.splits import PADDING
from stages.networks.word2vec.neighbors import FIRST_WORD, find_nearest

NEGATIVE_EXPONENT = 0.75  # as in stages/pipelines/skip_grams.py
ROWS = 1000  # of a large matrix at a time, which bounds memory
TOP = 5  # answers to an analogy


class Pairs(NamedTuple):
    """Pairs of a word and a word near it, each as often as in the texts.

    Attributes:
        words: Token ids [pairs].
        contexts: Token ids [pairs].
        weights: Expected number of times that training would use the pair, float64 [pairs].
    """

    words: np.ndarray
    contexts: np.ndarray
    weights: np.ndarray


def find_pairs(x: np.ndarray, kept: np.ndarray, window: int) -> Pairs:
    """Find the pairs of words in texts.

    Args:
        x: Token ids [n, length], padded at the end.
        kept: Probability with which training keeps an occurrence of each word [ids].
        window: Widest distance; pairs are used in proportion to window + 1 - distance.

    Returns:
        Pairs in both orders.
    """
    parts = []
    for distance in range(1, window + 1):
        first, second = x[:, :-distance], x[:, distance:]
        known = (first >= FIRST_WORD) & (second >= FIRST_WORD)
        a, b = first[known].astype(np.int64), second[known].astype(np.int64)
        weights = kept[a] * kept[b] * (window + 1 - distance) / window
        parts += [Pairs(a, b, weights), Pairs(b, a, weights)]
    return Pairs(*(np.concatenate(arrays) for arrays in zip(*parts, strict=True)))


def negative_sampling_loss(
    word: np.ndarray, context: np.ndarray, pairs: Pairs, counts: np.ndarray, negatives: int
) -> float:
    """Compute the expected loss of skip-gram with negative sampling, without sampling.

    Args:
        word: Vectors of the words [ids, dim].
        context: Vectors of the words as contexts [ids, dim].
        pairs: Pairs of the texts.
        counts: Occurrences of each word in the training split [ids]; 0 for special tokens.
        negatives: Number of negative samples of a pair.

    Returns:
        Mean loss of a pair, in nats.
    """
    frequencies = counts.astype(np.float64) ** NEGATIVE_EXPONENT
    frequencies /= frequencies.sum()
    totals = np.bincount(pairs.words, pairs.weights, minlength=len(word))
    used, loss = np.flatnonzero(totals), 0.0
    for rows in np.array_split(used, -(-len(used) // ROWS)):
        expected = -log_expit(-(word[rows] @ context.T)) @ frequencies
        loss += negatives * float(totals[rows] @ expected)
    for part in np.array_split(np.arange(len(pairs.words)), -(-len(pairs.words) // (100 * ROWS))):
        logits = np.einsum("nd,nd->n", word[pairs.words[part]], context[pairs.contexts[part]])
        loss -= float(pairs.weights[part] @ log_expit(logits.astype(np.float64)))
    return loss / float(pairs.weights.sum())


def uninformed_loss(negatives: int) -> float:
    """Return the least loss of vectors that are equal for all words, in nats.

    Every logit is then log(1 / negatives), the odds that a pair is not a negative sample.
    """
    return float(np.log1p(negatives) + negatives * np.log1p(1 / negatives))


def nearest(units: np.ndarray, vocabulary: Sequence[str], word: str, count: int) -> dict[str, Any]:
    """Return a word and the words with the highest cosine similarity to it.

    Args:
        units: Unit vectors [ids, dim].
        vocabulary: Words by token id.
        word: Word of the vocabulary.
        count: Number of neighbors.

    Returns:
        `word`, and `neighbors`, records of word and similarity, the nearest first.
    """
    found = find_nearest(units, vocabulary.index(word), count)
    neighbors = [
        {"word": vocabulary[other], "similarity": round(float(similarity), 3)}
        for other, similarity in zip(*found, strict=True)
    ]
    return {"word": word, "neighbors": neighbors}


def answer_analogies(
    units: np.ndarray,
    vocabulary: Sequence[str],
    categories: Mapping[str, Sequence[tuple[str, str]]],
) -> list[dict[str, Any]]:
    """Answer questions like: man is to woman as king is to ..., by the word nearest to the sum.

    Pairs with a word that is not in the vocabulary are left out, and categories with fewer than two
    others. The three words of a question are no answers.

    Args:
        units: Unit vectors [ids, dim].
        vocabulary: Words by token id.
        categories: Pairs of words by category.

    Returns:
        Records of category, questions, accuracy, and accuracy_top_5, where one of the five nearest
        words is right.

    Reference:
        Mikolov, Yih, Zweig: Linguistic regularities in continuous space word representations,
        NAACL 2013.
    """
    ids = {word: index for index, word in enumerate(vocabulary)}
    records = []
    for category, pairs in categories.items():
        known = [(ids[a], ids[b]) for a, b in pairs if a in ids and b in ids]
        if len(known) < 2:
            continue
        questions = np.array([(*first, *second) for first, second in permutations(known, 2)])
        ranks = rank_answers(units, questions)
        records.append(
            {
                "category": category,
                "questions": len(questions),
                "accuracy": float((ranks == 0).mean()),
                "accuracy_top_5": float((ranks < TOP).mean()),
            }
        )
    return records


def rank_answers(units: np.ndarray, questions: np.ndarray) -> np.ndarray:
    """Return the number of words that are nearer than the right one.

    Args:
        units: Unit vectors [ids, dim].
        questions: Token ids [n, 4] of a is to b as c is to d.

    Returns:
        Ranks [n]; 0 if d is the nearest.
    """
    a, b, c, d = questions.T
    similarity = (units[b] - units[a] + units[c]) @ units.T
    rows = np.arange(len(questions))
    right = similarity[rows, d]
    similarity[:, :FIRST_WORD] = -np.inf
    similarity[rows[:, None], questions[:, :3]] = -np.inf
    ranks: np.ndarray = (similarity > right[:, None]).sum(axis=1)
    return ranks


def mean_vectors(x: np.ndarray, vectors: np.ndarray) -> np.ndarray:
    """Return the mean vector of the words of each text.

    Args:
        x: Token ids [n, length], padded at the end.
        vectors: Vectors of the words [ids, dim].

    Returns:
        Means, float32 [n, dim]; 0 without a known word.
    """
    table = vectors.astype(np.float32)
    table[:FIRST_WORD] = 0
    means = np.zeros((len(x), vectors.shape[1]), np.float32)
    for rows in np.array_split(np.arange(len(x)), -(-len(x) // ROWS)):
        words = np.asarray(x[rows, : max(int((x[rows] != PADDING).sum(axis=1).max()), 1)])
        known = (words >= FIRST_WORD).sum(axis=1, keepdims=True)
        means[rows] = table[words].sum(axis=1) / np.maximum(known, 1)
    return means
