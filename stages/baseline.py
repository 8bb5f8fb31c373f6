"""Fit and test classical methods on a dataset: reports/baselines/<dataset>/."""

import importlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stages.config.load import get_section, load_params
from stages.core.cli import run
from stages.core.errors import DataError
from stages.core.files import write_json
from stages.core.paths import MODELS, REPORTS
from stages.core.splits import SPLITS, concatenate, load_info, load_split

if TYPE_CHECKING:
    import numpy as np

    from stages.baselines.common import Predictions
    from stages.core.splits import Split

MASSES = "mammographic_masses"


def main(dataset: str) -> None:
    """Evaluate all methods in the section of `dataset`; writes metrics.json and details.json."""
    params = load_params()
    config = get_section(params.baselines, dataset, "dataset with baselines")
    from threadpoolctl import threadpool_limits

    from stages.baselines.common import Dataset

    module = importlib.import_module(f"stages.baselines.{config.module}")
    data = Dataset({name: load_split(dataset, name) for name in SPLITS}, load_info(dataset))
    if config.module == "tables":
        examples = concatenate([data.splits[name] for name in SPLITS])
        network = read_predictions(MODELS / config.model / "cv_predictions.csv", examples.y)
        data = data._replace(network=network)
        source = params.datasets[dataset]
        if source.module == MASSES:
            data = data._replace(bi_rads=read_bi_rads(source, data.info, examples))
    with threadpool_limits(1):  # the number of threads changes the rounding of sums
        results = module.evaluate(config, data)
    folder = REPORTS / "baselines" / dataset
    write_json(folder / "metrics.json", results.metrics)
    write_json(folder / "details.json", [results.details])  # a list: no DVC metrics
    for name, metrics in results.metrics.items():
        print(f"{dataset} {name}: " + ", ".join(f"{k} {v:.4f}" for k, v in metrics.items()))


def read_predictions(path: Path, y: "np.ndarray") -> "Predictions":
    """Read the folds of a cross-validation and its predictions.

    Args:
        path: cv_predictions.csv, written by stages/cross_validate.py.
        y: Class of each example [n], 0 or 1.

    Raises:
        DataError: If it is of other examples.
    """
    import numpy as np
    import pandas as pd

    from stages.baselines.common import Predictions

    try:
        table = pd.read_csv(path).sort_values(["repeat", "example"])
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}") from None
    if len(table) % len(y) or (table["label"].to_numpy().reshape(-1, len(y)) != y).any():
        raise DataError(f"{path}: expected predictions of the {len(y)} examples of the dataset")
    p = table["probability"].to_numpy().reshape(-1, len(y))
    return Predictions(np.stack([1 - p, p], axis=-1), table["fold"].to_numpy().reshape(p.shape))


def read_bi_rads(config: Any, info: dict[str, Any], examples: "Split") -> "np.ndarray":
    """Read BI-RADS, which preprocessing drops, from the raw file.

    Args:
        config: Section of the dataset in `datasets`.
        info: Content of info.json.
        examples: Processed rows of all splits.

    Returns:
        BI-RADS of each row [n], NaN if missing.

    Raises:
        DataError: If the rows are others than those of the raw file.
    """
    import numpy as np

    from stages.datasets import mammographic_masses as masses

    options = config.preprocess.model_copy(update={"drop_bi_rads": False})
    prepared = masses.prepare(
        Path(config.source), config.model_copy(update={"preprocess": options})
    )
    rows = concatenate([prepared.splits[name] for name in SPLITS])
    used = [masses.FEATURES.index(column["name"]) for column in info["input"]["columns"]]
    if not np.array_equal(rows.x[:, used], examples.x, equal_nan=True):
        raise DataError(f"{config.source}: other rows than in data/processed; run `dvc repro`")
    return rows.x[:, masses.FEATURES.index("bi_rads")]


if __name__ == "__main__":
    run(main, "dataset with baselines")
