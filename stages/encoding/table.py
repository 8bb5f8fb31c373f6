"""Encoding of table rows: raw values to numbers.

A column is described by `name`, `encoding` (identity, one_hot or standardize, which the network
applies to the number), `codes` (raw text -> number; absent for plain numbers) and, if it is
one-hot, `num_codes`.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from stages.core.errors import DataError

MISSING = "?"  # a missing value in the raw files
Value = str | float | None


def encode_row(row: Mapping[str, Value], columns: Sequence[Mapping[str, Any]]) -> np.ndarray:
    """Encode a row as numbers.

    Args:
        row: Value of each column, as text or number; None, NaN, "" and "?" are missing.
        columns: `columns` of the `input` of info.json.

    Returns:
        Numbers, float32 [columns]; NaN where a value is missing, unless the column has a code for
        missing values.

    Raises:
        DataError: If a value is invalid, or columns are missing or unknown; they are named.
    """
    names = [column["name"] for column in columns]
    if row.keys() != set(names):
        missing = [name for name in names if name not in row]
        unknown = [str(name) for name in row if name not in names]
        raise DataError(
            f"expected a value for each of {', '.join(names)} ({MISSING} if it is missing); "
            + (f"no value for {', '.join(missing)}" if missing else "")
            + ("; " if missing and unknown else "")
            + (f"unknown: {', '.join(unknown)}" if unknown else "")
        )
    return np.array([encode_value(row[column["name"]], column) for column in columns], np.float32)


def encode_value(value: Value, column: Mapping[str, Any]) -> float:
    """Encode a value of a column as a number, NaN if it is missing.

    Raises:
        DataError: If the value is invalid, with the column and its allowed values.
    """
    text = as_text(value)
    codes = column.get("codes")
    if codes is not None and text in codes:
        return float(codes[text])
    if text == MISSING:
        return math.nan
    if codes is not None:
        allowed = ", ".join([*codes, *([] if MISSING in codes else [MISSING])])
        raise DataError(f"{column['name']}: expected one of {allowed}; found {text!r}")
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not abs(number) <= float(np.finfo(np.float32).max):
        raise DataError(f"{column['name']}: expected a number or {MISSING}, found {text!r}")
    return number


def as_text(value: Value) -> str:
    """Return a value as text, as in the raw files."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return MISSING
    text = value.strip() if isinstance(value, str) else f"{value:.9g}"
    return text or MISSING
