"""Texts of characters: decoding, display, words, and groups of characters."""

import re

import numpy as np
import pandas as pd

MAX_POSITION = 10  # in a word; later positions are counted as this one


def decode(ids: np.ndarray, vocabulary: list[str]) -> str:
    """Decode character ids [n] to text."""
    return "".join(vocabulary[number] for number in ids.tolist())


def displayable(text: str) -> str:
    """Replace control characters, except line ends and tabs, by visible symbols."""
    return "".join(
        chr(0x2400 + ord(character)) if ord(character) < 32 and character not in "\n\t"
        else "␡" if character == "\x7f"
        else character
        for character in text
    )  # fmt: skip


def words(text: str) -> list[str]:
    """Split a text into lower-case words, except the first and last, which may be truncated."""
    return re.findall(r"[^\W\d_]+", text.lower())[1:-1]


def in_vocabulary_fraction(sampled: list[str], vocabulary: set[str]) -> float:
    """Return the fraction of the sampled words that are in the training vocabulary; 0 if none."""
    return round(sum(word in vocabulary for word in sampled) / max(len(sampled), 1), 4)


def nll_by_position(text: str, nll: np.ndarray) -> pd.DataFrame:
    """Return mean nll [n] by position in the word, 0 outside: position, nats, characters."""
    positions = np.zeros(len(text), int)
    for word in re.finditer(r"[^\W_]+", text):
        positions[word.start() : word.end()] = np.arange(1, word.end() - word.start() + 1)
    return mean_by("position", positions.clip(max=MAX_POSITION), nll)


def nll_by_type(text: str, nll: np.ndarray) -> pd.DataFrame:
    """Return mean nll [n] by character type, most frequent first: type, nats, characters."""
    means = mean_by("type", np.array([character_type(character) for character in text]), nll)
    return means.sort_values(by="characters", ascending=False, kind="stable", ignore_index=True)


def mean_by(name: str, groups: np.ndarray, nll: np.ndarray) -> pd.DataFrame:
    """Return mean nll [n] by group [n], rounded: columns `name`, nats, characters."""
    grouped = pd.Series(nll).groupby(pd.Series(groups, name=name))
    table = pd.DataFrame({"nats": grouped.mean().round(4), "characters": grouped.size()})
    return table.reset_index()


def character_type(character: str) -> str:
    """Return the name of the type of a character."""
    if character == "\n":
        return "end of line"
    if character.isspace():
        return "space"
    if character.isdigit():
        return "digit"
    if character.isalpha():
        return "capital" if character.isupper() else "letter"
    return "punctuation"
