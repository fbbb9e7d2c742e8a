"""Log what the user should know about a data set, once."""

from __future__ import annotations

import logging

_logged: set[str] = set()


def note(logger: logging.Logger, text: str) -> None:
    """Log a warning, unless this process has logged the same one before.

    A command lists a source several times: for its description, its fingerprint and its images.
    """
    if text not in _logged:
        _logged.add(text)
        logger.warning("%s", text)
