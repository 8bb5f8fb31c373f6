"""Evaluation of a network that draws: its variational bound, and pictures of how it draws.

Pixels of the test images are binarized stochastically (1 with probability v / 255 for a value of
v), once, with the seed of the evaluation.
"""

from typing import NamedTuple

import keras
import numpy as np
import pandas as pd

from stages.inference.outputs import PREDICT_BATCH, logits_to_pixels, predict_arrays
from stages.metrics.likelihood import kl_divergence, reconstruction_loss, vae_metrics
from stages.networks.draw.networks import build_generator
from stages.plots.history import plot_history
from stages.plots.images import image_grid, image_grid_figure
from stages.tasks.drawing import captions, plots
from stages.tasks.interface import Evaluation, EvaluationContext

GRID_SIDE = 16  # of the grid of samples
NUM_DRAWN = 8  # rows of the figure of new digits
NUM_READ = 4  # test images drawn again
RECONSTRUCTED = (6, 8)  # rows and columns of pairs
ANIMATED = (5, 8)  # rows and columns of digits
SCALE = 3  # screen pixels per pixel


class Losses(NamedTuple):
    """Losses of images at each glimpse, in nats.

    Attributes:
        reconstruction: Loss of the canvas after each glimpse [n, glimpses].
        kl: KL divergence of the latent vector of each glimpse [n, glimpses].
    """

    reconstruction: np.ndarray
    kl: np.ndarray


def evaluate(context: EvaluationContext) -> Evaluation:
    """Compute the bound of the test images; draw samples and reconstructions step by step."""
    model, random = context.bundle.model, np.random.default_rng(context.config.seed)
    images = binarize(context.load_split("test").x, random)
    noise_shape = model.inputs[1].shape[1:]
    noise = random.standard_normal((len(images), *noise_shape), np.float32)
    losses = compute_losses(model, images, noise)
    scores = vae_metrics(losses.reconstruction[:, -1], losses.kl.sum(axis=1), 1.0)
    chart = tabulate(losses)
    evaluation = Evaluation(metrics={"test": scores}, chart=chart, figures={})
    kl = losses.kl.mean(axis=0)
    evaluation.figures |= {
        "learning_curves": plot_history(context.history, plots.PANELS, "epoch"),
        "glimpses": plots.glimpses(kl, losses.reconstruction.mean(axis=0)),
    }
    evaluation.summaries |= {
        "learning_curves": captions.summarize_losses(scores),
        "glimpses": captions.summarize_glimpses(kl),
    }
    add_reconstructions(evaluation, model, images, noise)
    latent = random.standard_normal((GRID_SIDE**2, *noise_shape), np.float32)
    add_samples(evaluation, model, latent)
    return evaluation


def binarize(images: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Binarize images of 0 to 255 stochastically: uint8, 1 with probability v / 255."""
    return (random.random(images.shape, np.float32) < images / 255).astype(np.uint8)


def compute_losses(model: keras.Model, images: np.ndarray, noise: np.ndarray) -> Losses:
    """Compute the terms of the bound with one sample of each posterior, batch by batch.

    Args:
        model: See `stages.networks.draw.networks.build_model`.
        images: Binarized images, uint8 [n, height, width].
        noise: Standard normal noise [n, glimpses, latent_dim].
    """
    batches = []
    for start in range(0, len(images), PREDICT_BATCH):
        batch = slice(start, start + PREDICT_BATCH)
        outputs = model.predict_on_batch([images[batch], noise[batch]])
        batches.append(batch_losses(255 * images[batch], outputs))
    return Losses(*(np.concatenate(parts) for parts in zip(*batches, strict=True)))


def batch_losses(images: np.ndarray, outputs: dict[str, np.ndarray]) -> Losses:
    """Compute the losses of a batch: images of 0 and 255, and outputs of the model."""
    glimpses = range(outputs["canvas"].shape[1])
    canvas, mean, log_variance = (outputs[name] for name in ("canvas", "mean", "log_variance"))
    return Losses(
        np.stack([reconstruction_loss(images, canvas[:, k]) for k in glimpses], axis=1),
        np.stack([kl_divergence(mean[:, k], log_variance[:, k]) for k in glimpses], axis=1),
    )


def tabulate(losses: Losses) -> pd.DataFrame:
    """Return the mean losses by glimpse: columns glimpse, loss, nats."""
    tables = [
        pd.DataFrame(
            {
                "glimpse": np.arange(values.shape[1]) + 1,
                "loss": name,
                "nats": values.mean(axis=0).round(4),
            }
        )
        for name, values in (
            ("KL divergence", losses.kl),
            ("reconstruction loss", losses.reconstruction),
        )
    ]
    return pd.concat(tables, ignore_index=True)


def add_reconstructions(
    evaluation: Evaluation, model: keras.Model, images: np.ndarray, noise: np.ndarray
) -> None:
    """Add test images drawn again, and where the first of them are read and written.

    Args:
        evaluation: Evaluation to add to.
        model: See `stages.networks.draw.networks.build_model`.
        images: Binarized images, uint8 [n, height, width].
        noise: Standard normal noise [n, glimpses, latent_dim].
    """
    rows, columns = RECONSTRUCTED
    shown = 255 * images[: rows * columns]
    outputs = model.predict_on_batch([images[: len(shown)], noise[: len(shown)]])
    canvases = logits_to_pixels(outputs["canvas"])
    if len(shown) == rows * columns:
        grid = (rows, columns, *shown.shape[1:])
        evaluation.figures["reconstructions"] = plots.reconstructions(
            shown.reshape(grid), canvases[:, -1].reshape(grid)
        )
    repeated = np.repeat(shown[:NUM_READ, None], noise.shape[1], axis=1)
    read = mark(repeated, outputs["read"], plots.READ_COLOR)
    written = mark(canvases[:NUM_READ], outputs["write"], plots.WRITE_COLOR)
    pairs = np.stack([read, written], axis=1)
    evaluation.figures["reading"] = plots.by_glimpse(
        pairs.reshape(-1, *pairs.shape[2:]), "read (green) and written (red), glimpse by glimpse"
    )


def mark(images: np.ndarray, windows: np.ndarray, color: tuple[int, int, int]) -> np.ndarray:
    """Mark the window of each glimpse; see `plots.mark_windows`.

    Args:
        images: Images, uint8 [n, glimpses, height, width].
        windows: Windows of at least as many images, [m, glimpses, 4].
        color: Color of the frame.

    Returns:
        Images, uint8 [n, glimpses, SCALE * height, SCALE * width, 3].
    """
    count, glimpses, *shape = images.shape
    flat = windows[:count].reshape(-1, windows.shape[-1])
    marked = plots.mark_windows(images.reshape(-1, *shape), flat, color, SCALE)
    return marked.reshape(count, glimpses, *marked.shape[1:])


def add_samples(evaluation: Evaluation, model: keras.Model, latent: np.ndarray) -> None:
    """Add new digits, and how they are drawn.

    Args:
        evaluation: Evaluation to add to.
        model: See `stages.networks.draw.networks.build_model`.
        latent: Latent vectors from the prior, float32 [n, glimpses, latent_dim].
    """
    outputs = predict_arrays(build_generator(model), latent)
    canvases = logits_to_pixels(outputs["canvas"])
    evaluation.figures["samples"] = image_grid_figure(
        canvases[:, -1], GRID_SIDE, "samples from the prior"
    )
    rows, columns = ANIMATED
    marked = mark(canvases[: rows * columns], outputs["write"], plots.WRITE_COLOR)
    evaluation.figures["drawing"] = plots.by_glimpse(
        marked[:NUM_DRAWN], "canvas and written window (red), glimpse by glimpse"
    )
    finished = np.repeat(255 - canvases[: rows * columns, -1, ..., None], 3, axis=3)
    finished = finished.repeat(SCALE, axis=1).repeat(SCALE, axis=2)
    frames = [*marked.swapaxes(0, 1), finished]
    evaluation.animations["animation"] = [image_grid(frame, columns) for frame in frames]
