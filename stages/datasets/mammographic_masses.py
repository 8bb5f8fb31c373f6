"""Mammographic masses: is a mass malignant, by the patient's age and what the picture shows?

Elter, Schulz-Wendtland, Wittenberg: The prediction of breast cancer biopsy outcomes using two
CAD approaches that both emphasize an intelligible decision process, Medical Physics 34, 2007.

BI-RADS is the radiologist's own assessment of how likely the mass is malignant: a diagnosis, not
a measurement. A network that is given it copies the diagnosis, so it is dropped by default.
"""

from pathlib import Path

import numpy as np
import pandas as pd
import pandera.pandas as pa

from stages.data import Part, Prepared
from stages.datasets.common import check_facts, missing_by_class, read_table, split_table
from stages.params import Masses
from stages.plots import data as plots

CLASSES = ["benign", "malignant"]
COLUMNS = ["bi_rads", "age", "shape", "margin", "density"]
LEVELS = {"bi_rads": 5, "shape": 4, "margin": 5, "density": 4}  # codes 1 to this


def code(highest: int) -> pa.Column:
    """A column of codes 1 to `highest`, or ? where missing."""
    return pa.Column(str, pa.Check.isin([*map(str, range(1, highest + 1)), "?"]))


def number() -> pa.Column:
    """A column of whole numbers, or ? where missing."""
    return pa.Column(str, pa.Check.str_matches(r"^(\d{1,3}|\?)$"))


SCHEMA = pa.DataFrameSchema(
    {
        "bi_rads": number(),  # values out of range are known, and reported by prepare
        "age": number(),
        "shape": code(LEVELS["shape"]),
        "margin": code(LEVELS["margin"]),
        "density": code(LEVELS["density"]),
        "severity": pa.Column(str, pa.Check.isin(["0", "1"])),
    }
)


def prepare(raw: Path, block: Masses) -> Prepared:
    """Read the masses; what is missing becomes NaN, and the network encodes it.

    BI-RADS is documented as 1 to 5, the file also has 0, 6 and a 55: such values become missing
    and are listed in the report. Scaling is not done here: it is learnt from training rows.
    """
    choice = block.preprocess
    table = read_table(raw / "mammographic_masses.data", SCHEMA)
    values = table[COLUMNS].replace("?", np.nan).astype(float)
    severity = table["severity"].to_numpy(np.uint8)
    complete = values.notna().all(axis=1).to_numpy()
    facts = {
        "rows": len(table),
        "complete_rows": int(complete.sum()),
        "malignant_share_of_complete": round(float(severity[complete].mean()), 3),
    }
    checked = check_facts(facts, block.facts)
    missing = missing_by_class(values, severity, CLASSES)
    wrong = values["bi_rads"].notna() & ~values["bi_rads"].between(1, LEVELS["bi_rads"])
    out_of_range = table.loc[wrong, "bi_rads"].value_counts().sort_index().to_dict()
    values.loc[wrong, "bi_rads"] = np.nan
    columns = COLUMNS[1:] if choice.drop_bi_rads else COLUMNS
    parts = split_table(Part(values[columns].to_numpy(np.float32), severity), complete, choice)
    return Prepared(
        parts=parts,
        description={
            "kind": "table",
            "classes": CLASSES,
            "positive": "malignant",
            "columns": [describe_column(name) for name in columns],
        },
        report={
            "facts": checked,
            "missing": missing,
            "bi_rads_out_of_range": out_of_range,
            "rows_used": sum(len(part.y) for part in parts.values()),
        },
        figures={
            "classes": plots.class_balance(parts, CLASSES),
            "missing": plots.missing(pd.DataFrame(missing).T),
            "age": plots.histogram_by_class(values["age"].to_numpy(), severity, CLASSES, "age"),
        },
        files={"table.csv": table.to_csv(index=False, lineterminator="\n")},
    )


def describe_column(name: str) -> dict:
    """How the network takes a column: ages scaled, codes one-hot."""
    if name == "age":
        return {"name": name, "encode": "scale"}
    return {"name": name, "encode": "one-hot", "levels": LEVELS[name]}
