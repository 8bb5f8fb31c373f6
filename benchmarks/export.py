"""Measure the latency of exported models: benchmarks/export.json. Run it on an idle machine.

For each model of the section `export` of params.yaml: milliseconds for one example and a batch of
100, in Keras and each exported file; and, from process start to the class of an image, seconds
with the ONNX file (examples/onnx_digits.py) and with Keras.
"""

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from benchmarks.project import ROOT, environment
from benchmarks.results import describe_machine as name_machine
from stages.config.load import load_params
from stages.core.cli import exit_on_error
from stages.core.files import write_json
from stages.core.paths import MODELS
from stages.core.splits import load_split
from stages.record import describe_machine, read_cpuinfo

RESULTS = Path("benchmarks/export.json")
BATCH = 100
REPEATS = 30
STARTS = 5
DIGITS = "mnist_cnn"
WITH_KERAS = """
import sys
import numpy as np
from PIL import Image
import keras
model = keras.saving.load_model(sys.argv[1], compile=False)
image = np.asarray(Image.open(sys.argv[2]))
print(model.predict(image[None], verbose=0).argmax())
"""


def main() -> None:
    """Measure all models and write the results."""
    exported = load_params().export.models
    models = {name: measure_model(name, each.formats) for name, each in exported.items()}
    machine = name_machine(describe_machine(read_cpuinfo()))
    starts = measure_start(DIGITS)
    write_json(RESULTS, {"machine": machine, "models": models, "start": starts})
    for name, seconds in starts.items():
        print(f"from process start to the class of an image, {name}: {seconds:.2f} s")


def measure_model(name: str, formats: list[Any]) -> dict[str, dict[str, float]]:
    """Return the milliseconds of a model by format: `one` example, and a `batch` of them."""
    from stages.export import make_writers
    from stages.exporting import convert
    from stages.exporting.runtimes import OPENERS, predict_batches
    from stages.inference.bundle import load_bundle

    model, spec = load_bundle(MODELS / name)
    x = load_split(spec["dataset"], "test").x[:BATCH].astype(model.inputs[0].dtype)
    names = {"onnx": convert.ONNX, "litert": convert.LITERT, "int8": convert.INT8}
    measured = {"keras": measure(model.predict_on_batch, x)}
    writers = make_writers(model, spec)
    with tempfile.TemporaryDirectory() as folder:
        for format_ in formats:
            path = Path(folder) / names[format_]
            writers[path.name](path)
            predict = OPENERS[path.suffix](path)
            if format_ == "litert" and None in model.inputs[0].shape[1:]:  # accepts one text
                predict = partial(predict_batches, predict, batch_size=1)
            measured[format_] = measure(predict, x)
    print(name, measured)
    return measured


def measure(predict: Callable[[np.ndarray], Any], x: np.ndarray) -> dict[str, float]:
    """Return the median milliseconds of predictions."""
    return {
        "one": time_calls(lambda: predict(x[:1])),
        "batch": time_calls(lambda: predict(x)),
    }


def time_calls(call: Callable[[], Any], repeats: int = REPEATS) -> float:
    """Return the median milliseconds of a call, after one that is not measured."""
    call()
    seconds = []
    for _ in range(repeats):
        began = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - began)
    return round(1000 * median(seconds), 3)


def measure_start(name: str) -> dict[str, float]:
    """Return the median seconds from process start to the class of an image, by runtime."""
    from PIL import Image

    from stages.export import export

    digit = load_split("mnist", "test").x[0]
    with tempfile.TemporaryDirectory() as folder:
        image = Path(folder) / "digit.png"
        Image.fromarray(digit).save(image)
        export(MODELS / name, Path(folder))
        example = str(ROOT / "examples/onnx_digits.py")
        commands = {
            "ONNX": [sys.executable, example, str(Path(folder) / "model.onnx"), str(image)],
            "Keras": [
                sys.executable, "-c", WITH_KERAS, str(MODELS / name / "model.keras"), str(image),
            ],
        }  # fmt: skip
        return {
            runtime: time_calls(lambda c=command: run(c), STARTS) / 1000  # type: ignore[misc]
            for runtime, command in commands.items()
        }


def run(command: list[str]) -> None:
    """Run a command without its output."""
    subprocess.run(command, check=True, capture_output=True, env=environment())


if __name__ == "__main__":
    exit_on_error(main)
