"""Rows of tables: the 16 votes of a member of Congress, and the values of a mass."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from stages.demo.models import Models, Row
from stages.encoding.table import MISSING, Value, encode_row
from stages.page.cards import CARDS

VOTES = ("votes_mlp", "congressional_votes")
MASSES = ("masses_mlp", "mammographic_masses")


class Column(NamedTuple):
    """Column of a table.

    Attributes:
        name: Name in the data.
        label: Name to be shown.
        choices: Texts to be shown and the values that they stand for; empty for a number.
        start: Value at the beginning.
    """

    name: str
    label: str
    choices: Sequence[tuple[str, str]]
    start: str | float


VOTE = (("yea", "y"), ("nay", "n"), ("no vote", MISSING))
AGE_AT_START = 50
AGE = Column("age", "Age in years", (), AGE_AT_START)
CODED = ("shape", "margin", "density")
WARNING = CARDS[MASSES[1]].notice  # that no answer is a diagnosis


def list_votes() -> list[Column]:
    """Return the columns of the votes."""
    features = CARDS[VOTES[1]].features
    return [Column(name, feature.name, VOTE, MISSING) for name, feature in features.items()]


def list_values() -> list[Column]:
    """Return the columns of the masses."""
    features = CARDS[MASSES[1]].features
    return [AGE, *(code_column(name, features[name].codes) for name in CODED)]


def code_column(name: str, codes: Mapping[str, str]) -> Column:
    """Return a column of codes, of which the first is the value at the beginning."""
    choices = [*((text, code) for code, text in codes.items()), ("unknown", MISSING)]
    return Column(name, name.capitalize(), choices, choices[0][1])


def answer_row(
    models: Models, table: tuple[str, str], columns: Sequence[Column], values: Sequence[Value]
) -> Row:
    """Let a model answer a row.

    Args:
        models: Models of the page.
        table: VOTES or MASSES.
        columns: Columns.
        values: Their values, as text or numbers; None if missing.
    """
    row = dict(zip((column.name for column in columns), values, strict=True))
    return models.classify(table[0], lambda spec: encode_row(row, spec["input"]["columns"]))
