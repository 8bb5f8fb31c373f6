"""Evaluation of a toy classifier of points in the plane."""

import keras
import numpy as np
import pandas as pd

from stages.inference.outputs import probabilities
from stages.metrics.classification import classification_metrics
from stages.plots.history import plot_history
from stages.plots.style import rasterize
from stages.tasks.interface import Evaluation, EvaluationContext
from stages.tasks.toy_classification import captions, plots
from stages.tasks.toy_classification.plots import Surfaces


def evaluate(context: EvaluationContext) -> Evaluation:
    """Compute metrics of the test points; draw the units at the end and during training."""
    train, test = context.load_split("train"), context.load_split("test")
    model, snapshots, axis = context.bundle.model, context.snapshots, context.snapshots["grid_axis"]
    p = probabilities(model, test.x, "points")
    scores = classification_metrics(test.y, p)
    kernels = dense_kernels(model)
    layer_units = [kernel.shape[1] for kernel in kernels[:-1]]
    steps = snapshots["training_step"]
    surfaces = [
        Surfaces(hidden, output, axis)
        for hidden, output in zip(snapshots["hidden"], snapshots["output"], strict=True)
    ]
    titles = [f"training points, after {step:,} steps" for step in steps]
    final = f"test points, after {steps[-1]:,} steps"
    return Evaluation(
        metrics={"test": scores},
        chart=surface_table(surfaces[-1]),
        figures={
            "learning_curves": plot_history(context.history, plots.PANELS, "training_step"),
            "network": plots.network(surfaces[-1], layer_units, test, final, kernels),
        },
        animations={
            "training": [
                rasterize(plots.network(surface, layer_units, train, title, []))
                for surface, title in zip(surfaces, titles, strict=True)
            ]
        },
        summaries={"learning_curves": captions.summarize(scores, context.history)},
    )


def dense_kernels(model: keras.Model) -> list[np.ndarray]:
    """Return the kernel [inputs, outputs] of each dense layer, first to last."""
    return [np.asarray(layer.kernel) for layer in model.layers if hasattr(layer, "kernel")]


def surface_table(surfaces: Surfaces) -> pd.DataFrame:
    """Return the probability of class 1 at every second grid point: columns x, y, probability."""
    x, y = np.meshgrid(surfaces.axis[::2], surfaces.axis[::-1][::2])
    p = surfaces.output[::2, ::2] / 255
    table = {"x": x.ravel(), "y": y.ravel(), "probability": p.ravel()}
    return pd.DataFrame(table).astype(float).round(3)
