"""Captions of the figures of a network that restores images."""

from collections.abc import Mapping

from stages.tasks.interface import Caption

METHODS = {  # labels of the restorations, by type of corruption
    "noise": {
        "corrupted": "noisy",
        "gaussian_filter": "Gaussian filter",
        "median_filter": "median filter",
        "network": "autoencoder",
    },
    "grayscale": {
        "corrupted": "grayscale",
        "mean_color": "mean color added",
        "network": "autoencoder",
    },
}
CAPTIONS = {
    "learning_curves": Caption(
        "Learning curves: mean squared error",
        "Curves that stay together show that new images are restored as well as those of the "
        "training split.",
    ),
    "examples": Caption(
        "Corrupted, restored and original test images",
        "From left to right, from the lowest to the highest PSNR of the network.",
    ),
    "psnr": Caption(
        "PSNR of the test images by method",
        "Three decibels more mean half the squared error.",
    ),
    "lowest_psnr": Caption(
        "Test images with the lowest PSNR",
        "What the network restores worst is what it could not know, or has rarely seen.",
    ),
}


def summarize(scores: Mapping[str, float], network: str) -> str:
    """Return the PSNR of the network next to the best other method.

    Args:
        scores: PSNR by method, in decibels.
        network: Name of the network in `scores`.
    """
    others = {name: value for name, value in scores.items() if name != network}
    best = max(others, key=lambda name: others[name])
    difference = scores[network] - others[best]
    relation = "more" if difference >= 0 else "less"
    return (
        f"{scores[network]:.2f} dB with the {network}, {abs(difference):.2f} dB {relation} than "
        f"the next best ({best})."
    )
