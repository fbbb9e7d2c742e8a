"""From a weights file to a run folder: checked, evaluated, laid out; or one sentence and nothing left behind.

`python -m bickd_core.importing FOLDER` is the process behind the page's form: FOLDER holds `request.json` and
the uploaded file, and gets `progress.json`. The run is made inside FOLDER and appears in the library by one rename,
when all is done; whoever reads the outcome removes FOLDER, and with it whatever a killed process left.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import time
import uuid
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict

from bickd_core.atomic import write_json
from bickd_core.data import dataset_info
from bickd_core.models import resolve
from bickd_core.runs import Library, RunError, RunFolder, RunInfo, Source, check_name
from bickd_core.status import Status, Worker

Say = Callable[[str, float], None]


class ImportRequest(BaseModel):
    """What the person says about the file: architecture, data, role, and for a student its teacher's key."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    arch: str
    dataset: str
    image_size: int | None = None
    role: Literal["teacher", "student"] = "student"
    teacher: str | None = None
    name: str


def import_weights(
    file: Path,
    request: ImportRequest,
    library: Library,
    *,
    say: Say = lambda message, share: None,
    inside: Path | None = None,
) -> RunFolder:
    """Check the file against architecture and data, evaluate it, and put the run folder among one's own runs.

    Args:
        inside: where the run is made before it is moved, on the same disk; a hidden folder of one's own runs if
            not given.

    Raises:
        ValueError: what was expected and what came, in one sentence; nothing is left behind.
    """
    check_name(request.name)
    known = {"arch": resolve(request.arch).name, "dataset": dataset_info(request.dataset).name}
    request = request.model_copy(update=known)
    if request.role == "teacher" and request.teacher:
        raise RunError("a run with role 'teacher' has no `teacher` of its own; leave it out.")
    if (library.own / request.name).exists():
        raise RunError(f"a run named '{request.name}' is already there; choose another name.")
    making = (library.own if inside is None else inside) / f".making-{uuid.uuid4().hex}"
    making.mkdir(parents=True)
    try:
        _fill(making, file, request, library, say)
        target = library.own / request.name
        if target.exists():
            raise RunError(f"a run named '{request.name}' is already there; choose another name.")
        os.rename(making, target)
    finally:
        shutil.rmtree(making, ignore_errors=True)
    return RunFolder(target, key=request.name)


def _fill(folder: Path, file: Path, request: ImportRequest, library: Library, say: Say) -> None:
    say("reading the file", 0.02)
    from bickd_core.card import write_card
    from bickd_core.checkpoints import load_into, read_weights, save_weights
    from bickd_core.data import load_dataset
    from bickd_core.layouts import compute_layout
    from bickd_core.models.factory import create_model
    from bickd_core.training.evaluate import predict, predict_stages
    from bickd_core.training.finish import measure
    from bickd_core.training.start import check_same_data, file_sha256, teacher_reference, versions

    weights = read_weights(file)
    say("loading the data", 0.1)
    dataset = load_dataset(request.dataset, image_size=request.image_size)
    model = create_model(request.arch, num_classes=dataset.num_classes, in_channels=dataset.in_channels)
    load_into(model, weights, name=request.arch, dataset=request.dataset)
    size = dataset.image_size
    teacher = None if request.teacher is None else library.locate(request.teacher)
    run = RunFolder(folder, key=request.name)
    reference = None if teacher is None else teacher_reference(teacher, request.dataset, size)
    info = RunInfo(
        name=request.name,
        role=request.role,
        arch=request.arch,
        dataset=request.dataset,
        image_size=size,
        in_channels=dataset.in_channels,
        num_classes=dataset.num_classes,
        data_content=dataset.content,
        teacher=reference,
        source=Source(kind="imported", file=file.name, sha256=file_sha256(file)),
        versions=versions(),
    )
    check_same_data(info, dataset.content, library)
    save_weights(model, run.weights_path, metadata={"arch": request.arch})
    parts = (("validation", 0.15, 0.2), ("test", 0.35, 0.4))
    for split, start, share in parts:
        predictions = predict(
            model,
            dataset.split(split),
            dataset,
            on_progress=lambda done, split=split, start=start, share=share: say(  # type: ignore[misc]
                f"evaluating on {split}", start + share * done
            ),
        )
        predictions.save(run.predictions_path(split))  # type: ignore[arg-type]
    run.write_stages(predict_stages(model, dataset))
    say("measuring its cost", 0.76)
    cost = measure(model, (dataset.in_channels, size, size))
    run.write_info(info.model_copy(update={"cost": cost}))
    say("laying out the map", 0.8)
    compute_layout(library, run, teacher=teacher)
    write_card(run, library)
    run.write_status(Status("finished", heartbeat=time.time()))


def main() -> None:
    folder = Path(sys.argv[1])
    asked = json.loads((folder / "request.json").read_text())
    library = Library(shelf=Path(asked["shelf"]), own=Path(asked["own"]))

    worker = asdict(Worker.this())

    def say(message: str, share: float, **outcome: str) -> None:
        write_json(
            folder / "progress.json", {"message": message, "share": share, "worker": worker, **outcome}
        )

    say("starting", 0.0)
    try:
        request = ImportRequest.model_validate(asked["request"])
        run = import_weights(folder / asked["file"], request, library, say=say, inside=folder)
        say("done", 1.0, run=run.key)
    except Exception as error:
        from bickd_core.training.worker import explain

        say("failed", 1.0, error=explain(error))


if __name__ == "__main__":
    main()
