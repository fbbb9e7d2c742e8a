"""Build everything that a run needs in memory from its config: data, models, objective and
optimiser."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import zip_longest

import numpy as np
import torch
from lightning_fabric import Fabric
from torch import Tensor, nn

from bickd_core.config import TrainConfig, check_alike
from bickd_core.data.base import Augmentation, Dataset, content_hash
from bickd_core.data.device import DeviceSplit, Normaliser, to_device
from bickd_core.data.normalisation import LUMA
from bickd_core.data.preprocessing import Preprocessing
from bickd_core.data.registry import load_dataset
from bickd_core.kernels.norm_relu import fuse
from bickd_core.losses import Objective, create_objective
from bickd_core.models.catalogue import resolve
from bickd_core.models.factory import create_model
from bickd_core.models.folding import folded
from bickd_core.models.outputs import Outputs
from bickd_core.models.renormalised import Renormalised
from bickd_core.runs.checkpoints import load_into, read_weights
from bickd_core.runs.create import epochs_before, epochs_until, file_sha256
from bickd_core.runs.library import Library, RunError, RunFolder, RunInfo
from bickd_core.runs.stages import probe_positions
from bickd_core.training.batches import Batches, Views
from bickd_core.training.compiling import compiled
from bickd_core.training.evaluate import predict
from bickd_core.training.hardware import Hardware, choose_hardware
from bickd_core.training.ranks import Ranks, create_fabric, synchronised, world_size
from bickd_core.training.schedule import create_optimizer
from bickd_core.training.teacher import LiveTeacher, StoredTeacher
from bickd_core.training.view_store import ViewKey, ViewStore


@dataclass
class Job:
    """A run in memory. `probe` holds the positions of the probe set in the validation split."""

    config: TrainConfig
    hardware: Hardware
    fabric: Fabric
    ranks: Ranks
    dataset: Dataset
    train: DeviceSplit
    batches: Batches
    probe: np.ndarray
    student: nn.Module
    teacher: nn.Module | None
    teacher_logits: np.ndarray | None
    """The teacher's logits on validation, for agreement."""
    objective: Objective
    optimizer: torch.optim.Optimizer
    first_view: int = 0
    """Number of epochs of the runs that this one extends. Its views and orders continue from
    there."""
    draws: bool = False
    """Whether the student may draw random numbers in training (dropout)."""
    compiled: Callable[..., Outputs] | None = None
    """The student's `outputs` compiled by torch.compile, if the config requests it."""

    def outputs(self, inputs: Tensor, *, features: bool, maps: bool) -> Outputs:
        """Return the student's Outputs on a batch."""
        if self.compiled is None:
            return self.student.outputs(inputs, features=features, maps=maps)  # type: ignore[operator]
        # what the last step's graph put out is no longer needed
        torch.compiler.cudagraph_mark_step_begin()
        return self.compiled(inputs, features=features, maps=maps)

    @property
    def trained(self) -> list[nn.Parameter]:
        """The parameters of the student and of the objective."""
        return [*self.student.parameters(), *self.objective.parameters()]

    @property
    def batch_size(self) -> int:
        return min(self.config.batch_size, len(self.train))

    @property
    def steps(self) -> int:
        """Steps in an epoch. The last short batch is dropped, because column losses depend on the
        batch size."""
        return len(self.train) // self.batch_size


def build_job(config: TrainConfig, library: Library, run: RunFolder | None = None) -> Job:
    """Load and build everything for one run.

    Args:
        run: its folder, if it exists.

    Raises:
        ValueError: for example, the teacher does not fit the data or a name is unknown.
    """
    return build_race([config], library, runs=() if run is None else (run,))[0]


def build_race(
    configs: Sequence[TrainConfig],
    library: Library,
    say: Callable[[str], None] = print,
    *,
    runs: Sequence[RunFolder] = (),
) -> list[Job]:
    """Build jobs that share data, teacher and batches. Each batch is augmented once, and the
    teacher sees it once.

    Args:
        say: called with a message before a step that takes long.
        runs: the folders of the runs, if they exist. They know how many epochs came before, and
            whether a saved state replaces the first weights.

    Raises:
        ValueError: as for `build_job`, or the configs differ in a shared field.
    """
    config = configs[0]
    check_alike(configs)
    hardware = choose_hardware(config, say)
    torch.set_num_threads(hardware.threads)
    fabric = create_fabric(hardware)
    ranks = Ranks(fabric)
    dataset = load_dataset(
        config.dataset,
        image_size=config.image_size,
        validation_seed=config.validation_seed,
        validation_folds=config.validation_folds,
        validation_fold=config.validation_fold,
        train_limit=config.train_limit,
        class_order=config.class_order or "text",
        resizing=config.resizing,
    )
    train = to_device(dataset.train, hardware.device)
    teacher_run = None if config.teacher is None else library.locate(config.teacher)
    teacher = (
        None if teacher_run is None else _on(hardware, freeze(load_run_model(teacher_run, dataset)))
    )
    first = _first_view(config, library, runs)
    views = Views(
        train=train,
        normalise=Normaliser(dataset.mean, dataset.std, device=hardware.device),
        augmentation=dataset.augmentation if config.augment else None,
        seed=config.seeds.augmentation,
        pool=config.view_pool,
        first=first,
    )
    students = [
        _student(each, library, dataset, hardware, teacher, ranks, run)
        for each, run in zip_longest(configs, runs)
    ]
    teaching = [objective for _, objective in students if objective.needs_teacher]
    teacher_outputs = None
    if teacher is not None and teacher_run is not None and teaching:
        names = frozenset().union(*(objective.needs for objective in teaching)) - {"ids"}
        sample = views.inputs(torch.arange(min(2, len(train)), device=hardware.device), 0)
        live = LiveTeacher(_on(hardware, folded(teacher, sample, names)), names, fabric.autocast)
        teacher_outputs = (
            live
            if _live(config, names)
            else StoredTeacher(
                live,
                ViewStore(view_key(config, teacher_run, dataset, hardware, names)),
                train,
                views.inputs,
            )
        )
    batches = Batches(views, teacher_outputs)
    teacher_logits = None
    if teacher is not None and teacher_run is not None:
        teacher_logits = validation_logits(teacher, teacher_run, dataset, hardware)
    return [
        Job(
            config=each,
            hardware=hardware,
            fabric=fabric,
            ranks=ranks,
            dataset=dataset,
            train=train,
            batches=batches,
            probe=probe_positions(
                dataset.validation.labels, each.probe_size or 2 * dataset.num_classes
            ),
            student=student,
            teacher=teacher,
            teacher_logits=teacher_logits,
            objective=objective,
            optimizer=create_optimizer(
                each,
                [*student.parameters(), *objective.parameters()],
                fused=hardware.device.type == "cuda",
            ),
            first_view=first,
            draws=_draws(each.arch, student),
            compiled=compiled(student.outputs, hardware.device) if each.compile else None,  # type: ignore[arg-type]
        )
        for each, (student, objective) in zip(configs, students, strict=True)
    ]


def _first_view(config: TrainConfig, library: Library, runs: Sequence[RunFolder]) -> int:
    if config.extends is None:
        return 0
    if runs:
        return epochs_before(runs[0].info(), library)
    return epochs_until(library.locate(config.extends).info(), library)


def _student(
    config: TrainConfig,
    library: Library,
    dataset: Dataset,
    hardware: Hardware,
    teacher: nn.Module | None,
    ranks: Ranks,
    run: RunFolder | None,
) -> tuple[nn.Module, Objective]:
    """Return the student with its initial weights, and the objective with its own parameters and
    memory."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seeds.weights)
        if config.extends is None:
            student: nn.Module = create_model(
                config.arch, num_classes=dataset.num_classes, in_channels=dataset.in_channels
            )
        else:
            student = _extended(config.extends, library, dataset, run)
        student = _on(hardware, synchronised(student, ranks, hardware.device))
        if hardware.fused and not config.compile:
            fuse(student)
        objective = create_objective(config.objective)
        objective.setup(student, teacher, dataset)
    return student, objective


def _extended(key: str, library: Library, dataset: Dataset, run: RunFolder | None) -> nn.Module:
    """Return the network of the run that is extended. A run with a saved state continues without
    its weights, because the state replaces them; another run may have that name by now.

    Raises:
        RunError: there is no saved state, and the extended run is gone or replaced.
    """
    if run is not None and run.resume_path.exists():
        info = run.info()
        if info.epochs_before is not None:  # older runs have no record of its preprocessing
            return _untrained(info, dataset)
    try:
        extended = library.locate(key)
    except RunError:
        if run is None or not run.resume_path.exists():
            raise
        return _untrained(run.info(), dataset)
    if (
        run is not None
        and not run.resume_path.exists()
        and extended.info().created > run.info().created
    ):
        raise RunError(
            f"run '{key}' was made after the run that extends it, so it has other weights; start a"
            " new run."
        )
    return load_run_model(extended, dataset)


def _untrained(info: RunInfo, dataset: Dataset) -> nn.Module:
    assert info.in_channels is not None
    model = create_model(info.arch, num_classes=info.num_classes, in_channels=info.in_channels)
    return renormalised(model, info.preprocessing, dataset)


def _on(hardware: Hardware, model: nn.Module) -> nn.Module:
    return model.to(hardware.device, memory_format=torch.channels_last)  # type: ignore[call-overload]


def _draws(arch: str, model: nn.Module) -> bool:
    """Return whether a network has dropout. One from outside the catalogue may draw in any way,
    such as by `F.dropout` or stochastic depth."""
    dropout = any("drop" in type(module).__name__.lower() for module in model.modules())
    return dropout or resolve(arch).is_outside


def _live(config: TrainConfig, names: frozenset[str]) -> bool:
    """Choose "live" or "stored" for auto: live if maps are needed, which are too large, or with
    several processes."""
    if config.teacher_outputs != "auto":
        return config.teacher_outputs == "live"
    return "maps" in names or world_size() > 1


def view_key(
    config: TrainConfig,
    teacher: RunFolder,
    dataset: Dataset,
    hardware: Hardware,
    names: frozenset[str],
) -> ViewKey:
    """Return everything that determines the teacher's outputs on the training views of this
    config."""
    info = teacher.info()
    own = info.preprocessing
    how = dataset.augmentation if config.augment else Augmentation(pad=0, flip=False)
    return ViewKey(
        teacher_sha256=file_sha256(teacher.weights_path),
        data_sha256=content_hash(dataset.train),
        arch=info.arch,
        pad=how.pad,
        flip=how.flip,
        seed=config.seeds.augmentation if config.augment else 0,
        mean=dataset.mean if own is None else own.mean,
        std=dataset.std if own is None else own.std,
        channel_order="rgb" if own is None else own.channel_order,
        input_size=(own and own.input_size) or dataset.image_size,
        names=("logits", *sorted(names)),
        precision=hardware.precision,
        teacher=teacher.key,
        dataset=dataset.name,
    )


def validation_logits(
    teacher: nn.Module, run: RunFolder, dataset: Dataset, hardware: Hardware
) -> np.ndarray:
    """Return the teacher's logits on validation, from its run folder if it has these samples."""
    if run.has_predictions("validation"):
        stored = run.predictions("validation")
        if np.array_equal(stored.ids, dataset.validation.ids):
            return stored.logits
    return predict(
        teacher, dataset.validation, dataset, device=hardware.device, features=False
    ).logits


def load_run_data(info: RunInfo) -> Dataset:
    """Load the data of a run with the same size, class order and resizing.

    Raises:
        RunError: the run has only predictions, or its images have changed.
        ValueError: the data does not exist or cannot be used.
    """
    dataset = load_dataset(
        info.dataset,
        image_size=info.image_shape[-1],
        class_order=info.class_order or "text",
        resizing=info.resizing,
    )
    if info.data_content not in (None, dataset.content):
        raise RunError(
            f"the images in {info.dataset} have changed since run '{info.name}' was made, so its"
            " classes and statistics may be others; restore them."
        )
    return dataset


def load_run_model(run: RunFolder, dataset: Dataset) -> nn.Module:
    """Load the model of a finished run with its last weights, and check that it fits the data.

    The model takes inputs that are normalised with the data's own statistics. If the run recorded
    another preprocessing, the model converts them itself.

    Raises:
        RunError: the run has no weights yet, or its classes or channels differ from the data's.
    """
    info = run.info()
    if not run.weights_path.exists():
        if info.source.predictions_only:
            raise RunError(f"run '{run.key}' has no weights, only predictions; import its weights.")
        raise RunError(f"run '{run.key}' has no weights yet; finish it first.")
    if not run.holds("model.safetensors"):
        raise RunError(
            f"run '{run.key}': model.safetensors is a link or a folder; put the file itself there."
        )
    if (info.num_classes, info.data_channels) != (dataset.num_classes, dataset.in_channels):
        raise RunError(
            f"run '{run.key}' was made for {info.num_classes} classes and {info.data_channels}"
            f" channels, but {dataset.name} has {dataset.num_classes} and {dataset.in_channels};"
            " choose a run on this data."
        )
    assert info.in_channels is not None
    model = create_model(info.arch, num_classes=info.num_classes, in_channels=info.in_channels)
    load_into(model, read_weights(run.weights_path), name=info.arch)
    return renormalised(model, info.preprocessing, dataset)


def renormalised(model: nn.Module, own: Preprocessing | None, dataset: Dataset) -> nn.Module:
    """Wrap the model with its own preprocessing, for inputs that are normalised with the data's
    statistics."""
    if own is None:
        return model
    bgr = own.channel_order == "bgr"
    size = None if own.input_size == dataset.image_size else own.input_size
    if (own.mean, own.std, bgr, size) == (dataset.mean, dataset.std, False, None):
        return model
    return Renormalised(
        model,
        mean=dataset.mean,
        std=dataset.std,
        own_mean=own.mean,
        own_std=own.std,
        bgr=bgr,
        grey=LUMA if own.channels == "grey" else None,
        size=size,
    )


def freeze(model: nn.Module) -> nn.Module:
    """Set evaluation mode without gradients, so that the teacher's batch norm statistics do not
    change."""
    return model.eval().requires_grad_(False)
