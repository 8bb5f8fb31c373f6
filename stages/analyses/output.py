"""What an analysis writes, in the format of a study: reports/studies/<analysis>/."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from stages.core.files import atomic_output, write_json
from stages.core.paths import REPORTS
from stages.plots.style import save_figure
from stages.studies.findings import Summary
from stages.studies.results import tabulate


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
    results = [
        {"variant": each.name, "values": list(each.values), "diverged": each.diverged}
        for each in summaries
    ]
    metrics = {each.name: {"mean": each.mean, "std": each.std} for each in summaries if each.values}
    values = table.astype(object).where(table.notna(), None).to_dict("list")  # JSON has no NaN
    details = {**description, "results": results, "table": values}
    write_json(folder / "details.json", [details])
    write_json(folder / "metrics.json", metrics)
    with atomic_output(folder / "results.csv") as path:
        tabulate(summaries).to_csv(path, index=False, lineterminator="\n")
    for name, figure in figures.items():
        save_figure(figure, folder / "plots" / f"{name}.png")
    print(f"{analysis}: {description['finding']}")
