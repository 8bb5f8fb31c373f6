"""Classify drawn digits with all networks of MNIST: reports/drawn_digits/.

The images are those of a folder: the ten easy and ten hard digits of data/own/digits, which
stages/draw_digits.py draws, or your own. The first character of a file name is its label, and
"easy" or "hard" after an underscore its group: 7_hard_crossed.png, 7_whatever.jpg.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from stages.config.load import load_params
from stages.core.cli import exit_on_error
from stages.core.errors import DataError
from stages.core.files import write_json
from stages.core.paths import MODELS, REPORTS
from stages.encoding.image import InvalidImageError, convert, load_image
from stages.inference.digits import find_digits
from stages.plots.drawn_digits import Drawing, plot_drawings
from stages.plots.full_color import save_full_color

FOLDER = REPORTS / "drawn_digits"
GROUPS = ("easy", "hard")
SUFFIXES = {".bmp", ".gif", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"}
DECIMALS = 6  # of stored probabilities
MAX_SHOWN = 40  # drawings in the figure


def main() -> None:
    """Classify the drawings of the section `drawn_digits` of params.yaml."""
    config = load_params().drawn_digits
    from stages.inference.bundle import load_bundle
    from stages.inference.outputs import probabilities
    from stages.plots.style import figure_style

    bundles = {name: load_bundle(MODELS / name) for name in config.models}
    classes = bundles[config.models[0]].spec["classes"]
    drawings = read_drawings(Path(config.folder), classes)
    digits = np.stack([drawing.digit for drawing in drawings])
    answers = {
        name: probabilities(bundle.model, digits, bundle.spec["input"]["type"])
        for name, bundle in bundles.items()
    }
    finding = describe(drawings, answers, classes)
    table = tabulate(drawings, answers, classes)
    details = {"folder": config.folder, "finding": finding, "drawings": table}
    with figure_style():
        shown = {name: p[:MAX_SHOWN] for name, p in answers.items()}
        figure = plot_drawings(drawings[:MAX_SHOWN], shown, classes)
        save_full_color(figure, FOLDER / "plots" / "answers.png")
    write_json(
        FOLDER / "details.json", [details], indent=None
    )  # a list: no numbers for `dvc metrics`
    write_json(FOLDER / "metrics.json", measure(drawings, answers, classes))
    print(f"drawn_digits: {finding}")


def read_drawings(folder: Path, classes: Sequence[str]) -> list[Drawing]:
    """Read the images of a folder, easy ones first, then by name.

    Args:
        folder: Folder of image files.
        classes: Allowed labels.

    Raises:
        DataError: If there is no image, or one is damaged or has no label.
    """
    paths = [path for path in folder.glob("*") if path.suffix.lower() in SUFFIXES]
    if not paths:
        raise DataError(f"{folder}: expected images such as 7_example.png, found none")
    drawings = [read_drawing(path, classes) for path in paths]
    return sorted(drawings, key=lambda drawing: (drawing.group, drawing.file))


def read_drawing(path: Path, classes: Sequence[str]) -> Drawing:
    """Read an image file; see `read_drawings`."""
    label, *words = path.stem.split("_")
    if label not in classes:
        raise DataError(
            f"{path}: expected a name that begins with its label, one of {', '.join(classes)}, "
            "and an underscore"
        )
    try:
        photograph = convert(load_image(path.read_bytes()), 3)
    except InvalidImageError as error:
        raise DataError(f"{path}: {error}") from None
    digits = [found.image for found in find_digits(photograph)]
    most = max(digits, key=np.sum, default=np.zeros((28, 28), np.uint8))
    group = next((word for word in words if word in GROUPS), "")
    return Drawing(path.name, label, group, np.asarray(photograph), most, len(digits))


def is_correct(drawings: Sequence[Drawing], p: np.ndarray, classes: Sequence[str]) -> np.ndarray:
    """Return which drawings are classified correctly, bool [n]; none without a digit is.

    Args:
        drawings: n drawings.
        p: Class probabilities [n, classes].
        classes: Names of the classes.
    """
    labels = np.array([classes.index(drawing.label) for drawing in drawings])
    found = np.array([drawing.found > 0 for drawing in drawings])
    correct: np.ndarray = (p.argmax(axis=1) == labels) & found
    return correct


def measure(
    drawings: Sequence[Drawing], answers: Mapping[str, np.ndarray], classes: Sequence[str]
) -> dict[str, dict[str, float]]:
    """Return the accuracy of each model on each group that there is, and on all drawings."""
    groups = np.array([drawing.group for drawing in drawings])
    rows = {group: groups == group for group in GROUPS if (groups == group).any()}
    rows["all"] = np.ones(len(drawings), bool)
    return {
        model: {
            group: float(is_correct(drawings, p, classes)[chosen].mean())
            for group, chosen in rows.items()
        }
        for model, p in answers.items()
    }


def tabulate(
    drawings: Sequence[Drawing], answers: Mapping[str, np.ndarray], classes: Sequence[str]
) -> list[dict[str, Any]]:
    """Return a record of each drawing, with the probabilities by model."""
    return [
        {
            "file": drawing.file,
            "label": drawing.label,
            "group": drawing.group,
            "digits_found": drawing.found,
            "answers": {model: classes[p[number].argmax()] for model, p in answers.items()},
            "probabilities": {
                model: p[number].round(DECIMALS).tolist() for model, p in answers.items()
            },
        }
        for number, drawing in enumerate(drawings)
    ]


def describe(
    drawings: Sequence[Drawing], answers: Mapping[str, np.ndarray], classes: Sequence[str]
) -> str:
    """Say which models recognize all drawings, and what the others get wrong."""
    total, perfect, mistaken = len(drawings), [], []
    for model, p in answers.items():
        wrong = np.flatnonzero(~is_correct(drawings, p, classes))
        if not len(wrong):
            perfect.append(model)
            continue
        files = ", ".join(drawings[number].file for number in wrong[:3])
        more = f" and {len(wrong) - 3} more" if len(wrong) > 3 else ""
        mistaken.append(f"{model} recognizes {total - len(wrong)} of {total} (not {files}{more}).")
    names = " and ".join(filter(None, [", ".join(perfect[:-1]), *perfect[-1:]]))
    verb = "recognizes" if len(perfect) == 1 else "recognize"
    first = [f"{names} {verb} all {total} drawn digits."] if perfect else []
    return " ".join(first + mistaken)


if __name__ == "__main__":
    exit_on_error(main)
