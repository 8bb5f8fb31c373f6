"""Turn a dataset's source into arrays ready to train on, and report what is in it."""

import importlib
from pathlib import Path

from stages import cli, params
from stages.data import ROOT, Prepared, describe_parts, save_part
from stages.files import replacing, write_json
from stages.plots.style import save_figure

REPORTS = Path("reports/data")


def main(dataset: str) -> None:
    """Prepare `dataset`: data/processed/<dataset>/ and reports/data/<dataset>/."""
    block = params.get(params.load().datasets, dataset, "dataset")
    module = importlib.import_module(f"stages.datasets.{block.module}")
    prepared = module.prepare(Path(block.source), block)
    save(dataset, prepared)


def save(dataset: str, prepared: Prepared) -> None:
    """Write the processed data and the data report."""
    shape = describe_parts(prepared.parts, prepared.description["classes"])
    with replacing(REPORTS / dataset) as folder:
        folder.mkdir(parents=True)
        write_json(folder / "report.json", prepared.report | {"parts": shape})
        for name, figure in prepared.figures.items():
            save_figure(figure, folder / f"{name}.png")
    with replacing(ROOT / dataset) as folder:
        folder.mkdir(parents=True)
        for name, part in prepared.parts.items():
            save_part(folder, name, part)
        for name, text in prepared.files.items():
            (folder / name).write_text(text, encoding="utf-8")
        write_json(folder / "description.json", prepared.description | {"parts": shape})


if __name__ == "__main__":
    cli.run(main, "dataset")
