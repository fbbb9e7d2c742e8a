"""Add latency, maps and the final card to an imported run, in a separate process.

These steps take most of the time of an import, but pages can show the run without them. The process
is `python -m bickd_core.importing.afterwards RUN --shelf DIR --own DIR`. It ignores a run that was
deleted or renamed in the meantime.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import threading
from pathlib import Path

from bickd_core.launch.local import worker_environment
from bickd_core.runs.library import Library, RunFolder, RunInfo


def start(run: RunFolder, library: Library) -> None:
    """Start the process on a run with predictions. It continues after this process ends."""
    folders = ["--shelf", str(library.shelf.resolve()), "--own", str(library.own.resolve())]
    with open(run.log_path, "ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "bickd_core.importing.afterwards", run.key, *folders],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            env={**os.environ, **worker_environment()},
        )
    threading.Thread(target=process.wait, name=f"reap-{process.pid}", daemon=True).start()


def complete(run: RunFolder, library: Library) -> None:
    """Measure the network's latency if it has weights, make its maps, and rewrite the card.

    Raises:
        ValueError, OSError: the run or its teacher was removed or changed in the meantime.
    """
    from bickd_core.maps.store import compute_layout
    from bickd_core.runs.card import write_card

    info = run.info()
    if not info.source.predictions_only:
        _measure(run, info)
    compute_layout(
        library, run, teacher=None if info.teacher is None else library.locate(info.teacher.key)
    )
    write_card(run, library)


def _measure(run: RunFolder, info: RunInfo) -> None:
    from bickd_core.models.factory import create_model
    from bickd_core.runs.checkpoints import load_into, read_weights
    from bickd_core.training.finish import measure

    shape = info.network_shape
    model = create_model(info.arch, num_classes=info.num_classes, in_channels=shape[0])
    load_into(model, read_weights(run.weights_path), name=info.arch)
    run.change_info({"cost": measure(model, shape)})


def main() -> None:
    parser = argparse.ArgumentParser(
        description="Measure an imported run's latency and make its maps."
    )
    parser.add_argument("run")
    parser.add_argument("--shelf", type=Path, required=True)
    parser.add_argument("--own", type=Path, required=True)
    options = parser.parse_args()
    library = Library(shelf=options.shelf, own=options.own)
    run = library.find(options.run)
    try:
        complete(run, library)
    except (ValueError, OSError):
        if run.path.exists():
            raise


if __name__ == "__main__":
    main()
