"""Variants of a model: its section of params.yaml with some values replaced."""

import copy
from collections.abc import Mapping, Sequence
from itertools import product
from typing import Any

Overrides = Mapping[str, Any]  # dotted key of the model's section, or one of DATA_KEYS -> value
DATA_KEYS = {  # integers of at least 1
    "max_examples",  # number of training examples, chosen at random
    "max_tokens",  # last tokens of each text that are kept
}


def expand(
    grid: Mapping[str, Sequence[Any]], named: Mapping[str, Overrides]
) -> dict[str, Overrides]:
    """Return the variants of a study by name.

    Args:
        grid: Values by dotted key; each combination is a variant, named by its values.
        named: Further variants by name, which come first.
    """
    variants = dict(named)
    if grid:
        for values in product(*grid.values()):
            variants[", ".join(map(name_value, values))] = dict(zip(grid, values, strict=True))
    return variants


def name_value(value: Any) -> str:
    """Return the name of a value: numbers as in params.yaml, lists joined by hyphens."""
    if isinstance(value, list | tuple):
        return "-".join(map(name_value, value)) or "none"
    return f"{value:g}" if isinstance(value, float) else str(value)


def override(section: Mapping[str, Any], overrides: Overrides) -> dict[str, Any]:
    """Replace values of a model's section.

    Args:
        section: Section of the model, as nested dictionaries; it is not changed.
        overrides: Values by dotted key, not changed either. Number parts are positions in a list.

    Returns:
        The new section.

    Raises:
        KeyError: If a section or position on the way to a value does not exist; with the key.
    """
    replaced: dict[str, Any] = copy.deepcopy(dict(section))
    for key, value in overrides.items():
        *path, last = (int(part) if part.isdigit() else part for part in key.split("."))
        node: Any = replaced
        try:
            for part in path:
                node = node[part]
            node[last] = copy.deepcopy(value)
        except (KeyError, IndexError, TypeError):
            raise KeyError(key) from None
    return replaced
