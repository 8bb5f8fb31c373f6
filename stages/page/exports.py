"""The section of the page on exported models."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from stages.core.files import read_json
from stages.core.paths import REPORTS
from stages.page.results import read_details

FOLDER = REPORTS / "export"
MAX_DROP = 0.01  # in accuracy, up to which an int8 file is as good as the model
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


def read_export(models: Iterable[str]) -> ExportPage | None:
    """Read the reports of exported models and the measured times; None if no stage ran."""
    reports = [details for name in models if (details := read_details(FOLDER / name))]
    return make_page(reports, read_json(TIMES) if TIMES.exists() else {}) if reports else None


def make_page(reports: Sequence[Mapping[str, Any]], times: Mapping[str, Any]) -> ExportPage:
    """Combine the files with their latencies.

    Args:
        reports: Content of details.json of each model.
        times: Content of benchmarks/export.json; empty if there is none.
    """
    latencies = times.get("models", {})
    files = [file for report in reports for file in report["files"]]
    num_examples = max(report["num_examples"] for report in reports)
    rows = [
        {
            **file,
            "title": FORMATS[file["format"]],
            "size": describe_size(file["size"]),
            "one": latencies.get(file["model"], {}).get(file["format"], {}).get("one"),
            "batch": latencies.get(file["model"], {}).get(file["format"], {}).get("batch"),
        }
        for file in files
    ]
    finding = conclude(files, num_examples)
    return ExportPage(finding, num_examples, rows, times.get("start", {}), times.get("machine", ""))


def conclude(files: Sequence[Mapping[str, Any]], num_examples: int) -> str:
    """Return sentences on what was found.

    Args:
        files: All files: model, format, accuracy and max_difference.
        num_examples: Number of test examples, at most.
    """
    exact = [file["max_difference"] for file in files if file["format"] in {"onnx", "litert"}]
    sentences = describe_int8(files)
    if exact:
        sentences.insert(
            0,
            f"On up to {num_examples:,} test examples of each model, the probabilities of float32 "
            f"files differ from those of Keras by at most {max(exact):.0e}.",
        )
    return " ".join(sentences)


def describe_int8(files: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return a sentence on the files of 8 bits, if there are any.

    Args:
        files: All files: model, format and accuracy.
    """
    keras = {file["model"]: file["accuracy"] for file in files if file["format"] == "keras"}
    changes = {
        file["model"]: file["accuracy"] - keras[file["model"]]
        for file in files
        if file["format"] == "int8"
    }
    good = [model for model, change in changes.items() if change >= -MAX_DROP]
    bad = [
        f"{model} ({100 * change:+.1f} points)"
        for model, change in changes.items()
        if change < -MAX_DROP
    ]
    parts = [f"hold for {', '.join(good)}, within {MAX_DROP:.0%} of accuracy"] if good else []
    parts += [f"do not hold for {', '.join(bad)}"] if bad else []
    return [f"Integers of 8 bits {'; they '.join(parts)}."] if parts else []


def describe_size(num_bytes: int) -> str:
    """Return a size in kB or MB, with two significant digits."""
    if num_bytes >= 1_000_000:
        return f"{num_bytes / 1_000_000:.3g} MB"
    return f"{num_bytes / 1000:.3g} kB"
