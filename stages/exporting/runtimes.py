"""Predictions of exported files, each by its own runtime, without TensorFlow."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

Predict = Callable[[np.ndarray], np.ndarray]  # inputs [n, ...] -> outputs [n, ...]
THREADS = 2  # as TensorFlow, see stages/core/cli.py


def open_onnx(path: Path) -> Predict:
    """Return the function that an ONNX file computes.

    Args:
        path: ONNX file of a model with one input and one output.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = THREADS
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    (name,) = [each.name for each in session.get_inputs()]
    return lambda x: np.asarray(session.run(None, {name: x})[0])


def open_litert(path: Path) -> Predict:
    """Return the function that a LiteRT file computes.

    Args:
        path: LiteRT file of a model with one input and one output.
    """
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(str(path), num_threads=THREADS)
    (inputs,), (outputs,) = interpreter.get_input_details(), interpreter.get_output_details()

    def predict(x: np.ndarray) -> np.ndarray:
        if tuple(interpreter.get_input_details()[0]["shape"]) != x.shape:
            interpreter.resize_tensor_input(inputs["index"], x.shape)
            interpreter.allocate_tensors()
        interpreter.set_tensor(inputs["index"], x)
        interpreter.invoke()
        return np.array(interpreter.get_tensor(outputs["index"]))

    interpreter.allocate_tensors()
    return predict


OPENERS = {".onnx": open_onnx, ".tflite": open_litert}  # by suffix


def predict_batches(predict: Predict, x: np.ndarray, batch_size: int) -> np.ndarray:
    """Return the outputs [n, ...] for inputs x [n, ...], batch by batch."""
    starts = range(0, len(x), batch_size)
    return np.concatenate([predict(x[start : start + batch_size]) for start in starts])
