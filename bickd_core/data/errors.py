"""What goes wrong with a data set, each in one sentence: what was expected, what came, what to
do."""


class DataError(ValueError):
    """A data set that cannot be used."""


class DataUnavailableError(DataError):
    """A data set is neither installed nor could be downloaded."""
