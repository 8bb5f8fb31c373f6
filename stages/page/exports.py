"""The section of the page on exported models."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from stages.core.files import read_json
from stages.core.paths import REPORTS
from stages.page.results import read_details

FOLDER = REPORTS / "export"
TIMES = Path("benchmarks/export.json")
FORMATS = {
    "keras": "Keras",
    "onnx": "ONNX, float32",
    "litert": "LiteRT, float32",
    "int8": "LiteRT, int8",
}


class ExportPage(NamedTuple):
    """What the page says of exported models.

    Attributes:
        finding: What was found.
        num_examples: Number of test examples that were compared, at most.
        rows: A row per file: model, format, size, accuracy, max_difference, one, batch.
        start: Seconds from process start to the class of an image, by runtime; may be empty.
        machine: Where the times were measured; empty if they were not.
    """

    finding: str
    num_examples: int
    rows: list[dict[str, Any]]
    start: Mapping[str, float]
    machine: str


def read_export() -> ExportPage | None:
    """Read the report of the export and the measured times; None if it did not run."""
    details = read_details(FOLDER)
    return make_page(details, read_json(TIMES) if TIMES.exists() else {}) if details else None


def make_page(details: Mapping[str, Any], times: Mapping[str, Any]) -> ExportPage:
    """Combine the files with their latencies.

    Args:
        details: Content of details.json.
        times: Content of benchmarks/export.json; empty if there is none.
    """
    latencies = times.get("models", {})
    rows = [
        {
            **file,
            "title": FORMATS[file["format"]],
            "size": describe_size(file["size"]),
            "one": latencies.get(file["model"], {}).get(file["format"], {}).get("one"),
            "batch": latencies.get(file["model"], {}).get(file["format"], {}).get("batch"),
        }
        for file in details["files"]
    ]
    machine = times.get("machine", "")
    return ExportPage(
        details["finding"], details["num_examples"], rows, times.get("start", {}), machine
    )


def describe_size(num_bytes: int) -> str:
    """Return a size in kB or MB, with two significant digits."""
    if num_bytes >= 1_000_000:
        return f"{num_bytes / 1_000_000:.3g} MB"
    return f"{num_bytes / 1000:.3g} kB"
