"""Write an export's folder completely, or not at all."""

from __future__ import annotations

import json
import shutil
import tempfile
from pathlib import Path

from bickd_core.atomic import write_bytes, write_text
from bickd_core.exporting.hub_card import hub_card
from bickd_core.exporting.kinds import FORMATS, Kind
from bickd_core.exporting.network import ExportError, Network, network_of
from bickd_core.exporting.usage import usage_section
from bickd_core.runs.checkpoints import save_weights
from bickd_core.runs.library import Library, RunFolder


def export(
    run: RunFolder, kind: Kind, folder: Path, library: Library, *, best: bool = False
) -> Path:
    """Write a run into a new folder.

    Args:
        run: a run with weights, or with recorded epochs for "tensorboard".
        folder: must not exist yet.
        library: contains the teacher, for the model card.
        best: use the weights of the epoch with the best validation accuracy, instead of the last.

    Returns:
        The folder.

    Raises:
        ExportError: a package is missing, the folder exists, the converted network differs from
            the original, or the weights of the best epoch are gone or do not go with this kind.
        RunError: the run lacks something that this kind needs.
    """
    if best and kind in ("hub", "tensorboard"):
        raise ExportError(
            "a hub folder has the figures and predictions of the last weights, and TensorBoard's"
            " events have all epochs; leave out --best, or use --to safetensors."
        )
    if missing := FORMATS[kind].missing():
        raise ExportError(missing)
    if folder.exists():
        raise ExportError(f"{folder} already exists; name another folder with --out, or remove it.")
    folder.parent.mkdir(parents=True, exist_ok=True)
    making = Path(tempfile.mkdtemp(prefix=".export-", dir=folder.parent))
    try:
        if kind == "tensorboard":
            from bickd_core.exporting.tensorboard import write_events

            write_events(run, making)
        else:
            _write_network(network_of(run, best=best), run, kind, making, library)
        making.chmod(0o755)
        making.rename(folder)
    except BaseException:
        shutil.rmtree(making, ignore_errors=True)
        raise
    return folder


def _write_network(
    network: Network, run: RunFolder, kind: Kind, folder: Path, library: Library
) -> None:
    info = network.info
    write_text(
        folder / "config.json", json.dumps(network.config(), indent=1, ensure_ascii=False) + "\n"
    )
    if kind in ("onnx", "pt2"):
        from bickd_core.exporting.convert import write_onnx, write_pt2

        text = (write_onnx if kind == "onnx" else write_pt2)(network, folder / f"model.{kind}")
        text += " It takes images with values from 0 to 1 and normalises them itself."
    else:
        save_weights(
            network.model,
            folder / "model.safetensors",
            metadata={"run": info.name, "arch": info.arch},
        )
        text = (
            f"Weights of {info.arch}, in float32. config.json names the network, its inputs and its"
            " classes."
        )
    if kind == "hub":
        write_text(folder / "README.md", hub_card(run, network, library))
        if run.has_predictions("test"):
            write_bytes(folder / "predictions-test.npz", run.predictions_path("test").read_bytes())
    else:
        usage = usage_section(kind, info.arch, network.preprocessing, info.image_shape[1])
        write_text(folder / "README.md", f"# {info.name}\n{text}\n\n{usage}")
