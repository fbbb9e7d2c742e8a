import argparse
import json
import os
import pickle
import warnings
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn
from weights_helpers import assert_same, made_model

from bickd_core import atomic
from bickd_core.checkpoints import WeightsError, read_weights, save_weights


def sentence(path: Path, **options: int) -> str:
    """The message of the refusal; one line, one full stop at its end, no half-sentences from a library."""
    with pytest.raises(WeightsError) as caught:
        read_weights(path, **options)
    message = str(caught.value)
    assert message.startswith(path.name)
    assert message.endswith(".")
    assert "\n" not in message
    assert "weights_only" not in message
    return message


class Exploit:
    """Pickled, it asks the reader to touch a file."""

    def __init__(self, target: Path):
        self.target = target

    def __reduce__(self):
        return os.system, (f"touch {self.target}",)


# Writing


def test_weights_come_back_bit_for_bit_with_metadata(tmp_path):
    model = made_model()
    save_weights(model, tmp_path / "best" / "model.safetensors", metadata={"arch": "resnet8", 'épo"que': "3"})
    assert_same(read_weights(tmp_path / "best" / "model.safetensors"), dict(model.state_dict()))
    data = (tmp_path / "best" / "model.safetensors").read_bytes()
    header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
    assert header["__metadata__"] == {"arch": "resnet8", "format": "pt", 'épo"que': "3"}
    assert int.from_bytes(data[:8], "little") % 8 == 0


def test_the_same_weights_give_the_same_bytes(tmp_path):
    model = made_model()
    metadata = {str(key): "x" for key in range(12)}
    written = set()
    for order in (list(metadata), list(reversed(metadata))):
        for _ in range(4):
            path = tmp_path / "w.safetensors"
            save_weights(model, path, metadata={key: metadata[key] for key in order})
            written.add(path.read_bytes())
    assert len(written) == 1


def test_tied_strided_and_halved_tensors_can_be_saved(tmp_path):
    weight = torch.arange(6.0).reshape(2, 3)
    state = {"a": weight, "tied": weight, "turned": weight.T, "half": weight.bfloat16(), "n": torch.tensor(3)}
    save_weights(state, tmp_path / "w.safetensors", metadata={})
    assert_same(read_weights(tmp_path / "w.safetensors"), state)


def test_metadata_must_be_text(tmp_path):
    with pytest.raises(TypeError, match="strings to strings, not 'epoch': 3"):
        save_weights({"a": torch.ones(1)}, tmp_path / "w.safetensors", metadata={"epoch": 3})
    assert not list(tmp_path.iterdir())


def test_a_write_that_fails_midway_leaves_the_old_weights(tmp_path, monkeypatch):
    path = tmp_path / "w.safetensors"
    save_weights({"a": torch.ones(3)}, path, metadata={})

    def fail(descriptor: int) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr(atomic.os, "fsync", fail)
    with pytest.raises(OSError, match="no space"):
        save_weights({"a": torch.zeros(3)}, path, metadata={})
    assert torch.equal(read_weights(path)["a"], torch.ones(3))
    assert os.listdir(tmp_path) == ["w.safetensors"]


# Reading what is right


@pytest.mark.parametrize("suffix", [".pt", ".pth", ".bin", ".ckpt", ".PTH"])
@pytest.mark.parametrize("as_zip", [True, False])
def test_torch_files_old_and_new_are_read(tmp_path, suffix, as_zip):
    model = made_model("convnet-small")
    path = tmp_path / f"w{suffix}"
    torch.save(model.state_dict(), path, _use_new_zipfile_serialization=as_zip)
    assert_same(read_weights(path), dict(model.state_dict()))


@pytest.mark.parametrize("key", ["model", "state_dict", "net", "model_state_dict"])
@pytest.mark.parametrize("prefix", ["", "module.", "module._orig_mod."])
def test_nested_and_prefixed_weights_are_found(tmp_path, key, prefix):
    state = {"fc.weight": torch.ones(2, 2), "fc.bias": torch.zeros(2)}
    prefixed = {prefix + name: value for name, value in state.items()}
    torch.save({"epoch": 3, "best": torch.tensor(0.5), key: prefixed}, tmp_path / "w.pt")
    assert_same(read_weights(tmp_path / "w.pt"), state)


def test_a_prefix_that_only_some_names_have_stays(tmp_path):
    state = {"module.a": torch.ones(1), "b": torch.ones(1)}
    torch.save(state, tmp_path / "w.pt")
    assert_same(read_weights(tmp_path / "w.pt"), state)


def test_npz_weights_are_read(tmp_path):
    np.savez(tmp_path / "w.npz", a=np.arange(3, dtype=np.float32), n=np.array(4))
    assert_same(read_weights(tmp_path / "w.npz"), {"a": torch.arange(3.0), "n": torch.tensor(4)})


# Refusing what is wrong


@pytest.mark.parametrize("kind", ["zip", "legacy", "nested", "raw pickle"])
def test_a_file_that_would_run_code_is_refused_and_runs_nothing(tmp_path, kind):
    target, path = tmp_path / "pwned", tmp_path / "w.pt"
    content = {"fc.weight": torch.ones(2), "x": Exploit(target)}
    if kind == "raw pickle":
        path.write_bytes(pickle.dumps(content["x"], protocol=2))
    else:
        content = {"model": content} if kind == "nested" else content
        torch.save(content, path, _use_new_zipfile_serialization=kind != "legacy")
    message = sentence(path)
    assert "refused and nothing in it was run" in message
    assert "posix.system" in message
    assert not target.exists()


def test_the_exploit_is_a_real_one(tmp_path):
    pickle.loads(pickle.dumps(Exploit(tmp_path / "pwned")))
    assert (tmp_path / "pwned").exists()


def test_a_safetensors_name_does_not_open_the_pickle_way(tmp_path):
    torch.save({"x": Exploit(tmp_path / "pwned")}, tmp_path / "w.safetensors")
    assert "not a whole safetensors file" in sentence(tmp_path / "w.safetensors")
    assert not (tmp_path / "pwned").exists()


def test_npz_objects_are_refused(tmp_path):
    np.savez(tmp_path / "w.npz", a=np.array([Exploit(tmp_path / "pwned")], dtype=object))
    assert "could run code" in sentence(tmp_path / "w.npz")
    assert not (tmp_path / "pwned").exists()


def test_whole_models_and_other_objects_are_named(tmp_path):
    torch.save(nn.Linear(2, 2), tmp_path / "model.pt")
    assert "torch.nn.modules.linear.Linear" in sentence(tmp_path / "model.pt")
    torch.save({"model": {"a": torch.ones(1)}, "opt": argparse.Namespace(lr=1)}, tmp_path / "opt.pt")
    assert "argparse.Namespace" in sentence(tmp_path / "opt.pt")


def test_torchscript_is_refused(tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.jit.script(nn.Linear(2, 2)).save(str(tmp_path / "w.pt"))
    assert "TorchScript" in sentence(tmp_path / "w.pt")


@pytest.mark.parametrize("kind", ["w.safetensors", "zip.pt", "legacy.pt", "w.npz"])
@pytest.mark.parametrize("kept", [0, 3, 7, 60, 0.5, -1])
def test_truncated_files_get_one_sentence(tmp_path, kind, kept):
    path = tmp_path / kind
    state = {"a": torch.arange(3000.0)}
    if kind == "w.safetensors":
        save_weights(state, path, metadata={})
    elif kind == "w.npz":
        np.savez(path, a=state["a"].numpy())
    else:
        torch.save(state, path, _use_new_zipfile_serialization=kind == "zip.pt")
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * kept) if isinstance(kept, float) else kept])
    words = (
        "it is cut short, damaged or of another kind" if kept else "is empty: a file of weights was expected"
    )
    assert words in sentence(path)


@pytest.mark.parametrize("name", ["w.safetensors", "w.pt", "w.npz", "w.bin"])
def test_text_and_noise_are_no_weights(tmp_path, name):
    for content in (b"<html>404</html>", np.random.default_rng(0).bytes(5000), b"version https://git-lfs"):
        (tmp_path / name).write_bytes(content)
        assert "another kind" in sentence(tmp_path / name)


def test_missing_files_and_other_names_say_what_is_expected(tmp_path):
    assert "is not there" in sentence(tmp_path / "none.pt")
    (tmp_path / "w.pkl").write_bytes(b"x")
    assert ".safetensors, .pt, .pth, .bin, .ckpt, .npz" in sentence(tmp_path / "w.pkl")


@pytest.mark.parametrize("content", [{}, {"epoch": 3, "lr": 0.1}, [torch.ones(2)], {"model": {"a": 1}}, 5])
def test_files_without_weights_say_what_came(tmp_path, content):
    torch.save(content, tmp_path / "w.pt")
    assert "holds no weights that can be found" in sentence(tmp_path / "w.pt")


def test_sizes_are_checked_before_anything_is_loaded(tmp_path, monkeypatch):
    torch.save({"a": torch.ones(1000)}, tmp_path / "w.pt")
    monkeypatch.setattr(torch, "load", lambda *args, **kwargs: pytest.fail("loaded"))
    assert "at most 2,000 bytes" in sentence(tmp_path / "w.pt", max_bytes=2000)
    with zipfile.ZipFile(tmp_path / "bomb.pt", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data.pkl", bytes(3_000_000))
    assert (tmp_path / "bomb.pt").stat().st_size < 10_000
    assert "would unpack to 3 MB" in sentence(tmp_path / "bomb.pt", max_bytes=100_000)
    np.savez_compressed(tmp_path / "bomb.npz", a=np.zeros(10**6))
    assert "would unpack to 8 MB" in sentence(tmp_path / "bomb.npz", max_bytes=100_000)


def test_a_view_that_repeats_one_number_without_end_is_refused(tmp_path):
    torch.save({"a": torch.ones(1).expand(10**13)}, tmp_path / "w.pt")
    assert "would unpack to" in sentence(tmp_path / "w.pt")


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_numbers_that_are_not_finite_are_refused(tmp_path, value, dtype):
    state = {"fc.bias": torch.zeros(2), "fc.weight": torch.tensor([1, value, value], dtype=dtype)}
    save_file(state, tmp_path / "w.safetensors")
    assert "2 of 3 numbers in fc.weight are not finite" in sentence(tmp_path / "w.safetensors")


def test_sparse_and_complex_tensors_are_refused(tmp_path):
    torch.save({"a": torch.ones(2, dtype=torch.complex64)}, tmp_path / "w.pt")
    assert "plain dense tensor" in sentence(tmp_path / "w.pt")
