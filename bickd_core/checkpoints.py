"""Weights in and out (being written)."""
from pathlib import Path
from safetensors.torch import load_file, save_file
from bickd_core.atomic import atomic_write


def save_weights(model, path, *, metadata):
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(path) as temporary:
        save_file({k: v.contiguous() for k, v in model.state_dict().items()}, temporary, metadata=metadata)


def read_weights(path):
    return load_file(path)


def load_into(model, state_dict, *, name):
    model.load_state_dict(state_dict)
