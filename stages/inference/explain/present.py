"""Explanations of inputs as figures and words, for the page and for `python -m stages.explain`."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import keras
import numpy as np
from matplotlib.figure import Figure

from stages.core.errors import ModelError
from stages.encoding.text import TOKEN, encode_documents, tokenize
from stages.inference.bundle import Bundle
from stages.inference.explain.attribution import (
    grad_cam,
    integrated_gradients,
    leave_one_out,
    occlude,
)
from stages.inference.explain.networks import (
    FeatureMaps,
    compute_feature_maps,
    find_kernels,
    find_maps,
    find_weight_images,
    to_scores,
)
from stages.inference.explain.shapley import shapley_values
from stages.inference.outputs import probabilities
from stages.plots import explanations as plots

MOST_CERTAIN = 1e-6  # probabilities are clipped to this and 1 minus it, whose log-odds are finite


class Explanation(NamedTuple):
    """What made an answer.

    Attributes:
        answer: Predicted class.
        probability: Its probability.
        figures: Figures by name, a key of CAPTIONS.
        words: Of a text, its pieces in order, and the effect of each on the log-odds of the answer;
            None for what the network does not read.
    """

    answer: str
    probability: float
    figures: Mapping[str, Figure]
    words: Sequence[tuple[str, float | None]] = ()


def explain_images(
    bundle: Bundle, images: np.ndarray, steps: int, occluded: int
) -> list[Explanation]:
    """Explain the answers for images; the figures are with the first one.

    Args:
        bundle: Classifier of images.
        images: Images, uint8 [n, height, width].
        steps: Steps of integrated gradients.
        occluded: Side of the square that covers parts of an image, in pixels.

    Raises:
        ModelError: If it is not a classifier of grayscale images.
    """
    model, classes = bundle.model, bundle.spec["classes"]
    p = probabilities(model, images, "image")
    rows = [
        plots.Attribution(
            f"{classes[each.argmax()]} ({each.max():.0%})",
            image,
            *attribute(model, image, int(each.argmax()), steps, occluded),
        )
        for image, each in zip(images, p, strict=True)
    ]
    attributions = {"attributions": plots.plot_attributions(rows)}
    figures = attributions | draw_inside(bundle, images[0], p[0])
    return [
        Explanation(classes[each.argmax()], float(each.max()), figures if number == 0 else {})
        for number, each in enumerate(p)
    ]


def attribute(
    model: keras.Model, image: np.ndarray, target: int, steps: int, occluded: int
) -> tuple[np.ndarray | None, np.ndarray, np.ndarray]:
    """Return Grad-CAM, integrated gradients and occlusion of an image; see `explain_images`.

    Args:
        model: Classifier; without feature maps there is no Grad-CAM.
        image: Image, uint8 [height, width].
        target: Number of the class.
        steps: Steps of integrated gradients.
        occluded: Side of the square in pixels.
    """
    pixels, scores, maps = image.astype(np.float32), to_scores(model), find_maps(model)
    black = np.zeros_like(pixels)
    return (
        grad_cam(to_scores(model, maps[-1].name), pixels, target) if maps else None,
        integrated_gradients(scores, pixels, black, target, steps),
        occlude(lambda x: scores.predict_on_batch(x)[:, target], pixels, occluded),
    )


def draw_inside(bundle: Bundle, image: np.ndarray, p: np.ndarray) -> dict[str, Figure]:
    """Draw the layers and the weights of a network, as far as they are images."""
    classes, figures = bundle.spec["classes"], {}
    maps = compute_feature_maps(bundle.model, image)
    if maps:
        layers = [plots.Layer(describe_layer(each), each.values) for each in maps]
        figures["layers"] = plots.plot_layers(image, layers, p, classes)
    kernels = find_kernels(bundle.model)
    if kernels is not None:
        figures["kernels"] = plots.plot_weights(kernels, columns=16)
    weights = find_weight_images(bundle.model)
    if weights is not None:
        figures["weights"] = plots.plot_weights(weights, classes)
    return figures


def describe_layer(maps: FeatureMaps) -> str:
    """Return the label of a layer: its name and shape."""
    height, width, channels = maps.values.shape
    return f"{maps.layer}\n{channels} x {height} x {width}"


def explain_text(bundle: Bundle, text: str) -> Explanation:
    """Explain the answer for a text by leaving out each word in turn.

    Args:
        bundle: Classifier of texts with two classes.
        text: Text.

    Raises:
        ModelError: If the text has fewer than two words.
    """
    encoding, classes = bundle.spec["input"], bundle.spec["classes"]
    document = tokenize(text)
    length = min(len(document), encoding["max_length"])
    if length < 2:
        raise ModelError(f"expected a text of at least two words, found {len(document)}")
    tokens = encode_documents([document], encoding["vocabulary"], length, encoding["keep"])[0]
    p = probabilities(bundle.model, tokens[None], "text")[0]
    target = int(p.argmax())

    def log_odds(x: np.ndarray) -> np.ndarray:
        clipped = probabilities(bundle.model, x, "text")[:, target]
        clipped = clipped.clip(MOST_CERTAIN, 1 - MOST_CERTAIN)
        odds: np.ndarray = np.log(clipped / (1 - clipped))
        return odds

    effects = leave_one_out(log_odds, tokens)
    first = len(document) - length if encoding["keep"] == "end" else 0
    by_token = {first + number: float(effect) for number, effect in enumerate(effects)}
    words = [
        (piece, None if token is None else by_token.get(token))
        for piece, token in split_words(text)
    ]
    read = document[first : first + length]
    figure = plots.plot_words(read, effects, float(p[target]), classes[target])
    return Explanation(classes[target], float(p[target]), {"effects": figure}, words)


def split_words(text: str) -> list[tuple[str, int | None]]:
    """Split a text into words and what is between them.

    Returns:
        Pieces in order, which join to the text without HTML line breaks, and for words their number
        in `tokenize(text)`; None for other pieces.
    """
    shown = text.replace("<br />", " ")
    lower = shown.lower()
    if len(lower) != len(shown):  # a few characters have longer lower-case forms
        shown = lower
    pieces: list[tuple[str, int | None]] = []
    end = 0
    for number, match in enumerate(TOKEN.finditer(lower)):
        if match.start() > end:
            pieces.append((shown[end : match.start()], None))
        pieces.append((shown[match.start() : match.end()], number))
        end = match.end()
    if end < len(shown):
        pieces.append((shown[end:], None))
    return pieces


def explain_row(
    bundle: Bundle, row: np.ndarray, background: np.ndarray, permutations: int, seed: int
) -> Explanation:
    """Explain the answer for a row of a table by Shapley values.

    Args:
        bundle: Classifier of rows with two classes.
        row: Encoded row, float32 [columns], NaN where missing.
        background: Encoded rows of the training split [m, columns], to compare with.
        permutations: See `shapley_values`.
        seed: See `shapley_values`.
    """
    classes, columns = bundle.spec["classes"], bundle.spec["input"]["columns"]

    def answer(x: np.ndarray) -> np.ndarray:
        return probabilities(bundle.model, x.astype(np.float32), "table")

    p = answer(row[None])[0]
    target = int(p.argmax())
    shares = shapley_values(lambda x: answer(x)[:, target], row, background, permutations, seed)
    names = [
        f"{column['name'].replace('_', ' ')}: {decode(value, column)}"
        for column, value in zip(columns, row, strict=True)
    ]
    mean = float(answer(background)[:, target].mean())
    figure = plots.plot_shares(names, shares, mean, float(p[target]), classes[target])
    return Explanation(classes[target], float(p[target]), {"columns": figure})


def choose_background(x: np.ndarray, count: int, seed: int) -> np.ndarray:
    """Draw rows from those of the training split [n, columns]; all of them if there are fewer."""
    chosen = np.random.default_rng(seed).permutation(len(x))[:count]
    return x[np.sort(chosen)]


def decode(value: float, column: Mapping[str, Any]) -> str:
    """Return the raw text of an encoded value of a table."""
    texts = {code: text for text, code in column.get("codes", {}).items()}
    return "?" if np.isnan(value) else texts.get(value, f"{value:g}")
