"""Answers of classifiers for many examples: calibrated, with warnings."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from stages.core.files import read_json
from stages.inference.bundle import Bundle, damaged
from stages.inference.calibration import apply_temperature, find_unlike
from stages.inference.outputs import normalize, probabilities

CALIBRATION = "calibration.json"
FEW = 16  # examples that are classified in one step: `predict` sets up for longer than they take


class Answer(NamedTuple):
    """Answer for one example.

    Attributes:
        best: Most probable class.
        known: Whether its probability is at least the threshold.
        probabilities: Calibrated probabilities by class.
        warning: Why the example is unlike the training data; empty if it is not.
    """

    best: str
    known: bool
    probabilities: dict[str, float]
    warning: str


def classify_all(
    bundle: Bundle, x: np.ndarray, calibration: Mapping[str, Any] | None
) -> list[Answer]:
    """Classify examples.

    Args:
        bundle: Classifier.
        x: Encoded examples [n, ...].
        calibration: Content of calibration.json; None if there is none: then the probabilities are
            those of the model, and all are known.
    """
    classes = bundle.spec["classes"]
    p = predict_classes(bundle, x)
    warnings = [""] * len(x)
    threshold = 0.0
    if calibration is not None:
        p = apply_temperature(p, calibration["temperature"])
        threshold = calibration["threshold"]
        warnings = find_unlike(x, calibration["unlike"])
    return [
        Answer(
            best=classes[int(row.argmax())],
            known=bool(row.max() >= threshold),
            probabilities=dict(zip(classes, row.tolist(), strict=True)),
            warning=warning,
        )
        for row, warning in zip(p, warnings, strict=True)
    ]


def predict_classes(bundle: Bundle, x: np.ndarray) -> np.ndarray:
    """Return the class probabilities, float64 [n, classes], of encoded examples x [n, ...]."""
    kind = bundle.spec["input"]["type"]
    if kind == "text" or len(x) > FEW:  # texts are sorted and shortened, which saves more
        return probabilities(bundle.model, x, kind)
    return normalize(bundle.model.predict_on_batch(x))


def load_calibration(folder: Path) -> dict[str, Any] | None:
    """Read the calibration of the model in `folder`; None if there is none.

    Raises:
        ModelError: If it is damaged.
    """
    path = folder / CALIBRATION
    if not path.exists():
        return None
    try:
        calibration: dict[str, Any] = read_json(path)
        float(calibration["temperature"]), float(calibration["threshold"])
        str(calibration["unlike"]["type"])
    except Exception as error:  # of any type of content
        raise damaged(path, error) from None
    return calibration
