"""Evaluation of an autoencoder that undoes a corruption: noise removal or colorization."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from stages.inference.outputs import predict_arrays, to_pixels
from stages.metrics.images import psnr
from stages.networks.autoencoder.corruption import GRAYSCALE, corrupt
from stages.plots.history import plot_history
from stages.plots.images import evenly_spaced
from stages.tasks.interface import Evaluation, EvaluationContext
from stages.tasks.restoration import captions, plots
from stages.tasks.restoration.filters import Filter, choose_filters, gray_as_color, mean_color

MAX_FITTED = 4000  # images of which the references learn; more hardly change them
CHUNK = 1000  # images corrupted at a time
NUM_SHOWN = 14
NETWORK = "network"


def evaluate(context: EvaluationContext) -> Evaluation:
    """Compare restored test images with the originals, and with restorations without a network."""
    corruption = context.bundle.spec["training"]["corruption"]
    images, seed = np.asarray(context.load_split("test").x), context.config.seed
    corrupted = corrupt_all(images, corruption, seed)
    restored = {"corrupted": as_images(corrupted, corruption)}
    for name, apply in make_references(context, corruption, seed).items():
        restored[name] = apply(corrupted)
    restored[NETWORK] = 255 * predict_arrays(context.bundle.model, corrupted)
    decibels = {name: psnr(x / 255, images / 255) for name, x in restored.items()}
    by_image = image_psnr(restored[NETWORK], images)
    labels = captions.METHODS[corruption["type"]]
    scores = {labels[name]: value for name, value in decibels.items()}
    metrics = {name: {"psnr": value} for name, value in decibels.items()}
    evaluation = Evaluation(
        metrics={"test": metrics.pop(NETWORK)} | metrics,
        chart=pd.DataFrame({"method": scores.keys(), "psnr": scores.values()}).round(4),
        figures={
            "learning_curves": plot_history(context.history, plots.PANELS, "epoch"),
            "psnr": plots.psnr_by_method(scores),
        },
        summaries={"psnr": captions.summarize(scores, labels[NETWORK])},
    )
    rows = {labels[name]: to_pixels(x) for name, x in restored.items()} | {"original": images}
    order = np.argsort(by_image, kind="stable")
    for name, shown in (
        ("examples", order[evenly_spaced(len(order), NUM_SHOWN)]),
        ("lowest_psnr", order[:NUM_SHOWN]),
    ):
        evaluation.figures[name] = plots.labeled_rows({key: x[shown] for key, x in rows.items()})
        evaluation.data[name] = {
            "examples": shown.tolist(),
            "psnr": by_image[shown].round(3).tolist(),
        }
    return evaluation


def corrupt_all(images: np.ndarray, corruption: Mapping[str, Any], seed: int) -> np.ndarray:
    """Corrupt images, uint8 [n, ...]; equal seeds produce equal noise."""
    starts = range(0, len(images), CHUNK)
    parts = [corrupt(images[start : start + CHUNK], corruption, [seed, start]) for start in starts]
    return np.concatenate([part.numpy() for part in parts])


def as_images(corrupted: np.ndarray, corruption: Mapping[str, Any]) -> np.ndarray:
    """Return corrupted images in the shape of the originals."""
    return gray_as_color(corrupted) if corruption["type"] == GRAYSCALE else corrupted


def make_references(
    context: EvaluationContext, corruption: Mapping[str, Any], seed: int
) -> Mapping[str, Filter]:
    """Return restorations without a network, fitted to validation or training images."""
    split = "train" if corruption["type"] == GRAYSCALE else "validation"
    images = np.asarray(context.load_split(split).x[:MAX_FITTED])
    corrupted = corrupt_all(images, corruption, seed + 1)  # other noise than that of the test
    if corruption["type"] == GRAYSCALE:
        return {"mean_color": mean_color(corrupted, images)}
    return choose_filters(corrupted, images)


def image_psnr(restored: np.ndarray, images: np.ndarray) -> np.ndarray:
    """Return the PSNR of each image in decibels, float64 [n]; see stages.metrics.images."""
    pairs = zip(restored, images, strict=True)
    return np.array([psnr(a / 255, b / 255) for a, b in pairs])
