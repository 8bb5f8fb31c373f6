"""Predictions of trained models for raw input."""

import importlib
import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from stages.core.errors import DataError, ModelError
from stages.encoding.characters import decode_characters, encode_characters
from stages.encoding.image import encode_image
from stages.encoding.table import encode_row
from stages.encoding.text import encode_text
from stages.inference.bundle import Bundle
from stages.inference.outputs import predict_arrays, probabilities

MAX_IMAGES = 10_000
MAX_CHARACTERS = 100_000


def predict(bundle: Bundle, raw: Any) -> dict[str, Any]:
    """Predict one raw example.

    Args:
        bundle: Trained model.
        raw: Input, by task:
            classification, toy_classification, autoencoding: example, see `encode`;
            image_fitting: {"row", "column"} of a pixel;
            image_generation, toy_generation: {"seed", "count"};
            language_modeling: {"prompt", "length", "temperature", "seed"}.

    Returns:
        Output, serializable as JSON, by task:
            classification, toy_classification: `class` and `probabilities` by class;
            autoencoding: `latent` [latent_dim], the posterior mean, and `reconstruction`
            [height, width], 0 to 255;
            image_fitting: `color` [3], 0 to 255;
            image_generation: `images` [count, height, width(, channels)], 0 to 255;
            toy_generation: `points` [count, 2];
            language_modeling: `text`, without the prompt.

    Raises:
        ModelError: If the input is invalid, with the invalid part.
    """
    task = bundle.spec["task"]
    if task not in TASKS:
        raise ModelError(f"spec.json: task: expected one of {', '.join(TASKS)}, found {task!r}")
    try:
        return TASKS[task](bundle, raw)
    except DataError as error:
        raise ModelError(f"input: {error}") from None


def encode(raw: Any, encoding: Mapping[str, Any]) -> np.ndarray:
    """Encode one raw example as model input.

    Args:
        raw: Example, by type of input: image: bytes or path of a file; table: values by column;
            text: string; points: [x, y]; pixel_coordinates: {"row", "column"}.
        encoding: `input` of the model's spec.

    Returns:
        Encoded example [...], without a batch axis.

    Raises:
        DataError: If it cannot be encoded.
        ModelError: If it is not of the model's input type.
    """
    match encoding["type"], raw:
        case "image", bytes():
            return encode_image(raw, encoding)
        case "image", str() | Path():
            return encode_image(read_file(Path(raw)), encoding)
        case "table", Mapping():
            return encode_row(raw, encoding["columns"])
        case "text", str():
            return encode_text(raw, encoding)
        case "points", [x, y]:
            return np.array([number({"x": x}, "x"), number({"y": y}, "y")], np.float32)
        case "pixel_coordinates", Mapping():
            row = integer(raw, "row", 0, encoding["height"] - 1)
            return np.array([row, integer(raw, "column", 0, encoding["width"] - 1)], np.uint16)
    raise ModelError(f"input: expected {encoding['type']}, found {type(raw).__name__}")


def classify(bundle: Bundle, raw: Any) -> dict[str, Any]:
    """Predict the class of an example; see `predict`."""
    encoding, classes = bundle.spec["input"], bundle.spec["classes"]
    p = probabilities(bundle.model, encode(raw, encoding)[None], encoding["type"])[0]
    return {
        "class": classes[int(p.argmax())],
        "probabilities": dict(zip(classes, p.tolist(), strict=True)),
    }


def autoencode(bundle: Bundle, raw: Any) -> dict[str, Any]:
    """Return the latent coordinates of an image and its reconstruction; see `predict`."""
    outputs = predict_arrays(bundle.model, encode(raw, bundle.spec["input"])[None])
    logits = outputs["reconstruction"][0].astype(np.float64)
    return {
        "latent": outputs["mean"][0].tolist(),
        "reconstruction": np.rint(255 / (1 + np.exp(-logits))).astype(int).tolist(),
    }


def color_pixel(bundle: Bundle, raw: Any) -> dict[str, Any]:
    """Predict the color of a pixel; see `predict`."""
    color = predict_arrays(bundle.model, encode(raw, bundle.spec["input"])[None])[0]
    return {"color": np.rint(255 * color).astype(int).tolist()}


def generate_images(bundle: Bundle, raw: Any) -> dict[str, Any]:
    """Generate images from noise; see `predict`."""
    images = np.clip(np.rint(generate(bundle, raw)), 0, 255).astype(int)
    return {"images": images.tolist()}


def generate_points(bundle: Bundle, raw: Any) -> dict[str, Any]:
    """Generate points from noise; see `predict`."""
    return {"points": generate(bundle, raw).tolist()}


def generate(bundle: Bundle, raw: Any) -> np.ndarray:
    """Return the generator's outputs [count, ...] for `count` noise vectors drawn with `seed`."""
    count = integer(raw, "count", 1, MAX_IMAGES)
    random = np.random.default_rng(integer(raw, "seed", 0, 2**32 - 1))
    generator = bundle.model.get_layer("generator")
    noise = random.standard_normal((count, generator.input_shape[1]), np.float32)
    generated: np.ndarray = predict_arrays(generator, noise)
    return generated


def continue_text(bundle: Bundle, raw: Any) -> dict[str, Any]:
    """Continue a prompt with a character-level language model; see `predict`."""
    network = bundle.spec["network"]["name"]
    sampling = importlib.import_module(f"stages.networks.{network}.sampling")
    vocabulary = bundle.spec["input"]["vocabulary"]
    length = integer(raw, "length", 1, MAX_CHARACTERS)
    random = np.random.default_rng(integer(raw, "seed", 0, 2**32 - 1))
    temperature = number(raw, "temperature")
    if temperature <= 0:
        raise ModelError(f"input: temperature: expected more than 0, found {temperature:g}")
    prompt = raw.get("prompt")
    if not isinstance(prompt, str) or not prompt:
        raise ModelError(f"input: prompt: expected text of a character or more, found {prompt!r}")
    noise = random.gumbel(size=(length, 1, len(vocabulary))).astype(np.float32)
    sample = sampling.make_sampler(bundle.model)
    ids = sample(encode_characters(prompt, vocabulary), [temperature], noise)[0]
    return {"text": decode_characters(ids, vocabulary)}


def integer(raw: Any, key: str, least: int, most: int) -> int:
    """Return the integer `key` of an input.

    Raises:
        ModelError: If there is none, or it is not within `least` to `most`.
    """
    value = raw.get(key) if isinstance(raw, Mapping) else None
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        raise ModelError(
            f"input: {key}: expected an integer from {least} to {most}, found {value!r}"
        )
    return value


def number(raw: Any, key: str) -> float:
    """Return the number `key` of an input.

    Raises:
        ModelError: If there is none, or it is not finite.
    """
    value = raw.get(key) if isinstance(raw, Mapping) else None
    if not isinstance(value, int | float) or isinstance(value, bool) or not math.isfinite(value):
        raise ModelError(f"input: {key}: expected a number, found {value!r}")
    return float(value)


def read_file(path: Path) -> bytes:
    """Read the content of a file.

    Raises:
        ModelError: If it cannot be read.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        raise ModelError(f"{path}: {error.strerror}; expected an image file") from None


TASKS: dict[str, Callable[[Bundle, Any], dict[str, Any]]] = {
    "classification": classify,
    "toy_classification": classify,
    "autoencoding": autoencode,
    "image_fitting": color_pixel,
    "image_generation": generate_images,
    "toy_generation": generate_points,
    "language_modeling": continue_text,
}
