"""Outputs of trained models for encoded arrays."""

import math
from typing import Any

import keras
import numpy as np

from stages.core.splits import PADDING

PREDICT_BATCH = 500  # examples per batch, which bounds memory


def probabilities(model: keras.Model, x: np.ndarray, input_type: str) -> np.ndarray:
    """Predict class probabilities.

    Args:
        model: Classifier that outputs probabilities of all classes, or of class 1 only.
        x: Encoded examples [n, ...].
        input_type: `type` of the `input` of info.json or spec.json.

    Returns:
        Probabilities, float64 [n, classes]; each row sums to 1.
    """
    predict_all = predict_texts if input_type == "text" else predict_arrays
    return normalize(predict_all(model, x))


def normalize(outputs: np.ndarray) -> np.ndarray:
    """Convert outputs of a classifier to class probabilities; see `probabilities`."""
    p = outputs.astype(np.float64)
    if p.shape[1] == 1:
        p = np.concatenate([1 - p, p], axis=1)
    return p / p.sum(axis=1, keepdims=True)


def predict_arrays(model: keras.Model, x: np.ndarray | list[np.ndarray]) -> Any:
    """Return the outputs of `model` for inputs x [n, ...], or a list of several inputs."""
    return model.predict(x, batch_size=PREDICT_BATCH, verbose=0)


def predict_texts(model: keras.Model, x: np.ndarray) -> np.ndarray:
    """Return the outputs [n, ...] for texts x [n, length], padded at the end.

    Texts are sorted by length and each batch is padded to its longest text, which takes half the
    time and does not change the outputs, since the network masks padding.
    """
    lengths = np.count_nonzero(x != PADDING, axis=1)
    order = np.argsort(lengths, kind="stable")
    batches = np.array_split(order, math.ceil(len(order) / PREDICT_BATCH))
    outputs = [model.predict_on_batch(x[rows, : max(lengths[rows].max(), 1)]) for rows in batches]
    return np.concatenate(outputs)[np.argsort(order, kind="stable")]


def to_pixels(values: np.ndarray) -> np.ndarray:
    """Round values [...] to pixel values of 0 to 255, uint8."""
    return np.rint(values).clip(0, 255).astype(np.uint8)


def logits_to_pixels(logits: np.ndarray) -> np.ndarray:
    """Convert logits [...] to pixel values, uint8: 255 times their sigmoid."""
    return to_pixels(127.5 + 127.5 * np.tanh(logits / 2))
