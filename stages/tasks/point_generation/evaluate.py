"""Judge a generator of points by how its points lie to test points."""

import numpy as np
import pandas as pd
from sklearn.metrics import pairwise_distances

from stages.evaluation import Evaluation, Inputs
from stages.networks.points_gan import draw_noise, sliced_wasserstein
from stages.params import PointsGan
from stages.plots.style import rasterise
from stages.tasks.point_generation import plots

NEIGHBOURS = 5
CHARTED = 300  # points of each kind in the chart, at most


def evaluate(inputs: Inputs, block: PointsGan) -> Evaluation:
    """Distance and coverage, beside what training points reach; points while they learned.

    As many points are generated as there are training points, so that training points are what
    a perfect generator would make.
    """
    progress, test = inputs.progress, inputs.parts["test"].x
    train, charted = inputs.parts["train"].x, min(CHARTED, len(test))
    generator = inputs.model.get_layer("generator")
    generated = generator.predict(draw_noise(block, len(train)), verbose=0)
    frames = [
        rasterise(plots.points(surface, test[: len(made)], made, f"after {step} steps"))
        for step, made, surface in zip(
            progress["steps"], progress["points"], progress["surface"], strict=True
        )
    ]
    return Evaluation(
        metrics={"test": metrics(generated, train, test)},
        chart=point_table(test[:charted], generated[:charted]),
        figures={
            "points": plots.points(
                progress["surface"][-1], test, generated[: len(test)], f"after {block.steps} steps"
            ),
            "curves": plots.curves(inputs.history),
        },
        data={
            "points": {
                "generated": generated[: len(test)].astype(float).round(3).tolist(),
                "test": test.astype(float).round(3).tolist(),
            }
        },
        animations={"learning": frames},
    )


def metrics(generated: np.ndarray, train: np.ndarray, test: np.ndarray) -> dict[str, float]:
    """How generated points lie to test points, and how training points do; all [n, 2].

    sliced_wasserstein: lower is better; its floor is what training points have.
    coverage: higher is better; its ceiling is what training points have.
    """
    return {
        "sliced_wasserstein": sliced_wasserstein(generated, test),
        "sliced_wasserstein_floor": sliced_wasserstein(train, test),
        "coverage": coverage(generated[: len(test)], test),
        "coverage_ceiling": coverage(train[: len(test)], test),
    }


def coverage(generated: np.ndarray, real: np.ndarray) -> float:
    """The share of real points that a generated one is near to: [n, 2] and [m, 2].

    Near is within the distance of the real point to its fifth nearest real one (Naeem et al.:
    Reliable fidelity and diversity metrics for generative models, ICML 2020).
    """
    radius = np.sort(pairwise_distances(real), axis=1)[:, NEIGHBOURS]  # itself is the nearest
    return float((pairwise_distances(real, generated).min(axis=1) <= radius).mean())


def point_table(real: np.ndarray, generated: np.ndarray) -> pd.DataFrame:
    """Points of both kinds: columns x, y, kind."""
    table = pd.DataFrame(np.concatenate([real, generated]).astype(float), columns=["x", "y"])
    kinds = ["real"] * len(real) + ["generated"] * len(generated)
    return table.round(3).assign(kind=kinds)
