"""Answers as lines of text: a row with all probabilities, or JSON."""

import json
from collections.abc import Sequence
from typing import Any

from stages.inference.classify import Answer
from stages.inference.examples import Example

NAME, BOX, ANSWER = 32, 20, 24  # characters of the first columns
UNKNOWN = "I do not know"


def header(classes: Sequence[str], boxes: bool) -> str:
    """Return the header of the table of a classifier; `boxes` if its examples have one."""
    columns = " ".join(f"{name:>{column_width(name)}}" for name in classes)
    box = f"{'box':{BOX}}" if boxes else ""
    return f"{'input':{NAME}} {box}{'answer':{ANSWER}} {columns}"


def row(example: Example, answer: Answer) -> str:
    """Return the row of an example, and a second line if there is a warning."""
    box = "" if example.box is None else f"{','.join(map(str, example.box)):{BOX}}"
    columns = " ".join(
        f"{percent(p):>{column_width(name)}}" for name, p in answer.probabilities.items()
    )
    line = f"{fit(example.name):{NAME}} {box}{describe(answer):{ANSWER}} {columns}"
    return f"{line}\n  warning: {answer.warning}" if answer.warning else line


def describe(answer: Answer) -> str:
    """Return the class, or that it is not known, with the best guess."""
    return answer.best if answer.known else f"{UNKNOWN} ({answer.best}?)"


def percent(p: float) -> str:
    """Return a probability in percent."""
    return f"{100 * p:.1f}%"


def column_width(name: str) -> int:
    """Return the width of the column of a class in characters."""
    return max(6, len(name))


def fit(name: str) -> str:
    """Return the end of a long name, which tells files apart."""
    line = " ".join(name.split())
    return line if len(line) <= NAME else f"…{line[1 - NAME :]}"


def as_json(example: Example, answer: Answer) -> str:
    """Return an answer as a JSON object; `class` is null for "I do not know"."""
    values: dict[str, Any] = {"input": example.name}
    if example.box is not None:
        values["box"] = example.box
    values |= {
        "class": answer.best if answer.known else None,
        "best": answer.best,
        "confidence": answer.probabilities[answer.best],
        "probabilities": answer.probabilities,
    }
    if answer.warning:
        values["warning"] = answer.warning
    return json.dumps(values, ensure_ascii=False)
