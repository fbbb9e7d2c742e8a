"""Run an ONNX program with onnxruntime on the CPU."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from bickd_core.importing.programs.onnx_external import check_external
from bickd_core.importing.programs.program import (
    Input,
    Program,
    ProgramError,
    checked_logits,
    input_of,
)
from bickd_core.naming import plain_name, plain_reason

_TYPES = {"tensor(float)": np.float32, "tensor(float16)": np.float16, "tensor(double)": np.float64}


class OnnxProgram(Program):
    """An ONNX file with one image input. Its output "logits" is used, else the first output.

    Raises:
        ProgramError: the file is damaged, refers to files outside its folder, or has other inputs
            or outputs.
    """

    def __init__(self, file: Path, *, threads: int) -> None:
        import onnxruntime

        check_external(file)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.log_severity_level = 4
        try:
            self._session = onnxruntime.InferenceSession(
                str(file), options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # its errors have no common class
            raise ProgramError(
                f"cannot be read by onnxruntime {onnxruntime.__version__}: {_reason(error)}"
            ) from error
        inputs = self._session.get_inputs()
        if len(inputs) != 1:
            raise ProgramError(f"takes {len(inputs)} inputs, but only one batch of images is given")
        if inputs[0].type not in _TYPES:
            raise ProgramError(
                f"takes images of the type {plain_name(inputs[0].type)[:40]}, but gets"
                " floating-point numbers"
            )
        self._name, self._type = inputs[0].name, _TYPES[inputs[0].type]
        self.input: Input = input_of([_side(side) for side in inputs[0].shape])
        outputs = [output.name for output in self._session.get_outputs()]
        self._logits = "logits" if "logits" in outputs else outputs[0]

    def run(self, images: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
        given = images.transpose(0, 2, 3, 1) if self.input.channels_last else images
        try:
            (values,) = self._session.run(
                [self._logits], {self._name: np.ascontiguousarray(given, self._type)}
            )
        except Exception as error:  # its errors have no common class
            raise ProgramError(
                f"cannot be run on images {list(images.shape)}: {_reason(error)}"
            ) from error
        if not isinstance(values, np.ndarray):
            raise ProgramError("returns a table instead of logits; export it without ZipMap")
        return checked_logits(values, len(images)), None


def _side(side: Any) -> int | None:
    return side if isinstance(side, int) and side > 0 else None


def _reason(error: Exception) -> str:
    """Return onnxruntime's message without its error code."""
    return plain_reason(str(error).rpartition(" : ")[2] or type(error).__name__)
