"""Captions of the figures of a generator of images."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from stages.tasks.interface import Caption

CAPTIONS = {
    "learning_curves": Caption(
        "Learning curves: GAN losses and discriminator accuracy",
        "Neither loss measures image quality; a discriminator accuracy between 50% (chance) and "
        "100% shows that the discriminator still gives the generator a useful gradient.",
    ),
    "samples": Caption(
        "Generated and real images",
        "Compare diversity and sharpness: repeated images on the left would mean mode collapse.",
    ),
    "class_distribution": Caption(
        "Class distribution of real and generated images",
        "A missing or rare class, according to the evaluator, indicates mode collapse.",
    ),
    "pixel_value_distribution": Caption(
        "Distribution of pixel values of real and generated images",
        "Bars of different lengths show pixel values that are generated too often or too rarely.",
    ),
    "interpolation": Caption(
        "Interpolation between noise vectors",
        "Smooth changes from left to right show that the generator has not memorized images.",
    ),
    "nearest_training_images": Caption(
        "Generated images and their nearest training images",
        "Identical pairs would show that training images were memorized.",
    ),
    "vector_arithmetic": Caption(
        "Vector arithmetic in noise space",
        "The mean noise vector of the second class is subtracted from that of the first, and that "
        "of the third is added; the last title is the predicted class of the result.",
    ),
    "training": Caption(
        "Samples from fixed noise vectors during training",
        "Shapes appear first and details last; some images still change class late in training.",
    ),
}


def summarize_history(history: pd.DataFrame, accuracy: float) -> str:
    """Return the final accuracy of the discriminator."""
    last = float(history["discriminator_accuracy"].iloc[-1])
    return (
        f"At the end the discriminator's accuracy is {last:.0%} on its training batches, and "
        f"{accuracy:.0%} on test images and images generated with the averaged weights."
    )


def summarize_metrics(metrics: Mapping[str, Any]) -> str:
    """Return the distance to the test images next to references; with an evaluator, classes too."""
    if "frechet_distance" in metrics:
        return (
            f"{metrics['classes_covered']} classes have at least 2% of the samples each; Fréchet "
            f"distance to the test images {metrics['frechet_distance']:.1f} (training images "
            f"{metrics['frechet_distance_train']:.1f}, noise "
            f"{metrics['frechet_distance_noise']:.0f})."
        )
    return (
        f"Sliced Wasserstein distance to the test images {metrics['sliced_wasserstein']:.2f} gray "
        f"levels (training images {metrics['sliced_wasserstein_train']:.2f})."
    )
