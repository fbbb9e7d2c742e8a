"""Run the graph of a torch.export program, node by node.

torch's own reader is not used, because it unpickles objects and evaluates expressions in the graph
as Python. Here the graph is plain JSON, its arguments are numbers and names, and its operations
must be in `operators.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from bickd_core.file_sizes import out_of_memory
from bickd_core.importing.programs.operators import operation
from bickd_core.importing.programs.program import (
    OUT_OF_MEMORY,
    Input,
    Program,
    ProgramError,
    checked_logits,
    input_of,
)
from bickd_core.naming import plain_name, plain_reason

MOST_NODES = 100_000
SCALAR_TYPES = {
    1: torch.uint8, 2: torch.int8, 3: torch.int16, 4: torch.int32, 5: torch.int64,
    6: torch.float16, 7: torch.float32,
    8: torch.float64, 12: torch.bool, 13: torch.bfloat16,
}  # fmt: skip
"""Data types by their numbers in torch.export's schema 8."""
_MEMORY_FORMATS = {1: torch.contiguous_format, 2: torch.channels_last, 4: torch.preserve_format}
_LINEAR = "torch.ops.aten.linear.default"
FAILURES = (
    RuntimeError, TypeError, ValueError, LookupError, AttributeError, ArithmeticError,
    AssertionError, MemoryError,
)  # fmt: skip
"""Errors that torch's operations raise for arguments that do not fit."""
_AS_THEY_ARE = (
    "as_int", "as_ints", "as_float", "as_floats", "as_bool", "as_bools", "as_string",
    "as_int_lists",
)  # fmt: skip


@dataclass(frozen=True)
class _Node:
    """One operation of the graph.

    Attributes:
        compute: the function; None for a node that is skipped.
        inputs: for each argument, its keyword ("" if positional) and a function that reads its
            value from the values computed so far.
        outputs: names of the results.
        gives_list: whether the results are one list.
        done_with: names of values that no later node needs.
    """

    compute: Callable[..., Any] | None
    inputs: tuple[tuple[str, Callable[[dict[str, Any]], Any]], ...]
    outputs: tuple[str, ...]
    gives_list: bool
    done_with: tuple[str, ...]


class Pt2Program(Program):
    """A graph with its tensors.

    Args:
        content: the parsed `models/NAME.json` of the archive.
        tensors: tensors of parameters, buffers and constants, by name.

    Raises:
        ProgramError: the graph does not have one image input and one output of logits, or needs
            something unsupported.
    """

    def __init__(self, content: Any, tensors: Mapping[str, Tensor]) -> None:
        try:
            self._read(content, tensors)
        except (KeyError, TypeError, IndexError, AttributeError) as error:
            raise ProgramError(
                f"is not a torch.export program of a known form ({type(error).__name__} in its"
                " graph)"
            ) from error

    def _read(self, content: Any, tensors: Mapping[str, Tensor]) -> None:
        module = content["graph_module"]
        graph, signature = module["graph"], module["signature"]
        self._held: dict[str, Tensor] = {}
        images: list[str] = []
        for spec in signature["input_specs"]:
            ((kind, details),) = spec.items()
            if kind in ("parameter", "buffer", "tensor_constant"):
                self._held[details["arg"]["name"]] = tensors[details[f"{kind}_name"]]
            elif kind == "user_input" and "as_tensor" in details["arg"]:
                images.append(details["arg"]["as_tensor"]["name"])
            elif kind not in ("user_input", "constant_input"):
                raise ProgramError(
                    f"takes an input of kind {plain_name(kind)}, which is not supported"
                )
        if len(images) != 1:
            raise ProgramError(
                f"takes {len(images)} tensors, but only one batch of images is given"
            )
        (self._images,) = images
        outputs = [
            spec["user_output"]["arg"]["as_tensor"]["name"]
            for spec in signature["output_specs"]
            if "as_tensor" in spec.get("user_output", {}).get("arg", {})
        ]
        if len(outputs) != 1:
            raise ProgramError(f"returns {len(outputs)} tensors instead of only logits")
        (self._logits,) = outputs
        details = graph["tensor_values"][self._images]
        self._type = SCALAR_TYPES.get(details["dtype"], torch.float32)
        if not self._type.is_floating_point:
            raise ProgramError(
                f"takes images of {str(self._type)[6:]}, but gets floating-point numbers"
            )
        self.input: Input = input_of([size.get("as_int") for size in details["sizes"]])
        self._nodes = _nodes(graph["nodes"], {*self._held, self._images, self._logits})
        self._features = _features(graph["nodes"], self._logits)

    @torch.no_grad()
    def run(self, images: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
        values: dict[str, Any] = {
            **self._held,
            self._images: torch.from_numpy(images).to(self._type),
        }
        features = None
        for node in self._nodes:
            if node.compute is None:
                continue
            try:
                given = [(name, read(values)) for name, read in node.inputs]
                result = node.compute(
                    *(value for name, value in given if not name),
                    **{name: value for name, value in given if name},
                )
            except FAILURES as error:
                if isinstance(error, ProgramError):
                    raise
                if out_of_memory(error):
                    raise ProgramError(OUT_OF_MEMORY) from error
                reason = plain_reason(str(error) or type(error).__name__)
                raise ProgramError(
                    f"cannot be run on images {list(images.shape)}: {reason}"
                ) from error
            if node.gives_list or len(node.outputs) > 1:
                values |= zip(node.outputs, result, strict=False)
            elif node.outputs:
                values[node.outputs[0]] = result
            if self._features in node.outputs:
                features = values[self._features]
            for name in node.done_with:
                values.pop(name, None)
        last = values.get(self._logits)
        if not isinstance(last, Tensor):
            raise ProgramError("does not compute its output")
        logits = checked_logits(last.float().numpy(), len(images))
        if not isinstance(features, Tensor) or features.ndim != 2:
            return logits, None
        return logits, features.float().numpy()


def _nodes(listed: list[dict[str, Any]], needed: set[str]) -> list[_Node]:
    """Return the nodes. Each lists the values that no later node needs.

    Args:
        listed: the graph's nodes as JSON.
        needed: names of values that must not be freed.
    """
    if len(listed) > MOST_NODES:
        raise ProgramError(f"has {len(listed):,} operations; at most {MOST_NODES:,} are run")
    last: dict[str, int] = {}
    read: list[tuple[Callable[..., Any] | None, list[tuple[str, Any]], tuple[str, ...], bool]] = []
    for position, node in enumerate(listed):
        compute = operation(node["target"])
        inputs = []
        for given in node["inputs"] if compute is not None else ():
            _check_mode(node["target"], given)
            names: list[str] = []
            inputs.append(
                (given["name"] if given["kind"] == 2 else "", _argument(given["arg"], names))
            )
            last |= dict.fromkeys(names, position)
        outputs, gives_list = _outputs(node["outputs"])
        last |= {name: max(position, last.get(name, 0)) for name in outputs}
        read.append((compute, inputs, outputs, gives_list))
    ends: dict[int, list[str]] = {}
    for name, position in last.items():
        if name not in needed:
            ends.setdefault(position, []).append(name)
    return [
        _Node(compute, tuple(inputs), outputs, gives_list, tuple(ends.get(position, ())))
        for position, (compute, inputs, outputs, gives_list) in enumerate(read)
    ]


def _check_mode(target: str, given: Mapping[str, Any]) -> None:
    """Refuse a program that was exported in training mode, because its batch norms and dropouts are
    not those of prediction."""
    if given["name"] in ("training", "train") and given["arg"].get("as_bool"):
        raise ProgramError(
            f"was exported in training mode ({plain_name(target).rpartition('aten.')[2]}); call"
            " model.eval() and export it again"
        )


def _outputs(listed: list[dict[str, Any]]) -> tuple[tuple[str, ...], bool]:
    """Return the names of a node's results, and whether they are one list."""
    names: list[str] = []
    gives_list = False
    for output in listed:
        ((kind, value),) = output.items()
        if kind == "as_tensor":
            names.append(value["name"])
        elif kind == "as_tensors":
            names += [each["name"] for each in value]
            gives_list = True
        elif kind in ("as_sym_int", "as_sym_bool", "as_sym_float"):
            names.append(value["as_name"])
        elif kind != "as_none":
            raise ProgramError(f"has an output of kind {plain_name(kind)}, which is not supported")
    return tuple(names), gives_list


def _argument(argument: Mapping[str, Any], names: list[str]) -> Callable[[dict[str, Any]], Any]:
    """Return a function that reads an argument from the values computed so far.

    Args:
        argument: the argument as JSON.
        names: gets the names of the values that the argument needs.
    """
    ((kind, value),) = argument.items()
    if kind == "as_none":
        return lambda values: None
    if kind in _AS_THEY_ARE:
        _check_plain(value)
        fixed = _number(value) if kind == "as_float" else value
        return lambda values: fixed
    if kind in ("as_tensor", "as_optional_tensor"):
        return _by_name(
            value.get("as_tensor", value) if kind == "as_optional_tensor" else value, "name", names
        )
    if kind in ("as_tensors", "as_optional_tensors"):
        entries = [
            each.get("as_tensor", each) if kind == "as_optional_tensors" else each for each in value
        ]
        return _all_of([_by_name(each, "name", names) for each in entries])
    if kind in ("as_sym_int", "as_sym_float", "as_sym_bool"):
        return _by_name(value, "as_name", names)
    if kind in ("as_sym_ints", "as_sym_floats"):
        return _all_of([_by_name(each, "as_name", names) for each in value])
    known: Any = {
        "as_scalar_type": lambda: SCALAR_TYPES[value],
        "as_memory_format": lambda: _MEMORY_FORMATS[value],
        "as_layout": lambda: torch.strided,
        "as_device": lambda: torch.device("cpu"),
    }
    if kind in known:
        constant = known[kind]()
        return lambda values: constant
    raise ProgramError(f"has an argument of kind {plain_name(kind)}, which is not supported")


def _by_name(
    value: Mapping[str, Any], key: str, names: list[str]
) -> Callable[[dict[str, Any]], Any]:
    """Return a function that reads a value of another node, a fixed number, or None."""
    if key in value:
        name = value[key]
        if not isinstance(name, str):
            raise TypeError(name)
        names.append(name)
        return lambda values: values[name]
    ((kind, fixed),) = value.items()
    if kind == "as_none":
        return lambda values: None
    _check_plain(fixed)
    return lambda values: fixed


def _all_of(readers: list[Callable[[dict[str, Any]], Any]]) -> Callable[[dict[str, Any]], Any]:
    return lambda values: [read(values) for read in readers]


def _check_plain(value: Any) -> None:
    """Check that a value is a number, a truth value, a text, or a list of these."""
    if isinstance(value, list):
        for each in value:
            _check_plain(each)
    elif not isinstance(value, int | float | str):
        raise TypeError(value)


def _number(value: Any) -> float:
    """Return a float. JSON has some as text, such as "-Infinity"."""
    return float(value)


def _features(nodes: list[dict[str, Any]], logits: str) -> str:
    """Return the name of the input of the linear layer that gives the logits; "" if another
    operation gives them."""
    for node in nodes:
        if (
            node["target"] == _LINEAR
            and node["outputs"][0].get("as_tensor", {}).get("name") == logits
        ):
            return str(node["inputs"][0]["arg"]["as_tensor"]["name"])
    return ""
