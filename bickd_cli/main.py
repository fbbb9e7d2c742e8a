"""`bickd train | race | extend | sweep | evaluate | explore | import | import-predictions | export | stages | report | runs | cache`: the command line, from the config types.

The one place that knows all parts; it imports them when they are called.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import tyro
from rich.table import Table

from bickd_cli.export import Export
from bickd_cli.flags import Modules, modules_of, plain, values
from bickd_cli.import_predictions import ImportPredictions
from bickd_cli.sweep import Sweep
from bickd_cli.train import Cache, Extend, Race, print_table
from bickd_core.config import Seeds, TrainConfig
from bickd_core.data.normalisation import Preset
from bickd_core.data.preprocessing import ChannelOrder
from bickd_core.data.resizing import Interpolation, Resize
from bickd_core.launch.openmp import brief_waits
from bickd_core.models.own import allow
from bickd_core.places import bundle_folder
from bickd_core.runs.library import Library, RunError

if TYPE_CHECKING:
    from bickd_core.importing.identify import Identified

Options = plain(TrainConfig)


@dataclass
class Train:
    """Train a teacher or distil a student, in the foreground; Ctrl-C saves, `--resume` goes on.

    The options of an objective begin at its published setting for CIFAR-100; docs/losses.md lists others, and their sources.
    For example `bickd train --teacher caltech95/teacher --epochs 40 bickd --temperature 4 sgd --lr 0.05`. On several
    GPUs or machines `torchrun --nproc-per-node 4 --max-restarts 3 -m bickd_cli.main train --name NAME ...`.
    """

    options: Annotated[Options, tyro.conf.arg(name="")] = field(default_factory=Options)  # type: ignore[valid-type]
    seed: int | None = None
    """All three seeds at once."""
    name: str | None = None
    """Name of the run; made from data, model, objective and seed if not given."""
    resume: str | None = None
    """Go on with this stopped, failed or lost run instead; every other option is then its own."""
    background: bool = False
    """Start a worker process and return at once."""
    modules: Modules = ()

    def run(self, library: Library) -> int:
        from bickd_core.launch.local import check_resumable, resume, submit
        from bickd_core.runs.create import create_run
        from bickd_core.training.foreground import follow

        if self.resume is not None:
            run = library.locate(self.resume)
            print(f"run folder: {run.path}")
            if self.background:
                resume(run, library)
                return 0
            check_resumable([run])
            return follow(run, library)
        asked = values(self.options)
        if self.seed is not None:
            asked["seeds"] = dict.fromkeys(Seeds.model_fields, self.seed)
        config = TrainConfig.model_validate(asked)
        if int(os.environ.get("WORLD_SIZE", "1")) > 1:
            from bickd_core.training.together import train_together

            return train_together(config, library, self.name)
        make = submit if self.background else create_run
        run = make(config, library, name=self.name)
        print(f"run folder: {run.path}", flush=True)
        return 0 if self.background else follow(run, library)


@dataclass
class Evaluate:
    """Accuracy, agreement, overlap and the rest of one run, with intervals over samples."""

    run_key: Annotated[str, tyro.conf.Positional]
    """Key or folder of a run."""
    teacher: str | None = None
    """Compare with this run instead of the student's own teacher."""
    split: Literal["validation", "test"] = "test"
    temperature: float = 4.0

    def run(self, library: Library) -> int:
        from bickd_core.geometry import summarise
        from bickd_core.runs.predictions import align

        run = library.locate(self.run_key)
        reference = run.info().teacher
        teacher = self.teacher or (reference.key if reference else None)
        own = run.predictions(self.split)
        if teacher is None:
            summary = summarise(None, own, T=self.temperature)
        else:
            both = align([library.locate(teacher).predictions(self.split), own], [teacher, run.key])
            summary = summarise(*both.predictions, T=self.temperature)
        of = f" of {len(own):,}" if summary.n < len(own) else ""
        versus = f" against {teacher}" if teacher else ""
        table = Table(
            title=f"{run.key}{versus} on {self.split}, T = {self.temperature:g}, n = {summary.n:,}{of}"
        )
        table.add_column("figure")
        table.add_column("estimate", justify="right")
        table.add_column("95 % interval over samples", justify="right")
        for name in FIGURES:
            interval = getattr(summary, name)
            if interval is not None:
                known = interval.low is not None and interval.high is not None
                low_high = f"{interval.low:.4f} to {interval.high:.4f}" if known else "too few images"
                table.add_row(name.replace("_", " "), f"{interval.estimate:.4f}", low_high)
        print_table(table)
        return 0


FIGURES = (
    "accuracy",
    "agreement",
    "kl",
    "displacement",
    "calibration_error",
    "cka_logits",
    "cka_features",
    "overlap",
    "overlap_matched",
    "overlap_per_image",
    "overlap_balanced",
    "score",
    "effective_rank",
)


@dataclass
class Explore:
    """Start the app on this machine and print its address.

    Runs go to `runs/` in the current folder (BICKD_RUNS names another). Streamlit's options are set by its environment
    variables, for example STREAMLIT_SERVER_ALLOWED_HOSTS: docs/deploy.md.
    """

    port: int = 8501

    def run(self, library: Library) -> int:
        main = bundle_folder() / "app" / "main.py"
        command = [sys.executable, "-P", "-m", "streamlit", "run", str(main)]  # -P: no module of this folder
        command += ["--server.port", str(self.port)]
        folders = {"BICKD_SHELF": str(library.shelf.resolve()), "BICKD_RUNS": str(library.own.resolve())}
        os.execve(
            sys.executable, command, {**os.environ, **folders}
        )  # whoever ends this process ends the app


@dataclass
class Import:
    """Make a run folder of a weights file: checked, evaluated on the data's test split.

    An ONNX or torch.export file (.onnx, .pt2) becomes a run with predictions alone: nothing can be trained by it.
    """

    dataset: str
    file: Annotated[Path | None, tyro.conf.Positional] = None
    """A weights file, whatever it is called, an ONNX or torch.export file, or a folder of Hugging Face's with config.json
    and model.safetensors. Left out with --pretrained."""
    arch: str | None = None
    """The network; recognised by its tensors, or by config.json, if not given."""
    pretrained: bool = False
    """Take timm's own weights of --arch timm:NAME from its hub, in place of a file."""
    all_test: bool = False
    """All images of the folder are test images: ImageNet's val as it lies, for instance. The same as --dataset all-test:PATH."""
    image_size: int | None = None
    class_order: Literal["natural", "text"] | None = None
    """Of classes named by whole numbers: natural (by value) or text (0, 1, 10, 2), as torchvision's ImageFolder has
    them; if not given, that of the teacher, else natural."""
    role: Literal["teacher", "student"] = "student"
    teacher: str | None = None
    name: str | None = None
    part: str | None = None
    """Which network of a file that holds several, by its key and prefix, such as model/student. The command names
    them where it cannot tell."""
    normalisation: Preset | None = None
    """Of the network's inputs, as mean and deviation of red, green and blue. data: the data's own. imagenet: 0.485 0.456
    0.406, 0.229 0.224 0.225. cifar10: 0.4914 0.4822 0.4465, 0.247 0.2435 0.2616. cifar100: 0.5071 0.4865 0.4409, 0.2673
    0.2564 0.2762. half: 0.5, 0.5. none: values from 0 to 1.

    Without it four of these are tried on 500 validation images. The data's own are taken (ImageNet's for networks of timm
    and torchvision) unless another is clearly better; the command then ends and names it."""
    mean: tuple[float, ...] | None = None
    """Numbers in place of --normalisation: the mean of each channel, values being from 0 to 1."""
    std: tuple[float, ...] | None = None
    """The deviation of each channel; goes with --mean."""
    channel_order: ChannelOrder | None = None
    """Of the network's inputs: rgb, or bgr as in networks of Caffe and OpenCV."""
    input_size: int | None = None
    """Pixels a side that the network gets, where they are not those of the images; images are scaled to it."""
    resize: Resize | None = None
    """How images of your own become square: crop (the central square), stretch, or pad (black borders)."""
    interpolation: Interpolation | None = None
    """Of scaling images of your own; bicubic if not given."""
    crop_share: float | None = None
    """Of the side of images of your own, what is kept before scaling, such as 0.875; timm calls it crop_pct."""
    modules: Modules = ()

    def run(self, library: Library) -> int:
        from bickd_core.data import dataset_info
        from bickd_core.importing.identify import Identified, identify

        if (self.file is None) != self.pretrained:
            came = "neither" if self.file is None else "both"
            raise ValueError(f"expected a file of weights, or --arch timm:NAME --pretrained; got {came}.")
        if self.file is None:
            from bickd_core.importing.pretrained import fetch_pretrained

            with tempfile.TemporaryDirectory() as folder:
                found = fetch_pretrained(self.arch or "", dataset_info(self._dataset), Path(folder))
                return self._import(found, library)
        file = self.file
        named = self.arch is not None and not file.is_dir()
        return self._import(Identified(file, self.arch or "") if named else identify(file), library)

    @property
    def _dataset(self) -> str:
        from bickd_core.data.external import all_test

        return all_test(self.dataset) if self.all_test else self.dataset

    def _import(self, found: Identified, library: Library) -> int:
        from bickd_core.data import dataset_info, made_square, tried_split
        from bickd_core.data.normalisation import applied
        from bickd_core.importing.load_network import check_shapes
        from bickd_core.importing.weights import HELD_OUT, ImportRequest, import_weights
        from bickd_core.runs.program_kinds import TITLES, program_kind

        arch = self.arch or found.arch
        if not self.arch:
            print(f"network: {arch or TITLES[program_kind(found.file)]}", flush=True)
        dataset = self._dataset
        if found.shapes and self.part is None:
            check_shapes(found.shapes, arch, dataset_info(dataset))
        request = ImportRequest(
            arch=arch,
            dataset=dataset,
            image_size=self.image_size,
            class_order=self.class_order,
            role=self.role,
            teacher=self.teacher,
            name=self.name or (self.file or found.file).stem,
            part=self.part,
            **self._inputs(found.inputs),
        )
        run = import_weights(found.file, request, library)
        info = run.info()
        if info.source.part:
            print(f"The weights are those under {info.source.part} in the file.")
        if info.preprocessing is not None:
            split = tried_split(info.dataset)
            print(applied(info.preprocessing, info.source.tried, info.source.tried_on, split))
            print(info.preprocessing.sentence(made_square(info.dataset)))
        for sentence in (*info.source.notes, *info.source.hints):
            print(sentence)
        if run.held_out_path.exists():
            print(f"{HELD_OUT} {run.held_out_path.name} in the run folder lists them.")
        print(
            f"{'Maps follow' if info.source.predictions_only else 'Latency and maps follow'} in the background."
        )
        print(f"run folder: {run.path}")
        return 0

    def _inputs(self, found: Mapping[str, Any]) -> dict[str, Any]:
        """The request's fields on the network's inputs: what is asked for, and else what its folder says."""
        from bickd_core.config import RESIZING
        from bickd_core.data import dataset_info

        any_size = self.all_test or dataset_info(self.dataset).any_size
        fields = {name: value for name, value in found.items() if any_size or name not in RESIZING}
        if self.resize == "pad":
            fields.pop("crop_share", None)
        numbers = self.mean is not None or self.std is not None
        if numbers and self.normalisation is not None:
            raise ValueError(
                "`--mean` and `--std` are numbers in place of `--normalisation`; leave one of the two out."
            )
        if numbers or self.normalisation is not None:
            fields |= {"normalisation": self.normalisation or "given", "mean": self.mean, "std": self.std}
        names = ("channel_order", "input_size", *RESIZING)
        return fields | {name: getattr(self, name) for name in names if getattr(self, name) is not None}


@dataclass
class Report:
    """A comparison as one HTML file that needs no network: figures with intervals, charts with their data, images.

    For example `bickd report --teacher caltech95/teacher --students caltech95/kd-s0 caltech95/bickd-s0`.
    """

    teacher: str
    """Key or folder of the teacher's run."""
    students: tuple[str, ...] = ()
    """Keys or folders of its students."""
    out: Path = Path("report.html")
    split: Literal["validation", "test"] = "test"
    temperature: float = 4.0
    address: str = "http://localhost:8501/"
    """Where the app runs, for the link that shows the same view."""

    def run(self, library: Library) -> int:
        from datetime import date

        from bickd_core.atomic import atomic_write
        from bickd_core.comparing.report_data import read_report_data
        from bickd_viz.report.build import html
        from bickd_viz.report.comparison import comparison_report

        data = read_report_data(
            library, self.teacher, self.students, split=self.split, temperature=self.temperature
        )
        page = html(comparison_report(data, address=self.address, made=date.today().isoformat()))
        with atomic_write(self.out) as temporary:
            Path(temporary).write_bytes(page)
        print(f"report: {self.out} ({len(page) / 1e6:.1f} MB)")
        return 0


@dataclass
class Stages:
    """Add what the layer comparison needs (stages.npz) to runs that are older than that file."""

    run_keys: Annotated[tuple[str, ...], tyro.conf.Positional] = ()
    """Keys or folders of runs; every finished run that lacks the file if none is named."""
    modules: Modules = ()

    def run(self, library: Library) -> int:
        from bickd_core.training.finish import add_stages

        lacking = [
            run for run in library.runs() if run.weights_path.exists() and not run.stages_path.exists()
        ]
        for run in [library.locate(key) for key in self.run_keys] or lacking:
            add_stages(run)
            print(f"{run.key}: {run.stages_path.name} written")
        return 0


@dataclass
class Runs:
    """List every run folder with its state, and say so if there is none."""

    def run(self, library: Library) -> int:
        table = Table("key", "state", "role", "model", "data", "objective")
        problems, own = [], 0
        for run in library.runs():
            own += not run.read_only
            try:
                info, status = run.info(), run.status()
            except RunError as error:
                problems.append(str(error))
                continue
            state = "lost (resume it)" if status.stale() else status.state
            table.add_row(run.key, state, info.role, info.arch or "none", info.dataset, info.objective)
        if table.row_count:
            print_table(table)
        if not own:
            print(
                f"There are no runs in {library.own} yet (BICKD_RUNS names the folder). `bickd train` makes one."
            )
        for problem in problems:
            print(f"bickd: {problem}", file=sys.stderr)
        return 0


Command = (
    Annotated[Train, tyro.conf.subcommand("train")]
    | Annotated[Race, tyro.conf.subcommand("race")]
    | Annotated[Extend, tyro.conf.subcommand("extend")]
    | Annotated[Sweep, tyro.conf.subcommand("sweep")]
    | Annotated[Evaluate, tyro.conf.subcommand("evaluate")]
    | Annotated[Explore, tyro.conf.subcommand("explore")]
    | Annotated[Import, tyro.conf.subcommand("import")]
    | Annotated[ImportPredictions, tyro.conf.subcommand("import-predictions")]
    | Annotated[Export, tyro.conf.subcommand("export")]
    | Annotated[Stages, tyro.conf.subcommand("stages")]
    | Annotated[Report, tyro.conf.subcommand("report")]
    | Annotated[Runs, tyro.conf.subcommand("runs")]
    | Annotated[Cache, tyro.conf.subcommand("cache")]
)


def main(arguments: list[str] | None = None) -> None:
    """Entry point of the `bickd` command; an error for the user is one sentence and exit code 2."""
    command = tyro.cli(
        Command, prog="bickd", description="Distil networks and explore what it did.", args=arguments
    )
    os.environ.update(brief_waits())
    allow(modules_of(command))
    try:
        code = command.run(Library.default())
        sys.stdout.flush()
    except BrokenPipeError:  # whoever read the output has had enough, as `head` has
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 0
    except (ValueError, OSError) as error:
        from bickd_core.training.worker import explain

        print(f"bickd: {explain(error, 'try again')}", file=sys.stderr)
        code = 2
    sys.exit(code)


if __name__ == "__main__":
    main()
