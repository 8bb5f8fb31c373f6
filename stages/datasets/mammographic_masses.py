"""Mammographic masses: is a mass malignant, from the patient's age and image findings?

BI-RADS is the radiologist's own assessment of how likely the mass is malignant: a diagnosis, not
a measurement. It leaks the label, so `drop_bi_rads` drops it.

Reference: Elter, Schulz-Wendtland, Wittenberg: The prediction of breast cancer biopsy outcomes
using two CAD approaches that both emphasize an intelligible decision process, Medical Physics 34,
2007.
"""

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from stages.core.errors import DataError
from stages.core.splits import Split
from stages.datasets.common import (
    Prepared,
    Values,
    check_classes,
    check_counts,
    missing_by_class,
    one_of,
    read_table,
    split_table,
)
from stages.encoding.table import MISSING, encode_row
from stages.plots import datasets as plots

if TYPE_CHECKING:
    from stages.config.schema import Masses

FILE = "mammographic_masses.data"
CLASSES = ["benign", "malignant"]
NUM_CODES = {"bi_rads": 5, "shape": 4, "margin": 5, "density": 4}  # codes are 1 to this
FEATURES = ["bi_rads", "age", "shape", "margin", "density"]


def codes(name: str) -> dict[str, int]:
    """Return the codes of a column, by raw text."""
    return {str(code): code for code in range(1, NUM_CODES[name] + 1)}


INTEGER = Values({*map(str, range(1000)), MISSING}, f"an integer from 0 to 999 or {MISSING}")
RAW_COLUMNS = {
    "bi_rads": INTEGER,  # values out of range are known, and reported by prepare
    "age": INTEGER,
    "shape": one_of(*codes("shape"), MISSING),
    "margin": one_of(*codes("margin"), MISSING),
    "density": one_of(*codes("density"), MISSING),
    "severity": one_of("0", "1"),
}


def prepare(source: Path, config: "Masses") -> Prepared:
    """Read the masses; missing values are NaN.

    BI-RADS ranges from 1 to 5, the file also has 0 and 6: such values are treated as missing, and
    listed in the report. The network standardizes, by statistics of the training examples.

    Raises:
        DataError: If a row is invalid, or counts are not the expected ones.
    """
    path = source / FILE
    rows = read_table(path, RAW_COLUMNS)
    severity = np.array([row.pop("severity") for row in rows]).astype(np.uint8)
    check_classes(path, severity, CLASSES)
    if all(row["age"] == MISSING for row in rows):
        raise DataError(f"{path}: column 'age': expected a number in some row, found none")
    complete = np.array([MISSING not in row.values() for row in rows])
    checked = check_counts(count(severity, complete), config.expected)
    missing = missing_by_class(rows, FEATURES, severity, CLASSES)
    out_of_range = clear_out_of_range(rows)
    names = FEATURES[1:] if config.preprocess.drop_bi_rads else FEATURES
    columns = [describe_column(name) for name in names]
    x = np.stack([encode_row({name: row[name] for name in names}, columns) for row in rows])
    splits = split_table(Split(x, severity), complete, config.preprocess)
    return Prepared(
        splits=splits,
        info={
            "classes": CLASSES,
            "positive_class": "malignant",
            "input": {"type": "table", "columns": columns},
        },
        report={
            "counts": checked,
            "missing": missing,
            "bi_rads_out_of_range": out_of_range,
            "rows_used": sum(len(split.y) for split in splits.values()),
        },
        figures={
            "classes": plots.class_distribution(splits, CLASSES),
            "missing": plots.missing(missing),
            "age": plots.age_by_class(x[:, names.index("age")], severity, CLASSES),
        },
    )


def count(severity: np.ndarray, complete: np.ndarray) -> dict[str, float]:
    """Return the counts to check. severity: [n], 1 is malignant; complete: bool [n]."""
    malignant = float(severity[complete].mean()) if complete.any() else 0.0
    return {
        "rows": len(severity),
        "complete_rows": int(complete.sum()),
        "malignant_fraction_of_complete": round(malignant, 3),
    }


def clear_out_of_range(rows: list[dict[str, str]]) -> dict[str, int]:
    """Replace BI-RADS values out of range by MISSING, in place.

    Returns:
        Count of each of these values.
    """
    allowed = {*codes("bi_rads"), MISSING}
    counts: Counter[str] = Counter()
    for row in rows:
        if row["bi_rads"] not in allowed:
            counts[row["bi_rads"]] += 1
            row["bi_rads"] = MISSING
    return dict(sorted(counts.items()))


def describe_column(name: str) -> dict[str, Any]:
    """Describe the encoding of a column: ages standardized, codes one-hot."""
    if name == "age":
        return {"name": name, "encoding": "standardize"}
    return {
        "name": name,
        "encoding": "one_hot",
        "codes": codes(name),
        "num_codes": NUM_CODES[name],
    }
