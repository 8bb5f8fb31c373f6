"""The space of a sweep: as Optuna's distributions, and between stored and real values."""

import json
from collections.abc import Mapping
from typing import Any

from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

from stages.config.sweeps import Choices, Dimension, Range, is_integer

DIGITS = 3  # significant digits of sampled numbers, so that params.yaml stays readable
Space = Mapping[str, Dimension]


def make_distributions(space: Space) -> dict[str, BaseDistribution]:
    """Return the distribution of each dimension."""
    return {key: make_distribution(dimension) for key, dimension in space.items()}


def make_distribution(dimension: Dimension) -> BaseDistribution:
    """Return the distribution of a dimension."""
    if isinstance(dimension, Choices):
        return CategoricalDistribution([name_choice(value) for value in dimension.choices])
    low, high, step = dimension.low, dimension.high, dimension.step
    if is_integer(dimension):
        return IntDistribution(int(low), int(high), log=dimension.log, step=int(step or 1))
    return FloatDistribution(low, high, log=dimension.log, step=step)


def name_choice(value: Any) -> Any:
    """Return how Optuna stores a choice: numbers and texts as they are, others as JSON."""
    scalar = value is None or isinstance(value, bool | int | float | str)
    return value if scalar else json.dumps(value)


def encode(space: Space, overrides: Mapping[str, Any]) -> dict[str, Any]:
    """Return real values as Optuna stores them."""
    return {
        key: name_choice(overrides[key]) if isinstance(dimension, Choices) else overrides[key]
        for key, dimension in space.items()
    }


def decode(space: Space, stored: Mapping[str, Any]) -> dict[str, Any]:
    """Return the real values of a trial, by dotted key of the model's section."""
    return {key: decode_value(dimension, stored[key]) for key, dimension in space.items()}


def decode_value(dimension: Dimension, stored: Any) -> Any:
    """Return the real value of a stored one."""
    if isinstance(dimension, Choices):
        named = [name_choice(value) for value in dimension.choices]
        return dimension.choices[named.index(stored)]
    return stored


def tidy(dimension: Dimension, value: Any) -> Any:
    """Round a sampled number to a few digits, within its range."""
    if not isinstance(dimension, Range) or is_integer(dimension):
        return value
    rounded = round(value, 10) if dimension.step else float(f"{value:.{DIGITS}g}")
    return min(max(rounded, float(dimension.low)), float(dimension.high))
