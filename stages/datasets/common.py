"""What the modules of the datasets share: splits, tables, facts."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pandera.pandas as pa
from sklearn.model_selection import train_test_split

from stages.data import Part
from stages.errors import UserError
from stages.params import MassesPreprocess, VotesPreprocess


def split(part: Part, share: float, seed: int) -> tuple[Part, Part]:
    """Divide rows at random into those kept and the `share` held out, each class alike.

    Raises:
        UserError: when there are too few rows to hold one of each class out.
    """
    try:
        kept, held_out = train_test_split(
            np.arange(len(part.y)), test_size=share, random_state=seed, stratify=part.y
        )
    except ValueError as error:
        raise UserError(f"{len(part.y)} rows can not be split: {error}") from None
    kept.sort()
    held_out.sort()
    return Part(part.x[kept], part.y[kept]), Part(part.x[held_out], part.y[held_out])


def split_table(
    part: Part, complete: np.ndarray, choice: VotesPreprocess | MassesPreprocess
) -> dict[str, Part]:
    """Divide a table that has no test rows of its own into train, validation and test.

    Args:
        part: all rows.
        complete: [n] whether nothing is missing in the row; others are dropped when so chosen.
        choice: the shares, the seed, and whether incomplete rows are dropped.
    """
    if choice.drop_incomplete:
        part = Part(part.x[complete], part.y[complete])
    rest, test = split(part, choice.test_share, choice.seed)
    train, validation = split(rest, choice.validation_share, choice.seed)
    return {"train": train, "validation": validation, "test": test}


def check_facts(
    found: Mapping[str, float], expected: Mapping[str, float]
) -> dict[str, dict[str, float | None]]:
    """Compare counts of the raw data with those that params.yaml says to expect.

    Raises:
        UserError: naming the first fact that does not hold, or that is not known.
    """
    for fact, value in expected.items():
        if fact not in found:
            raise UserError(f"facts.{fact}: not counted, expected one of {', '.join(found)}")
        if found[fact] != value:
            raise UserError(f"facts.{fact}: expected {value}, found {found[fact]} in the raw data")
    return {fact: {"found": found[fact], "expected": expected.get(fact)} for fact in found}


def read_table(path: Path, schema: pa.DataFrameSchema) -> pd.DataFrame:
    """Read a csv file without a header as text, the columns named and checked by `schema`.

    Raises:
        UserError: naming the file, line and column of what is wrong first.
    """
    columns = list(schema.columns)
    try:
        table = pd.read_csv(path, header=None, dtype=str, keep_default_na=False)
    except pd.errors.ParserError as error:
        raise UserError(f"{path}: expected {len(columns)} columns: {str(error).strip()}") from None
    except (pd.errors.EmptyDataError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: not a table: {error}") from None
    if table.shape[1] != len(columns):
        raise UserError(f"{path}: expected {len(columns)} columns, found {table.shape[1]}")
    table.columns = pd.Index(columns)
    try:
        return schema.validate(table, lazy=True)
    except pa.errors.SchemaErrors as errors:
        cases = errors.failure_cases
        case = cases.sort_values("index", kind="stable").iloc[0]
        more = f" ({len(cases) - 1} more such values)" if len(cases) > 1 else ""
        raise UserError(
            f"{path}: line {int(case['index']) + 1}, column {case['column']!r}: "
            f"{case['failure_case']!r} is not allowed, expected {case['check']}{more}"
        ) from None


def missing_by_class(
    values: pd.DataFrame, y: np.ndarray, classes: Sequence[str]
) -> dict[str, dict[str, float]]:
    """The share of missing values of each column among the rows of each class.

    `any column` is of whole rows: the share of each class that dropping incomplete rows would
    drop. Where the classes differ much, dropping them is a bias.
    """
    missing = values.isna()
    missing["any column"] = missing.any(axis=1)
    shares = {name: missing[y == label].mean() for label, name in enumerate(classes)}
    return {
        str(column): {name: round(float(shares[name][column]), 4) for name in classes}
        for column in missing
    }
