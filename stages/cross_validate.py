"""Cross-validate a classifier: reports/<model>/cross_validation/.

Writes metrics.json, details.json and plots/ there, and models/<model>/cv_predictions.csv.
"""

from functools import partial
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from stages.config.load import get_section, load_params
from stages.core import cli
from stages.core.files import atomic_output
from stages.core.paths import MODELS, REPORTS
from stages.core.splits import SPLITS, Split, concatenate, load_info, load_split

if TYPE_CHECKING:
    import keras

    from stages.tasks.classification.cross_validation import TrainAndPredict


def main(model: str) -> None:
    """Cross-validate `model`: predict each fold with a model trained on the other folds."""
    params = load_params()
    validation = get_section(params.cross_validation, model, "cross-validation")
    config = get_section(params.models, model, "model")
    from stages.metrics.classification import cross_validation_metrics
    from stages.plots.style import figure_style
    from stages.tasks.classification import cross_validation as cv
    from stages.tasks.classification.captions import CAPTIONS
    from stages.tasks.classification.evaluate import evaluate_predictions
    from stages.tasks.saving import describe_figures, save_evaluation

    info = load_info(validation.dataset)
    examples = concatenate([load_split(validation.dataset, name) for name in SPLITS])
    cv.check_folds(examples.y, validation.folds, model)
    p, folds = cv.predict_out_of_fold(
        build_train_and_predict(config, info),
        examples,
        validation.folds,
        validation.repeats,
        validation.seed,
    )
    folder = REPORTS / model / "cross_validation"
    with figure_style():
        evaluation = evaluate_predictions(
            examples.y, p.mean(axis=0), info, "out-of-fold predictions"
        )
        evaluation.metrics = {"cv": cross_validation_metrics(examples.y, p, folds)}
        captions = describe_figures(evaluation, CAPTIONS)
        save_evaluation(folder, evaluation, {"captions": captions})
    with atomic_output(MODELS / model / "cv_predictions.csv") as path:
        table = cv.tabulate_predictions(examples.y, p, folds, info["classes"])
        table.to_csv(path, index=False, lineterminator="\n")
    metrics = evaluation.metrics["cv"].items()
    print(f"{model}: " + ", ".join(f"cv.{name} {value:.4f}" for name, value in metrics))


def build_train_and_predict(config: Any, info: dict[str, Any]) -> "TrainAndPredict":
    """Build the function that trains on folds and predicts them; see `predict_out_of_fold`.

    All folds are trained at once if the network's package has a module `folds`, otherwise one
    after the other.

    Args:
        config: Section of the model in params.yaml.
        info: Description of the processed dataset, the content of info.json.
    """
    from stages.tasks.classification import cross_validation as cv

    package = f"stages.networks.{config.network.name}"
    precision = getattr(config.training, "precision", "float32")
    if find_spec(f"{package}.folds"):
        network = import_module(f"{package}.folds")
        return partial(cv.train_at_once, partial(network.train_folds, config, info), precision)
    network = import_module(f"{package}.train")
    pipeline = import_module(f"stages.pipelines.{config.training.input_pipeline}")

    def train(split: Split) -> "keras.Model":
        return network.train(config, info, split, None, pipeline.make_batches).model

    return partial(cv.train_one_by_one, train, precision, info["input"]["type"])


if __name__ == "__main__":
    cli.run(main, "cross-validated model")
