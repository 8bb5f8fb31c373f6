"""Explanations of the answers of a classifier as one HTML file: `predict --explain`."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from PIL import Image

from stages.config.load import load_params
from stages.core.splits import load_split
from stages.inference.bundle import Bundle
from stages.inference.examples import Example
from stages.inference.explain.captions import CAPTIONS
from stages.inference.explain.present import (
    Explanation,
    choose_background,
    explain_images,
    explain_row,
    explain_text,
)
from stages.page import inside
from stages.page.environment import make_environment
from stages.page.media import to_url
from stages.page.render import Figure
from stages.plots.style import figure_style, rasterize

MAX_EXAMPLES = 10  # that are explained, of the digits of an image or the rows of a table


def explain_examples(bundle: Bundle, examples: Sequence[Example]) -> str:
    """Explain the answers of a classifier, with the settings of `look_inside` in params.yaml.

    Args:
        bundle: Classifier of grayscale images, texts or tables.
        examples: Its inputs, at most MAX_EXAMPLES.

    Returns:
        Self-contained HTML.

    Raises:
        ModelError: If an input cannot be explained; the message says why.
        DataError: If the training split, with which rows of a table are compared, is not there.
    """
    with figure_style():
        explained = explain(bundle, examples, load_params().look_inside)
        shown = [
            present(example.name, each) for example, each in zip(examples, explained, strict=True)
        ]
    return render(bundle.spec, shown)


def explain(bundle: Bundle, examples: Sequence[Example], settings: Any) -> list[Explanation]:
    """Explain the answers by the methods for the type of input; see `explain_examples`."""
    kind = bundle.spec["input"]["type"]
    if kind == "image":
        images = np.stack([example.x for example in examples])
        return explain_images(bundle, images, settings.integration_steps, settings.occluded_side)
    if kind == "text":
        return [explain_text(bundle, example.text) for example in examples]
    train = load_split(bundle.spec["dataset"], "train").x
    background = choose_background(train, settings.background, settings.seed)
    return [
        explain_row(bundle, example.x, background, settings.permutations, settings.seed)
        for example in examples
    ]


def present(name: str, explanation: Explanation) -> dict[str, Any]:
    """Return an explanation as the template shows it.

    Args:
        name: What is explained, such as a file name.
        explanation: See Explanation.
    """
    figures = []
    for kind, figure in explanation.figures.items():
        image = Image.fromarray(rasterize(figure))
        title, description = CAPTIONS[kind]
        figures.append(Figure(to_url(image), image.width, image.height, title, description))
    return {
        "name": name,
        "answer": explanation.answer,
        "probability": explanation.probability,
        "pieces": inside.shade(explanation.words),
        "sentence": inside.describe_words(explanation.words, explanation.answer),
        "caption": CAPTIONS["words"],
        "figures": figures,
    }


def render(spec: Mapping[str, Any], examples: Sequence[dict[str, Any]]) -> str:
    """Render the page of an explanation.

    Args:
        spec: spec.json of the model.
        examples: See `present`.
    """
    template = make_environment().get_template("explanation.html.jinja")
    return template.render(
        model=spec.get("model", "the model"), dataset=spec.get("dataset", ""), examples=examples
    )
