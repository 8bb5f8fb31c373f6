"""Figures of the data reports."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from PIL import Image

from stages.core.splits import SPLITS, Split
from stages.encoding.image import CropResize, central_box, convert, crop_and_resize

COLUMNS = 8  # of an image grid
MAX_CHARACTERS = 50  # shown
YEARS = 5  # bin width of ages
SPAN = 0.8  # width of a group of bars


def class_distribution(splits: Mapping[str, Split], classes: Sequence[str]) -> Figure:
    """Draw the proportion of each class in each split, as bars."""
    proportions = {
        name: np.bincount(splits[name].y, minlength=len(classes)) / len(splits[name].y)
        for name in SPLITS
    }
    figure = Figure(figsize=(6, 3))
    axes = figure.subplots()
    for name, positions in zip(SPLITS, bar_positions(len(classes), len(SPLITS)), strict=True):
        axes.bar(positions, proportions[name], SPAN / len(SPLITS), label=name)
    axes.set_xticks(range(len(classes)), classes, rotation=30 if len(classes) > 2 else 0)
    axes.set(ylabel="proportion", title="Class distribution by split")
    figure.legend(loc="outside right upper")
    return figure


def bar_positions(groups: int, bars: int) -> np.ndarray:
    """Positions of the bars of a grouped bar chart: [bars, groups], groups at 0, 1, ..."""
    offsets = (np.arange(bars) - (bars - 1) / 2) * SPAN / bars
    positions: np.ndarray = np.arange(groups) + offsets[:, None]
    return positions


def samples(x: np.ndarray, y: np.ndarray, classes: Sequence[str]) -> Figure:
    """Draw the first images of each class, one row per class.

    Args:
        x: Images, uint8 [n, height, width].
        y: Classes [n].
        classes: Names of the classes.
    """
    figure = Figure(figsize=(5, 0.62 * len(classes)))
    grid = figure.subplots(len(classes), COLUMNS, squeeze=False)
    for label, row in enumerate(grid):
        for axes in row:
            axes.axis("off")
        for axes, image in zip(row, x[y == label][:COLUMNS], strict=False):
            axes.imshow(image, cmap="gray_r", vmin=0, vmax=255)
        row[0].text(-0.15, 0.5, classes[label], transform=row[0].transAxes, ha="right", va="center")
    return figure


def flattened(images: np.ndarray) -> Figure:
    """Draw images [n, height, width] as the input vectors of a fully connected network."""
    figure = Figure(figsize=(5, 3))
    axes = figure.subplots()
    vectors = images.reshape(len(images), -1)
    axes.imshow(vectors, cmap="gray_r", aspect="auto", interpolation="nearest")
    axes.grid(visible=False)
    title = f"Flattened input vectors (first {len(images)} images)"
    axes.set(xlabel="pixel", ylabel="image", title=title)
    return figure


def missing(fractions: Mapping[str, Mapping[str, float]]) -> Figure:
    """Draw the proportion of missing values: `fractions[feature][class]`."""
    features = {name.replace("_", " "): by_class for name, by_class in fractions.items()}
    figure, axes = horizontal_bars(features)
    axes.set(xlabel="proportion missing", title="Missing values by class")
    return figure


def mean_votes(
    votes: np.ndarray, names: Sequence[str], y: np.ndarray, classes: Sequence[str]
) -> Figure:
    """Draw the mean of each vote for each party.

    Args:
        votes: Votes [n, names], -1 or 1; 0 is missing, and ignored.
        names: Names of the votes.
        y: Party of each member [n].
        classes: Names of the parties.
    """
    means: dict[str, dict[str, float]] = {}
    for index, name in enumerate(names):
        by_class = ((party, votes[y == label, index]) for label, party in enumerate(classes))
        means[name.replace("_", " ")] = {
            party: float(column.sum() / max(np.count_nonzero(column), 1))
            for party, column in by_class
        }
    figure, axes = horizontal_bars(means)
    axes.axvline(0, color="black", linewidth=0.8)
    axes.set(xlabel="mean vote (-1 nay, +1 yea)", title="Mean vote by party")
    return figure


def horizontal_bars(values: Mapping[str, Mapping[str, float]]) -> tuple[Figure, Axes]:
    """Draw a group of bars per key of `values`, top to bottom, with a bar per inner key."""
    groups = list(values)
    bars = list(values[groups[0]])
    figure = Figure(figsize=(6.5, 1 + 0.32 * len(groups)))
    axes = figure.subplots()
    for bar, positions in zip(bars, bar_positions(len(groups), len(bars)), strict=True):
        axes.barh(positions, [values[group][bar] for group in groups], SPAN / len(bars), label=bar)
    axes.set_yticks(range(len(groups)), groups)
    axes.invert_yaxis()
    figure.legend(loc="outside right upper")
    return figure, axes


def age_by_class(ages: np.ndarray, y: np.ndarray, classes: Sequence[str]) -> Figure:
    """Draw a histogram of the ages of each class in bins of YEARS.

    Args:
        ages: Ages [n] in years, NaN where missing; at least one is known.
        y: Classes [n].
        classes: Names of the classes.
    """
    known = ~np.isnan(ages)
    last = YEARS * (np.floor(ages[known].max() / YEARS) + 1)
    first = YEARS * np.floor(ages[known].min() / YEARS)
    figure, axes = histogram_by_class(
        ages[known], y[known], classes, np.arange(first, last + YEARS, YEARS)
    )
    axes.set(xlabel="age, years", ylabel="patients", title="Age by class")
    axes.legend()
    return figure


def length_by_class(
    lengths: np.ndarray, y: np.ndarray, classes: Sequence[str], max_length: int
) -> Figure:
    """Draw a histogram of the text lengths of each class, and the length of truncation.

    Args:
        lengths: Lengths [n] in words.
        y: Classes [n].
        classes: Names of the classes.
        max_length: Maximum number of words; longer texts are truncated.
    """
    edges = np.linspace(lengths.min(), max(np.quantile(lengths, 0.995), lengths.min() + 1), 51)
    figure, axes = histogram_by_class(lengths, y, classes, edges)
    label = f"truncated at {max_length}"
    axes.axvline(max_length, color="black", linestyle="--", label=label)
    axes.set(xlabel="words per review", ylabel="reviews", title="Length of the training reviews")
    axes.legend()
    return figure


def histogram_by_class(
    values: np.ndarray, y: np.ndarray, classes: Sequence[str], edges: np.ndarray
) -> tuple[Figure, Axes]:
    """Draw overlaid histograms of values [n], one per class; edges: [bins + 1]."""
    figure = Figure(figsize=(6, 3))
    axes = figure.subplots()
    for label, name in enumerate(classes):
        axes.hist(values[y == label], edges.tolist(), alpha=0.6, label=name)
    return figure, axes


def crops(images: Sequence[Image.Image], crop: CropResize) -> Figure:
    """Draw decoded images with their crop boxes, and the results below."""
    height, width = crop.shape[:2]
    figure = Figure(figsize=(7, 2.2))
    figure.suptitle(f"Top: source with crop box; bottom: network input, {height}x{width} pixels")
    grid = figure.subplots(2, len(images), squeeze=False)
    for (top, bottom), image in zip(grid.T, images, strict=True):
        for axes in (top, bottom):
            axes.axis("off")
        source = convert(image, crop.channels)
        left, upper, right, lower = central_box(source.height, source.width, crop)
        top.imshow(source, cmap="gray", vmin=0, vmax=255)
        box = (left - 0.5, upper - 0.5), right - left, lower - upper
        top.add_patch(Rectangle(*box, fill=False, color="red"))
        bottom.imshow(crop_and_resize(image, crop), cmap="gray", vmin=0, vmax=255)
    return figure


def image_sizes(sizes: np.ndarray, crop: CropResize) -> Figure:
    """Draw histograms of the height and width of images; sizes: [n, 2] in pixels."""
    figure = Figure(figsize=(6, 2.6))
    edges = np.linspace(0, 1.1 * sizes.max(), 61).tolist()
    panels = figure.subplots(1, 2, sharey=True)
    for column, (axes, name) in enumerate(zip(panels, ("height", "width"), strict=True)):
        needed = crop.shape[column]
        axes.hist(sizes[:, column], edges)
        axes.axvline(needed, color="black", linestyle="--", label=f"resized to {needed}")
        axes.set(xlabel=f"{name}, pixels")
        axes.legend()
    panels[0].set_ylabel("images")
    return figure


def character_frequencies(y: np.ndarray, names: Sequence[str]) -> Figure:
    """Draw the proportions of the most frequent characters.

    Args:
        y: Character ids [n].
        names: Display names by id.
    """
    counts = np.bincount(y, minlength=len(names))
    order = np.argsort(-counts, kind="stable")[:MAX_CHARACTERS]
    figure = Figure(figsize=(7, 2.8))
    axes = figure.subplots()
    axes.bar(range(len(order)), counts[order] / len(y))
    axes.set_xticks(range(len(order)), [names[index] for index in order], rotation=90, fontsize=7)
    axes.set(ylabel="proportion", title="Character frequencies")
    return figure


def bigrams(split: Split, names: Sequence[str]) -> Figure:
    """Draw the probability of the next character given the current one.

    Args:
        split: Character ids: x, current; y, next.
        names: Display names by id.
    """
    counts = np.zeros((len(names), len(names)))
    np.add.at(counts, (split.x, split.y), 1)
    order = np.argsort(-counts.sum(axis=1), kind="stable")[: MAX_CHARACTERS // 2]
    probabilities = counts[order] / np.maximum(counts[order].sum(axis=1, keepdims=True), 1)
    labels = [names[index] for index in order]
    figure = Figure(figsize=(5, 4.4))
    axes = figure.subplots()
    drawn = axes.imshow(probabilities[:, order], cmap="YlGnBu", vmin=0)
    figure.colorbar(drawn, label="probability")
    axes.grid(visible=False)
    axes.set_xticks(range(len(order)), labels, rotation=90, fontsize=7)
    axes.set_yticks(range(len(order)), labels, fontsize=7)
    axes.set(xlabel="next character", ylabel="character", title="Character bigram probabilities")
    return figure


def image(colors: np.ndarray) -> Figure:
    """Draw an image, uint8 [height, width, 3], without interpolation."""
    height, width = colors.shape[:2]
    figure = Figure(figsize=(4, 4 * height / width + 0.3))
    axes = figure.subplots()
    axes.imshow(colors, interpolation="nearest")
    axes.set_title(f"{width}x{height} pixels")
    axes.axis("off")
    return figure
