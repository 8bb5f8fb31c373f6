"""A fully connected network for tables, which encodes the columns itself.

What the encoding learns (mean and spread of a column) it learns from the rows it is trained on,
so that a fold of a cross-validation never sees the rows it is judged by.
"""

from typing import Any

import keras
import numpy as np

from stages.data import Part
from stages.params import TableMlp
from stages.training import Trained, fit, set_precision, shuffled


def train(
    block: TableMlp, description: dict[str, Any], train: Part, validation: Part | None
) -> Trained:
    """Build the network for the columns at hand and train it."""
    set_precision(block.precision)
    model = build(block, description["columns"], train.x)
    return fit(model, block, train, validation, shuffled)


def build(block: TableMlp, columns: list[dict[str, Any]], x: np.ndarray) -> keras.Model:
    """From float32 rows [columns], NaN where missing, to the probability [1] of class 1."""
    rows = keras.Input((len(columns),))
    encoded = [
        encode(rows[:, index : index + 1], column, x[:, index])
        for index, column in enumerate(columns)
    ]
    hidden = keras.layers.Concatenate()(encoded)
    for units in block.hidden_units:
        hidden = keras.layers.Dense(
            units, activation=block.activation, kernel_regularizer=keras.regularizers.L2(block.l2)
        )(hidden)
        hidden = keras.layers.Dropout(block.dropout)(hidden)
    output = keras.layers.Dense(
        1, activation="sigmoid", kernel_regularizer=keras.regularizers.L2(block.l2)
    )(hidden)
    return keras.Model(rows, output)


def encode(
    value: keras.KerasTensor, column: dict[str, Any], known: np.ndarray
) -> keras.KerasTensor:
    """One column as the network takes it; `known` are its values in the training rows.

    scale: mean 0, variance 1, and 0 where missing. one-hot: a unit for missing and one for each
    code. as is: a number already.
    """
    if column["encode"] == "scale":
        mean, variance = float(np.nanmean(known)), float(np.nanvar(known))
        scaled = keras.layers.Normalization(mean=mean, variance=variance)(value)
        return keras.ops.nan_to_num(scaled, nan=0.0)
    if column["encode"] == "one-hot":
        code = keras.ops.nan_to_num(value, nan=0.0)
        return keras.layers.CategoryEncoding(column["levels"] + 1, output_mode="one_hot")(code)
    return value
