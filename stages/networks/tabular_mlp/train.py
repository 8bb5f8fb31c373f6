"""Train a fully connected network for tables with two classes.

The network standardizes and one-hot encodes the columns itself, with statistics of the training
examples, so that no information leaks from the held-out examples of a fold.
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
    """Build the network for the given columns and train it.

    Args:
        config: The model's section of params.yaml.
        info: The dataset's info.json, for `classes` and the `columns` of `input`.
        train: Examples float32 [n, columns], NaN for missing values; y [n], 0 or 1.
        validation: Validation split, to choose the best epoch, or None.
        make_batches: Function of the input pipeline.

    Raises:
        ConfigError: If the dataset does not have two classes.
        DivergedError: If a loss or weight is not finite.
    """
    check_classes(info)
    model = build(config.network, info["input"]["columns"], train.x)
    return train_classifier(model, config.training, train, validation, make_batches)


def check_classes(info: Mapping[str, Any]) -> None:
    """Check that a dataset has two classes.

    Raises:
        ConfigError: If it does not.
    """
    if len(info["classes"]) != 2:
        raise ConfigError(
            f"network tabular_mlp: expected a dataset of 2 classes, found {len(info['classes'])}: "
            "choose another network or dataset"
        )


def build(config: TabularMlp, columns: Sequence[Mapping[str, Any]], x: np.ndarray) -> keras.Model:
    """Build a model from examples float32 [n, columns] to probabilities float32 [n, 1].

    Args:
        config: Network config.
        columns: `encoding` and, for "one_hot", `num_codes` of each column.
        x: Training examples [n, columns], NaN for missing values.
    """
    inputs = keras.Input((len(columns),))
    encoded = [
        encode(inputs[:, index : index + 1], column, x[:, index])
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
    return keras.Model(inputs, output)


def encode(
    values: keras.KerasTensor, column: Mapping[str, Any], known: np.ndarray
) -> keras.KerasTensor:
    """Encode a column inside the network.

    Args:
        values: Values [n, 1], NaN if missing.
        column: Column with `encoding`: "standardize" to mean 0 and variance 1, missing values
            become 0; "one_hot", one unit for missing values and one for each of `num_codes` codes
            from 1; or "identity".
        known: Training values [m].

    Returns:
        Encoded values, float32 [n, units].
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
