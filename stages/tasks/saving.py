"""Saving of evaluation results."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from stages.core.files import atomic_output, write_json
from stages.plots.style import save_animation, save_figure
from stages.tasks.interface import Caption, Evaluation


def save_evaluation(folder: Path, evaluation: Evaluation, details: Mapping[str, Any]) -> None:
    """Write metrics.json, details.json and plots/*.png; each atomically.

    details.json is a list of one object, in which `dvc metrics` finds no numbers.

    Args:
        folder: Folder to write to; created if missing.
        evaluation: Evaluation to write; the caller writes its chart.
        details: Entries of details.json, in addition to `data` of the evaluation.
    """
    with atomic_output(folder / "plots") as partial:
        partial.mkdir()
        for name, figure in evaluation.figures.items():
            save_figure(figure, partial / f"{name}.png")
        for name, frames in evaluation.animations.items():
            save_animation(frames, partial / f"{name}.png")
    write_json(folder / "details.json", [{**details, "data": evaluation.data}], indent=None)
    write_json(folder / "metrics.json", evaluation.metrics)


def describe_figures(
    evaluation: Evaluation, captions: Mapping[str, Caption]
) -> dict[str, dict[str, str]]:
    """Return the caption of each figure and animation, in the order of `captions`.

    Returns:
        By name: title, description and summary, which may be empty.
    """
    shown = evaluation.figures.keys() | evaluation.animations.keys()
    return {
        name: {
            "title": caption.title,
            "description": caption.description,
            "summary": evaluation.summaries.get(name, ""),
        }
        for name, caption in captions.items()
        if name in shown
    }
