"""Read what a training wrote: models/<model>/, see stages/learning/bundle.py."""

from pathlib import Path
from typing import Any, NamedTuple

import keras
import numpy as np
import pandas as pd

from stages.core.errors import DataError, ModelError
from stages.core.files import read_json


class Bundle(NamedTuple):
    """A model and all that it takes to use it.

    Attributes:
        model: `keras.Model`, not compiled.
        spec: spec.json: `task`, `classes`, `positive_class`, `input`, ...
    """

    model: keras.Model
    spec: dict[str, Any]


def load_bundle(folder: Path) -> Bundle:
    """Read a model and its spec.

    Raises:
        ModelError: if a file is missing or damaged.
    """
    try:
        spec = read_json(folder / "spec.json")
    except (OSError, DataError) as error:
        raise damaged(folder / "spec.json", error) from None
    return Bundle(load_model(folder / "model.keras"), spec)


def load_model(path: Path) -> keras.Model:
    """Read a .keras file that needs no custom code.

    Raises:
        ModelError: if it is missing or damaged.
    """
    try:
        return keras.saving.load_model(path, compile=False, safe_mode=True)
    except Exception as error:  # Keras raises many kinds for a damaged file
        raise damaged(path, error) from None


def load_snapshots(folder: Path) -> dict[str, np.ndarray]:
    """Read what the model gave during training, by name; it may be empty.

    Raises:
        ModelError: if the file is missing or damaged.
    """
    try:
        with np.load(folder / "snapshots.npz", allow_pickle=False) as arrays:
            return dict(arrays)
    except Exception as error:  # zipfile, zlib and NumPy raise many kinds for a damaged file
        raise damaged(folder / "snapshots.npz", error) from None


def load_history(folder: Path) -> pd.DataFrame:
    """Read the learning curves: one row per epoch, or moment of a training by steps.

    Raises:
        ModelError: if the file is missing or damaged.
    """
    try:
        return pd.read_csv(folder / "history.csv")
    except (OSError, ValueError) as error:
        raise damaged(folder / "history.csv", error) from None


def damaged(path: Path, error: Exception) -> ModelError:
    """The error for a file of a model that cannot be read."""
    reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
    return ModelError(
        f"{path}: not a file of a trained model: {reason}; run `dvc repro` to train it"
    )
