"""TF32 is off in a block, and as before after the last one."""

import contextlib
import threading

import pytest
import torch

from bickd_core.models.tf32 import without_tf32


@pytest.mark.parametrize("before", [True, False])
def test_the_setting_returns_when_the_last_block_ends(before, monkeypatch):
    cudnn = torch.backends.cudnn
    monkeypatch.setattr(cudnn, "allow_tf32", before)
    entered, leave = threading.Event(), threading.Event()

    def other():
        with without_tf32():
            entered.set()
            leave.wait()

    thread = threading.Thread(target=other, daemon=True)
    with contextlib.suppress(KeyError), without_tf32():
        thread.start()
        entered.wait()
        raise KeyError
    assert not cudnn.allow_tf32
    leave.set()
    thread.join()
    assert cudnn.allow_tf32 == before


def test_other_settings_of_cudnn_stay(monkeypatch):
    cudnn = torch.backends.cudnn
    monkeypatch.setattr(cudnn, "benchmark", True)
    with without_tf32():
        assert (cudnn.enabled, cudnn.benchmark) == (True, True)
