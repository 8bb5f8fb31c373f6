"""Judge a trained model on the test rows: reports/<model>/metrics.json and plots/."""

import importlib
import json
import math
from pathlib import Path
from typing import Any, NamedTuple

import keras
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from stages import cli, metrics, params
from stages.cross_validation import out_of_fold
from stages.data import PARTS, ROOT, Part, concatenate, load_description, load_part
from stages.files import replacing, write_json
from stages.plots import classification as plots
from stages.plots.style import save_figure
from stages.saving import load_model
from stages.training import set_determinism

MODELS = Path("models")
REPORTS = Path("reports")
BATCH = 500
MISTAKES = 15
MISSES = (0.2, 0.1, 0.05)  # shares of the positive rows that one may accept to miss


class Judged(NamedTuple):
    """Rows that a model was not trained on: y [n], its probabilities p [n, classes], their name."""

    y: np.ndarray
    p: np.ndarray
    rows: str


def main(model: str) -> None:
    """Evaluate `model`. This stage alone reads test rows; for few rows it cross-validates too."""
    block = params.get(params.load().models, model, "model")
    description = load_description(block.dataset)
    network = importlib.import_module(f"stages.networks.{block.network}")  # its layers, to load
    set_determinism(block.seed)
    test = load_part(block.dataset, "test")
    p = probabilities(load_model(MODELS / model / "model.keras"), test.x, description["kind"])
    scores, judged = {"test": metrics.classification(test.y, p)}, Judged(test.y, p, "test rows")
    if isinstance(block, params.TableMlp):
        scores["cv"], judged = cross_validate(network, block, description)

    data: dict[str, Any] = {"calibration": metrics.calibration(judged.y, judged.p)}
    if positive := description.get("positive"):
        data["binary"] = describe_errors(judged, positive)
    worst = metrics.worst_mistakes(test.y, p, MISTAKES)
    data["mistakes"] = describe_mistakes(block.dataset, description, test, p, worst)
    confusion = metrics.confusion(test.y, p, description["classes"])
    figures = draw(data, confusion, pd.read_csv(MODELS / model / "history.csv"))
    if description["kind"] == "image":
        figures["mistakes"] = plots.mistakes(test.x[worst], list(data["mistakes"].values()))
    save(REPORTS / model, scores, figures, data, confusion)


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


def cross_validate(
    network: Any, block: params.TableMlp, description: dict[str, Any]
) -> tuple[dict[str, float], Judged]:
    """Train a network like the model's for each fold of all rows, and judge it by the others."""
    rows = concatenate(*(load_part(block.dataset, name) for name in PARTS))

    def fit_and_score(kept: Part, x: np.ndarray) -> np.ndarray:
        return probabilities(network.train(block, description, kept, None).model, x, "table")[:, 1]

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


def describe_mistakes(
    dataset: str, description: dict[str, Any], test: Part, p: np.ndarray, rows: np.ndarray
) -> dict[str, dict[str, Any]]:
    """By row: what it is, what it was taken for and with which probability, worst first."""
    classes, kind = description["classes"], description["kind"]
    details: list[dict[str, Any]] = [{} for _ in rows]
    if kind == "table":
        details = [{"values": name_values(description["columns"], test.x[row])} for row in rows]
    if kind == "text":
        details = read_reviews(ROOT / dataset / "test_reviews.jsonl", rows)
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


def save(
    folder: Path,
    scores: dict[str, Any],
    figures: dict[str, Figure],
    data: dict[str, Any],
    confusion: list[dict[str, Any]],
) -> None:
    """Write metrics.json, confusion.csv, and in plots/ the pictures and the data that they show.

    The data in plots/ has no list of records, which `dvc plots` would take for a chart's rows.
    """
    with replacing(folder / "plots") as partial:
        partial.mkdir(parents=True)
        for name, figure in figures.items():
            save_figure(figure, partial / f"{name}.png")
        for name, values in data.items():
            write_json(partial / f"{name}.json", values)
    with replacing(folder / "confusion.csv") as partial:
        pd.DataFrame(confusion).to_csv(partial, index=False, lineterminator="\n")
    write_json(folder / "metrics.json", scores)
    for part, values in scores.items():
        print(f"{part}: " + ", ".join(f"{name} {value:.4f}" for name, value in values.items()))


if __name__ == "__main__":
    cli.run(main, "model")
