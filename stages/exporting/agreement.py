"""How well exported files agree with the model. Pure functions over probabilities."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from stages.core.errors import ModelError

TOLERANCE = 1e-4  # of the probabilities of a float32 file
KERAS, ONNX, LITERT, INT8 = "keras", "onnx", "litert", "int8"


class ExportedFile(NamedTuple):
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


def compare(reference: Reference, format_: str, size: int, p: np.ndarray) -> ExportedFile:
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
    return ExportedFile(reference.model, format_, round_up(size), accuracy, difference)


def round_up(size: int) -> int:
    """Round a size up to two significant digits: tf2onnx names nodes differently in each run."""
    unit = 10 ** max(len(str(size)) - 2, 0)
    return -(-size // unit) * unit


def make_metrics(files: Sequence[ExportedFile]) -> dict[str, Any]:
    """Return size and accuracy by format."""
    return {file.format: {"bytes": file.size, "accuracy": file.accuracy} for file in files}
