"""Export models and compare the files with Keras: reports/export/.

Writes metrics.json (size and accuracy) and details.json there. Times are not part of it, since two
runs differ in them: see benchmarks/export.py.
"""

import logging
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from stages.config.load import load_params
from stages.core.cli import exit_on_error
from stages.core.files import write_json
from stages.core.paths import MODELS, REPORTS
from stages.core.splits import load_split
from stages.export import make_writers
from stages.exporting.agreement import (
    INT8,
    KERAS,
    LITERT,
    ONNX,
    Reference,
    Row,
    compare,
    conclude,
    make_metrics,
)

FOLDER = REPORTS / "export"
BATCH_SIZE = 100


def main() -> None:
    """Export the models of the section `export` of params.yaml."""
    config = load_params().export
    # Each model has functions of its own, and TensorFlow warns of tracing them again.
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    rows = [row for name, formats in config.models.items() for row in check(name, formats, config)]
    finding = conclude(rows, config.num_examples)
    write_json(FOLDER / "metrics.json", make_metrics(rows))
    write_json(
        FOLDER / "details.json",
        [
            {
                "finding": finding,
                "num_examples": config.num_examples,
                "files": [row._asdict() for row in rows],
            }
        ],
    )
    print(finding)


def check(name: str, formats: Sequence[str], config: Any) -> list[Row]:
    """Export a model, and compare each file with it on test examples.

    Args:
        name: Id of the model.
        formats: Formats to write.
        config: Section of the export.

    Raises:
        ModelError: If a float32 file disagrees, or a format cannot represent the model.
    """
    import keras

    from stages.exporting import convert
    from stages.exporting.runtimes import OPENERS, predict_batches
    from stages.inference.bundle import load_bundle
    from stages.inference.outputs import normalize, probabilities

    keras.utils.clear_session()
    model, spec = load_bundle(MODELS / name)
    test = load_split(spec["dataset"], "test")
    x, y = test.x[: config.num_examples], test.y[: config.num_examples]
    reference = Reference(name, probabilities(model, x, spec["input"]["type"]), y)
    size = (MODELS / name / "model.keras").stat().st_size
    rows = [compare(reference, KERAS, size, reference.p)]
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
            rows.append(compare(reference, format_, size, normalize(outputs)))
    return rows


if __name__ == "__main__":
    exit_on_error(main)
