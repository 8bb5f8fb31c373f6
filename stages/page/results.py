"""Read the results that reports/ holds of a model or dataset."""

from pathlib import Path
from typing import Any

from stages.core.files import flatten, read_json
from stages.core.paths import REPORTS

BASELINE = REPORTS / "baseline.json"


def read_metrics(folder: Path) -> dict[str, float]:
    """The flat metrics of a model, those of its cross-validation included.

    Args:
        folder: reports/<model>.
    """
    metrics = flatten(read_json(folder / "metrics.json"))
    cross_validation = folder / "cross_validation" / "metrics.json"
    if cross_validation.exists():
        metrics |= flatten(read_json(cross_validation))
    return metrics


def read_details(folder: Path) -> dict[str, Any]:
    """What a stage reported beside metrics and figures; empty if it did not run.

    Args:
        folder: of a model, its cross-validation or a dataset. Its details.json is a list of one
            object, in which `dvc metrics` finds no numbers.
    """
    path = folder / "details.json"
    return read_json(path)[0] if path.exists() else {}


def read_baseline() -> dict[str, Any]:
    """The committed baseline; empty if there is none."""
    return read_json(BASELINE) if BASELINE.exists() else {}
