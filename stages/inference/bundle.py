"""Read stored models: models/<model>/, see stages/learning/bundle.py."""

from pathlib import Path
from typing import Any, NamedTuple

import keras
import numpy as np
import pandas as pd

from stages.core.errors import DataError, ModelError
from stages.core.files import read_json


class Bundle(NamedTuple):
    """A model and its spec.

    Attributes:
        model: `keras.Model`, not compiled.
        spec: Content of spec.json: `task`, `classes`, `positive_class`, `input`, ...
    """

    model: keras.Model
    spec: dict[str, Any]


def load_bundle(folder: Path) -> Bundle:
    """Read a model and its spec.

    Raises:
        ModelError: If a file is missing or damaged.
    """
    try:
        spec = read_json(folder / "spec.json")
    except (OSError, DataError) as error:
        raise damaged(folder / "spec.json", error) from None
    return Bundle(load_model(folder / "model.keras"), spec)


def load_model(path: Path) -> keras.Model:
    """Read a .keras file without custom objects.

    Raises:
        ModelError: If it is missing or damaged.
    """
    try:
        return keras.saving.load_model(path, compile=False, safe_mode=True)
    except Exception as error:  # Keras raises many types for a damaged file
        raise damaged(path, error) from None


def load_snapshots(folder: Path) -> dict[str, np.ndarray]:
    """Read the model outputs stored during training, by name; may be empty.

    Raises:
        ModelError: If the file is missing or damaged.
    """
    try:
        with np.load(folder / "snapshots.npz", allow_pickle=False) as arrays:
            return dict(arrays)
    except Exception as error:  # zipfile, zlib and NumPy raise many types for a damaged file
        raise damaged(folder / "snapshots.npz", error) from None


def load_history(folder: Path) -> pd.DataFrame:
    """Read the learning curves: one row per epoch or, if step-based, logging step.

    Raises:
        ModelError: If the file is missing or damaged.
    """
    try:
        return pd.read_csv(folder / "history.csv")
    except (OSError, ValueError) as error:
        raise damaged(folder / "history.csv", error) from None


def damaged(path: Path, error: Exception) -> ModelError:
    """Return the error for a file of a model that cannot be read."""
    reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
    return ModelError(
        f"{path}: not a file of a trained model: {reason}; run `dvc repro` to train it"
    )
