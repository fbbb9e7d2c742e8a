"""Turn a weights file into a run folder: check it and evaluate it, or fail with one sentence and
leave nothing behind.

`python -m bickd_core.importing.weights FOLDER` is the process behind the page's form. FOLDER has
`request.json` and the uploaded file, and gets `progress.json`. The run is made inside FOLDER and
renamed into the library when its figures are done (`afterwards.py` adds latency and maps). The page
that reads the result removes FOLDER, with anything that a killed process left.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import time
import traceback
import uuid
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from bickd_core.atomic import write_json
from bickd_core.data.class_order import ClassOrder
from bickd_core.data.normalisation import Choice, Normalisation, converted, tried_images
from bickd_core.data.preprocessing import (
    LARGEST_INPUT,
    ChannelOrder,
    Preprocessing,
    channels_for,
)
from bickd_core.data.registry import checked_size, dataset_info, tried_split
from bickd_core.data.resizing import Interpolation, Resize, Resizing
from bickd_core.file_sizes import out_of_memory
from bickd_core.importing.afterwards import start as complete_in_background
from bickd_core.importing.inputs import OtherNormalisation, choose_inputs, preprocessing
from bickd_core.importing.layout import FileSplit
from bickd_core.importing.load_network import LoadedNetwork, load_network
from bickd_core.models.catalogue import resolve
from bickd_core.naming import method_and_seed
from bickd_core.runs.library import (
    Library,
    NameTaken,
    RunError,
    RunFolder,
    RunInfo,
    Source,
    check_name,
)
from bickd_core.runs.program_kinds import TITLES, program_kind
from bickd_core.runs.status import Status, Worker

if TYPE_CHECKING:
    from torch import nn

    from bickd_core.data.base import Dataset, Split

Say = Callable[[str, float], None]

TRIED_ON = 500
"""Number of images on which the usual normalisations are compared: validation images, and train
images if these are fewer."""
HELD_OUT = (
    "The data has no test part, so one fifth was held out as test. If the network was trained on"
    " all images, it has seen these too, and its test figures are too high."
)


class ImportRequest(BaseModel):
    """The user's choices for an import: architecture, data, role, and a student's teacher.

    Attributes:
        arch: "" for an ONNX or torch.export program, which contains its network.
        part: which of several networks in the file to load, as in `Part.label`.
        normalisation: of the network's inputs. None uses the data's own (ImageNet's for networks of
            timm and torchvision); if another usual one is clearly better, the import ends with a
            sentence that names it. If the images do not decide, it is the teacher's, or the one
            with the highest likelihood.
        mean, std: numbers instead of a preset, for red, green and blue.
        image_size: pixels per side of the images.
        input_size: pixels per side of the network's input, if different. The user's own images get
            this size if image_size is not given.
        resize, interpolation, crop_share: how the user's own images become square.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    arch: str = ""
    dataset: str
    image_size: int | None = None
    class_order: ClassOrder | None = None
    role: Literal["teacher", "student"] = "student"
    teacher: str | None = None
    name: str
    part: str | None = None
    normalisation: Choice | None = None
    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None
    channel_order: ChannelOrder = "rgb"
    input_size: int | None = Field(None, gt=0, le=LARGEST_INPUT)
    resize: Resize = "crop"
    interpolation: Interpolation = "bicubic"
    crop_share: float = Field(1.0, gt=0.1, le=1)

    @model_validator(mode="after")
    def _numbers_are_whole(self) -> ImportRequest:
        if (self.mean is None) != (self.std is None):
            raise ValueError(
                "`mean` and `std` must be given together, got one of them; add the other."
            )
        if (self.normalisation == "given") != (self.mean is not None):
            raise ValueError(
                "`mean` and `std` must be used with the normalisation 'given' only; leave out one"
                " of the two."
            )
        _ = self.resizing
        return self

    @property
    def resizing(self) -> Resizing:
        """How the user's own images become square."""
        return Resizing(
            resize=self.resize, interpolation=self.interpolation, crop_share=self.crop_share
        )


def import_weights(
    file: Path,
    request: ImportRequest,
    library: Library,
    *,
    say: Say = lambda message, share: None,
    inside: Path | None = None,
    afterwards: Callable[[RunFolder, Library], None] = complete_in_background,
) -> RunFolder:
    """Check the file against architecture and data, evaluate it, and add the run folder to the
    user's runs.

    Args:
        afterwards: measures latency and makes maps once the run exists; by default in a separate
            process.
        inside: folder on the same disk in which the run is made; by default a hidden folder among
            the user's runs.

    Raises:
        ValueError: the file does not fit or cannot be used. Nothing is left behind.
        OtherNormalisation: no normalisation was chosen, and another one is clearly better.
    """
    check_name(request.name)
    arch = _arch(file, request.arch)
    request = request.model_copy(
        update={"arch": arch, "dataset": dataset_info(request.dataset).name}
    )
    if request.role == "teacher" and request.teacher:
        raise RunError(
            f"a run with role 'teacher' must have no `teacher`, got {request.teacher!r:.80}; leave"
            " it out."
        )
    home = library.home()
    library.sweep_unfinished()
    if library.taken(request.name):
        raise NameTaken(request.name)
    making = (home if inside is None else inside) / f".making-{uuid.uuid4().hex}"
    making.mkdir(parents=True)

    def say_alive(message: str, share: float) -> None:
        os.utime(making)  # what has been as it is for an hour counts as left behind
        say(message, share)

    try:
        _fill(making, file, request, library, say_alive)
        target = home / request.name
        if target.exists():
            raise NameTaken(request.name)
        os.rename(making, target)
    finally:
        shutil.rmtree(making, ignore_errors=True)
    run = RunFolder(target, key=request.name)
    afterwards(run, library)
    return run


def _arch(file: Path, arch: str) -> str:
    """Return the network's name; "" for a program, which contains its network."""
    kind = program_kind(file)
    if kind is None:
        return resolve(arch).name
    if arch:
        raise RunError(
            f"{file.name} is {TITLES[kind]} that contains its network; leave the architecture out."
        )
    return ""


def _fill(folder: Path, file: Path, request: ImportRequest, library: Library, say: Say) -> None:
    say("reading the file", 0.02)
    data_info = dataset_info(request.dataset)
    kind = program_kind(file)
    if kind is None:
        network = load_network(file, request.arch, data_info, part=request.part, folder=folder)
        _evaluate(folder, file, network, request, library, say)
        return
    from bickd_core.importing.programs.network import ProgramNetwork

    with ProgramNetwork(file, kind) as program:
        side = request.input_size or program.input.side
        request = request.model_copy(update={"input_size": side})
        size = side or checked_size(data_info, request.image_size)
        channels, takes = data_info.in_channels, program.input.channels
        if takes is not None and channels_for(takes, channels) is not None:
            channels = takes
        program.check(
            classes=data_info.num_classes,
            channels=channels,
            size=size,
            dataset=data_info.name,
            class_names=data_info.class_names,
        )
        network = LoadedNetwork(program, channels, program=kind)
        _evaluate(folder, file, network, request, library, say)


def _evaluate(
    folder: Path,
    file: Path,
    network: LoadedNetwork,
    request: ImportRequest,
    library: Library,
    say: Say,
) -> None:
    """Evaluate a network whose names, shapes and sizes fit the data, and write its run."""
    # Importing these takes seconds, so a refused file does not wait for them.
    from bickd_core.data.registry import held_out, load_dataset
    from bickd_core.models.cost import count_macs, count_parameters
    from bickd_core.runs.card import write_card
    from bickd_core.runs.checkpoints import save_weights
    from bickd_core.runs.create import check_same_data, class_order
    from bickd_core.runs.library import Cost
    from bickd_core.training.evaluate import predict_stages
    from bickd_core.training.setup import renormalised

    say("loading the data", 0.1)
    data_info = dataset_info(request.dataset)
    teacher = None if request.teacher is None else library.locate(request.teacher)
    order = class_order(data_info, request.class_order, teacher)
    dataset = load_dataset(
        request.dataset,
        image_size=_image_size(request),
        class_order=order or "text",
        resizing=request.resizing,
    )
    run = RunFolder(folder, key=request.name)
    info = _run_info(request, network, dataset, order, teacher)
    check_same_data(info, dataset.content, library)
    say("trying normalisations", 0.12)
    source, chosen = _try_inputs(file, network, request, dataset, teacher)
    info = info.model_copy(update={"source": source, "preprocessing": chosen})
    model = renormalised(network.model, chosen, dataset)
    _write_predictions(run, model, network, dataset, say)
    say("counting parameters", 0.95)
    if network.program is None:
        save_weights(network.model, run.weights_path, metadata={"arch": request.arch})
        run.write_stages(predict_stages(model, dataset))
        cost = Cost(
            parameters=count_parameters(network.model),
            macs=count_macs(network.model, info.network_shape),
        )
        info = info.model_copy(update={"cost": cost})
    run.write_info(info)
    if (aside := held_out(request.dataset)) is not None:
        run.write_held_out(aside)
    write_card(run, library)
    run.write_status(Status("finished", heartbeat=time.time()))


def _run_info(
    request: ImportRequest,
    network: LoadedNetwork,
    dataset: Dataset,
    order: ClassOrder | None,
    teacher: RunFolder | None,
) -> RunInfo:
    """Return the description of the new run, as far as it is known before the trial of inputs."""
    from bickd_core.runs.create import teacher_reference, versions

    size = dataset.image_size
    mean, std = converted(dataset.mean, dataset.std, network.channels)
    data_inputs = Normalisation(name="data", mean=mean, std=std)
    return RunInfo(
        name=request.name,
        role=request.role,
        arch=request.arch,
        dataset=request.dataset,
        image_size=size,
        in_channels=network.channels,
        num_classes=dataset.num_classes,
        data_content=dataset.content,
        class_order=order,
        teacher=(
            None
            if teacher is None
            else teacher_reference(teacher, request.dataset, size, teaches=False)
        ),
        source=Source(kind="program" if not request.arch else "imported"),
        versions=versions(),
        preprocessing=preprocessing(request, data_inputs, dataset),
    )


def _try_inputs(
    file: Path,
    network: LoadedNetwork,
    request: ImportRequest,
    dataset: Dataset,
    teacher: RunFolder | None,
) -> tuple[Source, Preprocessing]:
    """Choose the network's inputs on some images.

    Returns:
        The source of the run, with the trial's accuracies, notes and hints; and the inputs.
    """
    from bickd_core.importing.hints import chance_note, hints
    from bickd_core.importing.statistics import Statistics
    from bickd_core.runs.create import file_sha256
    from bickd_core.training.setup import renormalised

    part, of_train = _trial(dataset)
    images = tried_images(len(part), of_train, tried_split(dataset.name))
    statistics = Statistics(network.model, network.lacking, request.arch, dataset)
    tried = choose_inputs(
        network.model,
        part,
        dataset,
        request,
        statistics,
        channels=network.channels,
        images=images,
        teacher=None if teacher is None else _normalisation_of(teacher.info(), dataset),
    )
    statistics.estimate(renormalised(network.model, tried.chosen, dataset))
    notes = (
        statistics.note(),
        getattr(network.model, "note", ""),
        chance_note(tried.accuracy, len(part), dataset.num_classes, images),
    )
    data = dataset_info(request.dataset)
    named = method_and_seed(request.name) if request.role == "student" else None
    method, seed = named or ("", None)
    source = Source(
        kind="imported" if network.program is None else "program",
        method=method,
        seed=seed,
        file=file.name,
        sha256=file_sha256(file),
        part=network.part,
        tried=dict(tried.accuracies),
        tried_on=len(part),
        tried_train=of_train,
        undecided=tried.undecided,
        teachers_inputs=tried.of_teacher,
        own_validation=data.own_validation,
        notes=tuple(note for note in notes if note),
        hints=hints(network.model, part, dataset, tried, any_size=data.any_size),
    )
    return source, tried.chosen


def _normalisation_of(teacher: RunInfo, dataset: Dataset) -> Normalisation | None:
    """Return the normalisation of a teacher's inputs; None if it is not known: predictions have
    none, and a program may normalise its inputs itself."""
    if teacher.source.predictions_only:
        return None
    inputs = teacher.preprocessing
    if inputs is None:  # an older run, which used the data's own
        return Normalisation(name="data", mean=dataset.mean, std=dataset.std)
    return Normalisation(name=inputs.name, mean=inputs.mean, std=inputs.std)


def _trial(dataset: Dataset) -> tuple[Split, int]:
    """Return the images on which inputs are tried, and how many of them are train images.

    Test is used only if all images are test.
    """
    from bickd_core.data.base import joined
    from bickd_core.runs.stages import probe_positions

    split = tried_split(dataset.name)
    images = dataset.split(split)
    part = images.take(probe_positions(images.labels, TRIED_ON))
    missing = TRIED_ON - len(part)
    if split == "test" or not missing or not len(dataset.train):
        return part, 0
    more = dataset.train.take(probe_positions(dataset.train.labels, missing))
    return joined(part, more), len(more)


def _write_predictions(
    run: RunFolder, model: nn.Module, network: LoadedNetwork, dataset: Dataset, say: Say
) -> None:
    """Write the predictions on validation and test."""
    from bickd_core.training.evaluate import predict

    splits: list[tuple[FileSplit, float, float]] = [
        ("validation", 0.2, 0.2),
        ("test", 0.4, 0.5),
    ]
    if dataset_info(dataset.name).all_test:  # its validation images are test images too
        splits = splits[1:]
    for split, start, share in splits:
        predictions = predict(
            model,
            dataset.split(split),
            dataset,
            features=network.gives_features,
            on_progress=lambda done, split=split, start=start, share=share: say(  # type: ignore[misc]
                f"evaluating on {split}", start + share * done
            ),
        )
        predictions.save(run.predictions_path(split))


def _image_size(request: ImportRequest) -> int | None:
    """Return pixels per side of the images: as requested, else the network's input size if the
    images can have it."""
    wanted = request.input_size
    if request.image_size is None and wanted is not None and dataset_info(request.dataset).any_size:
        return wanted
    return request.image_size


def explain(error: Exception) -> str:
    """Describe in one sentence why an import failed."""
    from bickd_core.training.worker import explain as explain_known

    if out_of_memory(error):
        return (
            "this machine has too little memory to evaluate the network on these images; close"
            " other programs or choose a smaller image size."
        )
    if isinstance(error, ValidationError | ValueError | OSError):
        return explain_known(error, "load the file again")
    return (
        f"the import failed because of an error in this program ({type(error).__name__}:"
        f" {str(error).strip()[:200]}); nothing was imported, but the file may be valid."
    )


def main() -> None:
    folder = Path(sys.argv[1])
    job = json.loads((folder / "request.json").read_text())
    library = Library(shelf=Path(job["shelf"]), own=Path(job["own"]))

    worker = asdict(Worker.this())

    def say(message: str, share: float, **outcome: str) -> None:
        write_json(
            folder / "progress.json",
            {"message": message, "share": share, "worker": worker, **outcome},
        )

    say("starting", 0.0)
    try:
        request = ImportRequest.model_validate(job["request"])
        run = import_weights(folder / job["file"], request, library, say=say, inside=folder)
        say("done", 1.0, run=run.key)
    except OtherNormalisation as error:
        say("failed", 1.0, error=str(error), better=error.better)
    except Exception as error:
        traceback.print_exc()
        say("failed", 1.0, error=explain(error))


if __name__ == "__main__":
    main()
