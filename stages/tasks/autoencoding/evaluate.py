"""Evaluation of a variational autoencoder: its losses, samples and latent space."""

from statistics import NormalDist
from typing import Any, NamedTuple

import keras
import numpy as np
import pandas as pd

from stages.core.errors import ConfigError
from stages.inference.outputs import logits_to_pixels, predict_arrays
from stages.metrics.likelihood import kl_divergence, reconstruction_loss, vae_metrics
from stages.plots.history import plot_history
from stages.plots.images import dark_on_white, enlarge, image_grid, image_grid_figure
from stages.tasks.autoencoding import captions, plots
from stages.tasks.classifier import check_evaluator
from stages.tasks.interface import Evaluation, EvaluationContext

GRID_SIDE = 16  # of the grid of samples
MANIFOLD_SIDE = 20
NUM_RECONSTRUCTED = 8  # test images of each class
SHOWN_PER_CLASS = 11
SAMPLES_PER_CLASS = 500  # classified by the evaluator
WALK_STEPS = 3  # from one class to the next
WALK_SIDE = 224  # pixels
CHART_POINTS = 2000


class ClassDistributions(NamedTuple):
    """Normal distributions of the latent means of each class.

    Attributes:
        mean: Means [classes, latent_dim].
        covariance: Covariances [classes, latent_dim, latent_dim].
    """

    mean: np.ndarray
    covariance: np.ndarray


def evaluate(context: EvaluationContext) -> Evaluation:
    """Compute losses on the test images; draw samples, reconstructions and the latent space.

    Raises:
        ConfigError: If the evaluator is not a classifier of the dataset.
    """
    classes, test = context.info["classes"], context.load_split("test")
    if context.evaluator is None:
        raise ConfigError("evaluation.evaluator: found 'none', expected a classifier's id")
    check_evaluator(context.evaluator.model, context.config.evaluator, classes)
    model, random = context.bundle.model, np.random.default_rng(context.config.seed)
    encoder, decoder = model.get_layer("encoder"), model.get_layer("decoder")
    mean, log_variance = predict_arrays(encoder, test.x)
    kl_weight = context.bundle.spec["training"]["kl_weight"]
    scores = losses(decoder, test.x, (mean, log_variance), kl_weight, random)
    evaluation = Evaluation(
        metrics={"test": scores}, chart=chart_points(mean, test.y, classes), figures={}
    )
    evaluation.figures["learning_curves"] = plot_history(context.history, plots.PANELS, "epoch")
    evaluation.summaries["learning_curves"] = captions.summarize_losses(scores, kl_weight)
    add_samples(evaluation, decoder, mean.shape[1], random)
    examples = first_of_each(test.y, len(classes), NUM_RECONSTRUCTED)
    evaluation.figures["reconstructions"] = plots.reconstructions(
        test.x[examples], decode_grid(decoder, mean[examples]), classes
    )
    evaluation.data["reconstructions"] = {"examples": examples.tolist()}
    evaluation.figures["latent_space"] = plots.latent_space(mean, test.y, classes)
    add_classes(evaluation, context, random)
    return evaluation


def losses(
    decoder: keras.Model,
    images: np.ndarray,
    posteriors: tuple[np.ndarray, np.ndarray],
    kl_weight: float,
    random: np.random.Generator,
) -> dict[str, float]:
    """Compute mean losses with one sample of each posterior.

    Args:
        decoder: Model from latent variables to logits.
        images: Images, uint8 [n, height, width].
        posteriors: Means and log variances, [n, latent_dim] each.
        kl_weight: Factor of the KL divergence; see `vae_metrics`.
        random: Generator that draws the samples.

    Returns:
        Losses in nats per image; see `vae_metrics`.
    """
    mean, log_variance = posteriors
    noise = random.standard_normal(mean.shape).astype(np.float32)
    logits = predict_arrays(decoder, mean + np.exp(log_variance / 2) * noise)
    return vae_metrics(
        reconstruction_loss(images, logits), kl_divergence(mean, log_variance), kl_weight
    )


def decode(decoder: keras.Model, latent: np.ndarray) -> np.ndarray:
    """Decode latent variables [n, latent_dim] to images, uint8 [n, height, width]."""
    logits = predict_arrays(decoder, latent.astype(np.float32))
    return logits_to_pixels(logits)


def decode_grid(decoder: keras.Model, latent: np.ndarray) -> np.ndarray:
    """Decode a grid of latent variables.

    Args:
        decoder: Model from latent variables to logits.
        latent: Latent variables [rows, columns, latent_dim].

    Returns:
        Images, uint8 [rows, columns, height, width].
    """
    images = decode(decoder, latent.reshape(-1, latent.shape[-1]))
    return images.reshape(*latent.shape[:2], *images.shape[1:])


def add_samples(
    evaluation: Evaluation, decoder: keras.Model, latent_dim: int, random: np.random.Generator
) -> None:
    """Add samples from the prior, and the decoded grid of the first two latent variables."""
    latent = random.standard_normal((GRID_SIDE**2, latent_dim)).astype(np.float32)
    axis, grid = prior_grid(MANIFOLD_SIDE, latent_dim)
    decoded = decode(decoder, grid)
    evaluation.figures |= {
        "samples": image_grid_figure(decode(decoder, latent), GRID_SIDE, "samples from the prior"),
        "manifold": plots.manifold(decoded, axis),
    }
    evaluation.animations["decoded_grid"] = [image_grid(dark_on_white(decoded), MANIFOLD_SIDE)]
    evaluation.data["manifold"] = {
        "axis": axis.round(4).tolist(),
        "height": decoded.shape[1],
        "width": decoded.shape[2],
    }


def prior_grid(side: int, latent_dim: int) -> tuple[np.ndarray, np.ndarray]:
    """Build a square grid over the first two latent variables, equally spaced in probability.

    Returns:
        Axis [side], and grid, float32 [side * side, latent_dim], the highest second variable
        first; other variables are 0.
    """
    axis = np.array([NormalDist().inv_cdf((step + 0.5) / side) for step in range(side)])
    grid = np.zeros((side * side, latent_dim), np.float32)
    grid[:, 0], grid[:, 1] = np.tile(axis, side), np.repeat(axis[::-1], side)
    return axis, grid


def first_of_each(y: np.ndarray, num_classes: int, count: int) -> np.ndarray:
    """Select the first examples of each class, the same number of each.

    Args:
        y: Classes [examples].
        num_classes: Number of classes.
        count: Maximum number of examples per class.

    Returns:
        Indices [classes, n].
    """
    count = min(count, int(np.bincount(y, minlength=num_classes).min()))
    return np.stack([np.flatnonzero(y == label)[:count] for label in range(num_classes)])


def add_classes(
    evaluation: Evaluation, context: EvaluationContext, random: np.random.Generator
) -> None:
    """Add samples of each class with their accuracy, and an interpolation of class means."""
    classes, train = context.info["classes"], context.load_split("train")
    encoder, decoder = (context.bundle.model.get_layer(name) for name in ("encoder", "decoder"))
    distributions = fit_classes(predict_arrays(encoder, train.x)[0], train.y, len(classes))
    images = decode_grid(decoder, sample_classes(distributions, SAMPLES_PER_CLASS, random))
    accuracy = class_accuracy(context.evaluator.model, images)  # type: ignore[union-attr]
    means = decode(decoder, distributions.mean)
    shown = np.concatenate([means[:, None], images[:, :SHOWN_PER_CLASS]], axis=1)
    evaluation.figures["class_samples"] = plots.class_samples(shown, classes, accuracy)
    evaluation.summaries["class_samples"] = captions.summarize_classes(classes, accuracy)
    evaluation.data["class_samples"] = describe_classes(distributions, accuracy, classes)
    walk = dark_on_white(decode(decoder, closed_path(distributions.mean, WALK_STEPS)))
    evaluation.animations["walk"] = [enlarge(image, WALK_SIDE) for image in walk]


def fit_classes(means: np.ndarray, y: np.ndarray, num_classes: int) -> ClassDistributions:
    """Fit a normal distribution to the latent means [n, latent_dim] of each class; y: [n]."""
    groups = [means[y == label].astype(np.float64) for label in range(num_classes)]
    covariances = [np.atleast_2d(np.cov(group, rowvar=False, bias=True)) for group in groups]
    return ClassDistributions(
        np.stack([group.mean(axis=0) for group in groups]), np.stack(covariances)
    )


def sample_classes(
    distributions: ClassDistributions, count: int, random: np.random.Generator
) -> np.ndarray:
    """Sample latent variables of each class, float32 [classes, count, latent_dim]."""
    drawn = [
        random.multivariate_normal(mean, covariance, count)
        for mean, covariance in zip(*distributions, strict=True)
    ]
    return np.stack(drawn).astype(np.float32)


def class_accuracy(evaluator: keras.Model, images: np.ndarray) -> np.ndarray:
    """Return the accuracy [classes] of the evaluator on images [classes, n, height, width]."""
    predicted = [predict_arrays(evaluator, group).argmax(axis=1) for group in images]
    return np.mean(np.array(predicted) == np.arange(len(images))[:, None], axis=1)


def describe_classes(
    distributions: ClassDistributions, accuracy: np.ndarray, classes: list[str]
) -> list[dict[str, Any]]:
    """Return a record per class: its latent distribution and the accuracy on its samples."""
    return [
        {
            "class": name,
            "mean": distributions.mean[label].round(4).tolist(),
            "covariance": distributions.covariance[label].round(4).tolist(),
            "class_accuracy": float(accuracy[label]),
        }
        for label, name in enumerate(classes)
    ]


def closed_path(corners: np.ndarray, steps: int) -> np.ndarray:
    """Return points on a closed polygon.

    Args:
        corners: Corners in order [n, latent_dim].
        steps: Number of steps from one corner to the next.

    Returns:
        Points [n * steps, latent_dim].
    """
    following = np.roll(corners, -1, axis=0)
    points = [corners + (following - corners) * step / steps for step in range(steps)]
    return np.stack(points, axis=1).reshape(-1, corners.shape[1])


def chart_points(means: np.ndarray, y: np.ndarray, classes: list[str]) -> pd.DataFrame:
    """Return the first two latent means of some images: columns z1, z2, class."""
    points = means[:CHART_POINTS, :2].round(3)
    names = [classes[label] for label in y[:CHART_POINTS]]
    return pd.DataFrame({"z1": points[:, 0], "z2": points[:, 1], "class": names})
