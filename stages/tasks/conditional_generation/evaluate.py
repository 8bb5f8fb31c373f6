"""Evaluation of a conditional VAE: whether its samples show the class asked for."""

import keras
import numpy as np
import pandas as pd
from sklearn.neighbors import KNeighborsClassifier

from stages.inference.outputs import logits_to_pixels, predict_arrays
from stages.metrics.distances import frechet_distance
from stages.metrics.likelihood import kl_divergence, reconstruction_loss, vae_metrics
from stages.plots.history import plot_history
from stages.plots.images import dark_on_white, image_grid
from stages.tasks.classifier import check_evaluator, predict_features
from stages.tasks.conditional_generation import captions, plots
from stages.tasks.interface import Evaluation, EvaluationContext

SAMPLES_PER_CLASS = 500
SHOWN_PER_CLASS = 14
NUM_STYLES = 12  # latent vectors, each decoded in all classes
NUM_FRAMES = 24  # of the walk
WALK_COLUMNS = 5
NUM_NEIGHBORS = 10


def evaluate(context: EvaluationContext) -> Evaluation:
    """Generate images of each class; compute losses on the test images.

    Raises:
        ConfigError: If the evaluator is not a classifier of the dataset.
    """
    classes, test = context.info["classes"], context.load_split("test")
    evaluator: keras.Model = context.evaluator.model  # type: ignore[union-attr]
    check_evaluator(evaluator, context.config.evaluator, classes)
    decoder = context.bundle.model.get_layer("decoder")
    random = np.random.default_rng(context.config.seed)
    images = sample_classes(decoder, len(classes), random)
    flat = images.reshape(-1, *images.shape[2:])
    y = np.repeat(np.arange(len(classes)), SAMPLES_PER_CLASS)
    features, predicted = predict_features(evaluator, flat)
    real_features, real_predicted = predict_features(evaluator, test.x)
    accuracy = class_accuracy(predicted, y, len(classes))
    reference = class_accuracy(real_predicted, test.y, len(classes))
    evaluation = Evaluation(
        metrics={
            "samples": {
                "accuracy": float(accuracy.mean()),
                "worst_accuracy": float(accuracy.min()),
            },
            "evaluator": {"accuracy": float((real_predicted == test.y).mean())},
            "frechet_distance": frechet_distance(features, real_features),
            "test": losses(context, random),
            "latent": {"neighbor_accuracy": neighbor_accuracy(context)},
        },
        chart=tabulate(classes, reference, accuracy),
        figures={
            "learning_curves": plot_history(context.history, plots.PANELS, "epoch"),
            "class_samples": plots.class_samples(images[:, :SHOWN_PER_CLASS], classes, accuracy),
        },
    )
    evaluation.figures["class_accuracy"] = plots.class_accuracy(evaluation.chart)
    evaluation.summaries |= {
        "class_samples": captions.summarize_samples(classes, accuracy),
        "class_accuracy": captions.summarize_accuracy(accuracy, evaluation.metrics),
        "same_style": captions.summarize_latent(evaluation.metrics, len(classes)),
    }
    evaluation.data["class_samples"] = dict(zip(classes, accuracy.tolist(), strict=True))
    add_styles(evaluation, decoder, classes, random)
    return evaluation


def decode(decoder: keras.Model, latent: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Decode latent variables [n, latent_dim] to images of classes [n], uint8."""
    inputs: list[np.ndarray] = [latent.astype(np.float32), labels.astype(np.uint8)]
    logits = predict_arrays(decoder, inputs)
    return logits_to_pixels(logits)


def sample_classes(
    decoder: keras.Model, num_classes: int, random: np.random.Generator
) -> np.ndarray:
    """Decode samples of the prior, uint8 [classes, SAMPLES_PER_CLASS, height, width]."""
    labels = np.repeat(np.arange(num_classes), SAMPLES_PER_CLASS)
    latent = random.standard_normal((len(labels), latent_dim(decoder)))
    images = decode(decoder, latent, labels)
    return images.reshape(num_classes, SAMPLES_PER_CLASS, *images.shape[1:])


def latent_dim(decoder: keras.Model) -> int:
    """Return the number of latent variables of a decoder."""
    return int(decoder.input_shape[0][1])


def class_accuracy(predicted: np.ndarray, y: np.ndarray, num_classes: int) -> np.ndarray:
    """Return the accuracy on the examples of each class [num_classes]; arguments: classes [n]."""
    return np.array([np.mean(predicted[y == label] == label) for label in range(num_classes)])


def losses(context: EvaluationContext, random: np.random.Generator) -> dict[str, float]:
    """Compute mean losses on the test images, in nats, with one sample of each posterior."""
    test, model = context.load_split("test"), context.bundle.model
    encoder, decoder = model.get_layer("encoder"), model.get_layer("decoder")
    mean, log_variance = predict_arrays(encoder, [np.asarray(test.x), test.y])
    noise = random.standard_normal(mean.shape).astype(np.float32)
    latent = mean + np.exp(log_variance / 2) * noise
    logits = predict_arrays(decoder, [latent, test.y])
    kl_weight = context.bundle.spec["training"]["kl_weight"]
    return vae_metrics(
        reconstruction_loss(test.x, logits), kl_divergence(mean, log_variance), kl_weight
    )


def neighbor_accuracy(context: EvaluationContext) -> float:
    """Predict the classes of test images from their nearest training images in latent space.

    The encoder is given the class, so that latent variables need not describe it: the closer the
    accuracy is to chance, the less they do.
    """
    encoder = context.bundle.model.get_layer("encoder")
    means, labels = {}, {}
    for name in ("train", "test"):
        split = context.load_split(name)
        inputs = [np.asarray(split.x), split.y]
        means[name], labels[name] = predict_arrays(encoder, inputs)[0], split.y
    neighbors = KNeighborsClassifier(NUM_NEIGHBORS).fit(means["train"], labels["train"])
    return float(neighbors.score(means["test"], labels["test"]))


def tabulate(classes: list[str], real: np.ndarray, generated: np.ndarray) -> pd.DataFrame:
    """Return accuracies by class [classes]: columns class, images (real or generated), accuracy."""
    columns = {"class": classes * 2}
    columns["images"] = ["real"] * len(classes) + ["generated"] * len(classes)
    return pd.DataFrame(columns | {"accuracy": np.concatenate([real, generated]).round(5)})


def add_styles(
    evaluation: Evaluation, decoder: keras.Model, classes: list[str], random: np.random.Generator
) -> None:
    """Add images of the same latent vectors in all classes, and a walk through latent space."""
    styles = random.standard_normal((NUM_STYLES, latent_dim(decoder)))
    images = decode_all(decoder, styles, len(classes))
    evaluation.figures["same_style"] = plots.same_style(images, classes)
    path = great_circle(random.standard_normal((2, latent_dim(decoder))), NUM_FRAMES)
    evaluation.animations["walk"] = [
        image_grid(dark_on_white(frame), WALK_COLUMNS).repeat(2, axis=0).repeat(2, axis=1)
        for frame in decode_all(decoder, path, len(classes))
    ]


def decode_all(decoder: keras.Model, latent: np.ndarray, num_classes: int) -> np.ndarray:
    """Decode each of [n, latent_dim] in each class, uint8 [n, classes, height, width]."""
    labels = np.tile(np.arange(num_classes), len(latent))
    images = decode(decoder, latent.repeat(num_classes, axis=0), labels)
    return images.reshape(len(latent), num_classes, *images.shape[1:])


def great_circle(vectors: np.ndarray, steps: int) -> np.ndarray:
    """Return points on the circle around 0 through the plane of two vectors.

    The points have the typical norm of latent vectors, the square root of their dimension, so that
    no point is less probable than another.

    Args:
        vectors: Vectors [2, latent_dim].
        steps: Number of points.

    Returns:
        Points [steps, latent_dim], the first in the direction of the first vector.
    """
    first = vectors[0] / np.linalg.norm(vectors[0])
    second = vectors[1] - (vectors[1] @ first) * first
    second /= np.linalg.norm(second)
    angle = 2 * np.pi * np.arange(steps)[:, None] / steps
    points: np.ndarray = np.cos(angle) * first + np.sin(angle) * second
    return points * np.sqrt(vectors.shape[1])
