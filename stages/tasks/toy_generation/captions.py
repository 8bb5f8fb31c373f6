"""Captions of the figures of a generator of points."""

from collections.abc import Mapping

from stages.tasks.interface import Caption

CAPTIONS = {
    "learning_curves": Caption(
        "Learning curves: GAN losses and distance to the validation set",
        "The losses approach those of a discriminator at chance; only the distance measures "
        "sample quality, and it is noisy, since each snapshot has few points.",
    ),
    "points": Caption(
        "Real and generated points",
        "Generated points should cover the test points (gray); in blue areas the discriminator "
        "classifies points as real.",
    ),
    "training": Caption(
        "Generated points during training",
        "Generated points follow the blue areas of the discriminator.",
    ),
}


def summarize(metrics: Mapping[str, float]) -> str:
    """Return distance and coverage next to those of training points."""
    return (
        f"Sliced Wasserstein distance to the test points {metrics['sliced_wasserstein']:.4f} "
        f"(training points {metrics['sliced_wasserstein_train']:.4f}); coverage "
        f"{metrics['coverage']:.1%} (training points {metrics['coverage_train']:.1%})."
    )
