"""The error that a user can mend."""


class InputError(ValueError):
    """A config, a file or data cannot be used; the message says what, where and how to mend it."""
