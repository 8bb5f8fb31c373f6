"""What the page shows of drawn digits, and of the inside of networks."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from stages.page.captions import Caption

NAMED_WORDS = 3  # on each side, in the sentence below a text
LEAST_SHADE = 0.04  # of the strongest effect; below it, a word has no color
ANSWERS = Caption(
    "Drawn digits and the answers",
    "Each digit as it was drawn and as the networks see it: found, scaled and centered like the"
    " images of MNIST. Below it, a row of bars per network: its ten probabilities, the answer green"
    " if it is right, else orange.",
)


class DrawnDigits(NamedTuple):
    """Drawn digits and what networks answered.

    Attributes:
        report: Content of details.json: folder, finding, drawings.
        metrics: Accuracy by model and group: easy, hard, all.
        figures: Figures.
    """

    report: Mapping[str, Any]
    metrics: Mapping[str, Mapping[str, float]]
    figures: Sequence[Any]

    @property
    def groups(self) -> list[str]:
        """The groups in the table."""
        return list(next(iter(self.metrics.values())))

    @property
    def rows(self) -> list[tuple[str, list[str]]]:
        """Each model, and how many drawings of each group it recognizes."""
        counts = {
            group: sum(group in {"all", each["group"]} for each in self.report["drawings"])
            for group in self.groups
        }
        return [
            (
                model,
                [
                    f"{round(accuracy[group] * counts[group])} of {counts[group]}"
                    for group in self.groups
                ],
            )
            for model, accuracy in self.metrics.items()
        ]


class Inside(NamedTuple):
    """Explanations of answers.

    Attributes:
        split: Split of the examples.
        sections: By model; see `present`.
    """

    split: str
    sections: Sequence[Mapping[str, Any]]


def present(model: str, details: Mapping[str, Any], figures: Sequence[Any]) -> dict[str, Any]:
    """Return the explanations of a model with what the page adds.

    Args:
        model: Id of the model.
        details: Content of details.json: `type` of its input, `caption` of its words, and
            `examples`: `example`, `label`, `answer`, `probability` and `words`.
        figures: Its figures.

    Returns:
        The details with `model`, these `figures`, a `sentence`, and for each example `pieces` of
        its text and a `sentence`.
    """
    examples = [
        {
            **example,
            "pieces": shade(example["words"]),
            "sentence": describe_words(example["words"], example["answer"]),
        }
        for example in details["examples"]
    ]
    added = {"figures": figures, "sentence": describe_answers(examples)}
    return {**details, "model": model, "examples": examples, **added}


def shade(words: Sequence[tuple[str, float | None]]) -> list[dict[str, Any]]:
    """Return how the pieces of a text are shown.

    Args:
        words: Pieces and their effects, None for what is not read.

    Returns:
        text, kind ("for", "against" or ""), strength from 0 to 1, and title, by piece.
    """
    most = max((abs(effect) for _, effect in words if effect is not None), default=0) or 1
    shown = []
    for text, effect in words:
        strength = 0 if effect is None else abs(effect) / most
        kind = "" if strength < LEAST_SHADE else "for" if (effect or 0) > 0 else "against"
        title = "" if effect is None else f"{effect:+.2f}"
        shown.append({"text": text, "kind": kind, "strength": f"{strength:.2f}", "title": title})
    return shown


def describe_words(words: Sequence[tuple[str, float | None]], answer: str) -> str:
    """Name the words that speak most for the answer and against it."""
    effects = [(word, effect) for word, effect in words if effect is not None]
    ranked = sorted(effects, key=lambda each: each[1])
    sentences = []
    for side, chosen in (("for", ranked[::-1]), ("against", ranked)):
        sign = 1 if side == "for" else -1
        named = [f"“{word}” ({effect:+.1f})" for word, effect in chosen if sign * effect > 0.05]
        if named:
            sentences.append(f"Most {side} {answer}: {', '.join(named[:NAMED_WORDS])}.")
    return " ".join(sentences)


def describe_answers(examples: Sequence[Mapping[str, Any]]) -> str:
    """Say how many of the answers for examples are right."""
    wrong = [each for each in examples if each["answer"] != each["label"]]
    named = ", ".join(f"example {each['example']} is {each['label']}" for each in wrong)
    right = len(examples) - len(wrong)
    verb = "is" if right == 1 else "are"
    return f"{right} of these {len(examples)} answers {verb} right" + (
        f"; {named}." if wrong else "."
    )
