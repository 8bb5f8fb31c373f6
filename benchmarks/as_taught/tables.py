"""Tabular models as taught: ten training runs, one per fold."""

from typing import Any

import keras
import numpy as np

from stages.core.splits import Split
from stages.metrics.classification import cross_validation_metrics
from stages.tasks.classification.cross_validation import assign_folds

FOLDS = 10
INITIALIZERS = {"votes_mlp": "glorot_uniform", "masses_mlp": "random_normal"}


def cross_validate(model: str, config: Any, examples: Split) -> dict[str, float]:
    """Cross-validate once.

    Args:
        model: Id of the model, votes_mlp or masses_mlp.
        config: Section of the model in params.yaml.
        examples: All examples [n, columns] and their classes [n].

    Returns:
        accuracy, accuracy_std and roc_auc over the folds.
    """
    folds = assign_folds(examples.y, FOLDS, config.training.seed)
    p = np.empty((len(examples.y), 2))
    for fold in range(FOLDS):
        held_out = folds == fold
        train, x = encode(model, examples.x[~held_out], examples.x[held_out])
        network = build(config.network.hidden_units, train.shape[1], INITIALIZERS[model])
        network.compile(optimizer=make_optimizer(config), loss="binary_crossentropy")
        network.fit(
            train,
            examples.y[~held_out],
            batch_size=config.training.batch_size,
            epochs=config.training.epochs,
            verbose=0,
        )
        p[held_out, 1] = np.asarray(network(x))[:, 0]
        print(f"{model}: fold {fold + 1}/{FOLDS}", flush=True)
    p[:, 0] = 1 - p[:, 1]
    return cross_validation_metrics(examples.y, p[None], folds[None])


def make_optimizer(config: Any) -> keras.optimizers.Optimizer:
    """Create Adam with a constant learning rate."""
    options = config.training.optimizer
    return keras.optimizers.Adam(options.learning_rate, options.beta_1, options.beta_2)


def build(hidden_units: list[int], columns: int, initializer: str) -> keras.Model:
    """Build a model from examples [n, columns] to the probability of class 1 [n, 1]."""
    layers = [
        keras.layers.Dense(units, activation="relu", kernel_initializer=initializer)
        for units in hidden_units
    ]
    last = keras.layers.Dense(1, activation="sigmoid", kernel_initializer=initializer)
    return keras.Sequential([keras.Input((columns,)), *layers, last])


def encode(model: str, train: np.ndarray, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Encode examples as in the course.

    Votes are 0 and 1, missing ones 0.5. All columns of the masses, including codes, are
    standardized with the statistics of the training examples; missing values become the mean.

    Args:
        model: Id of the model, votes_mlp or masses_mlp.
        train: Training examples [m, columns].
        x: Examples to predict [n, columns].

    Returns:
        Encoded training examples and examples to predict.
    """
    if model == "votes_mlp":
        return (train + 1) / 2, (x + 1) / 2
    mean, deviation = np.nanmean(train, axis=0), np.nanstd(train, axis=0)

    def standardize(rows: np.ndarray) -> np.ndarray:
        return np.nan_to_num((rows - mean) / deviation, nan=0.0)

    return standardize(train), standardize(x)
