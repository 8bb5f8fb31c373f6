"""Evaluation of an autoencoder: what a few latent variables keep of an image.

They are compared with as many principal components, and in search also with all pixels.
"""

from typing import NamedTuple

import keras
import numpy as np
import pandas as pd
from sklearn.decomposition import PCA

from stages.inference.outputs import predict_arrays, to_pixels
from stages.metrics.images import psnr
from stages.plots.history import plot_history
from stages.plots.images import evenly_spaced
from stages.tasks.interface import Evaluation, EvaluationContext
from stages.tasks.reconstruction import captions, plots
from stages.tasks.reconstruction.neighbors import (
    cluster_accuracy,
    cluster_counts,
    nearest,
    precision,
    vote_accuracy,
)

NUM_QUERIES = 2000  # test images
NUM_NEIGHBORS = 10
NUM_RECONSTRUCTED = 12
AUTOENCODER, COMPONENTS, PIXELS = "autoencoder", "PCA", "pixels"


class Codes(NamedTuple):
    """A representation of the images.

    Attributes:
        train: Vectors of the training images, float32 [n, d].
        test: Vectors of the test images, float32 [m, d].
        decoded: Test images reconstructed from them, float32 [m, height, width], 0 to 1.
    """

    train: np.ndarray
    test: np.ndarray
    decoded: np.ndarray


def evaluate(context: EvaluationContext) -> Evaluation:
    """Compare representations of the images by reconstruction, search and clusters."""
    train, test = context.load_split("train"), context.load_split("test")
    classes, seed = context.info["classes"], context.config.seed
    representations = {
        AUTOENCODER: encode_and_decode(context.bundle.model, train.x, test.x),
        PIXELS: Codes(flatten(train.x), flatten(test.x), test.x / np.float32(255)),
    }
    num_components = representations[AUTOENCODER].train.shape[1]
    representations[COMPONENTS] = project(representations[PIXELS], num_components)
    queries = evenly_spaced(len(test.x), NUM_QUERIES)
    scores, found, clusters = {}, {}, {}
    for name in (AUTOENCODER, COMPONENTS, PIXELS):
        codes = representations[name]
        found[name] = nearest(codes.train, codes.test[queries], NUM_NEIGHBORS)
        labels = train.y[found[name]]
        clusters[name] = cluster_counts(codes.test, test.y, len(classes), seed)
        scores[name] = {
            "precision_at_10": precision(labels, test.y[queries]),
            "neighbor_accuracy": vote_accuracy(labels, test.y[queries]),
            "cluster_accuracy": cluster_accuracy(clusters[name]),
        }
    images = representations[PIXELS].decoded
    decibels = {
        name: psnr(representations[name].decoded, images) for name in (AUTOENCODER, COMPONENTS)
    }
    evaluation = Evaluation(
        metrics={
            "test": {"psnr": decibels[AUTOENCODER]},
            "latent": scores[AUTOENCODER],
            "pca": {"psnr": decibels[COMPONENTS]} | scores[COMPONENTS],
            "pixels": scores[PIXELS],
        },
        chart=tabulate(scores),
        figures={"learning_curves": plot_history(context.history, plots.PANELS, "epoch")},
    )
    shown = evenly_spaced(len(test.x), NUM_RECONSTRUCTED)
    rows = {
        "original": test.x[shown],
        f"{num_components} components": to_pixels(255 * representations[COMPONENTS].decoded[shown]),
        f"{num_components} latent variables": to_pixels(
            255 * representations[AUTOENCODER].decoded[shown]
        ),
    }
    evaluation.figures |= {
        "reconstructions": plots.labeled_rows(rows),
        "representations": plots.representations(evaluation.chart),
        "clusters": plots.clusters(clusters[AUTOENCODER], classes),
    }
    first = first_of_each(test.y[queries], len(classes))
    evaluation.figures["search"] = plots.search(
        test.x[queries][first],
        train.x[found[AUTOENCODER][first]],
        train.y[found[AUTOENCODER][first]] == test.y[queries][first][:, None],
        [classes[label] for label in test.y[queries][first]],
    )
    evaluation.summaries |= {
        "reconstructions": captions.summarize_compression(
            decibels[AUTOENCODER], decibels[COMPONENTS], images[0].size, num_components
        ),
        "representations": captions.summarize_scores(scores),
        "clusters": captions.summarize_clusters(clusters[AUTOENCODER], classes),
    }
    return evaluation


def encode_and_decode(model: keras.Model, train: np.ndarray, test: np.ndarray) -> Codes:
    """Encode images, uint8 [n, height, width], with an autoencoder, and decode those of test."""
    encoder, decoder = model.get_layer("encoder"), model.get_layer("decoder")
    latent = predict_arrays(encoder, test)
    return Codes(predict_arrays(encoder, train), latent, predict_arrays(decoder, latent))


def project(pixels: Codes, num_components: int) -> Codes:
    """Project images onto the principal components of the training images."""
    pca = PCA(num_components, svd_solver="covariance_eigh").fit(pixels.train)
    codes = pca.transform(pixels.test)
    decoded = pca.inverse_transform(codes).reshape(pixels.decoded.shape).clip(0, 1)
    return Codes(pca.transform(pixels.train), codes, decoded)


def flatten(images: np.ndarray) -> np.ndarray:
    """Return images, uint8 [n, ...], as vectors, float32 [n, d], 0 to 1."""
    return images.reshape(len(images), -1) / np.float32(255)


def first_of_each(y: np.ndarray, num_classes: int) -> np.ndarray:
    """Return the index of the first example of each class that occurs in y [n]."""
    return np.array([int(np.argmax(y == label)) for label in range(num_classes) if label in y])


def tabulate(scores: dict[str, dict[str, float]]) -> pd.DataFrame:
    """Return scores by representation: columns representation, measure, value."""
    records = [
        {"representation": name, "measure": captions.MEASURES[measure], "value": round(value, 5)}
        for name, measures in scores.items()
        for measure, value in measures.items()
    ]
    return pd.DataFrame(records)
