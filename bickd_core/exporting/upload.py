"""Upload a hub folder to Hugging Face."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

from bickd_core.exporting.network import ExportError
from bickd_core.naming import first_line


def check_signed_in() -> None:
    """Check that huggingface_hub is installed and has a token.

    Raises:
        ExportError: it is not, or has none.
    """
    if importlib.util.find_spec("huggingface_hub") is None:
        raise ExportError(
            "huggingface_hub is not installed: run pip install 'bickd-explorer[hub]'."
        )
    from huggingface_hub import get_token

    if get_token() is None:
        raise ExportError(
            "You are not signed in to Hugging Face, so nothing was written: run hf auth login."
        )


def upload(folder: Path, repository: str, *, public: bool) -> str:
    """Create the repository if it does not exist, and upload the folder to it.

    Returns:
        The repository's address.

    Raises:
        ExportError: Hugging Face refuses, or cannot be reached.
    """
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError

    api = HfApi()
    try:
        address = str(api.create_repo(repository, private=not public, exist_ok=True))
        api.upload_folder(repo_id=repository, folder_path=folder)
    except (HfHubHTTPError, HFValidationError) as error:
        first = first_line(error)
        raise ExportError(
            f"Hugging Face refused {repository}: {first}. The folder {folder} is complete."
        ) from error
    except _connection_errors() as error:
        raise ExportError(
            f"Hugging Face cannot be reached ({error}), so {repository} was not uploaded; the"
            f" folder {folder} is complete."
        ) from error
    return address


def _connection_errors() -> tuple[type[Exception], ...]:
    """Return OSError, which includes those of requests, and HTTPError of httpx if huggingface_hub
    uses it."""
    return (
        OSError,
        *(sys.modules[name].HTTPError for name in ("httpx", "httpx2") if name in sys.modules),
    )
