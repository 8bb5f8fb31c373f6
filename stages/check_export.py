"""Export a model and compare the files with Keras: reports/export/<model>/.

Writes metrics.json (size and accuracy) and details.json there. Times are not part of it, since two
runs differ in them: see benchmarks/export.py.
"""

import logging
import tempfile
from collections.abc import Sequence
from pathlib import Path

from stages.config.load import get_section, load_params
from stages.core import cli
from stages.core.files import write_json
from stages.core.paths import MODELS, REPORTS
from stages.core.splits import load_split
from stages.export import make_writers
from stages.exporting.agreement import (
    INT8,
    KERAS,
    LITERT,
    ONNX,
    ExportedFile,
    Reference,
    compare,
    make_metrics,
)

BATCH_SIZE = 100


def main(model: str) -> None:
    """Export `model` in the formats that params.yaml names."""
    config = load_params().export
    formats = get_section(config.models, model, "exported model").formats
    # The formats have functions of their own, and TensorFlow warns of tracing them again.
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    files = check(model, formats, config.num_examples)
    folder = REPORTS / "export" / model
    write_json(folder / "metrics.json", make_metrics(files))
    details = {
        "num_examples": config.num_examples,
        "files": [file._asdict() for file in files],
    }
    write_json(folder / "details.json", [details])
    print(
        f"{model}: "
        + ", ".join(f"{file.format} {file.size:,} bytes, {file.accuracy:.4f}" for file in files)
    )


def check(name: str, formats: Sequence[str], num_examples: int) -> list[ExportedFile]:
    """Export a model, and compare each file with it on test examples.

    Args:
        name: Id of the model.
        formats: Formats to write.
        num_examples: Number of test examples, at most.

    Raises:
        ModelError: If a float32 file disagrees, or a format cannot represent the model.
    """
    from stages.exporting import convert
    from stages.exporting.runtimes import OPENERS, predict_batches
    from stages.inference.bundle import load_bundle
    from stages.inference.outputs import normalize, probabilities

    model, spec = load_bundle(MODELS / name)
    test = load_split(spec["dataset"], "test")
    x, y = test.x[:num_examples], test.y[:num_examples]
    reference = Reference(name, probabilities(model, x, spec["input"]["type"]), y)
    size = (MODELS / name / "model.keras").stat().st_size
    checked = [compare(reference, KERAS, size, reference.p)]
    files = {ONNX: convert.ONNX, LITERT: convert.LITERT, INT8: convert.INT8}
    writers = make_writers(model, spec)
    inputs = x.astype(model.inputs[0].dtype)
    batch_size = 1 if None in model.inputs[0].shape[1:] and LITERT in formats else BATCH_SIZE
    with tempfile.TemporaryDirectory() as folder:
        for format_ in formats:
            path = Path(folder) / files[format_]
            writers[path.name](path)
            outputs = predict_batches(OPENERS[path.suffix](path), inputs, batch_size)
            size = path.stat().st_size
            checked.append(compare(reference, format_, size, normalize(outputs)))
    return checked


if __name__ == "__main__":
    cli.run(main, "model")
