"""How the result of an evaluation is written."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from stages.core.files import atomic_output, write_json
from stages.plots.style import save_animation, save_figure
from stages.tasks.interface import Caption, Evaluation


def save_evaluation(folder: Path, evaluation: Evaluation, summary: Mapping[str, Any]) -> None:
    """Write metrics.json, details.json and plots/*.png; each atomically.

    details.json is a list of one object, in which `dvc metrics` finds no numbers.

    Args:
        folder: is created if there is none.
        evaluation: what to write; its chart is left to the caller.
        summary: for details.json, with the values behind the figures as `data`.
    """
    with atomic_output(folder / "plots") as partial:
        partial.mkdir()
        for name, figure in evaluation.figures.items():
            save_figure(figure, partial / f"{name}.png")
        for name, frames in evaluation.animations.items():
            save_animation(frames, partial / f"{name}.png")
    write_json(folder / "details.json", [{**summary, "data": evaluation.data}], indent=None)
    write_json(folder / "metrics.json", evaluation.metrics)


def describe_figures(
    evaluation: Evaluation, captions: Mapping[str, Caption]
) -> dict[str, dict[str, str]]:
    """The caption of each figure and animation, in the order of `captions`.

    Returns:
        By name: title, reading and, empty if there is none, conclusion.
    """
    shown = evaluation.figures.keys() | evaluation.animations.keys()
    return {
        name: {
            "title": caption.title,
            "reading": caption.reading,
            "conclusion": evaluation.conclusions.get(name, ""),
        }
        for name, caption in captions.items()
        if name in shown
    }
