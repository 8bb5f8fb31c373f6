"""What an analysis writes, in the format of a study: reports/studies/<analysis>/."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from stages.core.paths import REPORTS
from stages.plots.style import save_figure
from stages.studies.findings import Summary
from stages.studies.output import write_results


def write_analysis(
    analysis: str,
    description: Mapping[str, Any],
    summaries: Sequence[Summary],
    table: pd.DataFrame,
    figures: Mapping[str, Figure],
) -> None:
    """Write details.json, metrics.json, results.csv and plots/ of an analysis.

    Args:
        analysis: Id of the analysis.
        description: question, finding, models and metric.
        summaries: Results by variant.
        table: The values behind the figures; part of details.json.
        figures: Figures by name.
    """
    folder = REPORTS / "studies" / analysis
    values = table.astype(object).where(table.notna(), None).to_dict("list")  # JSON has no NaN
    write_results(folder, {**description, "table": values}, summaries)
    for name, figure in figures.items():
        save_figure(figure, folder / "plots" / f"{name}.png")
    print(f"{analysis}: {description['finding']}")
