"""A program as a network. It predicts in a separate process, and cannot be trained."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from bickd_core.file_sizes import size_text
from bickd_core.importing.inspect_weights import RefusedFile
from bickd_core.importing.programs.program import Input
from bickd_core.importing.programs.serve import MAX_BYTES, receive, send
from bickd_core.launch.openmp import brief_waits
from bickd_core.models.outputs import Outputs
from bickd_core.naming import classes_text
from bickd_core.runs.program_kinds import TITLES, ProgramKind, missing

BATCH = 64
"""Batch size for programs that accept any."""
SECONDS = 600
"""Time limit for one batch."""
_LEAST = 1e-8
"""Smallest probability before the logarithm is taken."""
_ROOT = Path(__file__).resolve().parents[3]


class ProgramNetwork(nn.Module):
    """The network of an ONNX or torch.export file.

    Use it as a context manager: leaving the block ends the process.

    Args:
        file: the program.
        kind: its format.

    Raises:
        RefusedFile: the file cannot be used, or a required package is not installed.
    """

    stage_names: tuple[str, ...] = ()

    def __init__(self, file: Path, kind: ProgramKind) -> None:
        super().__init__()
        if absent := missing(kind):
            raise RefusedFile(absent)
        size = file.stat().st_size if file.is_file() else 0
        if not size:
            raise RefusedFile(f"{file.name} is empty or does not exist; expected {TITLES[kind]}.")
        if size > MAX_BYTES:
            raise RefusedFile(
                f"{file.name} has {size_text(size)}, but at most {size_text(MAX_BYTES)} are"
                " accepted."
            )
        self.kind, self.gives_probabilities = kind, False
        self._file = file
        self._process = subprocess.Popen(
            [
                sys.executable, "-m", "bickd_core.importing.programs.serve", str(file.resolve()),
                kind,
                str(torch.get_num_threads()),
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd=_ROOT,
            env={**os.environ, **brief_waits()},
        )  # fmt: skip
        self.gives_features = False
        try:
            self.input = Input(**self._answer()[0]["input"])
        except BaseException:
            self.__exit__()
            raise

    def __enter__(self) -> ProgramNetwork:
        return self

    def __exit__(self, *error: object) -> None:
        self._process.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                stream.close()

    def check(
        self,
        *,
        classes: int,
        channels: int,
        size: int,
        dataset: str,
        class_names: Sequence[str] = (),
    ) -> None:
        """Check that the program fits the data: by its input shape, and by its output for a black
        image.

        Args:
            size: pixels per side of the images that it gets.
            dataset: the data set's name, for messages.
            class_names: its classes, for messages; empty if unknown.

        Raises:
            RefusedFile: the program expects other images, or has another number of classes.
        """
        takes = self.input
        if takes.channels not in (None, channels):
            raise RefusedFile(
                f"{self._file.name} takes images with {takes.channels} channels, but dataset"
                f" {dataset} has {channels}; choose other data."
            )
        if takes.height not in (None, size) or takes.width not in (None, size):
            wanted = f"{takes.height or 'any'} x {takes.width or 'any'}"
            advice = (
                f"leave the input size out, or give {takes.side}"
                if takes.side
                else "only square images are supported"
            )
            raise RefusedFile(
                f"{self._file.name} takes images of {wanted} pixels, got {size} x {size}; {advice}."
            )
        count = takes.batch or 2
        logits, features = self._run(np.zeros((count, channels, size, size), np.float32))
        if logits.shape[1] != classes:
            raise RefusedFile(
                f"{self._file.name} is for other data: it has {logits.shape[1]} classes, but"
                f" dataset {dataset} has {classes_text(classes, class_names)}."
            )
        self.gives_features = features is not None

    @property
    def note(self) -> str:
        """A note for the reader of the run's figures; "" if there is none."""
        if not self.gives_probabilities:
            return ""
        return (
            "The program ends in a softmax, so the logarithms of its probabilities are used as"
            " logits."
        )

    def forward(self, images: Tensor) -> Tensor:
        """Return logits [B, C] of images [B, ch, H, W], normalised as the program expects."""
        return self.outputs(images).logits

    def outputs(
        self, images: Tensor, features: bool = False, maps: bool = False, stages: bool = False
    ) -> Outputs:
        """Return logits [B, C] and, if known, the input of the last linear layer.

        Args:
            images: float [B, ch, H, W].

        Raises:
            RefusedFile: the program fails.
            ValueError: maps or stages are requested, which a program does not have.
        """
        if maps or stages or (features and not self.gives_features):
            raise ValueError(
                f"{TITLES[self.kind]} returns only logits, but other outputs were requested."
            )
        values = images.contiguous().cpu().numpy()
        count = self.input.batch or BATCH
        parts = []
        for start in range(0, len(values), count):
            part = values[start : start + count]
            short = count - len(part) if self.input.batch else 0
            padded = np.concatenate([part, np.repeat(part[-1:], short, axis=0)]) if short else part
            parts.append([array[: len(part)] for array in self._run(padded) if array is not None])
        logits, *rest = (
            torch.from_numpy(np.concatenate(each)) for each in zip(*parts, strict=True)
        )
        return Outputs(
            logits=self._as_logits(logits), features=rest[0] if features and rest else None
        )

    def _as_logits(self, values: Tensor) -> Tensor:
        """Return logits. Probabilities are replaced by their logarithms."""
        sums = bool(((values.sum(1) - 1).abs() < 1e-3).all()) and bool((values >= 0).all())
        if not sums:
            return values
        self.gives_probabilities = True
        return values.clamp(min=_LEAST).log()

    def _run(self, images: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):  # why it has ended is read from its answer
            send(self._process.stdin, {}, [images])  # type: ignore[arg-type]
        _, arrays = self._answer()
        return arrays[0], arrays[1] if len(arrays) > 1 else None

    def _answer(self) -> tuple[dict[str, Any], list[np.ndarray]]:
        """Return the process's next answer. A process that does not answer in time is killed."""
        assert self._process.stdout is not None
        timer = threading.Timer(SECONDS, self._process.kill)
        timer.start()
        try:
            answer = receive(self._process.stdout)  # type: ignore[arg-type]
        finally:
            late = not timer.is_alive()
            timer.cancel()
        name = self._file.name
        if answer is None:
            code = self._process.wait()
            if late:
                raise RefusedFile(
                    f"{name} took more than {SECONDS} s for one batch of images; choose a smaller"
                    " image size."
                )
            how = signal.Signals(-code).name if code < 0 else f"code {code}"
            raise RefusedFile(
                f"{name} made the process that runs it stop ({how}), so it is damaged or needs too"
                " much memory."
            )
        if "error" in answer[0]:
            raise RefusedFile(f"{name} {answer[0]['error']}.")
        return answer
