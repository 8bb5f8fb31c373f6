"""Errors that the user can fix.

UserError
├── ConfigError      params.yaml or the command line
├── DataError        a source, a raw file or processed data
├── ModelError       a stored model, or an input that it cannot take
└── DivergedError    a training whose loss or weights are no longer finite

Each message is one line that names the file or key, what was found and what was expected.
"""

from typing import Any


class UserError(Exception):
    """Something outside the code is wrong."""


class ConfigError(UserError):
    """A parameter or a command-line argument is wrong."""


class DataError(UserError):
    """A source cannot be reached, or a data file is not what it should be."""


class ModelError(UserError):
    """A stored model is missing or damaged, or cannot take an input."""


class DivergedError(UserError):
    """A training diverged.

    Attributes:
        model: `keras.Model` with the last finite weights, to be stored.
    """

    def __init__(self, message: str, model: Any) -> None:
        super().__init__(message)
        self.model = model
