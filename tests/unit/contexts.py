"""Evaluation contexts of tiny models with different splits and known outputs."""

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import keras
import numpy as np
import pandas as pd

from stages.core.splits import Split
from stages.tasks.interface import EvaluationContext

SEED = 7


def make_context(
    model: keras.Model, splits: dict[str, Split], info: dict[str, Any], **parts: Any
) -> EvaluationContext:
    """Create a context; `parts` are raw, training, snapshots, history and evaluator."""
    raw = parts.get("raw", [])

    def load_raw(name: str, examples: Sequence[int]) -> list[dict[str, Any]]:
        assert name == "test"
        return [raw[example] for example in examples] if raw else []

    evaluator = parts.get("evaluator")
    return EvaluationContext(
        config=SimpleNamespace(seed=SEED, evaluator="the_evaluator" if evaluator else "none"),
        info=info,
        load_split=splits.__getitem__,
        load_raw=load_raw,
        bundle=SimpleNamespace(model=model, spec={"training": parts.get("training", {})}),
        snapshots=parts.get("snapshots", {}),
        history=parts.get("history", classifier_history()),
        evaluator=evaluator and SimpleNamespace(model=evaluator, spec={}),
    )


def classifier_history(x: str = "epoch") -> pd.DataFrame:
    """Return learning curves without equal values."""
    return pd.DataFrame(
        {
            x: [1, 2, 3],
            "loss": [0.9, 0.5, 0.3],
            "val_loss": [0.8, 0.4, 0.6],
            "accuracy": [0.5, 0.7, 0.9],
            "val_accuracy": [0.55, 0.75, 0.65],
        }
    )


def passing(*shape: int, dtype: str = "float32") -> keras.Model:
    """Build a model that returns its inputs as float32."""
    inputs = keras.Input(shape, dtype=dtype)
    return keras.Model(inputs, keras.layers.Rescaling(1.0, dtype="float32")(inputs))


def brightness_classifier(height: int, width: int, levels: Sequence[int]) -> keras.Model:
    """Build a model that classifies uint8 images by the gray level nearest to their mean."""
    centers = np.array(levels, np.float32) / 255
    classifier = keras.Sequential(
        [
            keras.Input((height, width), dtype="uint8"),
            keras.layers.Rescaling(1 / 255),
            keras.layers.Flatten(),
            keras.layers.Dense(2, name="features"),
            keras.layers.Dense(len(levels), activation="softmax"),
        ]
    )
    pixels = height * width
    features = np.zeros((pixels, 2), np.float32)
    features[:, 0] = 1 / pixels
    features[0, 1] = 1
    scores = np.stack([200 * centers, np.zeros_like(centers)])
    classifier.set_weights([features, np.zeros(2), scores, -100 * centers**2])
    return classifier
