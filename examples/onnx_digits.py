"""Recognize digits with an exported model: no TensorFlow, no Keras, nothing of this project.

    python -m stages.export mnist_cnn --output exported
    python examples/onnx_digits.py exported/model.onnx digit.png

It needs numpy, onnxruntime and Pillow only. A picture holds one digit, dark on light or light on
dark, at any size.
"""

import argparse

import numpy as np
import onnxruntime
from PIL import Image, ImageOps

SIDE, BOX = 28, 20  # MNIST: digits scaled into 20x20 pixels, centered by mass in 28x28
FAINT = 0.2  # of the largest brightness: what is below is background


def read_digit(path: str) -> np.ndarray:
    """Return the digit in an image file as MNIST shows it, uint8 [28, 28]: light on black."""
    with Image.open(path) as image:
        pixels = np.asarray(ImageOps.exif_transpose(image).convert("L"), np.float32)
    border = np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])
    pixels = np.abs(pixels - np.median(border))
    pixels[pixels < FAINT * pixels.max()] = 0
    if not pixels.any():
        raise SystemExit(f"{path}: the image is empty")
    rows, columns = (np.flatnonzero(pixels.any(axis=axis)) for axis in (1, 0))
    digit = pixels[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1] * (255 / pixels.max())
    scale = BOX / max(digit.shape)
    height, width = (max(1, round(scale * side)) for side in digit.shape)
    small = Image.fromarray(digit.astype(np.uint8)).resize((width, height), Image.Resampling.BOX)
    return center(np.asarray(small, np.float32))


def center(digit: np.ndarray) -> np.ndarray:
    """Place a digit [height, width] so that its center of mass is that of 28x28 pixels."""
    mass = digit.sum()
    canvas = np.zeros((SIDE, SIDE), np.uint8)
    starts = []
    for axis, length in enumerate(digit.shape):
        middle = (digit.sum(axis=1 - axis) * np.arange(length)).sum() / mass
        starts.append(int(np.clip(round((SIDE - 1) / 2 - middle), 0, SIDE - length)))
    top, left = starts
    canvas[top : top + digit.shape[0], left : left + digit.shape[1]] = digit
    return canvas


def main() -> None:
    """Print the digit in each image, and its probability."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", help="ONNX file of a model of MNIST")
    parser.add_argument("images", nargs="+", help="image files")
    arguments = parser.parse_args()
    session = onnxruntime.InferenceSession(arguments.model, providers=["CPUExecutionProvider"])
    images = np.stack([read_digit(path) for path in arguments.images])
    (probabilities,) = session.run(None, {session.get_inputs()[0].name: images})
    for path, row in zip(arguments.images, probabilities, strict=True):
        print(f"{path}: {row.argmax()} ({row.max():.1%})")


if __name__ == "__main__":
    main()
