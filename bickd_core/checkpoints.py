"""Weights on disk: safetensors out; safetensors, torch files or npz in, and no file ever runs code.

Torch files are read by torch's restricted unpickler alone (`weights_only=True`), sizes checked first.
Whatever is wrong with a file ends in a `WeightsError` of one sentence, and a model is loaded whole or not at all.
"""

import json
import os
import re
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor, nn

from bickd_core.atomic import write_bytes

TORCH_SUFFIXES = (".pt", ".pth", ".bin", ".ckpt")
SUFFIXES = (".safetensors", *TORCH_SUFFIXES, ".npz")
MAX_BYTES = 2 * 1024**3

_NESTED_KEYS = ("state_dict", "model_state_dict", "model", "net")
_PREFIXES = ("module.", "_orig_mod.")  # left by data parallelism and by torch.compile
# What torch's restricted unpickler says, beside naming a GLOBAL, when a file asks for more than tensors.
_FOREIGN = ("unrecognized function", "Can only create new object", "Can only build Tensor")
_COUNTER = "num_batches_tracked"  # batch norm's counter: files older than torch 0.4.1 have none


class WeightsError(ValueError):
    """A weights file or a set of weights that is refused; the message is one sentence for the user."""


def save_weights(
    model: nn.Module | Mapping[str, Tensor], path: str | os.PathLike[str], *, metadata: Mapping[str, str]
) -> None:
    """Write a model's weights as safetensors, atomically; the same weights always give the same bytes.

    Args:
        model: a module, or its state dict.
        path: the file to make or replace; its folder is made when missing.
        metadata: text for the file's header, strings to strings.
    """
    state = model.state_dict() if isinstance(model, nn.Module) else model
    for key, value in metadata.items():
        if not isinstance(key, str) or not isinstance(value, str):
            raise TypeError(f"metadata must be strings to strings, not {key!r}: {value!r}")
    # Copies: safetensors refuses tensors that share memory, as tied weights do.
    tensors = {key: value.detach().to("cpu", copy=True).contiguous() for key, value in state.items()}
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    write_bytes(path, _canonical(save(tensors, metadata={"format": "pt", **metadata})))


def _canonical(data: bytes) -> bytes:
    """Sort the header's metadata, which safetensors writes in an order that changes from call to call."""
    start = 8 + int.from_bytes(data[:8], "little")
    header = json.loads(data[8:start])
    header["__metadata__"] = dict(sorted(header["__metadata__"].items()))
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode("utf-8")
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text + data[start:]


def read_weights(path: str | os.PathLike[str], *, max_bytes: int = MAX_BYTES) -> dict[str, Tensor]:
    """The named tensors in a weights file, on the CPU, in the types that the file has.

    Args:
        path: `.safetensors`; `.pt`, `.pth`, `.bin`, `.ckpt` (torch, zip or legacy); or `.npz`. A torch file
            may hold the state dict itself or under "state_dict", "model_state_dict", "model" or "net".
            Prefixes `module.` and `_orig_mod.` are taken off where all names have them.
        max_bytes: refuse files that are larger, on disk or unpacked.

    Raises:
        WeightsError: for a file that is missing, too large, cut short, of another kind, not finite, or that
            would have to run code.
    """
    path = Path(path)
    if not path.is_file():
        raise WeightsError(f"{path.name} is not there: a weights file was expected at {path}.")
    if path.suffix.lower() not in SUFFIXES:
        raise WeightsError(
            f"{path.name} is not known as a weights file: its name should end with {', '.join(SUFFIXES)}."
        )
    if not path.stat().st_size:
        raise WeightsError(
            f"{path.name} is empty: a file of weights was expected, so copy or download it again."
        )
    if path.stat().st_size > max_bytes:
        raise WeightsError(
            f"{path.name} has {_size(path.stat().st_size)}, but at most {_size(max_bytes)} are accepted."
        )
    if path.suffix.lower() == ".safetensors":
        content: Any = _read_safetensors(path)
    elif path.suffix.lower() == ".npz":
        content = _read_npz(path, max_bytes)
    else:
        content = _read_torch(path, max_bytes)
    state = _without_prefixes(_find_state_dict(content, path.name))
    _check_tensors(state, path.name, max_bytes)
    return state


def _size(count: int) -> str:
    return f"{count / 1024**2:,.0f} MB" if count >= 1024**2 else f"{count:,} bytes"


def _not_whole(path: Path, kind: str, error: Exception) -> WeightsError:
    # Only these say something to a user; an unpickler's KeyError(101) does not.
    telling = isinstance(error, SafetensorError | RuntimeError | zipfile.BadZipFile) and str(error).strip()
    reason = f" ({telling.splitlines()[0].split('. ')[0].rstrip('.')[:120]})" if telling else ""
    return WeightsError(
        f"{path.name} is not a whole {kind} file{reason}: it is cut short, damaged or of another kind, so copy "
        "or download it again."
    )


def _read_safetensors(path: Path) -> dict[str, Tensor]:
    try:
        return load_file(path, device="cpu")
    except (SafetensorError, OSError, ValueError, KeyError, RuntimeError) as error:
        raise _not_whole(path, "safetensors", error) from error


def _check_zip(path: Path, kind: str, max_bytes: int) -> list[str]:
    """Names in a zip file, its declared sizes checked: a small file can unpack to a huge one."""
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        raise _not_whole(path, kind, error) from error
    total = sum(member.file_size for member in members)
    if total > max_bytes:
        raise WeightsError(
            f"{path.name} would unpack to {_size(total)}, but at most {_size(max_bytes)} are accepted."
        )
    return [member.filename for member in members]


def _read_npz(path: Path, max_bytes: int) -> dict[str, Tensor]:
    _check_zip(path, "npz", max_bytes)
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
            return {key: torch.tensor(stored[key]) for key in stored.files}
    except Exception as error:  # a damaged or hostile file may fail anywhere in the parser
        if "allow_pickle" in str(error):
            raise WeightsError(
                f"{path.name} was refused: it has an array of Python objects, which could run code, and only "
                "arrays of numbers are accepted."
            ) from error
        raise _not_whole(path, "npz", error) from error


def _read_torch(path: Path, max_bytes: int) -> Any:
    with path.open("rb") as file:
        start = file.read(4)
    if start == b"PK\x03\x04":
        names = _check_zip(path, "torch", max_bytes)
        if any(name.endswith("constants.pkl") for name in names):
            raise WeightsError(
                f"{path.name} was refused: it is a TorchScript program, which is code, and only weights are "
                "accepted; save them with torch.save(model.state_dict(), ...)."
            )
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # a damaged or hostile pickle may fail anywhere in the unpickler
        message = str(error)
        wanted = re.search(r"GLOBAL ([\w.]+)", message)
        if wanted or any(words in message for words in _FOREIGN):
            what = f"the Python object {wanted[1]}" if wanted else "a Python object"
            raise WeightsError(
                f"{path.name} was refused and nothing in it was run: loading it needs {what}, which could "
                "run code; save plain tensors with torch.save(model.state_dict(), ...)."
            ) from error
        raise _not_whole(path, "torch", error) from error


def _find_state_dict(content: Any, name: str) -> dict[str, Tensor]:
    """The mapping of names to tensors in what a file held, at most three levels down."""
    inner = content
    for _ in range(3):
        if not isinstance(inner, Mapping) or not inner:
            break
        if all(isinstance(key, str) and isinstance(value, Tensor) for key, value in inner.items()):
            return dict(inner)
        found = next((key for key in _NESTED_KEYS if isinstance(inner.get(key), Mapping)), None)
        if found is None:
            break
        inner = inner[found]
    if isinstance(content, Mapping):
        keys = ", ".join(repr(key)[:40] for key in list(content)[:5])
        came = f"a table with {keys}" if content else "an empty table"
    else:
        came = f"a {type(content).__name__}"
    raise WeightsError(
        f"{name} holds no weights that can be found: a table of names and tensors was expected, alone or "
        f"under {', '.join(_NESTED_KEYS)}, but {came} came."
    )


def _without_prefixes(state: dict[str, Tensor]) -> dict[str, Tensor]:
    while prefix := next((p for p in _PREFIXES if all(key.startswith(p) for key in state)), None):
        state = {key.removeprefix(prefix): value for key, value in state.items()}
    return state


def _check_tensors(state: Mapping[str, Tensor], name: str, max_bytes: int) -> None:
    """Plain, finite and not larger than they may be (a view can repeat one number without end)."""
    for key, value in state.items():
        if value.layout != torch.strided or value.is_quantized or value.is_complex() or value.is_meta:
            raise WeightsError(f"{name} is refused: {key} must be a plain dense tensor of real numbers.")
    total = sum(value.numel() * value.element_size() for value in state.values())
    if total > max_bytes:
        raise WeightsError(
            f"{name} would unpack to {_size(total)}, but at most {_size(max_bytes)} are accepted."
        )
    _check_finite(state, name)


def _check_finite(state: Mapping[str, Tensor], name: str) -> None:
    for key, value in state.items():
        if value.is_floating_point():
            bad = int((~torch.isfinite(value.float())).sum())
            if bad:
                raise WeightsError(
                    f"{name} cannot be used: {bad:,} of {value.numel():,} numbers in {key} are not finite, "
                    "so its training broke down or the file is damaged."
                )


def load_into(
    model: nn.Module, state_dict: Mapping[str, Tensor], *, name: str, dataset: str | None = None
) -> None:
    """Copy weights into a model, converted to its types; all of them, or none.

    Args:
        model: any module; its last `nn.Linear` is taken for the head, its first parameter for the stem.
        state_dict: names to tensors, as from `read_weights`. Batch norm's counters may be missing.
        name: the architecture's name, for messages.
        dataset: the data set's name, for messages.

    Raises:
        WeightsError: as `describe_mismatch` says, or when a number is not finite in the model's type.
    """
    mismatch = describe_mismatch(model, state_dict, name=name, dataset=dataset)
    if mismatch is not None:
        raise WeightsError(mismatch)
    own = model.state_dict()
    for key, value in own.items():
        if key in state_dict and state_dict[key].shape == value.shape:  # a counter may be missing or odd
            own[key] = state_dict[key].to(value.dtype)
    _check_finite(own, f"The set of weights for {name}")
    model.load_state_dict(own)


def describe_mismatch(
    model: nn.Module, state_dict: Mapping[str, Tensor], *, name: str, dataset: str | None = None
) -> str | None:
    """One sentence on why weights do not fit a model: what was expected and what came; None when they fit.

    Told apart: another architecture (names or shapes differ), another number of classes (the head's rows),
    another number of image channels (the stem's input).
    """
    own = {key: value for key, value in model.state_dict().items() if not key.endswith(_COUNTER)}
    came = {key: value for key, value in state_dict.items() if not key.endswith(_COUNTER)}
    missing = [key for key in own if key not in came]
    unexpected = [key for key in came if key not in own]
    if missing or unexpected:
        shared = len(own) - len(missing)
        details = [f"missing is {missing[0]}"] if missing else []
        details += [f"not expected is {unexpected[0]}"] if unexpected else []
        return (
            f"These are not weights of {name}: it has {len(own)} tensors, {len(came)} came and {shared} names "
            f"match ({', '.join(details)}); choose the architecture that they were trained with."
        )
    shapes = {key: (own[key].shape, came[key].shape) for key in own if own[key].shape != came[key].shape}
    if not shapes:
        return None
    linear = [key for key, module in model.named_modules() if isinstance(module, nn.Linear)]
    stem = next((key for key in own if own[key].ndim == 4), None)
    owner = f"dataset {dataset}" if dataset else "this model"
    reasons, wrong = [], []
    for key, (expected, found) in shapes.items():
        if linear and key in (f"{linear[-1]}.weight", f"{linear[-1]}.bias") and expected[1:] == found[1:]:
            if key.endswith("weight"):
                reasons.append(f"{key} has {found[0]} rows, {owner} has {expected[0]} classes")
        elif key == stem and len(found) == 4 and (expected[0], expected[2:]) == (found[0], found[2:]):
            reasons.append(f"{key} takes {found[1]} image channels, {owner} has {expected[1]}")
        else:
            wrong.append(key)
    if reasons and not wrong:
        return f"These weights of {name} are for other data: {', and '.join(reasons)}."
    first = (wrong or list(shapes))[0]
    return (
        f"These are not weights of {name}: {len(shapes)} of its {len(own)} tensors came in another shape "
        f"({first} should be {list(shapes[first][0])}, it is {list(shapes[first][1])}); choose the "
        "architecture that they were trained with."
    )
