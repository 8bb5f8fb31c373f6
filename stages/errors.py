"""The one error that a user can mend."""


class UserError(Exception):
    """Something outside the code is wrong: a file, a parameter, a source.

    Its message is one line that names the file or key, what was found and what was expected.
    """
