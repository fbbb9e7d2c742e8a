"""Download published files."""

import logging
from pathlib import Path

from bickd_core.data.errors import DataUnavailableError

logger = logging.getLogger(__name__)


def download(url: str, md5: str, folder: Path) -> Path:
    """Return a file in `folder`, after downloading it if needed. Its md5 is always checked.

    Raises:
        DataUnavailableError: the download failed, or is another file. The message is only the
            address and the type of the error.
    """
    import pooch

    try:
        return Path(
            pooch.retrieve(
                url,
                known_hash=f"md5:{md5}",
                fname=url.rsplit("/", 1)[1],
                path=folder,
                downloader=pooch.HTTPDownloader(progressbar=True, timeout=30),
            )
        )
    except (OSError, ValueError) as error:  # ValueError: a wrong md5
        logger.warning("%s could not be fetched: %s", url, error)
        raise DataUnavailableError(f"{url} ({type(error).__name__})") from error
