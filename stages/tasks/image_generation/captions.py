"""Captions of the figures of a generator of images."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from stages.tasks.interface import Caption

CAPTIONS = {
    "learning_curves": Caption(
        "Learning curves: GAN losses and discriminator accuracy",
        "Neither loss measures quality; an accuracy that stays between chance and 1 shows that "
        "neither network has won.",
    ),
    "samples": Caption(
        "Generated and real images",
        "Compare variety as well as sharpness: repeated images on the left would be mode collapse.",
    ),
    "class_distribution": Caption(
        "Class distribution of real and generated images",
        "A missing or rare class, as the evaluator sees it, is mode collapse.",
    ),
    "brightness_distribution": Caption(
        "Brightness distribution of real and generated images",
        "Bars of different heights show colors that are generated too often or too rarely.",
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
        "The mean noise of the second class is subtracted from that of the first and that of the "
        "third is added; the last title is what the evaluator sees in the result.",
    ),
    "training": Caption(
        "Samples from fixed noise vectors during training",
        "Watch shapes appear first and details last, and classes change until late.",
    ),
}


def conclude_history(history: pd.DataFrame, accuracy: float) -> str:
    """How good the discriminator is in the end."""
    last = float(history["discriminator_accuracy"].iloc[-1])
    return (
        f"At the end the discriminator is right for {last:.0%} of its training batches and for "
        f"{accuracy:.0%} of test images and images generated with the averaged weights."
    )


def conclude_metrics(metrics: Mapping[str, Any]) -> str:
    """Distance to the test images, beside references; with an evaluator, classes too."""
    if "frechet_distance" in metrics:
        return (
            f"{metrics['classes_covered']} classes hold at least 2 % of the samples; Fréchet "
            f"distance to the test images {metrics['frechet_distance']:.1f} (training images "
            f"{metrics['frechet_distance_train']:.1f}, noise "
            f"{metrics['frechet_distance_noise']:.0f})."
        )
    return (
        f"Sliced Wasserstein distance to the test images {metrics['sliced_wasserstein']:.2f} gray "
        f"levels (training images {metrics['sliced_wasserstein_train']:.2f})."
    )
