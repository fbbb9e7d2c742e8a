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
from bickd_core.runs.checkpoints import WeightsError, read_weights, save_weights


def sentence(path: Path, **options: int) -> str:
    """The message of the refusal; one line, one full stop at its end, no half-sentences from a
    library."""
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
    save_weights(
        model, tmp_path / "best" / "model.safetensors", metadata={"arch": "resnet8", 'épo"que': "3"}
    )
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
    state = {
        "a": weight,
        "tied": weight,
        "turned": weight.T,
        "half": weight.bfloat16(),
        "n": torch.tensor(3),
    }
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
    assert "`a` must be real numbers or text without pickles" in sentence(tmp_path / "w.npz")
    assert not (tmp_path / "pwned").exists()


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
    if not kept:
        assert "is empty: expected weights" in sentence(path)
    elif kind == "w.safetensors" and kept in (0.5, -1):
        assert "is cut short or damaged: its header gives a the shape [3000]" in sentence(path)
    else:
        assert "it is cut short, damaged or of another kind" in sentence(path)


@pytest.mark.parametrize("name", ["w.safetensors", "w.pt", "w.npz", "w.bin"])
def test_text_and_noise_are_no_weights(tmp_path, name):
    for content in (b"<html>404</html>", np.random.default_rng(0).bytes(5000)):
        (tmp_path / name).write_bytes(content)
        assert "another kind" in sentence(tmp_path / name)
    (tmp_path / name).write_bytes(b"version https://git-lfs")
    assert "is a pointer to a file in Git LFS, not weights" in sentence(tmp_path / name)


def test_missing_files_and_other_names_say_what_is_expected(tmp_path):
    assert "does not exist" in sentence(tmp_path / "none.pt")
    (tmp_path / "w.pkl").write_bytes(b"x")
    assert ".safetensors, .pt, .pth, .bin, .ckpt, .th, .tar, .npz" in sentence(tmp_path / "w.pkl")


@pytest.mark.parametrize("name", ["r.th", "model_best.pth.tar", "student_best", "w.weights"])
@pytest.mark.parametrize("kind", ["zip", "legacy", "safetensors", "npz"])
def test_a_file_is_known_by_its_content_whatever_it_is_called(tmp_path, name, kind):
    state, path = {"fc.weight": torch.ones(2, 2)}, tmp_path / name
    if kind == "safetensors":
        save_weights(state, path, metadata={})
    elif kind == "npz":
        with path.open("wb") as file:
            np.savez(file, **{"fc.weight": np.ones((2, 2), dtype=np.float32)})
    else:
        torch.save(state, path, _use_new_zipfile_serialization=kind == "zip")
    if path.suffix in (".th", ".tar") and kind in ("safetensors", "npz"):
        assert "is not a whole torch file" in sentence(path)  # its name says what it should be
    else:
        assert_same(read_weights(path), state)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("named.npz", "holds logits, labels, class_names: these are predictions, not weights"),
        ("plain.npz", "holds logits, labels: these are predictions, not weights"),
        ("p.csv", "is a table of text, not weights"),
        ("p.parquet", "is a parquet table, not weights"),
        ("logits.npy", "is a single numpy array, not weights"),
        ("names.npz", "names is an array of text, and weights are numbers"),
    ],
)
def test_files_of_predictions_and_tables_are_told_what_they_are(tmp_path, name, words):
    logits, labels, names = np.ones((3, 2), dtype=np.float32), np.arange(3), np.array(["a", "b"])
    if name == "names.npz":
        np.savez(tmp_path / name, names=names, **{"fc.weight": logits})
    elif name.endswith(".npz"):
        more = {"class_names": names} if name == "named.npz" else {}
        np.savez(tmp_path / name, logits=logits, labels=labels, **more)
    elif name.endswith(".npy"):
        np.save(tmp_path / name, logits)
    else:
        (tmp_path / name).write_bytes(
            b"PAR1 and so on" if name.endswith("parquet") else b"a,b\n1,2\n"
        )
    assert words in sentence(tmp_path / name)


def test_the_table_with_the_expected_names_is_taken_whatever_its_prefix(tmp_path):
    student = {"fc.weight": torch.ones(2, 2), "bn.num_batches_tracked": torch.tensor(3)}
    teacher = {"fc.weight": torch.zeros(4, 2), "fc.bias": torch.zeros(4)}
    both = {f"student.{k}": v for k, v in student.items()} | {
        f"teacher.{k}": v for k, v in teacher.items()
    }
    torch.save({"best": 1.0, "model": both, "optimizer": {"lr": torch.ones(1)}}, tmp_path / "w.pt")
    assert_same(read_weights(tmp_path / "w.pt", expected=student), student)
    assert_same(read_weights(tmp_path / "w.pt", expected=teacher), teacher)
    assert read_weights(tmp_path / "w.pt", expected=["other"]).keys() == both.keys()


def test_a_head_of_another_name_is_found(tmp_path):
    torch.save({"linear.weight": torch.ones(2, 2), "linear.bias": torch.ones(2)}, tmp_path / "w.pt")
    found = read_weights(tmp_path / "w.pt", expected=["fc.weight", "fc.bias"])
    assert found.keys() == {"fc.weight", "fc.bias"}


@pytest.mark.parametrize(
    "content", [{}, {"epoch": 3, "lr": 0.1}, [torch.ones(2)], {"model": {"a": 1}}, 5]
)
def test_files_without_weights_say_what_came(tmp_path, content):
    torch.save(content, tmp_path / "w.pt")
    assert "holds no weights: expected a table of names and tensors" in sentence(tmp_path / "w.pt")


def test_sizes_are_checked_before_anything_is_loaded(tmp_path, monkeypatch):
    torch.save({"a": torch.ones(1000)}, tmp_path / "w.pt")
    monkeypatch.setattr(torch, "load", lambda *args, **kwargs: pytest.fail("loaded"))
    assert "at most 2,000 bytes" in sentence(tmp_path / "w.pt", max_bytes=2000)
    with zipfile.ZipFile(tmp_path / "bomb.pt", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data.pkl", bytes(3_000_000))
    assert (tmp_path / "bomb.pt").stat().st_size < 10_000
    assert "has 3,053 bytes and would unpack to 2.9 MB" in sentence(
        tmp_path / "bomb.pt", max_bytes=100_000
    )
    np.savez_compressed(tmp_path / "bomb.npz", a=np.zeros(10**6))
    assert "would unpack to 7.6 MB" in sentence(tmp_path / "bomb.npz", max_bytes=100_000)


def test_a_small_file_may_not_unpack_to_a_hundred_times_its_size(tmp_path):
    np.savez_compressed(tmp_path / "bomb.npz", a=np.zeros(10**7))
    assert "would unpack to 76 MB; at most 64 MB are read from a file of its size" in sentence(
        tmp_path / "bomb.npz"
    )


def test_a_flipped_bit_in_a_torch_file_is_found(tmp_path):
    torch.save({"a": torch.ones(1000)}, tmp_path / "w.pt")
    content = bytearray((tmp_path / "w.pt").read_bytes())
    content[content.index(torch.ones(2).numpy().tobytes()) + 2000] ^= 1
    (tmp_path / "w.pt").write_bytes(content)
    assert "the checksum of w/data/0 does not fit its bytes" in sentence(tmp_path / "w.pt")


def test_a_view_that_repeats_one_number_without_end_is_refused(tmp_path):
    torch.save({"a": torch.ones(1).expand(10**13)}, tmp_path / "w.pt")
    assert "asks for 37,253 GB and is a file of 1,343 bytes" in sentence(tmp_path / "w.pt")


@pytest.mark.parametrize("dtype", [torch.float8_e4m3fn, torch.float16, torch.float64])
def test_a_small_file_cannot_ask_for_gigabytes(tmp_path, dtype):
    torch.save({"a": torch.ones(1).to(dtype).expand(10**9)}, tmp_path / "w.pt")
    assert "weights do not need that" in sentence(tmp_path / "w.pt")


def test_nested_tensors_are_refused_in_our_words(tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.save(
            {"a": torch.nested.nested_tensor([torch.ones(2), torch.ones(3)])}, tmp_path / "w.pt"
        )
    words = sentence(tmp_path / "w.pt")
    assert "must be a plain dense tensor" in words or "was refused" in words


@pytest.mark.parametrize("dtype", [torch.bool, torch.int8])
def test_weights_that_are_no_decimal_numbers_are_refused(tmp_path, dtype):
    torch.save({"fc.weight": torch.ones(2, 2).to(dtype), "n": torch.tensor(1)}, tmp_path / "w.pt")
    assert "expected decimal numbers" in sentence(tmp_path / "w.pt")


def test_names_out_of_a_file_are_no_markup(tmp_path):
    torch.save({"![x](http://y)": torch.tensor([float("nan")])}, tmp_path / "w.pt")
    assert "??x??http://y?" in sentence(tmp_path / "w.pt")


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_numbers_that_are_not_finite_are_refused(tmp_path, value, dtype):
    state = {"fc.bias": torch.zeros(2), "fc.weight": torch.tensor([1, value, value], dtype=dtype)}
    save_file(state, tmp_path / "w.safetensors")
    assert "2 of 3 numbers in fc.weight are not finite" in sentence(tmp_path / "w.safetensors")


def test_sparse_and_complex_tensors_are_refused(tmp_path):
    torch.save({"a": torch.ones(2, dtype=torch.complex64)}, tmp_path / "w.pt")
    assert "plain dense tensor" in sentence(tmp_path / "w.pt")
