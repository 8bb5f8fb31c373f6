"""What a task is given to evaluate a model, and what it gives back."""

import base64
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import keras
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from stages.data import Part


class Inputs(NamedTuple):
    """A trained model and what it can be judged by.

    description, parts, folder: of the processed dataset; what it says of itself, its rows, itself.
    model: as trained.
    retrain: trains a new model with the same hyperparameters on other rows.
    judge: the classifier that looks at what the model generates; the model itself where it
        generates nothing, or nothing that a classifier knows.
    history: a row an epoch.
    progress: what the model made while it learned.
    """

    description: dict[str, Any]
    parts: dict[str, Part]
    folder: Path
    model: keras.Model
    retrain: Callable[[Part], keras.Model]
    judge: keras.Model
    history: pd.DataFrame
    progress: dict[str, np.ndarray]


@dataclass
class Evaluation:
    """What is said of a model.

    metrics: metrics.json: mappings of numbers that two runs give identically.
    chart: chart.csv, which `dvc plots` draws by the template of the task.
    figures: pictures by name.
    data: by name, what the pictures show, for JSON. No list of records: `dvc plots` would take it
        for a chart's rows.
    animations: by name, frames uint8 [height, width] or [height, width, 3].
    """

    metrics: dict[str, Any]
    chart: pd.DataFrame
    figures: dict[str, Figure]
    data: dict[str, Any]
    animations: dict[str, list[np.ndarray]] = field(default_factory=dict)


def packed(values: np.ndarray) -> dict[str, Any]:
    """An array that is large for JSON: its bytes in base64, with what it takes to read them."""
    content = base64.b64encode(np.ascontiguousarray(values).tobytes()).decode()
    return {"dtype": str(values.dtype), "shape": list(values.shape), "base64": content}
