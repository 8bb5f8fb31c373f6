"""Evaluation of a generator of points in the plane by their distribution."""

import numpy as np
import pandas as pd

from stages.inference.predict import predict_arrays
from stages.metrics.distances import plane_directions, sliced_wasserstein
from stages.metrics.generation import coverage
from stages.plots.style import rasterize
from stages.tasks.interface import Evaluation, EvaluationContext
from stages.tasks.toy_generation import captions, plots

CHART_POINTS = 300  # of each kind, at most


def evaluate(context: EvaluationContext) -> Evaluation:
    """Distance and coverage, beside those of training points; the points during training.

    As many points are generated as there are training points, which so are what a perfect
    generator would give.
    """
    train, test = context.load_split("train").x, context.load_split("test").x
    generator = context.bundle.model.get_layer("generator")
    noise = np.random.default_rng(context.config.seed).standard_normal(
        (len(train), generator.input_shape[-1]), np.float32
    )
    generated = np.asarray(predict_arrays(generator, noise))
    scores = distribution_metrics(generated, train, test)
    steps, positions = (context.snapshots[name] for name in ("training_step", "positions"))
    surfaces, axis = context.snapshots["surface"], context.snapshots["grid_axis"]
    distances = distances_by_step(steps, positions, context.load_split("validation").x)
    frames = [
        plots.points(surface, axis, test[: len(made)], made, f"after {step:,} steps")
        for step, made, surface in zip(steps, positions, surfaces, strict=True)
    ]
    final = f"after {steps[-1]:,} steps"
    return Evaluation(
        metrics={"test": scores},
        chart=point_table(test[:CHART_POINTS], generated[:CHART_POINTS]),
        figures={
            "learning_curves": plots.learning_curves(context.history, distances),
            "points": plots.points(surfaces[-1], axis, test, generated[: len(test)], final),
        },
        data={"learning_curves": distances.to_dict("records")},
        animations={"training": [rasterize(frame) for frame in frames]},
        conclusions={"points": captions.conclude(scores)},
    )


def distribution_metrics(
    generated: np.ndarray, train: np.ndarray, test: np.ndarray
) -> dict[str, float]:
    """How generated points are distributed compared with test points, and how training points are.

    Args:
        generated: [n, 2].
        train: [n, 2], the reference.
        test: [m, 2].

    Returns:
        sliced_wasserstein and coverage (see stages.metrics) of the generated points and, with
        _train, of the training points.
    """
    directions = plane_directions()
    return {
        "sliced_wasserstein": sliced_wasserstein(generated, test, directions),
        "sliced_wasserstein_train": sliced_wasserstein(train, test, directions),
        "coverage": coverage(generated[: len(test)], test),
        "coverage_train": coverage(train[: len(test)], test),
    }


def distances_by_step(
    steps: np.ndarray, positions: np.ndarray, validation: np.ndarray
) -> pd.DataFrame:
    """Distances of the points of each snapshot to the validation points.

    Args:
        steps: [snapshots].
        positions: [snapshots, n, 2].
        validation: [m, 2].

    Returns:
        Columns training_step and sliced_wasserstein.
    """
    distances = [sliced_wasserstein(made, validation, plane_directions()) for made in positions]
    return pd.DataFrame({"training_step": steps, "sliced_wasserstein": np.round(distances, 5)})


def point_table(real: np.ndarray, generated: np.ndarray) -> pd.DataFrame:
    """Points [n, 2] and [m, 2] as columns x, y, points (real or generated)."""
    table = pd.DataFrame(np.concatenate([real, generated]).astype(float), columns=["x", "y"])
    kinds = ["real"] * len(real) + ["generated"] * len(generated)
    return table.round(3).assign(points=kinds)
