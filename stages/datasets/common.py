"""Code shared by the dataset modules: results, splits, expected counts, tables."""

import csv
import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from sklearn.model_selection import train_test_split

from stages.core.errors import DataError
from stages.core.splits import Split
from stages.encoding.table import MISSING

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from stages.config.schema import MassesPreprocess, VotesPreprocess

MAX_TABLE = 10_000_000  # bytes


@dataclass
class Prepared:
    """Result of preprocessing.

    Attributes:
        splits: Splits by name, one for each of stages.core.splits.SPLITS.
        info: `classes`, `positive_class`, and `input`, the encoding of raw input.
        report: Counts and statistics, serializable as JSON.
        figures: Figures of the data report, by name.
        raw: Raw examples to show, by split: a JSON object per example.
    """

    splits: dict[str, Split]
    info: dict[str, Any]
    report: dict[str, Any]
    figures: "dict[str, Figure]"
    raw: dict[str, list[dict[str, Any]]] = field(default_factory=dict)


def split_indices(
    labels: np.ndarray, validation_fraction: float, test_fraction: float, seed: int
) -> dict[str, np.ndarray]:
    """Split examples at random, stratified by class.

    Args:
        labels: Class of each example [n].
        validation_fraction: Fraction of all n examples; rounded up.
        test_fraction: Fraction of all n examples; rounded up. 0 if the source has its own test set.
        seed: Seed of the random split.

    Returns:
        Sorted indices by name: train, validation and, with a `test_fraction`, test.

    Raises:
        DataError: If there are too few examples, of all or of a class.
    """
    held_out = {"test": test_fraction} if test_fraction else {}
    held_out["validation"] = validation_fraction
    splits, rest = {}, np.arange(len(labels))
    for name, fraction in held_out.items():
        count = math.ceil(round(fraction * len(labels), 6))
        try:
            rest, selected = train_test_split(
                rest, test_size=count, random_state=seed, stratify=labels[rest]
            )
        except ValueError as error:
            raise DataError(
                f"{len(labels)} examples cannot be split, {count} of them for {name}: {error}"
            ) from None
        rest.sort()
        splits[name] = np.sort(selected)
    return {"train": rest} | splits


def split_table(
    table: Split, complete: np.ndarray, config: "VotesPreprocess | MassesPreprocess"
) -> dict[str, Split]:
    """Split a table into train, validation and test.

    Args:
        table: All rows; x [n, columns], y [n].
        complete: Whether a row has no missing values, bool [n].
        config: Fractions, seed, and whether incomplete rows are dropped.

    Returns:
        Splits by name.
    """
    if config.drop_incomplete:
        table = table.take(np.flatnonzero(complete))
    indices = split_indices(table.y, config.validation_fraction, config.test_fraction, config.seed)
    return {name: table.take(selected) for name, selected in indices.items()}


def check_counts(
    found: Mapping[str, float], expected: Mapping[str, float]
) -> dict[str, dict[str, float | None]]:
    """Compare counts of the source with the expected ones of params.yaml.

    Returns:
        Found and expected value of each count, for the report.

    Raises:
        DataError: If a count differs or does not exist; it is named.
    """
    for name, value in expected.items():
        if name not in found:
            raise DataError(f"expected.{name}: no such count, use one of {', '.join(found)}")
        if found[name] != value:
            raise DataError(f"expected.{name}: expected {value}, found {found[name]} in the source")
    return {name: {"found": value, "expected": expected.get(name)} for name, value in found.items()}


def read_bytes(path: Path, max_bytes: int) -> bytes:
    """Read a file that may not be larger than `max_bytes`.

    Raises:
        DataError: If it is, or cannot be read.
    """
    try:
        size = path.stat().st_size
        if size > max_bytes:
            raise DataError(f"{path}: expected at most {max_bytes:,} bytes, found {size:,}")
        return path.read_bytes()
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}") from None


class Values(NamedTuple):
    """Allowed values of a column of a raw table, and their description in messages."""

    allowed: Collection[str]
    description: str


def one_of(*values: str) -> Values:
    """Allow only the given values."""
    return Values(frozenset(values), f"one of {', '.join(values)}")


def read_table(path: Path, columns: Mapping[str, Values]) -> list[dict[str, str]]:
    """Read a csv file without a header.

    Args:
        path: Path of the file.
        columns: Allowed values of each column, by name, in the order of the file.

    Returns:
        Rows, each with the text of each column by name.

    Raises:
        DataError: If the table is invalid, with file, line and column of the first error.
    """
    try:
        text = read_bytes(path, MAX_TABLE).decode("utf-8")
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: not UTF-8: {error.reason} at byte {error.start}") from None
    reader = csv.reader(text.splitlines(), strict=True)
    rows, wrong = [], list[str]()
    try:
        for values in reader:
            if not values:
                continue
            where = f"{path}: line {reader.line_num}"
            if len(values) != len(columns):
                raise DataError(f"{where}: expected {len(columns)} columns, found {len(values)}")
            row = dict(zip(columns, values, strict=True))
            rows.append(row)
            wrong += [
                f"{where}, column {name!r}: {value!r} is not allowed, "
                f"expected {columns[name].description}"
                for name, value in row.items()
                if value not in columns[name].allowed
            ]
    except csv.Error as error:
        raise DataError(f"{path}: line {reader.line_num}: not csv: {error}") from None
    if wrong:
        more = len(wrong) - 1
        raise DataError(wrong[0] + (f" ({more} more such value{'s' * (more > 1)})" if more else ""))
    if not rows:
        raise DataError(f"{path}: expected rows of {len(columns)} columns, found none")
    return rows


def check_classes(path: Path, y: np.ndarray, classes: Sequence[str]) -> None:
    """Reject labels [n] that are all the same, from which nothing can be learned.

    Raises:
        DataError: If there is only one label, or none.
    """
    labels = np.unique(y)
    if len(labels) < 2:
        found = f"only {classes[labels[0]]!r}" if len(labels) else "none"
        raise DataError(f"{path}: expected labels of at least 2 classes, found {found}")


def missing_by_class(
    rows: Sequence[Mapping[str, str]], columns: Sequence[str], y: np.ndarray, classes: Sequence[str]
) -> dict[str, dict[str, float]]:
    """Compute the fraction of missing values of each feature, by class.

    `any feature` is the fraction of rows of each class that dropping incomplete rows would drop.
    If it differs much between classes, dropping them introduces bias.

    Args:
        rows: Raw values by column.
        columns: Names of the features.
        y: Class of each row [n]; each class occurs.
        classes: Names of the classes.

    Returns:
        Fractions by feature and class.
    """
    missing = np.array([[row[name] == MISSING for name in columns] for row in rows])
    missing = np.column_stack([missing, missing.any(axis=1)])
    fractions = [missing[y == label].mean(axis=0) for label in range(len(classes))]
    return {
        name: {
            label: round(float(fraction[index]), 4)
            for label, fraction in zip(classes, fractions, strict=True)
        }
        for index, name in enumerate([*columns, "any feature"])
    }


def summarize(values: np.ndarray) -> dict[str, float]:
    """Return mean, standard deviation and quartiles of values [n], for the report."""
    quartiles = np.quantile(values, [0, 0.25, 0.5, 0.75, 1])
    names = ("mean", "std", "min", "25%", "50%", "75%", "max")
    numbers = (values.mean(), values.std(), *quartiles)
    return {name: round(float(value), 1) for name, value in zip(names, numbers, strict=True)}
