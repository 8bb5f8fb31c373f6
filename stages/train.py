"""Train a model: models/<model>/model.keras and history.csv, reports/<model>/timing.json."""

import importlib
import time
from pathlib import Path

from stages import cli, params
from stages.data import load_description, load_part
from stages.errors import DivergedError, UserError
from stages.files import replacing, write_json
from stages.saving import save_model
from stages.training import set_determinism

MODELS = Path("models")
REPORTS = Path("reports")


def main(model: str) -> None:
    """Train `model` on its train part, with its validation part; the test part is not read."""
    block = params.get(params.load().models, model, "model")
    network = importlib.import_module(f"stages.networks.{block.network}")
    description = load_description(block.dataset)
    train, validation = load_part(block.dataset, "train"), load_part(block.dataset, "validation")

    set_determinism(block.seed)
    began = time.perf_counter()
    try:
        trained = network.train(block, description, train, validation)
    except DivergedError as error:
        kept = MODELS / model / "last_good.keras"
        save_model(error.model, kept, {})
        raise UserError(f"models.{model}: {error}; the last good weights are in {kept}") from None
    seconds = time.perf_counter() - began

    save_model(trained.model, MODELS / model / "model.keras", trained.progress)
    with replacing(MODELS / model / "history.csv") as partial:
        trained.history.to_csv(partial, index=False, lineterminator="\n")
    timing = {
        "train_seconds": round(seconds, 1),
        "samples_per_second": round(trained.samples / seconds),
        "epochs": len(trained.history),
    }
    write_json(REPORTS / model / "timing.json", timing)
    print(f"{model}: {trained.model.count_params():,} weights, {seconds:.0f} s")


if __name__ == "__main__":
    cli.run(main, "model")
