"""Explain the answer of a trained model for an input of your own, as one HTML file.

    python -m stages.explain mnist_cnn 7.png --output out.html
    python -m stages.explain imdb_lstm review.txt --output out.html
    python -m stages.explain masses_mlp masses.csv --output out.html

The model is an id of params.yaml or a folder with a model. The input is an image of digits or a
garment; a text file, or the text; or a CSV file whose first row names the columns. Settings are
those of the section `look_inside` of params.yaml.
"""

import argparse
import csv
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from PIL import Image

from stages.config.load import load_params
from stages.core.cli import exit_on_error
from stages.core.errors import ModelError
from stages.core.files import atomic_output
from stages.core.paths import MODELS
from stages.core.splits import load_split
from stages.encoding.image import convert, load_image
from stages.encoding.table import encode_row
from stages.page import inside
from stages.page.media import to_url
from stages.page.render import Figure

TEMPLATES = Path(__file__).parent / "page/templates"
MAX_EXAMPLES = 10  # digits of an image, or rows of a table
MAX_CHARACTERS = 100_000


def main() -> None:
    """Write the explanation of the input on the command line."""
    parser = argparse.ArgumentParser(
        description=sys.modules["__main__"].__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("model", help="id of a model, or its folder")
    parser.add_argument("input", help="path of an image, text or CSV file; or a text")
    parser.add_argument("--output", type=Path, default=Path("explanation.html"), help="%(default)s")
    arguments = parser.parse_args()
    content = explain_input(arguments.model, arguments.input)
    with atomic_output(arguments.output) as partial:
        partial.write_text(content, encoding="utf-8")
    print(f"wrote {arguments.output}")


def explain_input(model: str, source: str) -> str:
    """Explain the answer of a model for an input.

    Args:
        model: Id of a model, or path of its folder.
        source: Path of a file, or a text.

    Returns:
        Self-contained HTML.

    Raises:
        ModelError: If the input cannot be explained; the message says why.
        DataError: If an image or a row of a table is invalid.
    """
    from stages.inference.bundle import load_bundle
    from stages.plots.style import figure_style

    settings = load_params().look_inside
    bundle = load_bundle(MODELS / model if (MODELS / model).is_dir() else Path(model))
    spec = bundle.spec
    kind = spec["input"]["type"]
    if spec["task"] != "classification" or kind not in EXPLAINERS:
        raise ModelError(
            f"{model}: expected a classifier of images, texts or tables; its task is {spec['task']}"
        )
    with figure_style():
        explained = EXPLAINERS[kind](bundle, source, settings)
        examples = [present(name, explanation) for name, explanation in explained]
    name = Path(source).name if is_file(source) else "a text"
    return render(spec.get("model", model), name, spec.get("dataset", ""), examples)


def is_file(source: str) -> bool:
    """Return whether there is a file of this name; a long text is none."""
    try:
        return Path(source).is_file()
    except OSError:
        return False


def explain_image_file(bundle: Any, source: str, settings: Any) -> list[tuple[str, Any]]:
    """Explain the answers for the digits or the garment in an image file."""
    from stages.inference.explain.present import explain_images

    images = read_images(bundle.spec, Path(source))[:MAX_EXAMPLES]
    explained = explain_images(bundle, images, settings.integration_steps, settings.occluded_side)
    return [(f"Image {number + 1}", each) for number, each in enumerate(explained)]


def read_images(spec: dict[str, Any], path: Path) -> np.ndarray:
    """Read an image file as the network sees it, uint8 [n, 28, 28]: each digit, or the garment."""
    from stages.inference.digits import find_digits
    from stages.inference.inputs import encode, read_file

    if spec.get("dataset") != "mnist":
        return encode(path, spec["input"])[None]
    found = find_digits(convert(load_image(read_file(path)), 3))
    if not found:
        raise ModelError(f"{path}: no digit found")
    return np.stack([each.image for each in found])


def explain_text_file(bundle: Any, source: str, settings: Any) -> list[tuple[str, Any]]:
    """Explain the answer for a text file, or for a text."""
    from stages.inference.explain.present import explain_text

    del settings
    try:
        text = Path(source).read_text(encoding="utf-8") if is_file(source) else source
    except UnicodeDecodeError as error:
        raise ModelError(f"{source}: not UTF-8: {error.reason} at byte {error.start}") from None
    if len(text) > MAX_CHARACTERS:
        raise ModelError(
            f"expected a text of at most {MAX_CHARACTERS} characters, found {len(text)}"
        )
    return [("Text", explain_text(bundle, text))]


def explain_csv_file(bundle: Any, source: str, settings: Any) -> list[tuple[str, Any]]:
    """Explain the answers for the first rows of a CSV file."""
    from stages.inference.explain.present import choose_background, explain_row

    columns = bundle.spec["input"]["columns"]
    rows = [encode_row(row, columns) for row in read_csv(Path(source))[:MAX_EXAMPLES]]
    train = load_split(bundle.spec["dataset"], "train").x
    background = choose_background(train, settings.background, settings.seed)
    return [
        (
            f"Row {number + 1}",
            explain_row(bundle, row, background, settings.permutations, settings.seed),
        )
        for number, row in enumerate(rows)
    ]


def read_csv(path: Path) -> list[dict[str, str]]:
    """Read a CSV file whose first row names the columns.

    Raises:
        ModelError: If it cannot be read, or has no rows.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = list(csv.DictReader(file, restval="?"))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise ModelError(f"{path}: {reason}; expected a CSV file") from None
    if not rows:
        raise ModelError(f"{path}: expected a row with the names of the columns, and rows below it")
    return rows


def present(name: str, explanation: Any) -> dict[str, Any]:
    """Return an explanation as the template shows it.

    Args:
        name: What is explained, such as "Row 1".
        explanation: See `stages.inference.explain.present.Explanation`.
    """
    from stages.inference.explain.captions import CAPTIONS
    from stages.plots.style import rasterize

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


def render(model: str, source: str, dataset: str, examples: Sequence[dict[str, Any]]) -> str:
    """Render the page of an explanation.

    Args:
        model: Id of the model.
        source: Name of the input.
        dataset: Id of the dataset that the model was trained on.
        examples: See `present`.
    """
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    template = environment.get_template("explanation.html.jinja")
    return template.render(model=model, source=source, dataset=dataset, examples=examples)


EXPLAINERS = {
    "image": explain_image_file,
    "text": explain_text_file,
    "table": explain_csv_file,
}


if __name__ == "__main__":
    exit_on_error(main)
