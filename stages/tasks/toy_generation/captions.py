"""Captions of the figures of a generator of points."""

from collections.abc import Mapping

from stages.tasks.interface import Caption

CAPTIONS = {
    "learning_curves": Caption(
        "Learning curves: GAN losses and distance to the validation set",
        "The losses approach those of an undecided discriminator; only the distance measures "
        "quality, and it is noisy, since each snapshot has few points.",
    ),
    "points": Caption(
        "Real and generated points",
        "Generated points should cover the gray ones, which are test points; blue is where the "
        "discriminator takes points for real.",
    ),
    "training": Caption(
        "Generated points during training",
        "Watch the points follow the discriminator's blue areas.",
    ),
}


def conclude(metrics: Mapping[str, float]) -> str:
    """Distance and coverage, beside what training points reach."""
    return (
        f"Sliced Wasserstein distance to the test points {metrics['sliced_wasserstein']:.4f} "
        f"(training points {metrics['sliced_wasserstein_train']:.4f}); coverage "
        f"{metrics['coverage']:.1%} (training points {metrics['coverage_train']:.1%})."
    )
