"""Train a model: models/<model>/ with model.keras, spec.json, snapshots.npz and history.csv."""

import importlib
import time
from importlib.metadata import version
from typing import Any

from stages.config.load import get_section, load_params
from stages.core import cli
from stages.core.errors import DivergedError
from stages.core.files import write_json
from stages.core.paths import MODELS
from stages.core.splits import load_info, load_split

PACKAGES = ("tensorflow", "keras", "numpy")  # whose versions affect results


def main(model: str) -> None:
    """Train a model on its training and validation splits; the test split is not read."""
    config = get_section(load_params().models, model, "model")
    network = importlib.import_module(f"stages.networks.{config.network.name}.train")
    pipeline = importlib.import_module(f"stages.pipelines.{config.training.input_pipeline}")
    from stages.learning.bundle import save_bundle, save_model
    from stages.learning.runtime import cpu_type, session

    info = load_info(config.dataset)
    train, validation = (
        load_split(config.dataset, name, mmap=True) for name in ("train", "validation")
    )
    precision = getattr(config.training, "precision", "float32")
    folder = MODELS / model
    began = time.perf_counter()
    with session(config.training.seed, precision) as resolved:
        try:
            trained = network.train(config, info, train, validation, pipeline.make_batches)
        except DivergedError as error:
            path = folder / "last_good.keras"
            save_model(path, error.model)
            message = f"models.{model}: {error}; the last finite weights are in {path}"
            raise DivergedError(message, error.model) from None
        seconds = time.perf_counter() - began
        machine = {"processor": cpu_type(), "precision": resolved}
        save_bundle(folder, trained, make_spec(model, config, info) | machine)
    run = {
        "train_seconds": round(seconds, 1),
        "examples_per_second": round(trained.num_examples / seconds),
        **machine,
        "versions": {name: version(name) for name in PACKAGES},
    }
    write_json(folder / "run.json", run)  # not an output of the stage: it differs from run to run
    print(f"{model}: {trained.model.count_params():,} parameters, {seconds:.0f} s")


def make_spec(model: str, config: Any, info: dict[str, Any]) -> dict[str, Any]:
    """Describe a model so that it can be used without its training code.

    Args:
        model: Id of the model.
        config: Section of the model in params.yaml.
        info: Description of the processed dataset, the content of info.json.

    Returns:
        Content of spec.json: task, classes, encoding of raw input, and training parameters.
    """
    return {
        "model": model,
        "dataset": config.dataset,
        "task": config.task,
        "classes": info["classes"],
        "positive_class": info.get("positive_class"),
        "input": info["input"],
        "network": config.network.model_dump(),
        "training": config.training.model_dump(),
    }


if __name__ == "__main__":
    cli.run(main, "model")
