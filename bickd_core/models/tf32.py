"""Switch off TF32, in which a GPU computes convolutions of fp32 numbers with fewer digits."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator

import torch

_lock = threading.Lock()
_before: list[bool] = []
"""The setting before each block that runs now: that of the process, then False for all others."""


@contextlib.contextmanager
def without_tf32() -> Iterator[None]:
    """Compute convolutions in fp32 while the block runs, so that figures do not depend on the
    device.

    torch allows TF32 for them by default. The setting is that of the whole process, so it returns
    to what it was when the last thread leaves its block. Other settings of cuDNN do not change.

    >>> with without_tf32():
    ...     torch.backends.cudnn.allow_tf32
    False
    """
    with _lock:
        _before.append(torch.backends.cudnn.allow_tf32)
        torch.backends.cudnn.allow_tf32 = False
    try:
        yield
    finally:
        with _lock:
            before = _before.pop()
            if not _before:
                torch.backends.cudnn.allow_tf32 = before
