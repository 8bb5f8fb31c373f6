"""Answers as HTML."""

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from jinja2 import Environment
from PIL import Image

from stages.demo.digits import INSIDE, Reading, arrange_maps
from stages.demo.models import Row
from stages.demo.reviews import rank_words
from stages.inference.explain.present import Explanation
from stages.inference.requests import as_png
from stages.inference.tables import describe, percent
from stages.page import inside
from stages.page.environment import make_environment
from stages.page.media import data_url

TEMPLATES = Path(__file__).parent / "templates"
NAMED = 8  # words below a review


def message(text: str) -> str:
    """Return a message."""
    return render("message", text=text)


def answers(rows: Sequence[Row]) -> str:
    """Return the table of the answers of models with all probabilities."""
    classes = next((list(row.answer.probabilities) for row in rows if row.answer), [])
    return render("answers", rows=rows, classes=classes)


def reading(read: Reading) -> str:
    """Return what is read in a drawing: what the networks see, their answers and layers."""
    layers = [
        {
            "name": maps.layer,
            "shape": " x ".join(map(str, np.moveaxis(maps.values, -1, 0).shape)),
            "url": to_url(arrange_maps(maps)),
        }
        for maps in read.layers
    ]
    return render(
        "reading",
        url=to_url(Image.fromarray(read.image)),
        count=read.found,
        answers=answers(read.rows),
        layers=layers,
        network=INSIDE,
    )


def words(model: str, explanation: Explanation) -> str:
    """Return a review with the effect of each word on the answer of a model."""
    return render(
        "words",
        model=model,
        explanation=explanation,
        pieces=inside.shade(explanation.words),
        sentence=inside.describe_words(explanation.words, explanation.answer),
        ranked=rank_words(explanation.words, NAMED),
    )


def image(picture: Image.Image, description: str) -> str:
    """Return an image with a description."""
    return render("image", url=to_url(picture), description=description)


def text(content: str) -> str:
    """Return a text with its line breaks."""
    return render("text", content=content)


def to_url(picture: Image.Image) -> str:
    """Return an image as a PNG file in a data: URL."""
    return data_url("image/png", as_png(np.asarray(picture)))


def render(name: str, **values: Any) -> str:
    """Render a template of this folder."""
    return find_environment().get_template(f"{name}.html.jinja").render(values)


@cache
def find_environment() -> Environment:
    """Return the environment of all templates, which is made once."""
    environment = make_environment(TEMPLATES)
    environment.filters |= {"percent": percent, "describe": describe}
    return environment
