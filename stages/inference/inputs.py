"""Raw input of trained models: encoded examples, and values by key."""

import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from stages.core.errors import ModelError
from stages.encoding.characters import encode_characters
from stages.encoding.image import encode_image
from stages.encoding.table import encode_row
from stages.encoding.text import encode_text


def encode(raw: Any, encoding: Mapping[str, Any]) -> np.ndarray:
    """Encode one raw example as model input.

    Args:
        raw: Example, by type of input: image: bytes or path of a file; table: values by column;
            text, character_sequence: string; points: [x, y]; pixel_coordinates: {"row", "column"};
            time_series: the last `length` values or more.
        encoding: `input` of the model's spec.

    Returns:
        Encoded example [...], without a batch axis.

    Raises:
        DataError: If it cannot be encoded.
        ModelError: If it is not of the model's input type.
    """
    types, encoder = ENCODERS[encoding["type"]]
    if not isinstance(raw, types):
        raise ModelError(f"input: expected {encoding['type']}, found {type(raw).__name__}")
    return encoder(raw, encoding)


def encode_file(raw: bytes | str | Path, encoding: Mapping[str, Any]) -> np.ndarray:
    """Encode an image file, of which `raw` is the content or the path."""
    return encode_image(raw if isinstance(raw, bytes) else read_file(Path(raw)), encoding)


def encode_point(raw: Sequence[Any], _: Mapping[str, Any]) -> np.ndarray:
    """Encode a point [x, y], float32 [2].

    Raises:
        ModelError: If it has not two finite coordinates.
    """
    if len(raw) != 2:
        raise ModelError(f"input: expected [x, y], found {len(raw)} coordinates")
    x, y = raw
    return np.array([number({"x": x}, "x"), number({"y": y}, "y")], np.float32)


def encode_pixel(raw: Mapping[str, Any], encoding: Mapping[str, Any]) -> np.ndarray:
    """Encode the position of a pixel, uint16 [2]."""
    row = integer(raw, "row", 0, encoding["height"] - 1)
    return np.array([row, integer(raw, "column", 0, encoding["width"] - 1)], np.uint16)


def encode_series(raw: Sequence[Any], encoding: Mapping[str, Any]) -> np.ndarray:
    """Encode the last values of a time series, float32 [length].

    Raises:
        ModelError: If there are fewer, or one is not a finite number.
    """
    length = encoding["length"]
    if len(raw) < length:
        raise ModelError(f"input: expected at least {length} values, found {len(raw)}")
    values = enumerate(raw[-length:], len(raw) - length)
    return np.array([number({str(i): value}, str(i)) for i, value in values], np.float32)


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


Encoder = Callable[[Any, Mapping[str, Any]], np.ndarray]
ENCODERS: dict[str, tuple[type | tuple[type, ...], Encoder]] = {
    "image": ((bytes, str, Path), encode_file),
    "table": (Mapping, lambda raw, encoding: encode_row(raw, encoding["columns"])),
    "text": (str, encode_text),
    "character_sequence": (
        str,
        lambda raw, encoding: encode_characters(raw, encoding["vocabulary"]),
    ),
    "time_series": (list, encode_series),
    "points": (list, encode_point),
    "pixel_coordinates": (Mapping, encode_pixel),
}
