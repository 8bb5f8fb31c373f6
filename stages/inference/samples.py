"""Images that generative models draw from noise, and sheets of images."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from stages.core.errors import ModelError
from stages.core.files import atomic_output
from stages.inference.bundle import Bundle
from stages.inference.outputs import logits_to_pixels, predict_arrays
from stages.inference.predict import draw_noise, predict

GENERATORS = ("autoencoding", "conditional_generation", "drawing", "image_generation")
SIDE = 84  # pixels of an image on a sheet, at least


def sample_images(bundle: Bundle, count: int, seed: int, wanted: str | None) -> np.ndarray:
    """Draw images, uint8 [n, height, width(, channels)].

    Args:
        bundle: Model of one of the tasks GENERATORS; a VAE samples from the prior of its decoder.
        count: Number of images; of each class, if the model has classes to choose and none is.
        seed: Seed of the noise.
        wanted: Class of the images; None for all.

    Raises:
        ModelError: If the model cannot choose a class, or does not have this one.
    """
    task = bundle.spec["task"]
    if wanted is not None and task != "conditional_generation":
        raise ModelError(f"--class: a model of the task {task} cannot choose a class")
    request: dict[str, Any] = {"count": count, "seed": seed}
    if task == "conditional_generation":
        classes = bundle.spec["classes"] if wanted is None else [wanted]
        images = [predict(bundle, request | {"class": each})["images"] for each in classes]
        return np.array([image for group in images for image in group], np.uint8)
    if task == "autoencoding":
        decoder = bundle.model.get_layer("decoder")
        return decode_latent(bundle, draw_noise(request, decoder.input_shape[1:]))
    return np.array(predict(bundle, request)["images"], np.uint8)


def decode_latent(bundle: Bundle, latent: np.ndarray) -> np.ndarray:
    """Decode latent variables of a VAE.

    Args:
        bundle: Model of the task autoencoding.
        latent: Latent variables, float32 [n, latent_dim].

    Returns:
        Images, uint8 [n, height, width(, channels)].
    """
    return logits_to_pixels(predict_arrays(bundle.model.get_layer("decoder"), latent))


def write_sheet(path: Path, images: Sequence[np.ndarray], columns: int) -> None:
    """Write a sheet of images to a PNG file; see `make_sheet`.

    Raises:
        ModelError: If the file cannot be written.
    """
    sheet = make_sheet(images, columns)
    try:
        with atomic_output(path) as partial:
            sheet.save(partial, "PNG")
    except OSError as error:
        raise ModelError(f"{path}: cannot be written: {error.strerror or error}") from None


def make_sheet(images: Sequence[np.ndarray], columns: int) -> Image.Image:
    """Arrange images [height, width(, channels)] in rows, enlarged if they are small."""
    tiles = [as_tile(np.asarray(image, np.uint8)) for image in images]
    width, height = tiles[0].size
    rows = math.ceil(len(tiles) / columns)
    sheet = Image.new("RGB", (columns * (width + 2) - 2, rows * (height + 2) - 2), "white")
    for index, tile in enumerate(tiles):
        row, column = divmod(index, columns)
        sheet.paste(tile, (column * (width + 2), row * (height + 2)))
    return sheet


def as_tile(image: np.ndarray) -> Image.Image:
    """Return an image of a sheet, enlarged by a whole factor."""
    squeezed = image[..., 0] if image.ndim == 3 and image.shape[2] == 1 else image
    factor = max(1, round(SIDE / max(image.shape[:2])))
    tile = Image.fromarray(squeezed).convert("RGB")
    return tile.resize((tile.width * factor, tile.height * factor), Image.Resampling.NEAREST)


def images_of(answer: Mapping[str, Any]) -> list[np.ndarray]:
    """Return the images of an answer of `stages.inference.predict`; none for most tasks."""
    keys = ("reconstruction", "restored")
    return [np.array(answer[key], np.uint8) for key in keys if key in answer]
