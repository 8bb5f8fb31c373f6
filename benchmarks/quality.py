"""Metrics of a model on the test split, as defined by its task."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from stages.core.paths import MODELS
from stages.core.splits import load_split
from stages.inference.bundle import load_model
from stages.inference.outputs import predict_arrays, probabilities
from stages.metrics.classification import classification_metrics
from stages.metrics.generation import class_fractions
from stages.plots.images import evenly_spaced
from stages.tasks.autoencoding.evaluate import losses
from stages.tasks.classifier import predict_features
from stages.tasks.image_generation.evaluate import generate, score

MAX_IMAGES = 10_000  # number of generated and of real images to compare

Measure = Callable[[keras.Model], dict[str, float]]


def make_measure(config: Any, info: dict[str, Any]) -> Measure:
    """Build a function that computes the metrics of a model, as reported by its task's `evaluate`.

    Args:
        config: Section of the model in params.yaml.
        info: Description of the processed dataset, the content of info.json.
    """
    return MEASURES[config.task](config, info)


def classification(config: Any, info: dict[str, Any]) -> Measure:
    """Build a function that computes accuracy, loss and others."""
    x, y = load_split(config.dataset, "test")

    def measure(model: keras.Model) -> dict[str, float]:
        return under_test(classification_metrics(y, probabilities(model, x, info["input"]["type"])))

    return measure


def autoencoding(config: Any, info: dict[str, Any]) -> Measure:
    """Build a function that computes the losses."""
    del info
    x = load_split(config.dataset, "test").x

    def measure(model: keras.Model) -> dict[str, float]:
        posteriors = predict_arrays(model.get_layer("encoder"), x)
        random = np.random.default_rng(config.evaluation.seed)
        kl_weight = config.training.kl_weight
        return under_test(losses(model.get_layer("decoder"), x, posteriors, kl_weight, random))

    return measure


def image_generation(config: Any, info: dict[str, Any]) -> Measure:
    """Build a function that computes class metrics and distances with the evaluator."""
    images = load_split(config.dataset, "test").x
    test = images[evenly_spaced(len(images), MAX_IMAGES)]
    evaluator = load_model(MODELS / config.evaluation.evaluator / "model.keras")
    real, _ = predict_features(evaluator, test)

    def measure(model: keras.Model) -> dict[str, float]:
        generator = model.get_layer("generator")
        random = np.random.default_rng(config.evaluation.seed)
        noise = random.standard_normal((len(test), generator.input_shape[-1]))
        features, labels = predict_features(evaluator, generate(generator, noise))
        return score(features, class_fractions(labels, len(info["classes"])), real)

    return measure


MEASURES: dict[str, Callable[[Any, dict[str, Any]], Measure]] = {
    "classification": classification,
    "autoencoding": autoencoding,
    "image_generation": image_generation,
}


def under_test(metrics: dict[str, float]) -> dict[str, float]:
    """Return metrics with their keys in metrics.json."""
    return {f"test.{name}": value for name, value in metrics.items()}
