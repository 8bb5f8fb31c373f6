"""Judge a generator of pictures: how like real ones its pictures are, and how varied."""

from itertools import pairwise
from typing import Any

import keras
import numpy as np
import pandas as pd

from stages.data import pictures_of
from stages.evaluation import Evaluation, Inputs, packed
from stages.networks.gan import as_maps, generate
from stages.params import Gan
from stages.plots.style import sheet
from stages.tasks.generation import metrics, plots

SHOWN = 81
COLUMNS = 9
PATHS, STEPS = 6, 10  # from noise to noise
COMPARED = 12  # pictures whose nearest training picture is shown
SUMS = ((2, 0, 3), (9, 7, 5))  # class - class + class: Pullover, T-shirt, Dress; Boot, ...
BINS = 8  # of brightness
MOST = 10_000  # pictures of a folder that are compared, since those must fit in memory


def evaluate(inputs: Inputs, block: Gan) -> Evaluation:
    """Compare as many generated pictures with the test pictures; see design.md for the metrics.

    A classifier judges, or none where the model is its own judge.
    """
    train, test = (
        pictures_of(inputs.description, inputs.parts[name], MOST) for name in ("train", "test")
    )
    random = np.random.default_rng(block.seed)
    generator = inputs.model.get_layer("generator")
    noise = random.normal(size=(len(test), block.noise_units)).astype(np.float32)
    generated = generate(generator, noise)
    evaluation = (
        compare_plainly(generated, train, test, random)
        if inputs.judge is inputs.model
        else compare_by_classifier(inputs, noise, generated, train, random)
    )
    discriminator = inputs.model.get_layer("discriminator")
    evaluation.metrics["discriminator"] = {"accuracy": accuracy(discriminator, test, generated)}

    paths = interpolate(generator, random.normal(size=(2, PATHS, block.noise_units)))
    near = nearest(generated[:COMPARED], train)
    evaluation.figures |= {
        "samples": plots.samples(generated[:SHOWN], test[:SHOWN]),
        "curves": plots.curves(inputs.history),
        "shares": plots.shares(evaluation.chart),
        "interpolation": plots.interpolation(paths),
        "neighbours": plots.neighbours(generated[:COMPARED], train[near]),
    }
    evaluation.data |= {
        "curves": inputs.history.round(4).to_dict("list"),
        "shares": evaluation.chart.to_dict("list"),
        "samples": packed(generated[:SHOWN]),
        "interpolation": packed(paths),
        "neighbours": {"samples": COMPARED, "nearest": packed(train[near])},
    }
    frames = inputs.progress["samples"]
    frames = frames if frames.ndim == 5 else 255 - frames  # grey ones dark on white, as elsewhere
    evaluation.animations["training"] = [sheet(pictures, COLUMNS) for pictures in frames]
    return evaluation


def compare_plainly(
    generated: np.ndarray, train: np.ndarray, test: np.ndarray, random: np.random.Generator
) -> Evaluation:
    """The distance of pixels, and the shares of brightness, where no classifier can judge."""
    scores = {
        "sliced_wasserstein": metrics.sliced_wasserstein(generated, test, random),
        "sliced_wasserstein_floor": metrics.sliced_wasserstein(train[: len(test)], test, random),
    }
    edges = np.linspace(0, 256, BINS + 1).astype(int)
    names = [f"{low}-{high - 1}" for low, high in pairwise(edges)]
    chart = tabulate(
        names, *(np.histogram(each, edges)[0] / each.size for each in (test, generated))
    )
    return Evaluation(scores, chart, {}, {})


def compare_by_classifier(
    inputs: Inputs,
    noise: np.ndarray,
    generated: np.ndarray,
    train: np.ndarray,
    random: np.random.Generator,
) -> Evaluation:
    """What the judge makes of generated pictures, and of test, training and random ones."""
    test, classes = inputs.parts["test"].x, inputs.description["classes"]
    some = random.permutation(len(train))[: len(test)]
    nonsense = random.integers(0, 256, test.shape, np.uint8)
    real, labels = metrics.features(inputs.judge, test)
    made, said = metrics.features(inputs.judge, generated)
    floor, ceiling = (metrics.features(inputs.judge, each)[0] for each in (train[some], nonsense))
    shares = metrics.shares_of(said, len(classes))
    scores: dict[str, Any] = {
        "classes_generated": metrics.classes_generated(shares),
        "class_kl": metrics.class_kl(shares),
        "fid_fashion": metrics.frechet_distance(made, real),
        "fid_fashion_floor": metrics.frechet_distance(floor, real),
        "fid_fashion_ceiling": metrics.frechet_distance(ceiling, real),
    }
    evaluation = Evaluation(
        scores, tabulate(classes, metrics.shares_of(labels, len(classes)), shares), {}, {}
    )
    add_arithmetic(evaluation, inputs, noise, said)
    return evaluation


def tabulate(names: list[str], real: np.ndarray, generated: np.ndarray) -> pd.DataFrame:
    """Shares [n] of real and of generated pictures, by what they are shares of."""
    columns = {"value": names * 2, "pictures": ["real"] * len(names) + ["generated"] * len(names)}
    return pd.DataFrame(columns | {"share": np.concatenate([real, generated]).round(5)})


def accuracy(discriminator: keras.Model, real: np.ndarray, generated: np.ndarray) -> float:
    """How often it tells real pictures from as many generated ones."""
    on_real, on_generated = (
        discriminator.predict(as_maps(each).astype(np.float32), metrics.BATCH, verbose=0)
        for each in (real, generated)
    )
    return float((np.mean(on_real > 0) + np.mean(on_generated <= 0)) / 2)


def interpolate(generator: keras.Model, ends: np.ndarray) -> np.ndarray:
    """Pictures uint8 [rows, STEPS, height, width(, 3)] between noises [2, rows, units].

    Along great circles: in between, noise is as long as it is at the ends (White: Sampling
    generative networks, 2016).
    """
    first, second = (each / np.linalg.norm(each, axis=1, keepdims=True) for each in ends)
    angle = np.arccos(np.clip((first * second).sum(axis=1), -1, 1))[:, None, None]
    part = np.linspace(0, 1, STEPS)[None, :, None]
    between = np.sin((1 - part) * angle) * first[:, None] + np.sin(part * angle) * second[:, None]
    rows, units = first.shape
    noise = (between / np.sin(angle) * np.sqrt(units)).reshape(-1, units)
    pictures = generate(generator, noise.astype(np.float32))
    return pictures.reshape(rows, STEPS, *pictures.shape[1:])


def add_arithmetic(
    evaluation: Evaluation, inputs: Inputs, noise: np.ndarray, said: np.ndarray
) -> None:
    """Add the pictures of sums of noise: class - class + class, where all are generated.

    A class's noise is the mean of that of the pictures that the judge takes for it (Radford, Metz,
    Chintala, 2016), made as long as noise is.
    """
    classes = inputs.description["classes"]
    sums = [each for each in SUMS if set(each) <= set(said.tolist())]
    if not sums:
        return
    mean = {number: noise[said == number].mean(axis=0) for each in sums for number in each}
    terms = [[mean[a], mean[b], mean[c], mean[a] - mean[b] + mean[c]] for a, b, c in sums]
    vectors = np.array(terms).reshape(-1, noise.shape[1])
    vectors *= np.sqrt(noise.shape[1]) / np.linalg.norm(vectors, axis=1, keepdims=True)
    pictures = generate(inputs.model.get_layer("generator"), vectors.astype(np.float32))
    judged = metrics.features(inputs.judge, pictures)[1]
    titles = [
        text
        for row, (a, b, c) in enumerate(sums)
        for text in (
            classes[a],
            f"- {classes[b]}",
            f"+ {classes[c]}",
            f"= {classes[judged[4 * row + 3]]}?",
        )
    ]
    evaluation.figures["arithmetic"] = plots.arithmetic(pictures, titles)
    evaluation.data["arithmetic"] = {"titles": titles, "pictures": packed(pictures)}


def nearest(pictures: np.ndarray, train: np.ndarray) -> np.ndarray:
    """The rows [n] of the training pictures whose pixels differ least from pictures [n, ...]."""
    a, b = (each.reshape(len(each), -1).astype(np.float32) / 255 for each in (pictures, train))
    return np.argmin((b**2).sum(axis=1)[None] - 2 * a @ b.T, axis=1)
