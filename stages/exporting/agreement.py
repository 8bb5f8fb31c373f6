"""How well exported files agree with the model. Pure functions over probabilities and rows."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from stages.core.errors import ModelError
from stages.studies.findings import join

TOLERANCE = 1e-4  # of the probabilities of a float32 file
MAX_DROP = 0.01  # in accuracy, up to which an int8 file is as good as the model
KERAS, ONNX, LITERT, INT8 = "keras", "onnx", "litert", "int8"


class Row(NamedTuple):
    """A file of a model.

    Attributes:
        model: Id of the model.
        format: KERAS, ONNX, LITERT or INT8.
        size: In bytes, rounded up to two significant digits.
        accuracy: On the compared examples.
        max_difference: Largest difference of a probability from that of the Keras model.
    """

    model: str
    format: str
    size: int
    accuracy: float
    max_difference: float


class Reference(NamedTuple):
    """What files of a model are compared with.

    Attributes:
        model: Id of the model.
        p: Probabilities [n, classes] of the Keras model.
        y: Classes [n].
    """

    model: str
    p: np.ndarray
    y: np.ndarray


def compare(reference: Reference, format_: str, size: int, p: np.ndarray) -> Row:
    """Compare the probabilities of an exported file with those of the model.

    Args:
        reference: What they are compared with.
        format_: Format of the file.
        size: Size of the file in bytes.
        p: Probabilities [n, classes] of the exported file.

    Raises:
        ModelError: If a float32 file differs by more than TOLERANCE.
    """
    difference = float(np.abs(p - reference.p).max())
    if format_ != INT8 and not difference <= TOLERANCE:
        raise ModelError(
            f"{reference.model}: {format_}: a probability differs by {difference:.2g} from that of "
            f"the Keras model, expected at most {TOLERANCE:g}"
        )
    accuracy = float(np.mean(p.argmax(axis=1) == reference.y))
    return Row(reference.model, format_, round_up(size), accuracy, difference)


def round_up(size: int) -> int:
    """Round a size up to two significant digits: tf2onnx names nodes differently in each run."""
    unit = 10 ** max(len(str(size)) - 2, 0)
    return -(-size // unit) * unit


def group(rows: Sequence[Row]) -> dict[str, dict[str, Row]]:
    """Return the rows by model and format."""
    groups: dict[str, dict[str, Row]] = {}
    for row in rows:
        groups.setdefault(row.model, {})[row.format] = row
    return groups


def holds(row: Row, reference: Row) -> bool:
    """Return whether a file loses at most MAX_DROP in accuracy."""
    return reference.accuracy - row.accuracy <= MAX_DROP


def make_metrics(rows: Sequence[Row]) -> dict[str, Any]:
    """Return size and accuracy by model and format."""
    return {
        model: {name: {"bytes": row.size, "accuracy": row.accuracy} for name, row in files.items()}
        for model, files in group(rows).items()
    }


def conclude(rows: Sequence[Row], num_examples: int) -> str:
    """Return sentences on what was found.

    Args:
        rows: All files.
        num_examples: Number of test examples, at most.
    """
    exact = [row.max_difference for row in rows if row.format in {ONNX, LITERT}]
    text = (
        f"On up to {num_examples:,} test examples of each model, the probabilities of float32 "
        f"files differ from those of Keras by at most {max(exact):.0e}."
    )
    return f"{text} {describe_int8(group(rows))}".strip()


def describe_int8(groups: Mapping[str, Mapping[str, Row]]) -> str:
    """Return a sentence on the files of 8 bits; empty if there are none."""
    pairs = [(files[INT8], files[KERAS]) for files in groups.values() if INT8 in files]
    if not pairs:
        return ""
    good = [row.model for row, keras in pairs if holds(row, keras)]
    bad = [
        f"{row.model} ({100 * (row.accuracy - keras.accuracy):+.1f} points)"
        for row, keras in pairs
        if not holds(row, keras)
    ]
    parts = [f"hold for {join(good)}, within {MAX_DROP:.0%} of accuracy"] if good else []
    parts += [f"do not hold for {join(bad)}"] if bad else []
    return f"Integers of 8 bits {'; they '.join(parts)}."
