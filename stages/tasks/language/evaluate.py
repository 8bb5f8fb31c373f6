"""Judge a language model by text that it has not read, and let it write.

The held-out part is read as one stream: the states are zero at its first character and carried to
its last, so that nothing of the text before it helps.
"""

import math
import re
from typing import Any

import keras
import numpy as np
import pandas as pd

from stages.data import Part
from stages.evaluation import Evaluation, Inputs
from stages.networks.charrnn import most_frequent, surprise, writer
from stages.params import CharRnn
from stages.tasks.language import plots

SEGMENT = 255  # characters read from zero states, to see what context is worth; 2^n - 1
PASSAGE = 640  # characters of the strip
WRITTEN = 4000  # characters at each temperature, in which words are counted
SHOWN = 600  # of them
LONGEST = 12  # place in a word; what stands further back counts as standing here


def evaluate(inputs: Inputs, block: CharRnn) -> Evaluation:
    """Nats of the test part, where they are lost, and texts as training went on and at its end."""
    vocabulary, test = inputs.description["vocabulary"], inputs.parts["test"]
    nats = surprise(inputs.model, test.x[None], test.y[None])[0]
    loss, following = float(nats.mean()), decode(test.y, vocabulary)
    chart = by_position(following, nats)
    kinds, contexts = by_kind(following, nats), by_context(inputs.model, test)
    begin = max(min(SEGMENT, len(nats) - PASSAGE), 0)
    passage, heat = following[begin : begin + PASSAGE], nats[begin : begin + PASSAGE]
    return Evaluation(
        metrics={"validation": {"loss": loss, "bits_per_char": loss / math.log(2)}},
        chart=chart,
        figures={
            "curves": plots.curves(inputs.history, loss),
            "context": plots.context(contexts),
            "kinds": plots.kinds(kinds),
            "word_positions": plots.word_positions(chart),
            "strip": plots.strip(passage, heat),
        },
        data={
            "samples": describe_progress(inputs.progress, block, vocabulary),
            "final_samples": describe_texts(inputs, block),
            "context": contexts,
            "kinds": kinds,
            "word_positions": chart.to_dict("list"),
            "strip": {"text": passage, "nats": heat.round(3).tolist()},
        },
    )


def decode(numbers: np.ndarray, vocabulary: list[str]) -> str:
    """The text of character numbers [n]."""
    return "".join(vocabulary[number] for number in numbers.tolist())


def by_position(text: str, nats: np.ndarray) -> pd.DataFrame:
    """Mean nats by place in the word, 0 for what is in no word: position, nats, characters."""
    positions = np.zeros(len(text), int)
    for word in re.finditer(r"[^\W_]+", text):
        positions[word.start() : word.end()] = np.arange(1, word.end() - word.start() + 1)
    return mean_by("position", positions.clip(max=LONGEST), nats)


def by_kind(text: str, nats: np.ndarray) -> dict[str, list[Any]]:
    """Mean nats by kind of character, the most frequent kind first: kind, nats, characters."""
    means = mean_by("kind", np.array([kind(character) for character in text]), nats)
    ranked = means.sort_values(by="characters", ascending=False, kind="stable")
    return {str(column): ranked[column].tolist() for column in ranked}


def mean_by(name: str, groups: np.ndarray, nats: np.ndarray) -> pd.DataFrame:
    """Mean nats of each group, rounded: columns `name`, nats, characters. Both arrays are [n]."""
    grouped = pd.Series(nats).groupby(pd.Series(groups, name=name))
    table = pd.DataFrame({"nats": grouped.mean().round(4), "characters": grouped.size()})
    return table.reset_index()


def kind(character: str) -> str:
    """What sort of character it is."""
    if character == "\n":
        return "end of line"
    if character.isspace():
        return "space"
    if character.isdigit():
        return "digit"
    if character.isalpha():
        return "capital" if character.isupper() else "letter"
    return "punctuation"


def by_context(model: keras.Model, part: Part) -> dict[str, list[Any]]:
    """Mean nats by how many characters were read since zero states: characters_read, nats.

    The part is cut into segments that are each read from zero states. Counts are put together
    between powers of two; each such group has the name of its first.
    """
    length = min(SEGMENT, len(part.x))
    used = len(part.x) // length * length
    x, y = part.x[:used].reshape(-1, length), part.y[:used].reshape(-1, length)
    means = surprise(model, x, y).mean(axis=0)
    edges = [2**power - 1 for power in range(length.bit_length())]
    groups = np.split(means, edges[1:])
    filled = [(edge + 1, group) for edge, group in zip(edges, groups, strict=True) if len(group)]
    return {
        "characters_read": [first for first, _ in filled],
        "nats": [round(float(group.mean()), 4) for _, group in filled],
    }


def describe_progress(
    progress: dict[str, np.ndarray], block: CharRnn, vocabulary: list[str]
) -> dict[str, Any]:
    """What was written while it learned: epochs, and by temperature a text for each of them."""
    return {
        "epochs": progress["epochs"].tolist(),
        "texts": {
            str(temperature): [decode(text, vocabulary) for text in progress["samples"][:, row]]
            for row, temperature in enumerate(block.sample_temperatures)
        },
    }


def describe_texts(inputs: Inputs, block: CharRnn) -> dict[str, Any]:
    """What the trained network writes, and how much of it are words of the training text.

    texts, known_words: by temperature; the share is of the words of a longer text.
    """
    vocabulary, train = inputs.description["vocabulary"], inputs.parts["train"]
    shape = (WRITTEN, len(block.sample_temperatures), len(vocabulary))
    noise = np.random.default_rng(block.seed).gumbel(size=shape)
    written = writer(inputs.model)(most_frequent(train), block.sample_temperatures, noise)
    texts = [decode(text, vocabulary) for text in written]
    names = [str(temperature) for temperature in block.sample_temperatures]
    known = set(words(decode(train.x, vocabulary)))
    shares = [known_share(words(text), known) for text in texts]
    return {
        "texts": dict(zip(names, [text[:SHOWN] for text in texts], strict=True)),
        "known_words": dict(zip(names, shares, strict=True)),
    }


def known_share(written: list[str], known: set[str]) -> float:
    """The share of the words `written` that are known; 0 where there is none."""
    return round(sum(word in known for word in written) / max(len(written), 1), 4)


def words(text: str) -> list[str]:
    """The words of a text in lower case; what is at its edges may be cut off and is left out."""
    return re.findall(r"[^\W\d_]+", text.lower())[1:-1]
