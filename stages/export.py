"""Export a trained model to ONNX and LiteRT (TensorFlow Lite): python -m stages.export mnist_cnn.

Writes model.onnx, model.tflite (both float32), model_int8.tflite and spec.json, which says how
inputs are encoded and what the outputs are. Formats that cannot represent the model are left out,
each with a line that says so.
"""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from stages.core.cli import exit_on_error
from stages.core.errors import DataError, ModelError
from stages.core.files import write_json
from stages.core.paths import MODELS
from stages.core.splits import load_split

NUM_CALIBRATION = 200  # training examples that measure the ranges of 8 bits


def main() -> None:
    """Export the model on the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", help="id of a trained model, or the path of its folder")
    parser.add_argument("--output", type=Path, required=True, help="folder to write")
    arguments = parser.parse_args()
    folder = MODELS / arguments.model
    export(folder if folder.is_dir() else Path(arguments.model), arguments.output)


def export(folder: Path, output: Path) -> None:
    """Write a model in all formats that can represent it.

    Args:
        folder: Folder of the model.
        output: Folder to write.

    Raises:
        ModelError: If the folder has no model, or no format can represent it.
    """
    if not (folder / "model.keras").is_file():
        raise ModelError(f"{folder}: no model; train it, or name the folder of a trained one")
    from stages.inference.bundle import load_bundle

    bundle = load_bundle(folder)
    written = 0
    for name, write in make_writers(bundle.model, bundle.spec).items():
        try:
            write(output / name)
        except (ModelError, DataError) as error:
            print(f"{name}: left out: {error}")
        else:
            written += 1
            print(f"{output / name}: {(output / name).stat().st_size:,} bytes")
    if not written:
        raise ModelError(f"{folder}: no format can represent the model")
    write_json(output / "spec.json", bundle.spec)


def make_writers(model: Any, spec: dict[str, Any]) -> dict[str, Callable[[Path], None]]:
    """Return the functions that write a model, by name of the file.

    Args:
        model: Trained Keras model.
        spec: Its spec.
    """
    from stages.exporting import convert

    def write_int8(path: Path) -> None:
        convert.export_int8(model, path, load_calibration(model, spec["dataset"]))

    max_length = spec.get("input", {}).get("max_length")
    return {
        convert.ONNX: lambda path: convert.export_onnx(model, path),
        convert.LITERT: lambda path: convert.export_litert(model, path, max_length),
        convert.INT8: write_int8,
    }


def load_calibration(model: Any, dataset: str) -> np.ndarray:
    """Return training examples as inputs of a model.

    Raises:
        ModelError: If it has several inputs, or inputs of any length.
        DataError: If the dataset was not preprocessed here.
    """
    if len(model.inputs) != 1 or None in model.inputs[0].shape[1:]:
        raise ModelError("integers of 8 bits need one input of a fixed shape")
    examples = load_split(dataset, "train").x[:NUM_CALIBRATION]
    return examples.astype(model.inputs[0].dtype)


if __name__ == "__main__":
    exit_on_error(main)
