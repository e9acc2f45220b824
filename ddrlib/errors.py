"""The one exception a user can mend."""


class DDRError(Exception):
    """One line that says what is wrong, where, and what to do; the command line exits with 2."""
