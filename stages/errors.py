"""Errors that a user can mend."""

from typing import Any


class UserError(Exception):
    """Something outside the code is wrong: a file, a parameter, a source.

    Its message is one line that names the file or key, what was found and what was expected.
    """


class DivergedError(UserError):
    """A training whose loss is no longer a number; `model` has the last good weights."""

    def __init__(self, message: str, model: Any) -> None:
        super().__init__(message)
        self.model = model
