"""Errors that the user can fix.

UserError
├── ConfigError      params.yaml or the command line
├── DataError        a source, a raw file or processed data
├── ModelError       a stored model, or an input that it does not accept
└── DivergedError    a training run whose loss or weights are no longer finite

Each message is one line that names the file or key, what was found and what was expected.
"""

from typing import Any


class UserError(Exception):
    """Invalid input, parameter or source."""


class ConfigError(UserError):
    """Invalid parameter or command-line argument."""


class DataError(UserError):
    """Unreachable source, or invalid data file."""


class ModelError(UserError):
    """Missing or damaged model, or an input that it does not accept."""


class DivergedError(UserError):
    """Diverged training: the loss or weights are no longer finite.

    Attributes:
        model: `keras.Model` with the last finite weights, to be stored.
    """

    def __init__(self, message: str, model: Any) -> None:
        super().__init__(message)
        self.model = model
