"""Judge a classifier of points, and show what its neurons make of the plane."""

import numpy as np
import pandas as pd
from sklearn.metrics import accuracy_score, f1_score, log_loss

from stages.data import GRID, LIMIT
from stages.evaluation import Evaluation, Inputs
from stages.params import PointsMlp
from stages.plots.style import rasterise
from stages.tasks.boundary import plots


def evaluate(inputs: Inputs, block: PointsMlp) -> Evaluation:
    """Metrics of the test points; the network as surfaces, at the end and while it learned."""
    progress, train, test = inputs.progress, inputs.parts["train"], inputs.parts["test"]
    output, neurons = progress["output"], progress["neurons"]
    kernels = [layer.kernel.numpy() for layer in inputs.model.layers]
    widths, last = block.hidden_units, f"after {block.steps} steps"
    frames = [
        rasterise(plots.network((hidden, surface), widths, train, f"after {step} steps", []))
        for step, hidden, surface in zip(progress["steps"], neurons, output, strict=True)
    ]
    return Evaluation(
        metrics={"test": metrics(test.y, inputs.model.predict(test.x, verbose=0)[:, 0])},
        chart=surface_table(output[-1]),
        figures={
            "network": plots.network((neurons[-1], output[-1]), widths, test, last, kernels),
            "curves": plots.curves(inputs.history),
        },
        data={"surface": {"limit": LIMIT, "probability_of_255": output[-1].tolist()}},
        animations={"learning": frames},
    )


def metrics(y: np.ndarray, p: np.ndarray) -> dict[str, float]:
    """Accuracy, mean cross-entropy in nats and macro F1; y: [n], p: [n], of class 1."""
    called = p > 0.5
    return {
        "accuracy": float(accuracy_score(y, called)),
        "loss": float(log_loss(y, p.astype(np.float64), labels=[0, 1])),
        "f1_macro": float(f1_score(y, called, average="macro")),
    }


def surface_table(output: np.ndarray) -> pd.DataFrame:
    """The probability of class 1 at every other point of the grid: columns x, y, probability."""
    places, p = GRID[::2, ::2].reshape(-1, 2), output[::2, ::2].ravel() / 255
    table = {"x": places[:, 0], "y": places[:, 1], "probability": p}
    return pd.DataFrame(table).astype(float).round(3)
