"""Convert a dataset's source to arrays, split it, and write its data report."""

import importlib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stages.config.load import get_section, load_params
from stages.core.cli import run
from stages.core.files import atomic_output, write_json
from stages.core.paths import PROCESSED, REPORTS
from stages.core.splits import INFO, describe_splits, save_split

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from stages.datasets.common import Prepared


def main(dataset: str) -> None:
    """Prepare `dataset`: data/processed/<dataset>/ and reports/data/<dataset>/."""
    config = get_section(load_params().datasets, dataset, "dataset")
    from stages.datasets.duplicates import find_duplicates
    from stages.datasets.examples import describe_example
    from stages.plots.style import figure_style

    module = importlib.import_module(f"stages.datasets.{config.module}")
    with figure_style():
        prepared = module.prepare(Path(config.source), config)
        write_figures(REPORTS / "data" / dataset / "plots", prepared.figures)
    described = describe_splits(prepared.splits, prepared.info["classes"])
    details = {
        **prepared.report,
        "splits": described,
        "example": describe_example(prepared),
        "duplicates": find_duplicates(prepared.splits, prepared.info["input"]["type"]),
    }
    write_json(REPORTS / "data" / dataset / "details.json", [details])  # a list: no DVC metrics
    write_splits(PROCESSED / dataset, prepared, described)


def write_figures(folder: Path, figures: "Mapping[str, Figure]") -> None:
    """Write figures to `folder`, all or none."""
    from stages.plots.style import save_figure

    with atomic_output(folder) as partial:
        partial.mkdir()
        for name, figure in figures.items():
            save_figure(figure, partial / f"{name}.png")


def write_splits(folder: Path, prepared: "Prepared", described: Mapping[str, Any]) -> None:
    """Write splits and their description to `folder`; no file is left half written."""
    for name, split in prepared.splits.items():
        with atomic_output(folder / name) as partial:
            save_split(partial, split, prepared.raw.get(name))
    write_json(folder / INFO, prepared.info | {"splits": described})


if __name__ == "__main__":
    run(main, "dataset")
