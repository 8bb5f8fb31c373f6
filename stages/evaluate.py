"""Judge a trained model by test rows: reports/<model>/metrics.json, chart.csv and plots/."""

import importlib
from pathlib import Path

import pandas as pd

from stages import cli, params
from stages.data import PARTS, ROOT, load_description, load_part
from stages.evaluation import Evaluation, Inputs
from stages.files import flatten, replacing, write_json
from stages.plots.style import save_animation, save_figure
from stages.saving import load_model, load_progress
from stages.training import set_determinism

MODELS = Path("models")
REPORTS = Path("reports")


def main(model: str) -> None:
    """Evaluate `model` as its task does. This stage alone reads test rows."""
    block = params.get(params.load().models, model, "model")
    network = importlib.import_module(f"stages.networks.{block.network}")  # its layers, to load
    task = importlib.import_module(f"stages.tasks.{block.task}.evaluate")
    description = load_description(block.dataset)
    path = MODELS / model / "model.keras"
    trained = load_model(path)
    set_determinism(block.seed)
    inputs = Inputs(
        description=description,
        parts={name: load_part(block.dataset, name) for name in PARTS},
        folder=ROOT / block.dataset,
        model=trained,
        retrain=lambda part: network.train(block, description, part, None).model,
        judge=trained if block.judge == model else load_model(MODELS / block.judge / path.name),
        history=pd.read_csv(MODELS / model / "history.csv"),
        progress=load_progress(path),
    )
    evaluation = task.evaluate(inputs, block)
    save(REPORTS / model, evaluation)
    numbers = flatten(evaluation.metrics)
    print(f"{model}: " + ", ".join(f"{name} {value:.4f}" for name, value in numbers.items()))


def save(folder: Path, evaluation: Evaluation) -> None:
    """Write metrics.json, chart.csv, and in plots/ the pictures and the data that they show."""
    with replacing(folder / "plots") as partial:
        partial.mkdir(parents=True)
        for name, figure in evaluation.figures.items():
            save_figure(figure, partial / f"{name}.png")
        for name, frames in evaluation.animations.items():
            save_animation(frames, partial / f"{name}.png")
        for name, values in evaluation.data.items():
            write_json(partial / f"{name}.json", values, indent=None)
    with replacing(folder / "chart.csv") as partial:
        evaluation.chart.to_csv(partial, index=False, lineterminator="\n")
    write_json(folder / "metrics.json", evaluation.metrics)


if __name__ == "__main__":
    cli.run(main, "model")
