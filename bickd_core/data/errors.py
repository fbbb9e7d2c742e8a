"""Errors of data sets. The message says what was expected, what was found and what to do."""


class DataError(ValueError):
    """A data set that cannot be used."""


class DataUnavailableError(DataError):
    """A data set is neither installed nor could be downloaded."""
