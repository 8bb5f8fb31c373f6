"""Train a fully connected network for tables with two classes.

The network standardizes and one-hot encodes the columns itself, by what the training rows say, so
that a fold of a cross-validation learns nothing from the rows that it is evaluated on.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np

from stages.config.schema import TabularMlp, TabularMlpModel
from stages.core.errors import ConfigError
from stages.core.splits import Split
from stages.learning.fit import MakeBatches, Trained, train_classifier


def train(
    config: TabularMlpModel,
    info: dict[str, Any],
    train: Split,
    validation: Split | None,
    make_batches: MakeBatches,
) -> Trained:
    """Build the network for the columns at hand and train it.

    Args:
        config: section of the model.
        info: of the processed dataset: `classes`, and the `columns` of `input`.
        train: rows float32 [n, columns], NaN where a value is missing; y [n], 0 or 1.
        validation: the same, to choose the epoch by.
        make_batches: of the input pipeline.

    Raises:
        ConfigError: if there are not two classes.
        DivergedError: see `stages.learning.fit.fit`.
    """
    check_classes(info)
    model = build(config.network, info["input"]["columns"], train.x)
    return train_classifier(model, config.training, train, validation, make_batches)


def check_classes(info: Mapping[str, Any]) -> None:
    """Check that a dataset has two classes.

    Raises:
        ConfigError: if it has not.
    """
    if len(info["classes"]) != 2:
        raise ConfigError(
            f"network tabular_mlp: expected a dataset of 2 classes, found {len(info['classes'])}: "
            "choose another network or dataset"
        )


def build(config: TabularMlp, columns: Sequence[Mapping[str, Any]], x: np.ndarray) -> keras.Model:
    """From rows float32 [n, columns] to the probability of class 1, float32 [n, 1].

    Args:
        config: of the network.
        columns: name, `encoding` and `num_codes` of each.
        x: training rows [n, columns], NaN where a value is missing.
    """
    rows = keras.Input((len(columns),))
    encoded = [
        encode(rows[:, index : index + 1], column, x[:, index])
        for index, column in enumerate(columns)
    ]
    hidden = keras.layers.Concatenate()(encoded) if len(encoded) > 1 else encoded[0]
    for units in config.hidden_units:
        hidden = keras.layers.Dense(
            units, activation=config.activation, kernel_regularizer=keras.regularizers.L2(config.l2)
        )(hidden)
        hidden = keras.layers.Dropout(config.dropout)(hidden)
    output = keras.layers.Dense(
        1,
        activation="sigmoid",
        kernel_regularizer=keras.regularizers.L2(config.l2),
        dtype="float32",
    )(hidden)
    return keras.Model(rows, output)


def encode(
    values: keras.KerasTensor, column: Mapping[str, Any], known: np.ndarray
) -> keras.KerasTensor:
    """Encode a column as the network takes it.

    Args:
        values: [n, 1], NaN where missing.
        column: `encoding`: "standardize" to mean 0 and variance 1, 0 where missing; "one_hot", a
            unit for missing and one for each of `num_codes` codes from 1; or "identity".
        known: the values [m] in the training rows.

    Returns:
        [n, units] float32.
    """
    if column["encoding"] == "standardize":
        present = known[~np.isnan(known)].astype(np.float64)
        mean, deviation = (present.mean(), present.std()) if len(present) else (0.0, 0.0)
        scale = 1 / deviation if deviation > 0 else 1.0  # equal values: all become 0
        scaling = keras.layers.Rescaling(float(scale), float(-mean * scale), dtype="float32")
        return keras.ops.nan_to_num(scaling(values), nan=0.0)
    if column["encoding"] == "one_hot":
        codes = keras.ops.nan_to_num(values, nan=0.0)
        units = column["num_codes"] + 1
        return keras.layers.CategoryEncoding(units, output_mode="one_hot")(codes)
    return values
