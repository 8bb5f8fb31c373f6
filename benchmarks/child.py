"""One side of a benchmark, in a separate process started by `benchmarks.run`.

    python -m benchmarks.child SIDE MODEL STARTED RESULT

It runs in a separate project folder. The weights after each epoch are stored and evaluated on the
test split after training, so that the evaluation does not affect the time; the time to store them
is subtracted.
"""

import argparse
import importlib
import importlib.util
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import keras
import numpy as np

from benchmarks.memory import peak_memory
from stages.config.load import get_section, load_params
from stages.core.cli import exit_on_error
from stages.core.files import read_json, write_json
from stages.core.paths import REPORTS
from stages.core.splits import SPLITS, Split, concatenate, load_info, load_split
from stages.learning.bundle import to_portable
from stages.learning.runtime import session

AS_TAUGHT, OURS = "as_taught", "ours"
Run = dict[str, Any]


def main() -> None:
    """Write the result of `run` as JSON."""
    parser = argparse.ArgumentParser()
    parser.add_argument("side", choices=(AS_TAUGHT, OURS))
    parser.add_argument("model")
    parser.add_argument("started", type=float, help="start of the process, a Unix timestamp")
    parser.add_argument("result", type=Path)
    arguments = parser.parse_args()
    write_json(arguments.result, run(arguments.side, arguments.model, arguments.started))


def run(side: str, model: str, started: float) -> Run:
    """Train a model, or cross-validate it if the project does.

    Args:
        side: AS_TAUGHT or OURS.
        model: Id of the model.
        started: Start of the process, a Unix timestamp.

    Returns:
        seconds: Times from `started` to the end of each epoch, or of the cross-validation.
        memory_mb: Peak memory in MB.
        quality: Metrics of the result.
        curve: Main metric after each epoch, or of the cross-validation.
    """
    params = load_params()
    config = get_section(params.models, model, "model")
    if model in params.cross_validation:
        return cross_validate(side, model, config, started)
    return train(side, model, config, started)


def cross_validate(side: str, model: str, config: Any, started: float) -> Run:
    """Cross-validate a model of tabular data; see `run`."""
    if side == AS_TAUGHT:
        from benchmarks.as_taught import tables

        examples = concatenate([load_split(config.dataset, name) for name in SPLITS])
        with session(config.training.seed, config.training.precision):
            metrics = tables.cross_validate(model, config, examples)
    else:
        from stages import cross_validate as stage

        stage.main(model)
        metrics = read_json(REPORTS / model / "cross_validation" / "metrics.json")["cv"]
    seconds = time.time() - started
    quality = {f"cv.{name}": value for name, value in metrics.items()}
    curve = [quality[config.report.metric]]
    return {"seconds": [seconds], "memory_mb": peak_memory(), "quality": quality, "curve": curve}


def train(side: str, model: str, config: Any, started: float) -> Run:
    """Train a model and evaluate it after each epoch; see `run`.

    As taught, it is trained on the training and validation splits, and its final weights are kept.
    """
    info = load_info(config.dataset)
    splits = [load_split(config.dataset, name, mmap=True) for name in ("train", "validation")]
    examples, validation = splits if side == OURS else (concatenate(splits), None)
    batches = importlib.import_module(f"stages.pipelines.{config.training.input_pipeline}")
    precision = getattr(config.training, "precision", "float32")
    with TemporaryDirectory(prefix="weights-") as folder:
        recorder = Recorder(started, Path(folder))
        with session(config.training.seed, precision), recorded(recorder, config.network.name):
            trainer = find_trainer(side, model, config.network.name)
            trained = trainer(config, info, examples, validation, batches.make_batches)
            memory = peak_memory()
            quality, curve = measure_all(recorder, trained.model, config, info)
    return {"seconds": recorder.seconds, "memory_mb": memory, "quality": quality, "curve": curve}


def find_trainer(side: str, model: str, network: str) -> Callable[..., Any]:
    """Return the function that trains a model as taught or like ours."""
    name = f"benchmarks.as_taught.{model}"
    if side == OURS or importlib.util.find_spec(name) is None:
        name = f"stages.networks.{network}.train"
    trainer: Callable[..., Any] = importlib.import_module(name).train
    return trainer


class Recorder(keras.callbacks.Callback):
    """Stores the weights and the time after each epoch.

    Args:
        started: Start of the process, a Unix timestamp.
        folder: Folder of the weights, stored as <epoch>.npz from 0.

    Attributes:
        seconds: Times from `started` to the end of each epoch, without the time to store weights.
    """

    def __init__(self, started: float, folder: Path) -> None:
        super().__init__()
        self.started, self.folder = started, folder
        self.seconds: list[float] = []

    def record(self, get_weights: Callable[[], list[np.ndarray]]) -> None:
        """Store weights."""
        now = time.time()
        self.seconds.append(now - self.started)
        np.savez(self.folder / f"{len(self.seconds) - 1}.npz", *get_weights())
        self.started += time.time() - now

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Store the weights of a Keras model."""
        del epoch, logs
        self.record(self.model.get_weights)

    def weights(self) -> Iterator[list[np.ndarray]]:
        """Yield the weights after each epoch."""
        for number in range(len(self.seconds)):
            with np.load(self.folder / f"{number}.npz") as arrays:
                yield [arrays[f"arr_{index}"] for index in range(len(arrays.files))]


@contextmanager
def recorded(recorder: Recorder, network: str) -> Iterator[None]:
    """Record training inside this context, without changes of the training code.

    The recorder is added as the last callback of `keras.Model.fit`. The low-level network has no
    callbacks; it calls its function `measure` after each epoch.
    """
    owner, name = keras.Model, "fit"
    if network == "raw_tensorflow":
        owner, name = importlib.import_module("stages.networks.raw_tensorflow.train"), "measure"
    original = getattr(owner, name)

    def fit(model: keras.Model, *arguments: Any, callbacks: Any = (), **options: Any) -> Any:
        return original(model, *arguments, callbacks=[*callbacks, recorder], **options)

    def measure(means: np.ndarray, parameters: Any, validation: Split | None) -> Any:
        measured = original(means, parameters, validation)
        recorder.record(lambda: [parameter.numpy() for parameter in parameters])
        return measured

    setattr(owner, name, fit if name == "fit" else measure)
    try:
        yield
    finally:
        setattr(owner, name, original)


def measure_all(
    recorder: Recorder, trained: keras.Model, config: Any, info: dict[str, Any]
) -> tuple[dict[str, float], list[float]]:
    """Evaluate a trained model, and its weights after each epoch.

    Args:
        recorder: Recorder of the training run.
        trained: Inference model, which shares the trained variables.
        config: Section of the model in params.yaml.
        info: Description of the processed dataset, the content of info.json.

    Returns:
        Metrics of the trained model, and its main metric after each epoch.
    """
    from benchmarks.quality import make_measure

    measure, model = make_measure(config, info), to_portable(trained)
    quality, curve = measure(model), []
    fitted = trained if recorder.model is None else recorder.model
    for weights in recorder.weights():
        fitted.set_weights(weights)
        model.set_weights(trained.get_weights())
        curve.append(measure(model)[config.report.metric])
    return quality, curve


if __name__ == "__main__":
    exit_on_error(main)
