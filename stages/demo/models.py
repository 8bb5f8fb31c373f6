"""Trained models of the page, each loaded when it is first used."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from stages.core.errors import ModelError, UserError
from stages.core.paths import MODELS
from stages.inference.bundle import Bundle, load_bundle
from stages.inference.classify import Answer, classify_all, load_calibration


class Trained(NamedTuple):
    """Trained model.

    Attributes:
        bundle: Model and its spec.
        calibration: Content of calibration.json; None if there is none.
    """

    bundle: Bundle
    calibration: Mapping[str, Any] | None


class Row(NamedTuple):
    """Answer of one of several models.

    Attributes:
        model: Name of the model.
        answer: Its answer; None if it cannot answer.
        problem: Why it cannot; empty if it can.
    """

    model: str
    answer: Answer | None
    problem: str = ""


class Models:
    """The models of params.yaml, of which some may not be trained yet."""

    def __init__(self, configs: Mapping[str, Any], folder: Path = MODELS) -> None:
        """Load nothing yet.

        Args:
            configs: `models` of params.yaml.
            folder: Folder of the trained models.
        """
        self.configs, self.folder = configs, folder
        self.loaded: dict[str, Trained] = {}

    def names(self, task: str, dataset: str) -> list[str]:
        """Return the models of a task on a dataset, trained or not."""
        return [
            name
            for name, config in self.configs.items()
            if (config.task, config.dataset) == (task, dataset)
        ]

    def get(self, name: str) -> Trained:
        """Return a model, which is loaded once.

        Raises:
            ModelError: If it is not trained yet, or damaged.
        """
        if name not in self.loaded:
            folder = self.folder / name
            if name not in self.configs or not (folder / "model.keras").is_file():
                raise ModelError(f"{name} is not trained yet: `dvc repro train@{name}` trains it")
            self.loaded[name] = Trained(load_bundle(folder), load_calibration(folder))
        return self.loaded[name]

    def classify(self, name: str, encode: Callable[[Mapping[str, Any]], np.ndarray]) -> Row:
        """Return the answer of a model for one example.

        Args:
            name: Name of the model.
            encode: Function from its spec to the encoded example [...].
        """
        try:
            bundle, calibration = self.get(name)
            x = encode(bundle.spec)
        except UserError as error:
            return Row(name, None, str(error))
        return Row(name, classify_all(bundle, x[None], calibration)[0])
