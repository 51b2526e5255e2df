"""The one exception that users meet."""


class StudyError(Exception):
    """Something the user can mend. The message is one line: what and where, what was expected, what to do."""
