"""Answers of models that are no classifiers to what users name on the command line."""

import io
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from stages.core.errors import DataError, ModelError, UserError
from stages.inference.bundle import Bundle
from stages.inference.digits import SIDE
from stages.inference.examples import find, is_text_file, read_text, shorten
from stages.inference.images import list_files, open_image, read_content
from stages.inference.predict import predict
from stages.inference.samples import images_of

ARROWS = ("translation", "captioning")  # others continue their input
Answered = tuple[str, dict[str, Any], list[np.ndarray]]  # name, answer, images to show


def answer_input(argument: str, bundle: Bundle, options: Mapping[str, Any]) -> Iterator[Answered]:
    """Answer one argument of the command line.

    Args:
        argument: File, folder, text or numbers.
        bundle: Model that is not a classifier.
        options: `count`, `seed`, `length` and `temperature`.

    Yields:
        Name of the input, answer of `stages.inference.predict.predict`, and for answers that are
        images the input and the answer.

    Raises:
        UserError: If it cannot be answered.
    """
    task, kind = bundle.spec["task"], bundle.spec["input"]["type"]
    if kind == "image":
        for path in list_files(argument):
            yield from answer_image(path, bundle)
        return
    name = argument if is_text_file(argument) else shorten(argument)
    try:
        raw = request(argument, task, kind, options)
        shown = raw["prompt"] if task == "language_modeling" else name
        yield shown, predict(bundle, raw), []
    except ModelError as error:
        raise DataError(f"{name}: {str(error).removeprefix('input: ')}") from None


def request(argument: str, task: str, kind: str, options: Mapping[str, Any]) -> Any:
    """Return the raw input of `stages.inference.predict.predict` for an argument.

    Raises:
        DataError: If it is not of the kind that the model expects.
    """
    if task == "word_vectors":
        return {"word": argument.strip().lower(), "count": options["count"]}
    if task == "language_modeling":
        keys = ("length", "temperature", "seed")
        return {"prompt": read_text(argument), **{key: options[key] for key in keys}}
    if kind in {"text", "character_sequence"}:
        return read_text(argument).strip()
    text = read_text(argument) if is_text_file(argument) else argument
    try:
        values = [float(word) for word in text.replace(",", " ").split()]
    except ValueError as error:
        raise DataError(f"{shorten(argument)}: {error}; expected numbers") from None
    if kind != "pixel_coordinates":
        return values
    if len(values) != 2 or any(value != int(value) for value in values):
        raise DataError(f"{shorten(argument)}: expected row and column of a pixel")
    return {"row": int(values[0]), "column": int(values[1])}


def answer_image(path: Path, bundle: Bundle) -> Iterator[Answered]:
    """Answer an image file: 28x28 ones for what is found in it, others for the whole image."""
    shape = bundle.spec["input"]["shape"]
    if bundle.spec["task"] != "captioning" and list(shape) == [SIDE, SIDE]:
        contents = [(found.image, as_png(found.image)) for found in find(path, bundle.spec)]
    else:
        image = open_image(path)
        small = image.resize((shape[1], shape[0]), Image.Resampling.BICUBIC)
        contents = [
            (np.asarray(small.convert("RGB" if len(shape) == 3 else "L")), read_content(path))
        ]
    for image_array, content in contents:
        try:
            answered = predict(bundle, content)
        except UserError as error:
            raise DataError(f"{path}: {error}") from None
        made = [match_channels(each, image_array) for each in images_of(answered)]
        yield str(path), answered, [image_array, *made] if made else []


def as_png(image: np.ndarray) -> bytes:
    """Return an image as the content of a PNG file."""
    file = io.BytesIO()
    Image.fromarray(image).save(file, "PNG")
    return file.getvalue()


def match_channels(image: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Return an image without an axis of one channel, if the other does not have it."""
    return image[..., 0] if image.ndim > other.ndim and image.shape[-1] == 1 else image


def as_lines(name: str, answered: Mapping[str, Any], task: str) -> str:
    """Return an answer to be read."""
    if "text" in answered:
        return f"{name}{' → ' if task in ARROWS else ''}{answered['text']}"
    if "neighbors" in answered:
        rows = [
            f"  {word:20} {similarity:.3f}" for word, similarity in answered["neighbors"].items()
        ]
        return "\n".join([f"{name}:", *rows])
    for key in ("forecast", "color", "latent"):
        if key in answered:
            values = " ".join(f"{value:.4g}" for value in answered[key][:16])
            more = f" … ({len(answered[key])})" if len(answered[key]) > 16 else ""
            return f"{name}: {key} {values}{more}"
    return name
