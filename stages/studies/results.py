"""Results of a study, from the histories of all its runs."""

from collections.abc import Sequence
from typing import Any

import pandas as pd

from stages.studies.findings import Summary, conclude, describe_trend
from stages.studies.variants import name_value


def summarize(table: pd.DataFrame, metric: str) -> list[Summary]:
    """Return the result of each variant, that of the rows which are `kept`.

    Args:
        table: Rows of all runs, with columns `variant`, `seed`, `diverged`, `kept` and `metric`.
        metric: Column of the history.
    """
    summaries = []
    for name, rows in table.groupby("variant", sort=False):
        kept = rows[rows["kept"]]
        finite = kept[~kept["diverged"]]
        values = finite[metric].tolist() if len(finite) else []
        summaries.append(Summary(str(name), values, int(kept["diverged"].sum())))
    return summaries


def ordered_values(grid: dict[str, list[Any]]) -> list[float] | None:
    """Return the values of a grid over one number, ascending; None for other studies."""
    if len(grid) != 1:
        return None
    (values,) = grid.values()
    numbers = [value for value in values if isinstance(value, int | float) and value is not True]
    return sorted(numbers) if len(numbers) == len(values) > 2 else None


def describe_study(study: Any, summaries: Sequence[Summary]) -> dict[str, Any]:
    """Return what the page says of a study.

    Args:
        study: Section of the study in params.yaml.
        summaries: Results by variant.

    Returns:
        question, finding, models and metric.
    """
    maximize = study.direction == "maximize"
    percent = study.metric.endswith("accuracy")
    finding = conclude(summaries, maximize=maximize, percent=percent, reference=study.reference)
    if values := ordered_values(study.grid):
        by_name = {summary.name: summary for summary in summaries}
        trend = describe_trend([by_name[name_value(value)] for value in values], maximize=maximize)
        finding = f"{finding} {trend}".strip()
    return {
        "question": study.question,
        "finding": finding,
        "models": [study.model],
        "metric": study.metric,
    }
