"""Interface of tasks: input and result of an evaluation."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from stages.core.splits import Split


@dataclass(frozen=True)
class EvaluationContext:
    """A trained model and the data to evaluate it.

    Attributes:
        config: The model's `evaluation` section.
        info: Content of the dataset's info.json.
        load_split: Function that reads a split by name.
        load_raw: Function that reads the raw examples of a split by their indices; it returns an
            empty list if none are stored.
        bundle: The stored model (`model`) and its `spec`, which includes the `training` section.
        snapshots: Model outputs stored during training, by name.
        history: Learning curves, a row per epoch or logging step.
        evaluator: Bundle of the classifier that evaluates generated images, or None.
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
    """Title of a figure, and one sentence on how to read it."""

    title: str
    description: str


@dataclass
class Evaluation:
    """Result of an evaluation.

    Attributes:
        metrics: Nested dictionaries of reproducible numbers.
        chart: Data that `dvc plots` draws with the task's template; without a column `step`, which
            DVC would overwrite.
        figures: Figures by name; the task's CAPTIONS has each name.
        data: Values shown in the figures, by name; serializable as JSON.
        animations: Frames by name, uint8 [height, width] or [height, width, 3].
        summaries: For some figures, a sentence with the numbers of this model.
    """

    metrics: dict[str, Any]
    chart: pd.DataFrame
    figures: dict[str, Figure]
    data: dict[str, Any] = field(default_factory=dict)
    animations: dict[str, list[np.ndarray]] = field(default_factory=dict)
    summaries: dict[str, str] = field(default_factory=dict)
