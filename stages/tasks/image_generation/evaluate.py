"""Evaluation of an image generator: fidelity and diversity of its images."""

from itertools import pairwise
from typing import Any

import keras
import numpy as np
import pandas as pd
from sklearn.metrics import pairwise_distances_argmin

from stages.inference.outputs import predict_arrays, to_pixels
from stages.metrics.distances import frechet_distance, random_directions, sliced_wasserstein
from stages.metrics.generation import class_fractions, class_kl, classes_covered
from stages.plots.history import plot_history
from stages.plots.images import dark_on_white, evenly_spaced, image_grid
from stages.tasks.classifier import check_evaluator, predict_features
from stages.tasks.image_generation import captions, plots
from stages.tasks.interface import Evaluation, EvaluationContext

MAX_IMAGES = 10_000  # generated and compared
NUM_SHOWN = plots.GRID_COLUMNS**2
NUM_PATHS, PATH_STEPS = 6, 10  # of the interpolation
NUM_NEAREST = 12
ARITHMETIC = ((2, 0, 3), (9, 7, 5))  # classes: Pullover - T-shirt + Dress; Boot - Sneaker + Sandal
NUM_DIRECTIONS = 512
NUM_BINS = 8  # of pixel values
MAX_FRAMES = 14  # of the animation, so that color images stay below a megabyte


def evaluate(context: EvaluationContext) -> Evaluation:
    """Compare generated images with as many test images, with the evaluator if there is one."""
    train, test = (context.load_split(name).x for name in ("train", "test"))
    train, test = (images[evenly_spaced(len(images), MAX_IMAGES)] for images in (train, test))
    model, random = context.bundle.model, np.random.default_rng(context.config.seed)
    generator, discriminator = model.get_layer("generator"), model.get_layer("discriminator")
    noise = random.standard_normal((len(test), generator.input_shape[-1])).astype(np.float32)
    generated = generate(generator, noise)
    if context.evaluator is None:
        evaluation = compare_pixels(generated, train, test, random)
    else:
        evaluation = compare_features(context, generated, train, test, random)
        add_arithmetic(evaluation, context, noise, generated)
    accuracy = discriminator_accuracy(discriminator, test, generated)
    evaluation.metrics["discriminator"] = {"accuracy": accuracy}
    evaluation.summaries |= {
        "learning_curves": captions.summarize_history(context.history, accuracy),
        "samples": captions.summarize_metrics(evaluation.metrics),
    }
    add_figures(evaluation, context, generated, train, test)
    ends = random.standard_normal((2, NUM_PATHS, noise.shape[1]))
    paths = interpolate(generator, ends, PATH_STEPS)
    evaluation.figures["interpolation"] = plots.interpolation(paths)
    return evaluation


def generate(generator: keras.Model, noise: np.ndarray) -> np.ndarray:
    """Generate images, uint8 [n, height, width(, 3)], from noise [n, latent_dim]."""
    return to_pixels(predict_arrays(generator, noise.astype(np.float32)))


def discriminator_accuracy(
    discriminator: keras.Model, real: np.ndarray, generated: np.ndarray
) -> float:
    """Return the mean of the discriminator's accuracies on real and on generated images."""
    real_logits, generated_logits = (
        predict_arrays(discriminator, images.astype(np.float32)) for images in (real, generated)
    )
    return float((np.mean(real_logits > 0) + np.mean(generated_logits <= 0)) / 2)


def compare_pixels(
    generated: np.ndarray, train: np.ndarray, test: np.ndarray, random: np.random.Generator
) -> Evaluation:
    """Compare pixels and the distribution of their values, without an evaluator.

    The distance of training images to test images is the reference.
    """
    directions = random_directions(test[0].size, NUM_DIRECTIONS, random)
    reference = train[evenly_spaced(len(train), len(test))]
    edges = np.linspace(0, 256, NUM_BINS + 1).astype(int)
    names = [f"{low}-{high - 1}" for low, high in pairwise(edges)]
    fractions = [np.histogram(images, edges)[0] / images.size for images in (test, generated)]
    chart = tabulate(names, *fractions)
    return Evaluation(
        metrics={
            "sliced_wasserstein": sliced_wasserstein(generated, test, directions),
            "sliced_wasserstein_train": sliced_wasserstein(reference, test, directions),
        },
        chart=chart,
        figures={"pixel_value_distribution": plots.distribution(chart, "pixel value, 0 to 255")},
    )


def compare_features(
    context: EvaluationContext,
    generated: np.ndarray,
    train: np.ndarray,
    test: np.ndarray,
    random: np.random.Generator,
) -> Evaluation:
    """Compare predicted classes and features of the evaluator.

    The distances of training images and of noise to the test images are references.
    """
    classes, evaluator = context.info["classes"], context.evaluator.model  # type: ignore[union-attr]
    check_evaluator(evaluator, context.config.evaluator, classes)
    indices = random.permutation(len(train))[: len(test)]
    noise_images = random.integers(0, 256, test.shape, np.uint8)
    features, labels = {}, {}
    for name, images in (
        ("test", test),
        ("generated", generated),
        ("train", train[indices]),
        ("noise", noise_images),
    ):
        features[name], labels[name] = predict_features(evaluator, images)
    real, fractions = (
        class_fractions(labels[name], len(classes)) for name in ("test", "generated")
    )
    chart = tabulate(classes, real, fractions)
    return Evaluation(
        metrics=score(features["generated"], fractions, features["test"])
        | {
            "frechet_distance_train": frechet_distance(features["train"], features["test"]),
            "frechet_distance_noise": frechet_distance(features["noise"], features["test"]),
        },
        chart=chart,
        figures={"class_distribution": plots.distribution(chart, "predicted class")},
    )


def score(features: np.ndarray, fractions: np.ndarray, real: np.ndarray) -> dict[str, float]:
    """Compute fidelity and diversity of generated images.

    Args:
        features: Features of generated images [n, features].
        fractions: Fraction of generated images in each class [classes].
        real: Features of real images [m, features].

    Returns:
        classes_covered, class_kl and frechet_distance.
    """
    return {
        "classes_covered": classes_covered(fractions),
        "class_kl": class_kl(fractions),
        "frechet_distance": frechet_distance(features, real),
    }


def tabulate(names: list[str], real: np.ndarray, generated: np.ndarray) -> pd.DataFrame:
    """Return fractions [n] of real and generated images: columns value, images, fraction."""
    columns = {"value": names * 2, "images": ["real"] * len(names) + ["generated"] * len(names)}
    return pd.DataFrame(columns | {"fraction": np.concatenate([real, generated]).round(5)})


def add_figures(
    evaluation: Evaluation,
    context: EvaluationContext,
    generated: np.ndarray,
    train: np.ndarray,
    test: np.ndarray,
) -> None:
    """Add the figures and the animation of every image generator."""
    shown = generated[:NUM_NEAREST]
    nearest = nearest_images(shown, train)
    evaluation.figures |= {
        "learning_curves": plot_history(context.history, plots.PANELS, "epoch"),
        "samples": plots.samples(generated[:NUM_SHOWN], test[:NUM_SHOWN]),
        "nearest_training_images": plots.nearest_training_images(shown, train[nearest]),
    }
    snapshots = context.snapshots["images"]
    evaluation.animations["training"] = [
        image_grid(dark_on_white(snapshots[index]), plots.GRID_COLUMNS)
        for index in evenly_spaced(len(snapshots), MAX_FRAMES)
    ]


def nearest_images(images: np.ndarray, train: np.ndarray) -> np.ndarray:
    """Return indices [n] of the training images nearest to images [n, ...], by squared error."""
    flat, flat_train = (x.reshape(len(x), -1).astype(np.float32) for x in (images, train))
    return pairwise_distances_argmin(flat, flat_train)


def interpolate(generator: keras.Model, ends: np.ndarray, steps: int) -> np.ndarray:
    """Generate images between noise vectors, along great circles.

    All noise vectors thus have the typical norm, the square root of their dimension.

    Args:
        generator: Model from noise to images.
        ends: First and last noise vectors [2, rows, latent_dim].
        steps: Images per row, both ends included.

    Returns:
        Images, uint8 [rows, steps, height, width(, 3)].

    Reference:
        White: Sampling generative networks, arXiv 1609.04468, 2016.
    """
    first, last = ends / np.linalg.norm(ends, axis=2, keepdims=True)
    angle = np.arccos(np.clip((first * last).sum(axis=1), -1, 1))[:, None, None]
    position = np.linspace(0, 1, steps)[None, :, None]
    between = np.sin((1 - position) * angle) * first[:, None]
    between = (between + np.sin(position * angle) * last[:, None]) / np.sin(angle)
    rows, latent_dim = first.shape
    images = generate(generator, (between * np.sqrt(latent_dim)).reshape(-1, latent_dim))
    return images.reshape(rows, steps, *images.shape[1:])


def add_arithmetic(
    evaluation: Evaluation, context: EvaluationContext, noise: np.ndarray, generated: np.ndarray
) -> None:
    """Add vector arithmetic such as Pullover - T-shirt + Dress, if these classes are generated.

    The noise of a class is the mean over the images that the evaluator assigns to it, rescaled to
    the typical norm of noise.

    Args:
        evaluation: Evaluation to add to.
        context: Context of the evaluation.
        noise: Noise vectors [n, latent_dim].
        generated: Images generated from the noise vectors [n, ...].

    Reference:
        Radford, Metz, Chintala: Unsupervised representation learning with deep convolutional
        generative adversarial networks, ICLR 2016.
    """
    classes, evaluator = context.info["classes"], context.evaluator.model  # type: ignore[union-attr]
    predicted = predict_arrays(evaluator, generated).argmax(axis=1)
    terms = [triple for triple in ARITHMETIC if set(triple) <= set(predicted.tolist())]
    if not terms:
        return
    vectors = arithmetic_vectors(noise, predicted, terms)
    images = generate(context.bundle.model.get_layer("generator"), vectors)
    results = predict_arrays(evaluator, images).argmax(axis=1)[3::4]
    titles: list[Any] = []
    for (a, b, c), result in zip(terms, results, strict=True):
        titles += [classes[a], f"- {classes[b]}", f"+ {classes[c]}", f"= {classes[result]}?"]
    evaluation.figures["vector_arithmetic"] = plots.vector_arithmetic(images, titles)
    evaluation.data["vector_arithmetic"] = {"titles": titles}


def arithmetic_vectors(
    noise: np.ndarray, labels: np.ndarray, terms: list[tuple[int, int, int]]
) -> np.ndarray:
    """Compute the noise of a, b, c and a - b + c for each (a, b, c) of `terms`.

    Args:
        noise: Noise vectors [n, latent_dim].
        labels: Classes of the images generated from them [n].
        terms: Triples of classes.

    Returns:
        Noise vectors [4 * terms, latent_dim].
    """
    rows = []
    for triple in terms:
        a, b, c = (noise[labels == label].mean(axis=0) for label in triple)
        rows += [a, b, c, a - b + c]
    vectors = np.stack(rows)
    return vectors * np.sqrt(noise.shape[1]) / np.linalg.norm(vectors, axis=1, keepdims=True)
