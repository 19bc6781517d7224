"""The one error type of the package."""


class NSTError(ValueError):
    """Something the user gave cannot be used; the message says what, why, and what to do."""
