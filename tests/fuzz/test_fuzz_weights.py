"""Mutated weights files, read by the functions that the reader's process calls."""

from __future__ import annotations

import io

import numpy as np
import pytest
import torch
from mutations import COUNT, from_file, mutate_bytes, mutate_zip, outcomes

from bickd_core.runs.checkpoints import read_weights, save_weights

STATES = (
    {
        "conv.weight": torch.ones(2, 1, 3, 3),
        "fc.weight": torch.ones(2, 2).half(),
        "n": torch.tensor(3),
    },
    {
        "module.fc.bias": torch.zeros(3, dtype=torch.bfloat16),
        "module.fc.weight": torch.rand(3, 2).double(),
    },
)


def torch_file(content: object, *, legacy: bool = False) -> bytes:
    buffer = io.BytesIO()
    torch.save(content, buffer, _use_new_zipfile_serialization=not legacy)
    return buffer.getvalue()


def npz_file(state: dict[str, torch.Tensor], *, compressed: bool = False) -> bytes:
    buffer = io.BytesIO()
    arrays = {name: value.float().numpy() for name, value in state.items()}
    (np.savez_compressed if compressed else np.savez)(buffer, **arrays)
    return buffer.getvalue()


def safetensors_file(state: dict[str, torch.Tensor], tmp_path) -> bytes:
    save_weights(state, tmp_path / "seed.safetensors", metadata={"arch": "resnet8"})
    return (tmp_path / "seed.safetensors").read_bytes()


def test_safetensors(tmp_path):
    seeds = [safetensors_file(state, tmp_path) for state in STATES]
    found = outcomes(from_file(tmp_path / "w.safetensors", read_weights), seeds, mutate_bytes)
    assert found["sentence"] > COUNT // 4
    assert sum(found.values()) == COUNT


@pytest.mark.parametrize("mutate", [mutate_bytes, mutate_zip])
def test_torch_zip(tmp_path, mutate):
    seeds = [torch_file(STATES[0]), torch_file({"epoch": 3, "state_dict": STATES[1]})]
    found = outcomes(from_file(tmp_path / "w.pt", read_weights), seeds, mutate)
    assert found["sentence"] > COUNT // 4


def test_torch_legacy(tmp_path):
    seeds = [torch_file(state, legacy=True) for state in STATES]
    found = outcomes(from_file(tmp_path / "w.pt", read_weights), seeds, mutate_bytes)
    assert found["sentence"] > COUNT // 4


@pytest.mark.parametrize("mutate", [mutate_bytes, mutate_zip])
def test_npz(tmp_path, mutate):
    seeds = [npz_file(STATES[0]), npz_file(STATES[1], compressed=True)]
    found = outcomes(from_file(tmp_path / "w.npz", read_weights), seeds, mutate)
    assert found["sentence"] > COUNT // 4


def test_any_content_under_a_name_that_says_nothing(tmp_path):
    seeds = [
        safetensors_file(STATES[0], tmp_path),
        torch_file(STATES[0]),
        torch_file(STATES[0], legacy=True),
        npz_file(STATES[0]),
    ]
    outcomes(from_file(tmp_path / "weights", read_weights), seeds, mutate_bytes, count=COUNT // 4)


def test_a_flipped_bit_in_the_numbers_of_a_torch_file_is_always_found(tmp_path):
    content = torch_file(STATES[0])
    first, path = content.index(torch.ones(18).numpy().tobytes()), tmp_path / "w.pt"
    for bit in range(0, 18 * 32, 7):
        damaged = bytearray(content)
        damaged[first + bit // 8] ^= 1 << bit % 8
        path.write_bytes(damaged)
        with pytest.raises(ValueError, match="checksum"):
            read_weights(path)
