"""Congressional Voting Records 1984: the party of a representative from 16 votes.

A `?` is neither yea nor nay: the member was absent, abstained or did not state a position, which is
also information.

Reference: UCI Machine Learning Repository, Congressional Voting Records.
"""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from stages.core.splits import Split
from stages.datasets.common import (
    Prepared,
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
    from stages.config.schema import Votes

FILE = "house-votes-84.data"
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
CODES = {"n": -1, "y": 1, MISSING: 0}
COLUMNS = [{"name": name, "encoding": "identity", "codes": CODES} for name in VOTES]


def prepare(source: Path, config: "Votes") -> Prepared:
    """Read the votes as -1 (nay), 1 (yea) and 0 (missing, a value of its own).

    Raises:
        DataError: If a row is invalid, or counts are not the expected ones.
    """
    path = source / FILE
    rows = read_table(path, {"party": one_of(*CLASSES)} | {vote: one_of(*CODES) for vote in VOTES})
    party = np.array([CLASSES.index(row.pop("party")) for row in rows], np.uint8)
    check_classes(path, party, CLASSES)
    complete = np.array([MISSING not in row.values() for row in rows])
    checked = check_counts(
        {"rows": len(rows), "complete_rows": int(complete.sum())}, config.expected
    )
    missing = missing_by_class(rows, VOTES, party, CLASSES)
    x = np.stack([encode_row(row, COLUMNS) for row in rows])
    splits = split_table(Split(x, party), complete, config.preprocess)
    return Prepared(
        splits=splits,
        info={
            "classes": CLASSES,
            "positive_class": "republican",
            "input": {"type": "table", "columns": COLUMNS},
        },
        report={
            "counts": checked,
            "missing": missing,
            "rows_used": sum(len(split.y) for split in splits.values()),
        },
        figures={
            "classes": plots.class_distribution(splits, CLASSES),
            "missing": plots.missing(missing),
            "votes": plots.mean_votes(x, VOTES, party, CLASSES),
        },
    )
