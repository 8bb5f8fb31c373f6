"""Exploration of the noise space of a GAN of images."""

from collections.abc import Callable
from typing import Any, NamedTuple

import keras
import numpy as np
import pandas as pd

from stages.inference.outputs import predict_arrays, to_pixels
from stages.metrics.images import psnr
from stages.tasks.exploration import arithmetic, captions, plots
from stages.tasks.exploration.attributes import ATTRIBUTES
from stages.tasks.exploration.inversion import Search, invert
from stages.tasks.interface import Evaluation

NUM_FITTED = 6000  # images from which attributes are learned
NUM_MOVED = 1000  # other images, which are changed
NUM_SHOWN_INVERTED = 16
NUM_SHOWN_MOVED = 6  # rows of an attribute
SHOWN_PAIRS = ((0, 3), (1, 7), (4, 9), (6, 2), (8, 5))  # classes a and c, if there are so many
STEPS = (-1.5, -1.0, -0.5, 0.0, 0.5, 1.0, 1.5)  # of the figure, times the strength
CURVE = (0.25, 0.5, 0.75, 1.0, 1.25, 1.5, 1.75, 2.0)  # strengths, times the strength


class Explorer(NamedTuple):
    """A generator and the classifier of its images.

    Attributes:
        generator: Model from noise [n, latent_dim] to images of 0 to 255.
        evaluator: Classifier of images, uint8 [n, height, width].
        classes: Names of the classes.
    """

    generator: keras.Model
    evaluator: keras.Model
    classes: list[str]

    def generate(self, noise: np.ndarray) -> np.ndarray:
        """Generate images, uint8 [n, height, width], from noise [n, latent_dim]."""
        return to_pixels(predict_arrays(self.generator, noise.astype(np.float32)))

    def classify(self, images: np.ndarray) -> np.ndarray:
        """Predict the classes [n] of images, uint8 [n, height, width]."""
        labels: np.ndarray = predict_arrays(self.evaluator, images).argmax(axis=1)
        return labels


class Sample(NamedTuple):
    """Noise vectors [n, latent_dim], the images generated from them, and their classes [n]."""

    noise: np.ndarray
    images: np.ndarray
    labels: np.ndarray


class Direction(NamedTuple):
    """A direction of the noise space in which an attribute may change.

    Attributes:
        measure: Function that measures the attribute of images [n, height, width].
        vector: Unit vector [latent_dim].
        spread: Standard deviation of the attribute within a class.
    """

    measure: Callable[[np.ndarray], np.ndarray]
    vector: np.ndarray
    spread: float


def explore(explorer: Explorer, test: np.ndarray, config: Any) -> Evaluation:
    """Invert test images, and change attributes of generated images by vector arithmetic.

    Args:
        explorer: Generator and classifier.
        test: Test images, uint8 [n, height, width].
        config: The model's section of `exploration` in params.yaml.
    """
    random = np.random.default_rng(config.seed)
    evaluation = Evaluation(metrics={}, chart=pd.DataFrame(), figures={})
    shown = np.linspace(0, len(test) - 1, min(config.num_images, len(test))).astype(int)
    add_inversion(evaluation, explorer, np.asarray(test[shown]), config, random)
    latent_dim = explorer.generator.input_shape[-1]
    fitted, moved = (
        draw_sample(explorer, random.standard_normal((count, latent_dim)))
        for count in (NUM_FITTED, NUM_MOVED)
    )
    if len(np.unique(fitted.labels)) == len(explorer.classes):  # otherwise classes are missing
        control = random.standard_normal(latent_dim)
        add_attributes(evaluation, explorer, (fitted, moved), config.strength, control)
    return evaluation


def draw_sample(explorer: Explorer, noise: np.ndarray) -> Sample:
    """Generate and classify images from noise [n, latent_dim]."""
    images = explorer.generate(noise)
    return Sample(noise, images, explorer.classify(images))


def add_inversion(
    evaluation: Evaluation,
    explorer: Explorer,
    images: np.ndarray,
    config: Any,
    random: np.random.Generator,
) -> None:
    """Add the noise vectors of images, and how close the generated images are.

    Args:
        evaluation: Evaluation to add to.
        explorer: Generator and classifier.
        images: Images, uint8 [n, height, width].
        config: Section of the exploration: restarts, steps and learning_rate.
        random: Generator that draws the noise.
    """
    search = Search(config.restarts, config.steps, config.learning_rate)
    found = invert(explorer.generator, images, search, random)
    before, after = explorer.generate(found.start), explorer.generate(found.noise)
    labels = explorer.classify(images)
    metrics = {
        "psnr_start": mean_psnr(before, images),
        "psnr": mean_psnr(after, images),
        "same_class_start": float(np.mean(explorer.classify(before) == labels)),
        "same_class": float(np.mean(explorer.classify(after) == labels)),
    }
    evaluation.metrics["inversion"] = metrics
    figure = slice(NUM_SHOWN_INVERTED)
    evaluation.figures["inversion"] = plots.inversion(images[figure], before[figure], after[figure])
    evaluation.summaries["inversion"] = captions.summarize_inversion(metrics, len(images))


def mean_psnr(predicted: np.ndarray, target: np.ndarray) -> float:
    """Return the mean peak signal-to-noise ratio of images, uint8 [n, ...], in decibels."""
    return float(np.mean([psnr(a / 255, b / 255) for a, b in zip(predicted, target, strict=True)]))


def add_attributes(
    evaluation: Evaluation,
    explorer: Explorer,
    samples: tuple[Sample, Sample],
    strength: float,
    control: np.ndarray,
) -> None:
    """Add the success rates of attribute directions and of arithmetic with mean vectors.

    Args:
        evaluation: Evaluation to add to.
        explorer: Generator and classifier.
        samples: Images to learn attributes from, and other ones to change.
        strength: Length of the vector that is added to noise.
        control: A random vector [latent_dim], for comparison.
    """
    fitted, moved = samples
    control = control / np.linalg.norm(control)
    curves, shown, combined = {}, {}, {}
    rates: dict[str, dict[str, float]] = {}
    for name, measure in ATTRIBUTES.items():
        extremes = arithmetic.find_extremes(
            fitted.noise, fitted.labels, measure(fitted.images), len(explorer.classes)
        )
        vector = arithmetic.direction(extremes)
        direction = Direction(measure, vector, extremes.spread)
        curves[name] = [
            success_rate(explorer, moved, direction, factor * strength) for factor in CURVE
        ]
        shown[name] = move_along(explorer, moved.noise[:NUM_SHOWN_MOVED], vector, strength)
        images, success = arithmetic_success(explorer, extremes, measure)
        combined[name] = images
        by_chance = direction._replace(vector=control)
        rates[name] = {
            "success_rate": curves[name][CURVE.index(1.0)],
            "random_success_rate": success_rate(explorer, moved, by_chance, strength),
            "arithmetic_success_rate": float(success.mean()),
        }
    evaluation.metrics["attributes"] = rates
    pairs = arithmetic.pairs(len(explorer.classes))
    rows = [pairs.index(pair) for pair in SHOWN_PAIRS if pair in pairs]
    strengths = [factor * strength for factor in CURVE]
    evaluation.figures |= {
        "attributes": plots.attributes(shown, [step * strength for step in STEPS]),
        "success": plots.success(strengths, curves, strength),
        "arithmetic": plots.arithmetic({name: images[rows] for name, images in combined.items()}),
    }
    evaluation.data["success"] = {"strengths": strengths, "rates": curves}
    evaluation.summaries |= {
        "attributes": captions.summarize_attributes(rates),
        "arithmetic": captions.summarize_arithmetic(rates, len(pairs)),
    }


def success_rate(
    explorer: Explorer, sample: Sample, direction: Direction, strength: float
) -> float:
    """Return the success rate of moving noise forwards and backwards; see `arithmetic.success`.

    Args:
        explorer: Generator and classifier.
        sample: Images to change.
        direction: Direction, and the attribute that should change.
        strength: Length of the vector that is added.
    """
    measure, vector, spread = direction
    values = measure(sample.images)
    successes = []
    for sign in (1, -1):
        noise = arithmetic.move(sample.noise, vector, sign * strength)
        changed = draw_sample(explorer, noise)
        successes.append(
            arithmetic.success(
                (values, measure(changed.images)), (sample.labels, changed.labels), spread, sign
            )
        )
    return float(np.mean(successes))


def move_along(
    explorer: Explorer, noise: np.ndarray, direction: np.ndarray, strength: float
) -> np.ndarray:
    """Generate images along a direction, uint8 [n, steps, height, width]; steps as in STEPS."""
    moved = [arithmetic.move(noise, direction, step * strength) for step in STEPS]
    return np.stack([explorer.generate(vectors) for vectors in moved], axis=1)


def arithmetic_success(
    explorer: Explorer,
    extremes: arithmetic.Extremes,
    measure: Callable[[np.ndarray], np.ndarray],
) -> tuple[np.ndarray, np.ndarray]:
    """Generate high(a) - low(a) + low(c), and decide which results are high images of class c.

    An image is high if its attribute is closer to that of the mean vector of high images of c than
    to that of low ones.

    Returns:
        Images, uint8 [pairs, 4, height, width], see `arithmetic.combine`; successes, bool [pairs].
    """
    vectors = arithmetic.combine(extremes)
    flat = explorer.generate(vectors.reshape(-1, vectors.shape[-1]))
    images = flat.reshape(*vectors.shape[:2], *flat.shape[1:])
    expected = np.array([c for _, c in arithmetic.pairs(len(explorer.classes))])
    first, _, low, result = images.swapaxes(0, 1)
    starts = np.array([a for a, _ in arithmetic.pairs(len(explorer.classes))])
    high_values = np.array(
        [measure(first[starts == label][:1])[0] for label in range(len(explorer.classes))]
    )
    middle = (measure(low) + high_values[expected]) / 2
    success = (explorer.classify(result) == expected) & (measure(result) > middle)
    return images, success
