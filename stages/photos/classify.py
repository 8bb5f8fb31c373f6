"""Classification of photographs."""

import importlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import keras
import numpy as np
from PIL import Image

from stages.core.errors import ConfigError, DataError
from stages.core.files import read_json
from stages.encoding.image import CropResize, crop_and_resize


class Pretrained(NamedTuple):
    """A trained classifier of photographs.

    Attributes:
        model: Model from preprocessed images float32 [n, height, width, 3] to probabilities.
        preprocess: Function of RGB images float32 [n, height, width, 3], 0 to 255.
        classes: Names of the classes.
    """

    model: keras.Model
    preprocess: Callable[[np.ndarray], np.ndarray]
    classes: Sequence[str]


def load_pretrained(network: str, fetch_weights: Callable[[], Path], index: Path) -> Pretrained:
    """Build a network of keras.applications with its trained weights.

    Args:
        network: Name in keras.applications, for example ResNet50.
        fetch_weights: Function that returns the path of the file of its weights.
        index: Path of imagenet_class_index.json.

    Raises:
        ConfigError: If there is no such network.
        DataError: If the weights are not those of the network.
    """
    build = getattr(keras.applications, network, None)
    if not callable(build):
        raise ConfigError(f"no network {network!r} in keras.applications")
    weights = fetch_weights()
    model = build(weights=None)
    try:
        model.load_weights(weights)
    except Exception as error:  # Keras and h5py raise many types
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise DataError(f"{weights}: not the weights of {network}: {reason}") from None
    module = importlib.import_module(build.__module__)
    names = read_json(index)
    classes = [names[str(number)][1].replace("_", " ") for number in range(len(names))]
    return Pretrained(model, module.preprocess_input, classes)


def classify(pretrained: Pretrained, image: Image.Image, top: int) -> list[tuple[str, float]]:
    """Return the most probable classes of a photograph and their probabilities.

    Args:
        pretrained: Classifier.
        image: Photograph of any size.
        top: Number of classes.
    """
    crop = CropResize(None, 1.0, pretrained.model.input_shape[1:])
    pixels = crop_and_resize(image, crop, enlarge=True)
    inputs = pretrained.preprocess(pixels[None].astype(np.float32))
    p = pretrained.model.predict(inputs, verbose=0)[0].astype(np.float64)
    best = np.argsort(-p, kind="stable")[:top]
    return [(pretrained.classes[number], float(p[number])) for number in best]


def describe(answers: Mapping[str, Sequence[tuple[str, Any]]]) -> str:
    """Return the answers as lines: a photograph, then its classes with percentages."""
    lines = []
    for name, classes in answers.items():
        lines.append(f"{name}:")
        lines += [f"  {probability:6.1%}  {label}" for label, probability in classes]
    return "\n".join(lines)
