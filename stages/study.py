"""Train all variants of a study: reports/studies/<study>/.

Writes results.csv, metrics.json, details.json and plots/ there. Finished runs are kept in
models/studies/<study>/ on this machine, so that only new ones are trained: an interrupted study
continues where it stopped, an added variant trains that variant, and a new figure or finding none.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from stages.config.load import get_section, load_params
from stages.core import cli
from stages.core.paths import MODELS, REPORTS
from stages.core.splits import Split, load_info, load_split


def main(study_id: str) -> None:
    """Train the variants of a study and compare their results on the validation split."""
    params = load_params()
    study = get_section(params.studies, study_id, "study")
    from stages.studies.training import train_all

    info = load_info(study.dataset)
    splits = {name: load_split(study.dataset, name) for name in ("train", "validation")}
    folder = MODELS / "studies" / study_id
    runs = list(train_all(study, params.models[study.model], info, splits, folder))
    finding = write_report(study, runs, splits["train"], REPORTS / "studies" / study_id)
    print(f"{study_id}: {finding}")


def write_report(study: Any, runs: Sequence[Any], examples: Split, folder: Path) -> str:
    """Write tables and figure of a study; return what was found.

    Args:
        study: Section of the study in params.yaml.
        runs: All of its runs.
        examples: Training examples, drawn behind snapshots of points.
        folder: Path of reports/studies/<study>.
    """
    import pandas as pd

    from stages.plots.studies import plot_study
    from stages.plots.style import figure_style, save_figure
    from stages.studies.output import write_results
    from stages.studies.results import describe_study, summarize

    table = pd.concat([run.history for run in runs], ignore_index=True)
    summaries = summarize(table, study.metric)
    description = describe_study(study, summaries)
    write_results(folder, description, summaries)
    snapshots = [run.snapshot for run in runs]
    with figure_style():
        figure = plot_study(study, table, summaries, snapshots, examples)
        save_figure(figure, folder / "plots" / f"{study.chart}.png")
    return str(description["finding"])


if __name__ == "__main__":
    cli.run(main, "study")
