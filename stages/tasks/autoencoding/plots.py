"""Figures of a variational autoencoder."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from stages.plots.history import Panel
from stages.plots.images import dark_on_white, image_grid

PANELS = (
    Panel("total loss, nats per image", ["loss"]),
    Panel("reconstruction loss", ["reconstruction_loss"]),
    Panel("KL divergence", ["kl_loss"]),
)
SCATTER_COLUMNS = 5


def manifold(images: np.ndarray, axis: np.ndarray) -> Figure:
    """Draw the decoded grid of the first two latent variables.

    Args:
        images: Images, uint8 [side * side, height, width], the highest second variable first.
        axis: Values of each variable on the grid [side].
    """
    side, (height, width) = len(axis), images.shape[1:3]
    figure = Figure(figsize=(6.5, 6.5 * height / width))
    axes = figure.subplots()
    axes.imshow(image_grid(dark_on_white(images), side), vmin=0, vmax=255)
    axes.grid(visible=False)
    shown = np.linspace(0, side - 1, 5).round().astype(int)
    axes.set_xticks((shown + 0.5) * (width + 1) - 1, [f"{axis[k]:.1f}" for k in shown])
    rows = side - 1 - shown
    axes.set_yticks((rows + 0.5) * (height + 1) - 1, [f"{axis[k]:.1f}" for k in shown])
    axes.set(xlabel="first latent variable", ylabel="second latent variable")
    return figure


def reconstructions(images: np.ndarray, decoded: np.ndarray, classes: Sequence[str]) -> Figure:
    """Draw pairs of an image and its reconstruction, a row per class.

    Args:
        images: Images, uint8 [classes, n, height, width].
        decoded: Reconstructions of the same shape.
        classes: Names of the classes.
    """
    count, columns, height, width = images.shape
    gap = np.zeros((count, columns, height, width // 4), np.uint8)
    pairs = np.concatenate([images, decoded, gap], axis=3)
    return labeled_rows(pairs, classes, "image and reconstruction, pair by pair")


def class_samples(images: np.ndarray, classes: Sequence[str], accuracy: np.ndarray) -> Figure:
    """Draw the mean and samples of each class.

    Args:
        images: Images, uint8 [classes, n, height, width], the mean first.
        classes: Names of the classes.
        accuracy: Accuracy of the evaluator on the samples of each class [classes].
    """
    labels = [f"{name}, {value:.0%}" for name, value in zip(classes, accuracy, strict=True)]
    return labeled_rows(images, labels, "class mean, then samples; % classified correctly")


def labeled_rows(images: np.ndarray, labels: Sequence[str], title: str) -> Figure:
    """Draw rows of grayscale images [rows, columns, height, width], each labeled on the left."""
    rows, columns, height, width = images.shape
    figure = Figure(figsize=(6.5, 0.4 + 5.4 * rows * height / columns / width))
    axes = figure.subplots()
    pixels = image_grid(dark_on_white(images.reshape(-1, height, width)), columns)
    axes.imshow(pixels, vmin=0, vmax=255)
    axes.grid(visible=False)
    axes.set_xticks([])
    axes.set_yticks((np.arange(rows) + 0.5) * (height + 1) - 1, labels)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    axes.set_title(title)
    return figure


def latent_space(means: np.ndarray, y: np.ndarray, classes: Sequence[str]) -> Figure:
    """Draw the first two latent means, a panel per class over all others in gray.

    Args:
        means: Latent means [n, latent_dim].
        y: Classes [n].
        classes: Names of the classes.
    """
    rows = -(-len(classes) // SCATTER_COLUMNS)
    figure = Figure(figsize=(9, 0.4 + 1.9 * rows))
    grid = figure.subplots(rows, SCATTER_COLUMNS, sharex=True, sharey=True, squeeze=False)
    for axes in grid.flat[len(classes) :]:
        axes.axis("off")
    for label, (axes, name) in enumerate(zip(grid.flat, classes, strict=False)):
        own = y == label
        for selected, color in ((~own, "#dddddd"), (own, "C0")):
            axes.plot(means[selected, 0], means[selected, 1], ",", color=color, antialiased=False)
        axes.set(title=name, aspect="equal")
        axes.grid(visible=False)
    figure.supxlabel("first latent variable", fontsize=9)
    figure.supylabel("second latent variable", fontsize=9)
    return figure
