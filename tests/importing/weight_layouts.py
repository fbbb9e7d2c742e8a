"""Files of weights as trainers save them, and files that are refused: the tables of
docs/models.md."""

from __future__ import annotations

import argparse
import collections
import enum
import os
import pathlib
import pickle
import subprocess
import zipfile

import numpy as np
import torch
from torch import nn

from bickd_core.models.factory import create_model


class Options(dict):
    """A dictionary of a class of its own, as Lightning's and EasyDict's are."""

    def __init__(self, **values):
        super().__init__(values)
        self.flag = True


class Stages(list):
    """A list of a class of its own."""


class Mode(enum.Enum):
    FAST = 1


class Node:
    """An object whose attributes refer to it, as OmegaConf's nodes do."""

    def __init__(self):
        self.__dict__["_content"] = {"lr": 0.1}
        self.__dict__["_parent"] = self


def prefixed(prefix, state):
    return {f"{prefix}{name}": value for name, value in state.items()}


def teacher():
    torch.manual_seed(1)
    return create_model("resnet14", num_classes=10).state_dict()


class Net(nn.Module):
    """A network that is saved whole; its class is not there when the file is read."""

    def __init__(self):
        super().__init__()
        self.net = create_model("resnet8", num_classes=10)
        self.register_buffer("helper", torch.ones(3), persistent=False)


def whole(state):
    model = Net()
    model.net.load_state_dict(state)
    return model


LAYOUTS = {
    "the state dict alone": (lambda state: state, ""),
    "`state_dict`, with epoch and accuracy": (
        lambda state: {"epoch": 9, "best_acc": 0.9, "state_dict": state},
        "state_dict",
    ),
    "`model`": (lambda state: {"model": state}, "model"),
    "`net`": (lambda state: {"net": state, "acc": 91.2}, "net"),
    "`model_state_dict`": (lambda state: {"model_state_dict": state, "optimizer_state_dict": {}}, "model_state_dict"),
    "`weights`": (lambda state: {"weights": state}, "weights"),
    "`network`": (lambda state: {"network": state}, "network"),
    "`model_state`": (lambda state: {"model_state": state}, "model_state"),
    "`params`": (lambda state: {"params": state}, "params"),
    "`student`": (lambda state: {"student": state}, "student"),
    "an unusual key, two levels down": (lambda state: {"run": {"result": state}}, "run/result"),
    "`state_dict` and `state_dict_ema`: the first": (
        lambda state: {"state_dict_ema": prefixed("", {k: v * 0 for k, v in state.items()}), "state_dict": state},
        "state_dict",
    ),
    "`model_ema` alone": (lambda state: {"model_ema": state}, "model_ema"),
    "prefix `module.`": (lambda state: prefixed("module.", state), "module"),
    "prefix `_orig_mod.`": (lambda state: prefixed("_orig_mod.", state), "_orig_mod"),
    "prefix `module._orig_mod.`": (lambda state: prefixed("module._orig_mod.", state), "module._orig_mod"),
    "prefix `backbone.`, or any other": (lambda state: prefixed("backbone.", state), "backbone"),
    "prefixes `backbone.` and `head.`, as in mmpretrain": (
        lambda state: {
            "meta": {"epoch": 9},
            "state_dict": {("head." if k.startswith("fc.") else "backbone.") + k: v for k, v in state.items()},
        },
        "state_dict",
    ),
    "prefix `encoder.`, and the last layer beside it": (
        lambda state: {k if k.startswith("fc.") else f"encoder.{k}": v for k, v in state.items()},
        "",
    ),
    "Lightning's `.ckpt`": (
        lambda state: {
            "state_dict": prefixed("model.", state),
            "hyper_parameters": Options(lr=0.1),
            "callbacks": {"best_model_path": pathlib.PurePosixPath("a/b")},
        },
        "state_dict/model",
    ),
    "teacher and student of other depth": (
        lambda state: {"model": prefixed("student.", state) | prefixed("teacher.", teacher())},
        "model/student",
    ),
    "half precision": (lambda state: {k: v.half() if v.is_floating_point() else v for k, v in state.items()}, ""),
    "with an `argparse.Namespace`": (
        lambda state: {"model": state, "opt": argparse.Namespace(lr=0.1, path="x")},
        "model",
    ),
    "with numpy numbers and arrays": (
        lambda state: {"model": state, "best_acc": np.float64(92.6), "curve": np.arange(3.0)},
        "model",
    ),
    "with objects of a configuration library": (
        lambda state: {"model": state, "cfg": Node(), "options": Options(a=1), "stages": Stages([1])},
        "model",
    ),
    "with default dictionaries and enums": (
        lambda state: {"model": state, "log": collections.defaultdict(list, {"a": [1]}), "mode": Mode.FAST},
        "model",
    ),
    "the head called `linear`, `classifier` or `head`": (
        lambda state: {name.replace("fc.", "classifier."): value for name, value in state.items()},
        "",
    ),
    "shortcuts called `shortcut`": (
        lambda state: {name.replace(".downsample.", ".shortcut."): value for name, value in state.items()},
        "",
    ),
    "the whole network, `torch.save(model)`": (whole, "net"),
    "the whole network under a key": (lambda state: {"model": whole(state), "epoch": 3}, "model/net"),
}  # fmt: skip


class Calls:
    """Unpickled by pickle itself, it would call a function."""

    def __init__(self, function, *arguments):
        self.call = (function, arguments)

    def __reduce__(self):
        return self.call


HARMFUL = {
    "names `os.system`": lambda path: Calls(os.system, f"touch {path}"),
    "names `subprocess.Popen`": lambda path: Calls(subprocess.Popen, ["touch", str(path)]),
    "names `open`": lambda path: Calls(open, str(path), "w"),
    "names `eval`": lambda path: Calls(eval, f"open({str(path)!r}, 'w')"),
}
"""Objects that would make the file `path` if they were unpickled by pickle itself."""


def saved(content, folder, **options):
    torch.save(content, folder / "w.pth", **options)
    return folder / "w.pth"


def harmful(kind):
    return lambda state, folder: saved(
        {"model": state, "x": HARMFUL[kind](folder / "harm")}, folder
    )


def script(state, folder):
    torch.jit.script(nn.Linear(2, 2)).save(folder / "w.pt")
    return folder / "w.pt"


def cut_short(state, folder):
    file = saved(state, folder)
    file.write_bytes(file.read_bytes()[:-2000])
    return file


def with_nan(state, folder):
    return saved({**state, "fc.bias": torch.tensor([float("nan")] * 2 + [0.0] * 8)}, folder)


def two_of_a_kind(state, folder):
    other = {name: value + 1 for name, value in state.items()}
    return saved({"model": prefixed("student.", state) | prefixed("teacher.", other)}, folder)


def predictions(state, folder):
    np.savez(folder / "w.npz", logits=np.ones((4, 10)), labels=np.arange(4))
    return folder / "w.npz"


def table_of_text(state, folder):
    (folder / "w.csv").write_text("cat,dog\n1,2\n")
    return folder / "w.csv"


def empty(state, folder):
    (folder / "w.pth").touch()
    return folder / "w.pth"


def lfs_pointer(state, folder):
    (folder / "w.pth").write_text("version https://git-lfs.github.com/spec/v1\nsize 7\n")
    return folder / "w.pth"


def other(arch, **options):
    return lambda state, folder: saved(
        create_model(arch, **{"num_classes": 10, **options}).state_dict(), folder
    )


def keras(state, folder):
    """As `model.save("w.keras")` writes it."""
    with zipfile.ZipFile(folder / "w.keras", "w") as archive:
        for name in ("metadata.json", "config.json", "model.weights.h5"):
            archive.writestr(name, "{}")
    return folder / "w.keras"


def hdf5(state, folder):
    (folder / "w.h5").write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(100))
    return folder / "w.h5"


REFUSALS = {
    **{kind: harmful(kind) for kind in HARMFUL},
    "a TorchScript program": script,
    "a whole network in the format before torch 1.6": lambda state, folder: saved(
        whole(state), folder, _use_new_zipfile_serialization=False
    ),
    "pickled with protocol 4 or 5": lambda state, folder: saved(
        {"model": state, "note": b"x" * 300}, folder, pickle_protocol=pickle.HIGHEST_PROTOCOL
    ),
    "cut short": cut_short,
    "empty": empty,
    "a pointer of Git LFS": lfs_pointer,
    "numbers that are not finite": with_nan,
    "two networks of one kind, and `--part` left out": two_of_a_kind,
    "another network, which is in the table above": other("resnet14"),
    "another network, which is not": lambda state, folder: saved(
        {"a.weight": torch.ones(3)}, folder
    ),
    "another number of classes": other("resnet8", num_classes=7),
    "another number of channels": other("resnet8", in_channels=4),
    "predictions": predictions,
    "a table of text": table_of_text,
    "a `.keras` file": keras,
    "an `.h5` file": hdf5,
}
"""What is refused -> what makes the file from the weights of resnet8 for 10 classes, in a
folder."""
