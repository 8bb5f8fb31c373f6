"""Conversion of Keras models to ONNX and LiteRT (TensorFlow Lite).

Reference:
    https://keras.io/api/models/model_saving_apis/export
    https://ai.google.dev/edge/litert/conversion/tensorflow/quantization/post_training_quantization
"""

import contextlib
import io
import logging
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from stages.core.errors import ModelError
from stages.core.files import atomic_output

ONNX, LITERT, INT8 = "model.onnx", "model.tflite", "model_int8.tflite"
# Without operations of TensorFlow, which the LiteRT runtime does not have.
LITERT_ONLY: dict[str, Any] = {"target_spec": {"supported_ops": [tf.lite.OpsSet.TFLITE_BUILTINS]}}
OPSET = 17  # of ONNX; read by onnxruntime 1.12 and later


def export_onnx(model: keras.Model, path: Path) -> None:
    """Write a model in ONNX format; any batch size.

    Args:
        model: Model in float32.
        path: File to write.

    Raises:
        ModelError: If an operation has no counterpart in ONNX.
    """
    specs = [
        keras.InputSpec(shape=tensor.shape, dtype=tensor.dtype, name=name)
        for tensor, name in zip(model.inputs, name_inputs(model), strict=True)
    ]
    signature = specs if len(specs) == 1 else [specs]
    write(model, path, "onnx", input_signature=signature, opset_version=OPSET)


def export_litert(model: keras.Model, path: Path, max_length: int | None = None) -> None:
    """Write a model in LiteRT format, in float32.

    Args:
        model: Model in float32.
        path: File to write.
        max_length: Length of texts. LiteRT has no loops over sequences of any length, so that the
            file accepts one text of exactly this length at a time.

    Raises:
        ModelError: If an operation has no counterpart in LiteRT.
    """
    fixed = any(size is None for size in model.inputs[0].shape[1:])
    arguments: dict[str, Any] = {}
    if fixed and len(model.inputs) == 1:
        spec = keras.InputSpec(shape=(1, max_length), dtype=model.inputs[0].dtype)
        arguments["input_signature"] = [spec]
    write(model, path, "litert", **LITERT_ONLY, **arguments)


def export_int8(model: keras.Model, path: Path, examples: np.ndarray) -> None:
    """Write a model in LiteRT format, quantized to integers of 8 bits after training.

    Weights and outputs of layers are quantized; inputs and outputs of the model stay as they are.

    Args:
        model: Model in float32 with one input.
        path: File to write.
        examples: Real inputs [n, ...], from which the ranges of the outputs of layers are measured.

    Raises:
        ModelError: If an operation has no counterpart in LiteRT.
    """

    def representative() -> Iterator[list[np.ndarray]]:
        for number in range(len(examples)):
            yield [examples[number : number + 1]]

    write(
        model,
        path,
        "litert",
        **LITERT_ONLY,
        optimizations=[tf.lite.Optimize.DEFAULT],
        representative_dataset=representative,
    )


def write(model: keras.Model, path: Path, format_: str, **arguments: Any) -> None:
    """Write an exported file by `keras.Model.export`, without its messages."""
    with atomic_output(path) as partial, silence():
        try:
            model.export(partial, format=format_, verbose=False, **arguments)
        except Exception as error:  # the converters raise many types
            reason = (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
            raise ModelError(f"{path.name}: not convertible: {reason}") from None


def name_inputs(model: keras.Model) -> list[str]:
    """Name the inputs of the ONNX file: `input`, or `input_0`, `input_1`, ..."""
    count = len(model.inputs)
    return ["input"] if count == 1 else [f"input_{number}" for number in range(count)]


@contextlib.contextmanager
def silence() -> Iterator[None]:
    """Drop what the converters print and log."""
    previous = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with (
            contextlib.redirect_stdout(io.StringIO()),
            contextlib.redirect_stderr(io.StringIO()),
            warnings.catch_warnings(action="ignore"),
        ):
            yield
    finally:
        logging.disable(previous)
