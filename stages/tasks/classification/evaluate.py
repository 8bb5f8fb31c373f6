"""Judge a classifier by the test rows, and show where it is wrong."""

import json
import math
from pathlib import Path
from typing import Any, NamedTuple

import keras
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from stages.data import PARTS, Part, concatenate
from stages.evaluation import Evaluation, Inputs
from stages.params import Classifier, TableMlp
from stages.tasks.classification import metrics, plots
from stages.tasks.classification.cross_validation import out_of_fold

BATCH = 500
MISTAKES = 15
MISSES = (0.2, 0.1, 0.05)  # shares of the positive rows that one may accept to miss


class Judged(NamedTuple):
    """Rows that a model was not trained on: y [n], its probabilities p [n, classes], their name."""

    y: np.ndarray
    p: np.ndarray
    rows: str


def evaluate(inputs: Inputs, block: Classifier) -> Evaluation:
    """Scores, errors and calibration on the test rows; for few rows by cross-validation too."""
    description, test = inputs.description, inputs.parts["test"]
    p = probabilities(inputs.model, test.x, description["kind"])
    scores, judged = {"test": metrics.classification(test.y, p)}, Judged(test.y, p, "test rows")
    if isinstance(block, TableMlp):
        scores["cv"], judged = cross_validate(inputs, block)

    data: dict[str, Any] = {"calibration": metrics.calibration(judged.y, judged.p)}
    if positive := description.get("positive"):
        data["binary"] = describe_errors(judged, positive)
    worst = metrics.worst_mistakes(test.y, p, MISTAKES)
    data["mistakes"] = describe_mistakes(inputs, p, worst)
    confusion = metrics.confusion(test.y, p, description["classes"])
    figures = draw(data, confusion, inputs.history)
    if description["kind"] == "image":
        figures["mistakes"] = plots.mistakes(test.x[worst], list(data["mistakes"].values()))
    return Evaluation(scores, pd.DataFrame(confusion), figures, data)


def probabilities(model: keras.Model, x: np.ndarray, kind: str) -> np.ndarray:
    """Probabilities [n, classes] of rows x, also for a model that gives that of class 1 alone."""
    p = predict_texts(model, x) if kind == "text" else model.predict(x, BATCH, verbose=0)
    p = p.astype(np.float64)
    if p.shape[1] == 1:
        p = np.concatenate([1 - p, p], axis=1)
    return p / p.sum(axis=1, keepdims=True)


def predict_texts(model: keras.Model, x: np.ndarray) -> np.ndarray:
    """What the model says of texts x [n, length], padded with 0 behind, the shortest first.

    Each batch is cut where its longest text ends, which saves half of the time and changes
    nothing, since the network leaves padding out.
    """
    lengths = np.count_nonzero(x, axis=1)
    order = np.argsort(lengths, kind="stable")
    batches = np.array_split(order, math.ceil(len(order) / BATCH))
    said = [model.predict_on_batch(x[rows, : max(lengths[rows].max(), 1)]) for rows in batches]
    outputs = np.concatenate(said)
    return outputs[np.argsort(order, kind="stable")]


def cross_validate(inputs: Inputs, block: TableMlp) -> tuple[dict[str, float], Judged]:
    """Train a network like the model's for each fold of all rows, and judge it by the others."""
    rows = concatenate(*(inputs.parts[name] for name in PARTS))

    def fit_and_score(kept: Part, x: np.ndarray) -> np.ndarray:
        return probabilities(inputs.retrain(kept), x, "table")[:, 1]

    scores, folds = out_of_fold(fit_and_score, rows, block.folds, block.repeats, block.seed)
    mean = scores.mean(axis=0)
    judged = Judged(rows.y, np.stack([1 - mean, mean], axis=1), "all rows, out of fold")
    return metrics.cross_validation(rows.y, scores, folds), judged


def describe_errors(judged: Judged, positive: str) -> dict[str, Any]:
    """The curves of a model of two classes, and what each kind of error costs of the other."""
    score = judged.p[:, 1]
    return metrics.curves(judged.y, score) | {
        "rows": judged.rows,
        "positive": positive,
        "trade_offs": metrics.trade_offs(judged.y, score, MISSES),
    }


def describe_mistakes(inputs: Inputs, p: np.ndarray, rows: np.ndarray) -> dict[str, dict[str, Any]]:
    """By row: what it is, what it was taken for and with which probability, worst first."""
    description, test = inputs.description, inputs.parts["test"]
    classes, kind = description["classes"], description["kind"]
    details: list[dict[str, Any]] = [{} for _ in rows]
    if kind == "table":
        details = [{"values": name_values(description["columns"], test.x[row])} for row in rows]
    if kind == "text":
        details = read_reviews(inputs.folder / "test_reviews.jsonl", rows)
    return {
        str(row): {
            "actual": classes[test.y[row]],
            "predicted": classes[p[row].argmax()],
            "probability": float(p[row].max()),
        }
        | detail
        for row, detail in zip(rows, details, strict=True)
    }


def name_values(columns: list[dict[str, Any]], row: np.ndarray) -> dict[str, float | None]:
    """The values of a row of a table by column, None where missing."""
    names = [column["name"] for column in columns]
    values = [None if np.isnan(value) else float(value) for value in row]
    return dict(zip(names, values, strict=True))


def read_reviews(path: Path, rows: np.ndarray) -> list[dict[str, Any]]:
    """The reviews on some lines of a file of JSON lines, in the order of `rows`."""
    wanted = set(rows.tolist())
    with path.open(encoding="utf-8") as lines:
        found = {number: json.loads(line) for number, line in enumerate(lines) if number in wanted}
    return [found[row] for row in rows.tolist()]


def draw(
    data: dict[str, Any], confusion: list[dict[str, Any]], history: pd.DataFrame
) -> dict[str, Figure]:
    """The pictures that every classifier has, and those of a model of two classes."""
    figures = {
        "curves": plots.curves(history),
        "calibration": plots.calibration(data["calibration"]),
        "confusion": plots.confusion(confusion),
    }
    if "binary" in data:
        figures["binary"] = plots.binary_curves(data["binary"])
    return figures
