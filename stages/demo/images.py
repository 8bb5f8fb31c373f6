"""Images that models generate: the latent plane of the VAE, samples of the GAN and of a class."""

import numpy as np
from PIL import Image

from stages.core.errors import DataError, ModelError
from stages.demo.models import Models
from stages.inference.inputs import integer, number
from stages.inference.samples import decode_latent, make_sheet, sample_images

VAE, GAN, CVAE = "fashion_vae", "fashion_gan", "fashion_cvae"
REACH = 3.0  # of the latent plane: 99.7% of each latent variable of the prior are within it
STEPS = 15  # images per axis of the plane
MAX_COUNT, COLUMNS = 60, 10  # of a sheet


def draw_plane(models: Models) -> Image.Image:
    """Draw the images of a grid on the latent plane; the second variable grows upwards.

    Raises:
        ModelError: If the model is not trained, or has not two latent variables.
    """
    axis = np.linspace(-REACH, REACH, STEPS)
    grid = np.stack(np.meshgrid(axis, axis[::-1]), axis=-1).reshape(-1, 2)
    images = decode(models, grid)
    height, width = images.shape[1:3]
    rows = images.reshape(STEPS, STEPS, height, width).swapaxes(1, 2)
    return Image.fromarray(rows.reshape(STEPS * height, STEPS * width))


def decode_point(models: Models, first: float, second: float) -> np.ndarray:
    """Decode a point of the latent plane.

    Returns:
        Image, uint8 [height, width].

    Raises:
        ModelError: If the model is not trained, or the point is not on the plane.
    """
    point = [number({"latent": value}, "latent") for value in (first, second)]
    if max(map(abs, point)) > REACH:
        raise ModelError(f"latent: expected -{REACH:g} to {REACH:g}, found {first:g}, {second:g}")
    image: np.ndarray = decode(models, np.array([point]))[0]
    return image


def decode(models: Models, points: np.ndarray) -> np.ndarray:
    """Decode points of the latent plane [n, 2] to images, uint8 [n, height, width]."""
    bundle = models.get(VAE).bundle
    dimensions = bundle.model.get_layer("decoder").input_shape[1]
    if dimensions != 2:
        raise ModelError(f"{VAE}: expected two latent variables, found {dimensions}")
    images = decode_latent(bundle, points.astype(np.float32))
    return images.reshape(images.shape[:3])


def draw_samples(
    models: Models, name: str, count: float, seed: float, wanted: str | None
) -> Image.Image:
    """Draw images from noise.

    Args:
        models: Models of the page.
        name: Generator.
        count: Number of images, a whole one; of each class, if the model has classes to choose and
            none is.
        seed: Seed of the noise, a whole number.
        wanted: Class; None for all.

    Returns:
        Images in rows.

    Raises:
        UserError: If a number or the class is invalid, or the model not trained.
    """
    request = {"count": whole("count", count), "seed": whole("seed", seed)}
    number_of_images = integer(request, "count", 1, MAX_COUNT)
    images = sample_images(models.get(name).bundle, number_of_images, request["seed"], wanted)
    return make_sheet(list(images), min(COLUMNS, number_of_images))


def list_classes(models: Models) -> list[str]:
    """Return the classes of the conditional VAE; none if it is not trained."""
    try:
        return list(models.get(CVAE).bundle.spec["classes"])
    except ModelError:
        return []


def whole(name: str, value: float | None) -> int:
    """Return a number of a widget as an integer.

    Raises:
        UserError: If it is none.
    """
    found = number({name: value}, name)
    if found != int(found):
        raise DataError(f"{name}: expected a whole number, found {found:g}")
    return int(found)
