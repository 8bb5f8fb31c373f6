"""An example of a dataset, in the values of its source, for the data report."""

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from stages.encoding.characters import decode_characters
from stages.encoding.table import MISSING

if TYPE_CHECKING:
    from stages.datasets.common import Prepared

CHARACTERS = 400  # of a text
SHOWN = "train"  # the split of an example, unless raw examples are stored


def describe_example(prepared: "Prepared") -> dict[str, Any]:
    """Return the first example of a dataset, serializable as JSON.

    Args:
        prepared: Result of preprocessing.

    Returns:
        Of a table `class` and `values` by column, as in the source; of texts `class`, `text` and
        `path`; of characters `text`, from the middle; and of all these `split`. Empty for images
        and pixels, which figures show.
    """
    encoding, split = prepared.info["input"], prepared.splits[SHOWN]
    if encoding["type"] == "table":
        label = prepared.info["classes"][int(split.y[0])]
        values = decode_row(split.x[0], encoding["columns"])
        return {"split": SHOWN, "class": label, "values": values}
    if encoding["type"] == "characters":
        start = max(len(split.x) - CHARACTERS, 0) // 2  # texts start with a title
        passage = split.x[start : start + CHARACTERS]
        return {"split": SHOWN, "text": decode_characters(passage, encoding["vocabulary"])}
    if encoding["type"] == "text" and prepared.raw:
        name = next(iter(prepared.raw))
        label = prepared.info["classes"][int(prepared.splits[name].y[0])]
        return {"split": name, "class": label, **prepared.raw[name][0]}
    return {}


def decode_row(numbers: np.ndarray, columns: list[Mapping[str, Any]]) -> dict[str, str]:
    """Decode a row of a table: the inverse of stages.encoding.table.encode_row.

    Args:
        numbers: Encoded values, float32 [columns]; NaN where missing.
        columns: `columns` of the `input` of info.json.

    Returns:
        Text by column, as in the source; MISSING where missing.
    """
    return {
        column["name"]: decode_value(float(number), column.get("codes"))
        for number, column in zip(numbers, columns, strict=True)
    }


def decode_value(number: float, codes: Mapping[str, float] | None) -> str:
    """Decode a number of a column with `codes`, or of a plain column."""
    if math.isnan(number):
        return MISSING
    if codes is None:
        return f"{number:.9g}"
    return next(text for text, code in codes.items() if code == number)
