"""What a study or an analysis writes about its variants: reports/studies/<study>/."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from stages.core.files import atomic_output, write_json
from stages.studies.findings import Summary


def write_results(
    folder: Path, description: Mapping[str, Any], summaries: Sequence[Summary]
) -> None:
    """Write details.json, metrics.json and results.csv.

    Args:
        folder: reports/studies/<study>.
        description: What the page says of the study: question, finding, models and metric.
        summaries: Results by variant.
    """
    results = [
        {"variant": each.name, "values": list(each.values), "diverged": each.diverged}
        for each in summaries
    ]
    metrics = {each.name: {"mean": each.mean, "std": each.std} for each in summaries if each.values}
    write_json(folder / "details.json", [{**description, "results": results}])
    write_json(folder / "metrics.json", metrics)
    with atomic_output(folder / "results.csv") as path:
        tabulate(summaries).to_csv(path, index=False, lineterminator="\n")


def tabulate(summaries: Sequence[Summary]) -> pd.DataFrame:
    """Return the results as a table: columns variant, run (from 1, if it converged), result."""
    rows = [
        (summary.name, run, value)
        for summary in summaries
        for run, value in enumerate(summary.values, 1)
    ]
    return pd.DataFrame(rows, columns=["variant", "run", "result"])
