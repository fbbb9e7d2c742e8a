"""From a config to everything a run needs in memory: data, models, objective, optimiser."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from lightning_fabric import Fabric
from torch import nn

from bickd_core.checkpoints import load_into, read_weights
from bickd_core.data import Dataset, load_dataset
from bickd_core.data.device import DeviceSplit, Normaliser, to_device
from bickd_core.losses import Objective, create_objective
from bickd_core.models.factory import create_model
from bickd_core.runs import Library, RunError, RunFolder
from bickd_core.stages import probe_positions
from bickd_core.training.config import TrainConfig
from bickd_core.training.evaluate import predict
from bickd_core.training.hardware import Hardware, choose_hardware
from bickd_core.training.schedule import create_optimizer


@dataclass
class Job:
    """A run in memory. `probe` holds the positions of the probe set in the validation split."""

    config: TrainConfig
    hardware: Hardware
    fabric: Fabric
    dataset: Dataset
    train: DeviceSplit
    normalise: Normaliser
    probe: np.ndarray
    student: nn.Module
    teacher: nn.Module | None
    teacher_logits: np.ndarray | None
    """The teacher's logits on the validation split, for agreement."""
    objective: Objective
    optimizer: torch.optim.Optimizer

    @property
    def batch_size(self) -> int:
        return min(self.config.batch_size, len(self.train.labels))

    @property
    def steps(self) -> int:
        """Steps an epoch. The last short batch is dropped: column losses change with the batch."""
        return len(self.train.labels) // self.batch_size


def build_job(config: TrainConfig, library: Library) -> Job:
    """Load and build all of it.

    Raises:
        ValueError: the teacher does not fit the data, a name is unknown, ...; one sentence each.
    """
    hardware = choose_hardware(config)
    torch.set_num_threads(hardware.threads)
    fabric = Fabric(accelerator=hardware.accelerator, devices=1, precision=hardware.fabric_precision)
    dataset = load_dataset(
        config.dataset,
        image_size=config.image_size,
        validation_seed=config.validation_seed,
        train_limit=config.train_limit,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seeds.weights)
        student = create_model(config.arch, num_classes=dataset.num_classes, in_channels=dataset.in_channels)
        teacher = None if config.teacher is None else load_run_model(library.locate(config.teacher), dataset)
        objective = create_objective(config.objective)
        objective.setup(student, teacher, dataset)
    student = student.to(hardware.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    teacher_logits = None
    if teacher is not None:
        teacher = freeze(teacher).to(hardware.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        teacher_logits = predict(
            teacher, dataset.validation, dataset, device=hardware.device, features=False
        ).logits
    trainable = [*student.parameters(), *objective.parameters()]
    return Job(
        config=config,
        hardware=hardware,
        fabric=fabric,
        dataset=dataset,
        train=to_device(dataset.train, hardware.device),
        normalise=Normaliser(dataset.mean, dataset.std, device=hardware.device, channels_last=True),
        probe=probe_positions(dataset.validation.labels, config.probe_size or 2 * dataset.num_classes),
        student=student,
        teacher=teacher,
        teacher_logits=teacher_logits,
        objective=objective,
        optimizer=create_optimizer(config, trainable),
    )


def load_run_model(run: RunFolder, dataset: Dataset) -> nn.Module:
    """The model of a finished run with its last weights, checked against the data it is to be used on.

    Raises:
        RunError: the run has no weights yet, or its classes or channels are not those of the data.
    """
    info = run.info()
    if not run.weights_path.exists():
        raise RunError(f"run '{run.key}' has no weights yet; finish it first.")
    if (info.num_classes, info.in_channels) != (dataset.num_classes, dataset.in_channels):
        raise RunError(
            f"run '{run.key}' was made for {info.num_classes} classes and {info.in_channels} channels, and "
            f"{dataset.name} has {dataset.num_classes} and {dataset.in_channels}; choose a run on this data."
        )
    model = create_model(info.arch, num_classes=info.num_classes, in_channels=info.in_channels)
    load_into(model, read_weights(run.weights_path), name=info.arch)
    return model


def freeze(model: nn.Module) -> nn.Module:
    """Evaluation mode and no gradients: a teacher's batch-norm statistics must not drift."""
    return model.eval().requires_grad_(False)
