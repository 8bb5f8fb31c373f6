"""Figures of a painted picture."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

STAGES = 8  # pictures in a row of those that emerge


def comparison(original: np.ndarray, painted: np.ndarray, decibels: float) -> Figure:
    """The picture, what the network makes of it, and the difference; uint8 [h, w, 3]."""
    difference = np.abs(original.astype(int) - painted).mean(axis=2)
    figure = Figure(figsize=(7, 0.5 + 2.2 * original.shape[0] / original.shape[1]))
    first, second, third = figure.subplots(1, 3)
    first.imshow(original)
    first.set_title("the picture")
    second.imshow(painted)
    second.set_title(f"the network's, {decibels:.1f} dB")
    third.imshow(difference, cmap="gray_r", vmin=0, vmax=64)
    third.set_title("difference, black is 64 of 255")
    for axes in (first, second, third):
        axes.axis("off")
    return figure


def emerging(painted: np.ndarray, steps: np.ndarray) -> Figure:
    """Some moments of the pictures [frames, h, w, 3], evenly chosen, in two rows."""
    chosen = np.linspace(0, len(painted) - 1, STAGES).round().astype(int)
    figure = Figure(figsize=(7, 0.5 + 3.5 * painted.shape[1] / painted.shape[2]))
    for axes, frame in zip(figure.subplots(2, STAGES // 2).flat, chosen, strict=True):
        axes.imshow(painted[frame])
        axes.set_title(f"{steps[frame]} steps", fontsize=8)
        axes.axis("off")
    return figure


def curves(chart: pd.DataFrame) -> Figure:
    """The signal-to-noise ratio by step: columns step, psnr, pixels."""
    figure = Figure(figsize=(4.5, 2.8))
    axes = figure.subplots()
    for label, rows in chart.groupby("pixels", sort=False):
        axes.plot(rows["step"], rows["psnr"], ".-", label=f"pixels {label}")
    axes.set_xscale("symlog", linthresh=1)
    axes.set(xlabel="step", ylabel="PSNR, dB")
    axes.legend()
    return figure
