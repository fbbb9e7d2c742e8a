"""Save weights as safetensors, and read safetensors, torch files and npz without running code.

Torch files are read by torch's restricted unpickler (`weights_only=True`), after a check of their
sizes. Objects of unknown classes become inert placeholders. Every problem with a file is a
`WeightsError` of one sentence. A model gets all weights or none.
"""

import json
import lzma
import os
import re
import struct
import warnings
import zipfile
import zlib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO, Literal

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor, nn

from bickd_core.atomic import write_bytes
from bickd_core.file_sizes import MAX_RATIO, SMALL_BYTES, out_of_memory, size_text, unpacked_limit
from bickd_core.models import mismatch
from bickd_core.models.recognise import COUNTER, Part, parts_of, without_prefixes
from bickd_core.models.renormalised import Renormalised
from bickd_core.models.wrapped import Wrapped
from bickd_core.naming import plain_name, plain_reason
from bickd_core.npz import load_npz
from bickd_core.reading import ReadError, is_lfs_pointer
from bickd_core.runs.inert import Inert, load_inert, module_tensors
from bickd_core.runs.program_kinds import TITLES, program_kind
from bickd_core.safetensors_header import HeaderError, read_header

TORCH_SUFFIXES = (".pt", ".pth", ".bin", ".ckpt", ".th", ".tar")
SUFFIXES = (".safetensors", *TORCH_SUFFIXES, ".npz")
MAX_BYTES = 2 * 1024**3

_KEYS = (
    "state_dict", "model_state_dict", "model", "net", "student", "student_state_dict", "model_s",
    "network", "weights",
    "params", "model_state", "module", "backbone", "classifier", "params_ema", "state_dict_ema",
    "model_ema", "ema",
)  # fmt: skip
"""Keys under which trainers save a network, in the order in which they are tried."""
_MOST_TABLES = 30
_PREDICTIONS = ("logits", "probabilities", "probs", "predictions", "scores")
"""Names of arrays that show that a file has predictions instead of weights."""
DAMAGE = (
    zipfile.BadZipFile, zlib.error, lzma.LZMAError, OSError, ValueError, EOFError, KeyError,
    IndexError, TypeError,
    OverflowError, RuntimeError, struct.error,
)  # fmt: skip
"""Errors that zip's and torch's readers raise for damaged files."""
_ZIP = b"PK\x03\x04"
_HDF5 = b"\x89HDF\r\n\x1a\n"
# What torch's restricted unpickler says, beside naming a GLOBAL, when a file asks for more than
# tensors.
_FOREIGN = ("unrecognized function", "Can only create new object", "Can only build Tensor")


class WeightsError(ValueError):
    """A refused weights file, or weights that do not fit. The message is one sentence for the
    user."""


def save_weights(
    model: nn.Module | Mapping[str, Tensor],
    path: str | os.PathLike[str],
    *,
    metadata: Mapping[str, str],
) -> None:
    """Write a model's weights as safetensors, atomically. The same weights always give the same
    bytes.

    Args:
        model: a module, or its state dict.
        path: the file to create or replace. A missing folder is created.
        metadata: texts for the file's header, by name.
    """
    state = model.state_dict() if isinstance(model, nn.Module) else model
    for key, value in metadata.items():
        if not isinstance(key, str) or not isinstance(value, str):
            raise TypeError(f"metadata must be strings to strings, not {key!r}: {value!r}")
    # Copies: safetensors refuses tensors that share memory, as tied weights do.
    tensors = {
        key: value.detach().to("cpu", copy=True).contiguous() for key, value in state.items()
    }
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    write_bytes(path, _canonical(save(tensors, metadata={"format": "pt", **metadata})))


def _canonical(data: bytes) -> bytes:
    """Sort the header's metadata, because safetensors writes it in a random order."""
    start = 8 + int.from_bytes(data[:8], "little")
    header = json.loads(data[8:start])
    header["__metadata__"] = dict(sorted(header["__metadata__"].items()))
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode("utf-8")
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text + data[start:]


def read_weights(
    path: str | os.PathLike[str],
    *,
    expected: Iterable[str] | Mapping[str, Sequence[int] | Tensor] | None = None,
    part: str | None = None,
    max_bytes: int = MAX_BYTES,
) -> dict[str, Tensor]:
    """Read the tensors of one network from a weights file, on the CPU and in the file's data types.

    Args:
        path: a safetensors file, a torch file (zip or legacy format) or an `.npz`. A torch file may
            have several tables of tensors, on any of its first three levels, or be a network that
            was saved whole.
        expected: the network's tensor names, or a mapping from names to shapes or tensors. The
            table that has these tensors is used, whatever their prefix. If it is None or no table
            fits, the first table is used, without the prefixes `module.` and `_orig_mod.` if all
            its names have them.
        part: the label (`Part.label`) of the network to use, if several fit.
        max_bytes: refuse files that are larger, on disk or unpacked.

    Raises:
        WeightsError: the file is missing, too large, damaged or of another kind; it has values that
            are not finite, or names functions that could do harm; or several networks fit and
            `part` is None.
    """
    return read_network(path, expected=expected, part=part, max_bytes=max_bytes)[0]


def read_network(
    path: str | os.PathLike[str],
    *,
    expected: Iterable[str] | Mapping[str, Sequence[int] | Tensor] | None = None,
    part: str | None = None,
    max_bytes: int = MAX_BYTES,
) -> tuple[dict[str, Tensor], str, tuple[str, ...]]:
    """Read a network like `read_weights`.

    Returns:
        The tensors by name, the label of the part that was used, and the labels of other parts that
        also fit.
    """
    path = Path(path)
    tables = read_tables(path, max_bytes=max_bytes)
    where, first = next(iter(tables.items()))
    state = {name: first[stored] for name, stored in without_prefixes(first).items()}
    label = where
    others: tuple[str, ...] = ()
    if expected is not None:
        named: Mapping[str, Any] = (
            expected if isinstance(expected, Mapping) else dict.fromkeys(expected, ())
        )
        wanted = {name: tuple(getattr(shape, "shape", shape)) for name, shape in named.items()}
        shapes = {
            where: {name: tuple(value.shape) for name, value in table.items()}
            for where, table in tables.items()
        }
        if matches := _distinct(parts_of(shapes, wanted), tables):
            taken = _choose(matches, part, path.name)
            table, reading = tables[taken.where], taken.reading
            counters = {key: value for key, value in table.items() if key.endswith(COUNTER)}
            state = {name: table[stored] for name, stored in reading.names.items()}
            state |= _counters(counters, reading.under)
            label = taken.label
            others = tuple(other.label for other in matches if other is not taken)
    check_values(state, path.name)
    return state, label, others


def _distinct(parts: list[Part], tables: Mapping[str, Mapping[str, Tensor]]) -> list[Part]:
    """Return the first of all parts with the same weights."""
    distinct: list[Part] = []
    for part in parts:
        if not any(_same_weights(part, other, tables) for other in distinct):
            distinct.append(part)
    return distinct


def _same_weights(part: Part, other: Part, tables: Mapping[str, Mapping[str, Tensor]]) -> bool:
    left, right = tables[part.where], tables[other.where]
    return all(
        torch.equal(left[stored], right[other.reading.names[name]])
        for name, stored in part.reading.names.items()
    )


def _choose(parts: list[Part], wanted: str | None, name: str) -> Part:
    """Return the part with the wanted label. Without one, return the only part that is not a
    running average of weights, or else the first average.

    Raises:
        WeightsError: several parts could be meant, or none has the label.
    """
    listed = ", ".join(f"'{plain_name(part.label)}'" for part in parts[:8])
    if wanted is not None:
        match = next((part for part in parts if part.label == wanted), None)
        if match is None:
            raise WeightsError(
                f"{name} has no network of this kind called '{plain_name(wanted)}'; it has"
                f" {listed}."
            )
        return match
    plain = [part for part in parts if not part.averaged] or parts[:1]
    if len(plain) > 1:
        raise WeightsError(
            f"{name} holds {len(plain)} networks of this kind: {listed}; choose one of them as the"
            " part to load."
        )
    return plain[0]


def read_tables(
    path: str | os.PathLike[str], *, max_bytes: int = MAX_BYTES
) -> dict[str, dict[str, Tensor]]:
    """Read all tables of tensors in a weights file, by their keys in the file, the most likely
    first.

    The key is "" if the file holds only one table. Sizes are checked, values are not.

    Raises:
        WeightsError: as for `read_weights`, except for values that are not finite.
    """
    path = Path(path)
    kind = file_kind(path, max_bytes=max_bytes)
    if kind == "safetensors":
        content: Any = _read_safetensors(path)
    elif kind == "npz":
        content = _read_npz(path, max_bytes)
    else:
        content = _read_torch(path, max_bytes)
    tables = _find_tables(content, path.name)
    _check_sizes(tables, path, max_bytes)
    return tables


def file_kind(path: Path, *, max_bytes: int = MAX_BYTES) -> Literal["safetensors", "npz", "torch"]:
    """Detect the format of a weights file from its first bytes.

    A file called `.safetensors` or `.npz` must have that format.

    Raises:
        WeightsError: the file is missing, empty, too large or of another format. The message names
            that format if it is known.
    """
    if not path.is_file():
        raise WeightsError(f"{path.name} does not exist: expected a weights file at {path}.")
    size = path.stat().st_size
    if not size:
        raise WeightsError(f"{path.name} is empty: expected weights, so copy or download it again.")
    if is_lfs_pointer(path):
        raise WeightsError(
            f"{path.name} is a pointer to a file in Git LFS, not weights: run `git lfs pull`, or"
            " download the file itself."
        )
    if size > max_bytes:
        raise WeightsError(
            f"{path.name} has {size_text(size)}, but at most {size_text(max_bytes)} are accepted."
        )
    if (program := program_kind(path)) is not None:
        raise WeightsError(
            f"{path.name} is {TITLES[program]}, not weights: the command `bickd import {path.name}"
            " --dataset DATA` makes a run of what it predicts."
        )
    suffix = path.suffix.lower()
    with path.open("rb") as file:
        start = file.read(16)
    if (keras := _keras_kind(path, start)) is not None:
        raise WeightsError(
            f"{path.name} is {keras}, which is not read: export the network as ONNX, as"
            " docs/models.md says, or save its predictions and import them on the page Bring your"
            " own or with `bickd import-predictions`."
        )
    if other := _other_kind(start, suffix):
        raise WeightsError(
            f"{path.name} is {other}, not weights: expected a safetensors, torch or npz file with"
            " weights; import a table of predictions on the page Bring your own, or with"
            " `bickd import-predictions`."
        )
    if suffix in (".safetensors", ".npz"):
        return "safetensors" if suffix == ".safetensors" else "npz"
    if start[:4] == _ZIP:
        return "npz" if suffix not in TORCH_SUFFIXES and _holds_arrays(path) else "torch"
    if suffix not in TORCH_SUFFIXES and start[8:9] == b"{":
        return "safetensors"
    if suffix not in TORCH_SUFFIXES and start[:1] != b"\x80":
        raise WeightsError(
            f"{path.name} is not a known kind of weights file: expected a file with one of the"
            f" suffixes {', '.join(SUFFIXES)}."
        )
    return "torch"


def _other_kind(start: bytes, suffix: str) -> str:
    """Return what a file without weights is, by its first bytes or its suffix; "" if that is not
    known."""
    if start[:6] == b"\x93NUMPY":
        return "a single numpy array"
    if start[:4] == b"PAR1":
        return "a parquet table"
    return {".csv": "a table of text", ".tsv": "a table of text"}.get(suffix, "")


def _keras_kind(path: Path, start: bytes) -> str | None:
    """Return what a file is that Keras wrote, by its content; None for other files."""
    if start[:8] == _HDF5:
        return "an HDF5 file, as Keras writes it"
    if start[:4] != _ZIP:
        return None
    try:
        with zipfile.ZipFile(path) as archive:
            names = set(archive.namelist())
    except DAMAGE:
        return None
    return "a Keras file" if {"config.json", "model.weights.h5"} <= names else None


def _holds_arrays(path: Path) -> bool:
    try:
        with zipfile.ZipFile(path) as archive:
            return all(name.endswith(".npy") for name in archive.namelist())
    except DAMAGE:
        return False


def _not_whole(path: Path, kind: str, error: BaseException) -> WeightsError:
    # Only these say something to a user; an unpickler's KeyError(101) does not.
    telling = (
        isinstance(error, SafetensorError | RuntimeError | zipfile.BadZipFile)
        and str(error).strip()
    )
    reason = f" ({plain_reason(telling)})" if telling else ""
    return WeightsError(
        f"{path.name} is not a whole {kind} file{reason}: it is cut short, damaged or of another"
        " kind, so copy or download it again."
    )


def too_much(path: Path, error: BaseException | None, wanted: str) -> str:
    """Return the message for a file that needs more memory than weights of its size can.

    Args:
        error: torch's error, which may have the number of bytes; or None.
        wanted: what the file needs, if the error does not say it.
    """
    allocated = re.search(r"allocate (\d+) bytes", str(error))
    return (
        f"{path.name} asks for {size_text(int(allocated[1])) if allocated else wanted} and is a"
        f" file of {size_text(path.stat().st_size)}: weights do not need that, so it is damaged or"
        " was made to fill the memory; save it again with torch.save(model.state_dict(), ...)."
    )


def _read_safetensors(path: Path) -> dict[str, Tensor]:
    try:
        read_header(path)
        return load_file(path, device="cpu")
    except HeaderError as error:
        raise WeightsError(str(error)) from error
    except (SafetensorError, OSError, ValueError, KeyError, RuntimeError) as error:
        raise _not_whole(path, "safetensors", error) from error


def _read_npz(path: Path, max_bytes: int) -> dict[str, Tensor]:
    members = _check_zip(path, "npz", max_bytes)
    names = [name.removesuffix(".npy") for name in members]
    if any(name in _PREDICTIONS for name in names) and not any("." in name for name in names):
        raise WeightsError(
            f"{path.name} holds {', '.join(map(plain_name, names[:6]))}: these are predictions, not"
            " weights; import them on the page Bring your own, or with `bickd import-predictions`."
        )
    try:
        arrays = load_npz(path)
    except ReadError as error:
        raise WeightsError(f"{path.name} is refused: {error}") from error
    text = next((name for name, values in arrays.items() if values.dtype.kind == "U"), None)
    if text is not None:
        raise WeightsError(
            f"{path.name} is refused: {plain_name(text)} is an array of text, and weights are"
            " numbers."
        )
    return {name: _tensor(values) for name, values in arrays.items()}


def _tensor(values: np.ndarray) -> Tensor:
    return torch.from_numpy(values.astype(np.float64) if values.dtype == np.longdouble else values)


def check_archive(file: Path | BinaryIO) -> None:
    """Check that all members of a zip file fit their checksums, because torch does not.

    Raises:
        zipfile.BadZipFile: a member does not; the message names it.
        Exception: another error of `zipfile` for damaged files.
    """
    with zipfile.ZipFile(file) as archive:
        if (damaged := archive.testzip()) is not None:
            raise zipfile.BadZipFile(
                f"the checksum of {plain_name(damaged)} does not fit its bytes"
            )


def _check_zip(path: Path, kind: str, max_bytes: int) -> list[str]:
    """Return the members of a zip file. Their declared sizes are checked, because a small file can
    unpack to a huge one."""
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
    except DAMAGE as error:
        raise _not_whole(path, kind, error) from error
    total = sum(member.file_size for member in members)
    if total > (limit := unpacked_limit(path, max_bytes)):
        raise WeightsError(
            f"{path.name} has {size_text(path.stat().st_size)} and would unpack to"
            f" {size_text(total)}; at most {size_text(limit)} are read from a file of its size."
        )
    return [member.filename for member in members]


def _check_torch_zip(path: Path, max_bytes: int) -> None:
    """Check sizes and checksums of a torch file's members, before torch reads them."""
    members = _check_zip(path, "torch", max_bytes)
    if any(name.endswith("constants.pkl") for name in members):
        raise WeightsError(
            f"{path.name} was refused: it is a TorchScript program, which is code, and only weights"
            " are accepted; save them with torch.save(model.state_dict(), ...)."
        )
    try:
        check_archive(path)
    except DAMAGE as error:
        raise _not_whole(path, "torch", error) from error


def _read_torch(path: Path, max_bytes: int) -> Any:
    with path.open("rb") as file:
        if file.read(4) == _ZIP:
            _check_torch_zip(path, max_bytes)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of torch, about its own formats
            return load_inert(path)
    except Exception as error:  # a damaged or hostile pickle may fail anywhere in the unpickler
        message = str(error)
        if out_of_memory(error):
            raise WeightsError(too_much(path, error, "more memory than is left")) from error
        if isinstance(error, RecursionError):
            raise WeightsError(
                f"{path.name} was refused: its tables are nested hundreds of levels deep, so these"
                " are not weights."
            ) from error
        wanted = re.search(r"GLOBAL ([\w.]+)", message)
        if wanted or any(phrase in message for phrase in _FOREIGN):
            what = (
                f"the Python object {plain_name(wanted[1])}" if wanted else "a function of its own"
            )
            raise WeightsError(
                f"{path.name} was refused and nothing in it was run: it names {what}, which weights"
                " do not need and which could run code; save plain tensors with"
                " torch.save(model.state_dict(), ...)."
            ) from error
        if "Only persistent_load of storage is allowed" in message:
            raise WeightsError(
                f"{path.name} was refused and nothing in it was run: it is a whole network with its"
                " source code, in the format of torch before 1.6; save its weights with"
                " torch.save(model.state_dict(), ...)."
            ) from error
        if "Unsupported operand 149" in message:  # a frame, which pickle has from protocol 4 on
            raise WeightsError(
                f"{path.name} was refused and nothing in it was run: it is pickled in a way that"
                " torch's restricted reader does not know, such as pickle protocol 4; save it with"
                " torch.save(model.state_dict(), ...)."
            ) from error
        raise _not_whole(path, "torch", error) from error


def _find_tables(content: Any, name: str) -> dict[str, dict[str, Tensor]]:
    """Return all tables of names and tensors, at most three levels deep, the most likely first."""
    ranked: list[tuple[tuple[int, int], str, dict[str, Tensor]]] = []
    waiting: list[tuple[int, str, Any]] = [(0, "", content)]
    while waiting and len(ranked) < _MOST_TABLES:
        depth, where, inner = waiting.pop(0)
        if isinstance(inner, Inert):
            if (whole := module_tensors(inner)) is not None:
                ranked.append((_table_rank(where, whole=True), where, whole))
            continue
        if not isinstance(inner, Mapping):
            continue
        tensors = {
            key: value
            for key, value in inner.items()
            if isinstance(key, str) and isinstance(value, Tensor)
        }
        if tensors:
            ranked.append((_table_rank(where, whole=len(tensors) == len(inner)), where, tensors))
        if depth < 3:
            below = [(key, value) for key, value in inner.items() if isinstance(key, str)][:1000]
            waiting += [(depth + 1, f"{where}/{key}".lstrip("/"), value) for key, value in below]
    if ranked:
        ranked.sort(key=lambda entry: entry[0])
        return {where: tensors for _, where, tensors in ranked}
    if isinstance(content, Mapping):
        keys = ", ".join(_key_text(key) for key in list(content)[:5])
        got = f"a table with {keys}" if content else "an empty table"
    else:
        got = "an object" if isinstance(content, Inert) else f"a {type(content).__name__}"
    raise WeightsError(
        f"{name} holds no weights: expected a table of names and tensors, alone or under a key such"
        f" as {', '.join(_KEYS[:4])}, got {got}."
    )


def _key_text(key: Any) -> str:
    """Return a key for a message. Nested keys are not shown, because that may take forever."""
    return (
        f"'{plain_name(key)[:40]}'"
        if isinstance(key, str | int | float)
        else f"a {type(key).__name__}"
    )


def _table_rank(where: str, *, whole: bool) -> tuple[int, int]:
    """Return a sort key of a table; lower is more likely.

    A file that is one table comes first, then the keys that trainers use, other keys, and keys of a
    teacher.
    """
    last = where.rpartition("/")[2]
    if not where:
        return (0, 0) if whole else (2, 0)
    if last in _KEYS:
        return 1, _KEYS.index(last)
    return (4 if any(word in where for word in ("teacher", "ema", "optim")) else 3), where.count(
        "/"
    )


def _counters(state: Mapping[str, Tensor], under: str) -> dict[str, Tensor]:
    """Return batch norm's counters among the tensors with a prefix, without that prefix."""
    return {key.removeprefix(under): value for key, value in state.items() if key.startswith(under)}


def _check_sizes(tables: Mapping[str, Mapping[str, Tensor]], path: Path, max_bytes: int) -> None:
    """Check that all tensors are plain, and not larger than the file can hold: a view can repeat
    one number endlessly."""
    total = 0
    for state in tables.values():
        for key, value in state.items():
            plain = type(value) in (Tensor, nn.Parameter) and not value.is_nested
            if (
                not plain
                or value.layout != torch.strided
                or value.is_quantized
                or value.is_complex()
                or value.is_meta
            ):
                raise WeightsError(
                    f"{path.name} is refused: {plain_name(key)} must be a plain dense tensor of"
                    " real numbers."
                )
            total += value.numel() * value.element_size()
    size = path.stat().st_size
    if total > max(SMALL_BYTES, MAX_RATIO * size):
        raise WeightsError(too_much(path, None, size_text(total)))
    if total > max_bytes:
        raise WeightsError(
            f"{path.name} would unpack to {size_text(total)}, but at most {size_text(max_bytes)}"
            " are accepted."
        )


def check_values(state: Mapping[str, Tensor], name: str) -> None:
    """Check that tensors can be weights: some are decimal numbers, and all are finite.

    Raises:
        WeightsError: they are not; the message names a tensor.
    """
    arrays = {key: value for key, value in state.items() if value.ndim}
    if arrays and not any(value.is_floating_point() for value in arrays.values()):
        key, value = next(iter(arrays.items()))
        raise WeightsError(
            f"{name} holds no weights: expected decimal numbers, such as float32, but"
            f" {plain_name(key)} and all its other tensors are of {_type(value)}."
        )
    _check_finite(state, name)


def _type(value: Tensor) -> str:
    return str(value.dtype).removeprefix("torch.")


def _check_finite(state: Mapping[str, Tensor], name: str) -> None:
    for key, value in state.items():
        if value.is_floating_point():
            try:
                bad = sum(
                    int((~torch.isfinite(part.float())).sum())
                    for part in value.reshape(-1).split(2**22)
                )
            except RuntimeError as error:  # torch converts not every type that it has
                raise WeightsError(
                    f"{name} cannot be used: {plain_name(key)} has the type {_type(value)}, which"
                    " this version of torch cannot convert; save it as float32 or float16."
                ) from error
            if bad:
                raise WeightsError(
                    f"{name} cannot be used: {bad:,} of {value.numel():,} numbers in"
                    f" {plain_name(key)} are not finite, so its training broke down or the file is"
                    " damaged."
                )


def load_into(
    model: nn.Module, state_dict: Mapping[str, Tensor], *, name: str, dataset: str | None = None
) -> None:
    """Copy weights into a model, converted to its data types: all of them, or none.

    Args:
        model: any module. Its last `nn.Linear` counts as the head, its first tensor with four
            dimensions as the stem.
        state_dict: tensors by name, as from `read_weights`. Batch norm's counters may be missing.
        name: the architecture's name, for messages.
        dataset: the data set's name, for messages.

    Raises:
        WeightsError: names or shapes differ (see `describe_mismatch`), a tensor is not of decimal
            numbers, or a value is not finite in the model's data type.
    """
    reason = describe_mismatch(model, state_dict, name=name, dataset=dataset)
    if reason is not None:
        raise WeightsError(reason)
    loaded = model.state_dict()
    for key, value in loaded.items():
        if (
            key in state_dict
            and value.is_floating_point()
            and not state_dict[key].is_floating_point()
        ):
            raise WeightsError(
                f"The set of weights for {name} cannot be used: {key} must be decimal numbers, such"
                f" as float32, got {_type(state_dict[key])}."
            )
        if (
            key in state_dict and state_dict[key].shape == value.shape
        ):  # a counter may be missing or odd
            loaded[key] = state_dict[key].to(value.dtype)
    _check_finite(loaded, f"The set of weights for {name}")
    model.load_state_dict(loaded)


def describe_mismatch(
    model: nn.Module, state_dict: Mapping[str, Tensor], *, name: str, dataset: str | None = None
) -> str | None:
    """Return a sentence on why weights do not fit a model, or None if they fit. See
    `models.mismatch`."""
    shapes = {key: tuple(value.shape) for key, value in state_dict.items()}
    expected = {key: tuple(value.shape) for key, value in model.state_dict().items()}
    return mismatch.describe_mismatch(
        expected, shapes, name=name, head=head_of(model), dataset=dataset
    )


def head_of(model: nn.Module) -> str:
    """Return the name of a network's last linear layer in its state dict; "" if it has none."""
    while isinstance(model, Wrapped | Renormalised):
        if isinstance(model, Wrapped):
            return model.head
        model = model.net
    linear = [name for name, module in model.named_modules() if isinstance(module, nn.Linear)]
    return linear[-1] if linear else ""
