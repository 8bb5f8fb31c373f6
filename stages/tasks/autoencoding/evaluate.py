"""Judge a variational autoencoder by the test pictures, and let it draw."""

from statistics import NormalDist
from typing import Any, NamedTuple

import keras
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from stages.data import PARTS
from stages.errors import UserError
from stages.evaluation import Evaluation, Inputs, packed
from stages.networks.vae import kl_loss, reconstruction_loss
from stages.params import Vae
from stages.tasks.autoencoding import plots

BATCH = 500
SIDE = 16  # of the square of random pictures
MANIFOLD_SIDE = 20
RECONSTRUCTED = 8  # test pictures of each class
DRAWN = 11  # pictures of a class that are shown
COUNTED = 500  # pictures of a class that the judge looks at
STEPS = 3  # of the walk, from one class to the next
ZOOM = 8  # of the walk
CHARTED = 2000  # points of the chart


class Classes(NamedTuple):
    """The latent means of each class's training pictures, as a normal distribution.

    mean: [classes, units]; covariance: [classes, units, units].
    """

    mean: np.ndarray
    covariance: np.ndarray


class Points(NamedTuple):
    """Latent numbers to look at, and what they were made of.

    means: by part, of its pictures [n, units]; classes: of the training pictures; samples [n,
    units] of the prior; by_class: samples of each class [classes, n, units]; axis, grid: of the
    plane; test_rows: of the test pictures to draw again.
    """

    means: dict[str, np.ndarray]
    classes: Classes
    samples: np.ndarray
    by_class: np.ndarray
    axis: np.ndarray
    grid: np.ndarray
    test_rows: np.ndarray


def evaluate(inputs: Inputs, block: Vae) -> Evaluation:
    """Losses on the test pictures; samples, the latent plane, reconstructions and classes.

    Raises:
        UserError: when the judge does not give a probability for each class.
    """
    names, test = inputs.description["classes"], inputs.parts["test"]
    if inputs.judge.output_shape != (None, len(names)):
        raise UserError(f"judge: {block.judge!r} is no classifier of {len(names)} classes")
    decoder = inputs.model.get_layer("decoder")
    points = choose_points(inputs, block)
    drawn, shares = draw_classes(decoder, inputs.judge, points.classes, points.by_class)
    figures = draw(inputs, points)
    figures["classes"] = plots.classes(drawn, names, shares)
    walk = decode(decoder, path(points.classes.mean)).repeat(ZOOM, axis=1).repeat(ZOOM, axis=2)
    return Evaluation(
        metrics={"test": losses(inputs.model, test.x, block.kl_weight)},
        chart=chart_points(points.means["test"][:CHARTED], test.y[:CHARTED], names),
        figures=figures,
        data=describe(inputs, points, shares),
        animations={"walk": list(255 - walk)},
    )


def choose_points(inputs: Inputs, block: Vae) -> Points:
    """Encode all pictures, and choose what to draw."""
    encoder, classes = inputs.model.get_layer("encoder"), len(inputs.description["classes"])
    means = {part: encode(encoder, inputs.parts[part].x) for part in PARTS}
    fitted = fit_classes(means["train"], inputs.parts["train"].y, classes)
    random = np.random.default_rng(block.seed)
    axis, grid = manifold(MANIFOLD_SIDE, block.latent_units)
    return Points(
        means=means,
        classes=fitted,
        samples=random.standard_normal((SIDE**2, block.latent_units)).astype(np.float32),
        by_class=sample_classes(fitted, COUNTED, random),
        axis=axis,
        grid=grid,
        test_rows=first_of_each(inputs.parts["test"].y, classes, RECONSTRUCTED),
    )


def draw(inputs: Inputs, points: Points) -> dict[str, Figure]:
    """The pictures that need no judge."""
    decoder, x = inputs.model.get_layer("decoder"), inputs.parts["test"].x[points.test_rows]
    again = decode(decoder, points.means["test"][points.test_rows])
    return {
        "curves": plots.curves(inputs.history),
        "samples": plots.pictures(
            decode(decoder, points.samples), SIDE, "Drawn from random latent numbers"
        ),
        "manifold": plots.pictures(
            decode(decoder, points.grid), MANIFOLD_SIDE, "The latent plane, at equal probabilities"
        ),
        "reconstructions": plots.pictures(
            np.stack([x, again], axis=1).reshape(-1, *x.shape[1:]),
            2 * RECONSTRUCTED,
            "Test pictures, and to the right of each its reconstruction",
        ),
        "latent": plots.latent(*all_means(inputs, points), inputs.description["classes"]),
    }


def all_means(inputs: Inputs, points: Points) -> tuple[np.ndarray, np.ndarray]:
    """The latent means of the pictures of all parts, and their classes: [n, units], [n]."""
    means = np.concatenate([points.means[part] for part in PARTS])
    return means, np.concatenate([inputs.parts[part].y for part in PARTS])


def describe(inputs: Inputs, points: Points, shares: np.ndarray) -> dict[str, Any]:
    """What the pictures show. shares: of each class's samples, those that the judge recognises."""
    means, y = all_means(inputs, points)
    return {
        "samples": {"latent": points.samples.round(4).tolist()},
        "manifold": {"axis": points.axis.round(4).tolist()},
        "reconstructions": {"test_rows": points.test_rows.tolist()},
        "latent": {
            "rows": {part: len(points.means[part]) for part in PARTS},
            "mean": packed(means.astype(np.float16)),
            "class": packed(y),
        },
        "classes": describe_classes(
            points.classes, points.by_class, shares, inputs.description["classes"]
        ),
    }


def losses(model: keras.Model, x: np.ndarray, kl_weight: float) -> dict[str, float]:
    """Mean losses per picture of x [n, height, width], in nats, from one latent sample of each."""
    outputs = model.predict(x, BATCH, verbose=0)
    reconstruction = float(np.mean(reconstruction_loss(x, outputs["reconstruction"]), dtype=float))
    kl = float(np.mean(kl_loss(x, outputs["kl"]), dtype=float))
    return {
        "total_loss": reconstruction + kl_weight * kl,
        "reconstruction_loss": reconstruction,
        "kl_loss": kl,
    }


def encode(encoder: keras.Model, x: np.ndarray) -> np.ndarray:
    """The latent means, float32 [n, units], of pictures x [n, height, width]."""
    mean, _ = encoder.predict(x, BATCH, verbose=0)
    return mean


def decode(decoder: keras.Model, latent: np.ndarray) -> np.ndarray:
    """Pictures, uint8 [n, height, width], of latent numbers [n, units]."""
    logits = decoder.predict(latent, BATCH, verbose=0)
    return np.round(127.5 + 127.5 * np.tanh(logits / 2)).astype(np.uint8)  # of the sigmoid


def manifold(side: int, units: int) -> tuple[np.ndarray, np.ndarray]:
    """Latent numbers on a square grid over the first two units, the others 0.

    On both axes they divide the normal distribution into equal shares. Returns the axis [side] and
    the grid, float32 [side * side, units], whose first row has the highest second number.
    """
    axis = np.array([NormalDist().inv_cdf((step + 0.5) / side) for step in range(side)])
    grid = np.zeros((side * side, units), np.float32)
    grid[:, 0], grid[:, 1] = np.tile(axis, side), np.repeat(axis[::-1], side)
    return axis, grid


def first_of_each(y: np.ndarray, classes: int, count: int) -> np.ndarray:
    """The first `count` rows of each class, one class after the other."""
    return np.concatenate([np.flatnonzero(y == label)[:count] for label in range(classes)])


def fit_classes(means: np.ndarray, y: np.ndarray, classes: int) -> Classes:
    """Where in the latent space each class lies. means: [n, units]; y: [n]."""
    rows = [means[y == label].astype(np.float64) for label in range(classes)]
    covariances = [np.atleast_2d(np.cov(each, rowvar=False, bias=True)) for each in rows]
    return Classes(np.stack([each.mean(axis=0) for each in rows]), np.stack(covariances))


def sample_classes(classes: Classes, count: int, random: np.random.Generator) -> np.ndarray:
    """Latent numbers from each class's distribution, float32 [classes, count, units]."""
    drawn = [
        random.multivariate_normal(mean, covariance, count)
        for mean, covariance in zip(*classes, strict=True)
    ]
    return np.stack(drawn).astype(np.float32)


def draw_classes(
    decoder: keras.Model, judge: keras.Model, classes: Classes, latent: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Draw each class, and count what the judge takes for it.

    latent: [classes, count, units]. Returns uint8 [classes, shown, height, width], the picture of
    the class's mean first, and the share [classes] of all that are drawn which the judge says are
    of the class.
    """
    centres = decode(decoder, classes.mean.astype(np.float32))
    drawn = np.stack([decode(decoder, each) for each in latent])
    said = [judge.predict(pictures, BATCH, verbose=0).argmax(axis=1) for pictures in drawn]
    shares = np.mean(np.array(said) == np.arange(len(latent))[:, None], axis=1)
    return np.concatenate([centres[:, None], drawn[:, :DRAWN]], axis=1), shares


def describe_classes(
    classes: Classes, latent: np.ndarray, shares: np.ndarray, names: list[str]
) -> dict[str, dict[str, Any]]:
    """By class: its distribution, the latent numbers of what is shown, the share recognised."""
    return {
        name: {
            "mean": classes.mean[label].round(4).tolist(),
            "covariance": classes.covariance[label].round(4).tolist(),
            "shown": latent[label, :DRAWN].round(4).tolist(),
            "recognised": float(shares[label]),
        }
        for label, name in enumerate(names)
    }


def path(corners: np.ndarray) -> np.ndarray:
    """Latent numbers on the closed way along `corners` [n, units]: float32 [n * STEPS, units]."""
    ahead = np.roll(corners, -1, axis=0)
    steps = [corners + (ahead - corners) * step / STEPS for step in range(STEPS)]
    return np.stack(steps, axis=1).reshape(-1, corners.shape[1]).astype(np.float32)


def chart_points(means: np.ndarray, y: np.ndarray, names: list[str]) -> pd.DataFrame:
    """The first two latent means of pictures, and their class."""
    points = means[:, :2].round(3)
    return pd.DataFrame(
        {"x": points[:, 0], "y": points[:, 1], "class": [names[label] for label in y]}
    )
