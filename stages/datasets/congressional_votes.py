"""Congressional Voting Records 1984: who votes like a Democrat, who like a Republican?

UCI Machine Learning Repository, Congressional Voting Records. A `?` is neither yea nor nay: the
member was absent, abstained or hid the position, which says something too.
"""

from pathlib import Path

import numpy as np
import pandas as pd
import pandera.pandas as pa

from stages.data import Part, Prepared
from stages.datasets.common import check_facts, missing_by_class, read_table, split_table
from stages.params import Votes
from stages.plots import data as plots

CLASSES = ["democrat", "republican"]
VOTES = [
    "handicapped_infants",
    "water_project_cost_sharing",
    "adoption_of_the_budget_resolution",
    "physician_fee_freeze",
    "el_salvador_aid",
    "religious_groups_in_schools",
    "anti_satellite_test_ban",
    "aid_to_nicaraguan_contras",
    "mx_missile",
    "immigration",
    "synfuels_corporation_cutback",
    "education_spending",
    "superfund_right_to_sue",
    "crime",
    "duty_free_exports",
    "export_administration_act_south_africa",
]
SCHEMA = pa.DataFrameSchema(
    {"party": pa.Column(str, pa.Check.isin(CLASSES))}
    | {vote: pa.Column(str, pa.Check.isin(["y", "n", "?"])) for vote in VOTES}
)


def prepare(raw: Path, block: Votes) -> Prepared:
    """Read the votes as -1 (nay), 1 (yea) and 0 (missing, a value of its own)."""
    table = read_table(raw / "house-votes-84.data", SCHEMA)
    votes = table[VOTES].apply(lambda column: column.map({"n": -1.0, "y": 1.0}))
    party = table["party"].map(CLASSES.index).to_numpy(np.uint8)
    complete = votes.notna().all(axis=1).to_numpy()
    checked = check_facts({"rows": len(table), "complete_rows": int(complete.sum())}, block.facts)
    missing = missing_by_class(votes, party, CLASSES)
    parts = split_table(
        Part(votes.fillna(0).to_numpy(np.float32), party), complete, block.preprocess
    )
    return Prepared(
        parts=parts,
        description={
            "kind": "table",
            "classes": CLASSES,
            "positive": "republican",
            "columns": [{"name": name, "values": [-1, 0, 1], "encode": "as is"} for name in VOTES],
        },
        report={
            "facts": checked,
            "missing": missing,
            "rows_used": sum(len(part.y) for part in parts.values()),
        },
        figures={
            "classes": plots.class_balance(parts, CLASSES),
            "missing": plots.missing(pd.DataFrame(missing).T),
            "votes": plots.mean_by_class(votes, party, CLASSES),
        },
        files={"table.csv": table.to_csv(index=False, lineterminator="\n")},
    )
