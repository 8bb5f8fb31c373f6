"""The interface of tasks: what an evaluation is given, and what it returns."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from stages.core.splits import Split


@dataclass(frozen=True)
class EvaluationContext:
    """A trained model and what it can be evaluated with.

    Attributes:
        config: the model's `evaluation` section.
        info: what describes the processed dataset.
        load_split: reads a split by name.
        load_raw: reads the raw examples of a split by their positions; empty if none are stored.
        bundle: the stored model (`model`) and its `spec`, which has the `training` section too.
        snapshots: what the model gave during training, by name.
        history: the learning curves, a row per epoch or snapshot.
        evaluator: the classifier that measures generated images, a bundle too, or None.
    """

    config: Any
    info: dict[str, Any]
    load_split: Callable[[str], Split]
    load_raw: Callable[[str, Sequence[int]], list[dict[str, Any]]]
    bundle: Any
    snapshots: dict[str, np.ndarray]
    history: pd.DataFrame
    evaluator: Any | None = None


class Caption(NamedTuple):
    """What a figure is called, and one sentence on what to look for in it."""

    title: str
    reading: str


@dataclass
class Evaluation:
    """The result of an evaluation.

    Attributes:
        metrics: nested dictionaries of numbers that two runs give identically.
        chart: what `dvc plots` draws by the task's template. It has no column `step`, which DVC
            would overwrite.
        figures: by name; the task's CAPTIONS has each name.
        data: the values behind the figures, by name; anything that JSON can hold.
        animations: by name, frames uint8 [height, width] or [height, width, 3].
        conclusions: for some figures a sentence with the numbers of this model.
    """

    metrics: dict[str, Any]
    chart: pd.DataFrame
    figures: dict[str, Figure]
    data: dict[str, Any] = field(default_factory=dict)
    animations: dict[str, list[np.ndarray]] = field(default_factory=dict)
    conclusions: dict[str, str] = field(default_factory=dict)
