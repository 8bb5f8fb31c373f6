"""Evaluation of a generator of points in the plane by their distribution."""

import numpy as np
import pandas as pd

from stages.inference.outputs import predict_arrays
from stages.metrics.distances import plane_directions, sliced_wasserstein
from stages.metrics.generation import coverage
from stages.plots.style import rasterize
from stages.tasks.interface import Evaluation, EvaluationContext
from stages.tasks.toy_generation import captions, plots

CHART_POINTS = 300  # of each kind, at most


def evaluate(context: EvaluationContext) -> Evaluation:
    """Compute distance and coverage of generated points, and those of training points.

    As many points are generated as there are training points, which are therefore the reference of
    a perfect generator.
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
        plots.points(surface, axis, test[: len(sample)], sample, f"after {step:,} steps")
        for step, sample, surface in zip(steps, positions, surfaces, strict=True)
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
        summaries={"points": captions.summarize(scores)},
    )


def distribution_metrics(
    generated: np.ndarray, train: np.ndarray, test: np.ndarray
) -> dict[str, float]:
    """Compare the distributions of generated and training points with that of test points.

    Args:
        generated: Generated points [n, 2].
        train: Training points [n, 2], the reference.
        test: Test points [m, 2].

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
    """Compute the distance of the points of each snapshot to the validation points.

    Args:
        steps: Training steps [snapshots].
        positions: Generated points [snapshots, n, 2].
        validation: Validation points [m, 2].

    Returns:
        Columns training_step and sliced_wasserstein.
    """
    distances = [sliced_wasserstein(sample, validation, plane_directions()) for sample in positions]
    return pd.DataFrame({"training_step": steps, "sliced_wasserstein": np.round(distances, 5)})


def point_table(real: np.ndarray, generated: np.ndarray) -> pd.DataFrame:
    """Return points [n, 2] and [m, 2] as columns x, y, points (real or generated)."""
    table = pd.DataFrame(np.concatenate([real, generated]).astype(float), columns=["x", "y"])
    kinds = ["real"] * len(real) + ["generated"] * len(generated)
    return table.round(3).assign(points=kinds)
