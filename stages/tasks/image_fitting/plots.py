"""Figures of a network that fits one image; images are uint8 [height, width, 3]."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from stages.plots.colors import TEST, TRAINING

NUM_STAGES = 8  # snapshots shown
ERROR_RANGE = 64  # error, of 255, that is black


def comparison(original: np.ndarray, output: np.ndarray, decibels: float) -> Figure:
    """Draw the image, the network's output and the mean absolute error of the channels."""
    error = np.abs(original.astype(int) - output).mean(axis=2)
    figure = Figure(figsize=(9, 0.5 + 2.9 * original.shape[0] / original.shape[1]))
    first, second, third = figure.subplots(1, 3)
    first.imshow(original, interpolation="nearest")
    first.set_title("original")
    second.imshow(output, interpolation="nearest")
    second.set_title(f"network output (test PSNR {decibels:.1f} dB)")
    third.imshow(error, cmap="gray_r", vmin=0, vmax=ERROR_RANGE, interpolation="nearest")
    third.set_title(f"absolute error (black: {ERROR_RANGE}/255 or more)")
    for axes in (first, second, third):
        axes.axis("off")
    return figure


def training_outputs(images: np.ndarray, steps: np.ndarray) -> Figure:
    """Draw some of the outputs [snapshots, height, width, 3] during training, in two rows."""
    indices = np.linspace(0, len(images) - 1, NUM_STAGES).round().astype(int)
    figure = Figure(figsize=(7, 0.5 + 3.5 * images.shape[1] / images.shape[2]))
    for axes, index in zip(figure.subplots(2, NUM_STAGES // 2).flat, indices, strict=True):
        axes.imshow(images[index])
        axes.set_title(f"{steps[index]} steps", fontsize=8)
        axes.axis("off")
    return figure


def learning_curves(chart: pd.DataFrame) -> Figure:
    """Draw the PSNR by training step: columns training_step, psnr, split."""
    figure = Figure(figsize=(4.5, 2.8))
    axes = figure.subplots()
    for split, label, color in (("train", "training", TRAINING), ("test", "test", TEST)):
        curve = chart[chart["split"] == split]
        axes.plot(curve["training_step"], curve["psnr"], ".-", label=f"{label} pixels", color=color)
    axes.set_xscale("symlog", linthresh=1)
    axes.set(xlabel="training step", ylabel="PSNR, dB")
    axes.legend()
    return figure
