"""Evaluate a trained model on the test split: reports/<model>/.

Writes metrics.json, chart.csv, details.json and plots/. No other stage reads test splits, except
cross-validation, which trains its own models.
"""

import importlib
from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

from stages.config.load import get_section, load_params
from stages.core import cli
from stages.core.files import atomic_output, flatten
from stages.core.paths import MODELS, REPORTS
from stages.core.splits import Split, load_info, load_raw, load_split

if TYPE_CHECKING:
    from stages.tasks.interface import EvaluationContext

NO_EVALUATOR = "none"


def main(model: str) -> None:
    """Evaluate `model` as defined by its task."""
    config = get_section(load_params().models, model, "model")
    task = importlib.import_module(f"stages.tasks.{config.task}.evaluate")
    captions = importlib.import_module(f"stages.tasks.{config.task}.captions")
    from stages.plots.style import figure_style
    from stages.tasks.saving import describe_figures, save_evaluation

    context = load_context(model, config)
    seed_everything(getattr(config.evaluation, "seed", 0))
    folder = REPORTS / model
    with figure_style():
        evaluation = task.evaluate(context)
        summary = summarize(context, config)
        summary["captions"] = describe_figures(evaluation, captions.CAPTIONS)
        save_evaluation(folder, evaluation, summary)
    with atomic_output(folder / "chart.csv") as path:
        evaluation.chart.to_csv(path, index=False, lineterminator="\n")
    metrics = flatten(evaluation.metrics)
    print(f"{model}: " + ", ".join(f"{name} {value:.4f}" for name, value in metrics.items()))


def load_context(model: str, config: Any) -> "EvaluationContext":
    """Load a model and everything that its evaluation needs.

    Args:
        model: Id of the model.
        config: Section of the model in params.yaml.

    Raises:
        ModelError: If a file of a model is missing or damaged.
    """
    from stages.inference.bundle import load_bundle, load_history, load_snapshots
    from stages.tasks.interface import EvaluationContext

    @cache
    def load_once(name: str) -> Split:
        return load_split(config.dataset, name, mmap=True)

    def load_examples(name: str, examples: Sequence[int]) -> list[dict[str, Any]]:
        return load_raw(config.dataset, name, examples)

    evaluator = config.evaluation.evaluator
    return EvaluationContext(
        config=config.evaluation,
        info=load_info(config.dataset),
        load_split=load_once,
        load_raw=load_examples,
        bundle=load_bundle(MODELS / model),
        snapshots=load_snapshots(MODELS / model),
        history=load_history(MODELS / model),
        evaluator=None if evaluator == NO_EVALUATOR else load_bundle(MODELS / evaluator),
    )


def seed_everything(seed: int) -> None:
    """Seed all random number generators and make operations deterministic.

    Called after all models are loaded, since loading a model draws random initial weights first.
    """
    import keras
    import tensorflow as tf

    keras.utils.set_random_seed(seed)
    tf.config.experimental.enable_op_determinism()


def summarize(context: "EvaluationContext", config: Any) -> dict[str, Any]:
    """Summarize a model for the report.

    Args:
        context: Context of the evaluation.
        config: Section of the model in params.yaml.

    Returns:
        dataset, network, task, num_params, and the training length: epochs or steps; the other
        one is None.
    """
    unit = str(context.history.columns[0])
    length = {unit: int(context.history[unit].max())}
    return {
        "dataset": config.dataset,
        "network": config.network.name,
        "task": config.task,
        "num_params": int(context.bundle.model.count_params()),
        "epochs": length.get("epoch"),
        "steps": length.get("training_step"),
    }


if __name__ == "__main__":
    cli.run(main, "model")
