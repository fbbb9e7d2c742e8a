"""The command line `bickd`, with a subcommand for each task. Its options come from the config
types.

This package uses all other parts, and imports them only when a command needs them.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import tyro
from rich.table import Table

from bickd_cli.export import Export
from bickd_cli.flags import Modules, modules_of, plain, refuse_with_resume, values
from bickd_cli.import_predictions import ImportPredictions
from bickd_cli.relocate import Relocate
from bickd_cli.sweep import Sweep
from bickd_cli.train import Cache, Extend, Race, print_table, refuse_taken
from bickd_core.config import Seeds, TrainConfig
from bickd_core.data.normalisation import Preset
from bickd_core.data.preprocessing import ChannelOrder
from bickd_core.data.resizing import Interpolation, Resize
from bickd_core.launch.openmp import brief_waits
from bickd_core.models.own import allow, allowed
from bickd_core.places import bundle_folder
from bickd_core.runs.library import Library, RunError, RunFolder, check_name

if TYPE_CHECKING:
    from bickd_core.importing.identify import Identified

Options = plain(TrainConfig, unset=("dataset",))


@dataclass
class Train:
    """Train a teacher or distil a student in the foreground. Ctrl-C saves the run; `--resume`
    continues it.

    Example: `bickd train --teacher caltech95/teacher --epochs 40 bickd --temperature 4 sgd --lr
    0.2`. The defaults of a method are its published CIFAR-100 setting, except for `bickd`: a
    reconstruction from the paper's abstract, with defaults of this project. docs/losses.md has the
    sources. On several GPUs or
    machines: `torchrun --nproc-per-node 4 --max-restarts 3 -m bickd_cli.main train --name NAME
    ...`.
    """

    options: Annotated[Options, tyro.conf.arg(name="")] = field(default_factory=Options)  # type: ignore[valid-type]
    seed: int | None = None
    """Set all three seeds at once."""
    name: str | None = None
    """Name of the run. If not set: derived from data, model, objective and seed."""
    resume: str | None = None
    """Continue this stopped, failed or lost run with its own settings. If its data was moved,
    --dataset names the new path. Otherwise only --background and --modules can be added."""
    background: bool = False
    """Start a worker process and return at once."""
    modules: Modules = ()

    def run(self, library: Library) -> int:
        from bickd_core.launch.local import check_resumable, resume, submit
        from bickd_core.runs.create import create_run
        from bickd_core.runs.same_data import relocate
        from bickd_core.training.foreground import follow

        if self.resume is not None:
            refuse_with_resume(self, "dataset")
            run = library.locate(self.resume)
            dataset = values(self.options).get("dataset")
            if dataset is not None:
                run.check_resumable()
                relocate(run, dataset)
            print(f"run folder: {run.path}")
            if self.background:
                resume(run, library)
                return 0
            check_resumable([run])
            return follow(run, library)
        options = values(self.options)
        if self.seed is not None:
            options["seeds"] = dict.fromkeys(Seeds.model_fields, self.seed)
        config = TrainConfig.model_validate(options)
        if config.teacher is not None and config.objective.kind == "ce":
            print(
                "note: `ce` trains with labels only, and the teacher is only compared with. To"
                " distil, name a method: kd, dist, bickd, ...",
                file=sys.stderr,
            )
        if self.name is not None:
            check_name(self.name, "--name")
        if int(os.environ.get("WORLD_SIZE", "1")) > 1:
            from bickd_core.training.together import train_together

            return train_together(config, library, self.name)
        if self.name is not None:
            refuse_taken([self.name], library)
        make = submit if self.background else create_run
        run = make(config, library, name=self.name)
        print(f"run folder: {run.path}", flush=True)
        return 0 if self.background else follow(run, library)


@dataclass
class Evaluate:
    """Print accuracy, agreement, overlap and the other figures of one run, with intervals over
    samples."""

    run_key: Annotated[str, tyro.conf.Positional]
    """Key or folder of a run."""
    teacher: str | None = None
    """Compare with this run instead of the student's own teacher."""
    split: Literal["validation", "test"] = "test"
    """The split to evaluate."""
    temperature: float | None = None
    """Temperature T of the softmax. If not set: 1 for imported predictions, as on the pages, else
    4."""
    json: bool = False
    """Print JSON, for other programs."""

    def run(self, library: Library) -> int:
        from bickd_core.comparing.figures import FIGURES
        from bickd_core.geometry.intervals import Interval
        from bickd_core.geometry.summary import summarise
        from bickd_core.runs.predictions import align

        run = library.locate(self.run_key)
        student = run.predictions(self.split)
        teacher_run = self._teacher(run, library)
        teacher = self.teacher or (None if teacher_run is None else teacher_run.key)
        keys = [run.key, *([teacher] if teacher else [])]
        T = _temperature(library, keys) if self.temperature is None else self.temperature
        if teacher is None or teacher_run is None:
            summary = summarise(None, student, T=T)
        else:
            both = align([teacher_run.predictions(self.split), student], [teacher, run.key])
            summary = summarise(*both.predictions, T=T)
        figures = {
            one.name: interval
            for one in fields(summary)
            if isinstance(interval := getattr(summary, one.name), Interval)
        }
        if self.json:
            content = {
                "run": run.key,
                "teacher": teacher,
                "split": self.split,
                "temperature": T,
                "samples": summary.n,
                "figures": {
                    name: {
                        "estimate": one.estimate,
                        "low": one.low,
                        "high": one.high,
                        "uncorrected": one.plain,
                    }
                    for name, one in figures.items()
                },
            }
            print(json.dumps(content, indent=2))
            return 0
        comparison = f" of {len(student):,}" if summary.n < len(student) else ""
        versus = f" against {teacher}" if teacher else ""
        table = Table(
            title=(f"{run.key}{versus} on {self.split}, T = {T:g}, n = {summary.n:,}{comparison}")
        )
        titles = {figure.field: figure.title for figure in FIGURES}
        titles |= {
            "cka_features": "CKA of features",
            "overlap_per_image": "Overlap, matched per image",
        }
        table.add_column("figure")
        table.add_column("estimate", justify="right")
        table.add_column("95% interval over samples", justify="right")
        table.add_column("uncorrected", justify="right")
        for name, one in figures.items():
            known = one.low is not None and one.high is not None
            low_high = f"{one.low:.4f} to {one.high:.4f}" if known else "too few images"
            title = titles.get(name, name.replace("_", " ").capitalize())
            if name == "calibration_error" and T != 1:
                title += " (T = 1)"
            uncorrected = "" if one.raw is None else f"{one.raw:.4f}"
            table.add_row(title, f"{one.estimate:.4f}", low_high, uncorrected)
        print_table(table)
        print("Figures that depend on the number of samples are corrected for it.")
        return 0

    def _teacher(self, run: RunFolder, library: Library) -> RunFolder | None:
        """Return the run to compare with. A student is evaluated alone if its own teacher was
        deleted or replaced."""
        from bickd_core.runs.teachers import recorded_teacher

        if self.teacher:
            return library.locate(self.teacher)
        try:
            return recorded_teacher(run.info(), library.locate)
        except RunError as error:
            note = f"note: {str(error).rstrip('.')}, so there is no agreement."
            print(note, file=sys.stderr)
            return None


def _temperature(library: Library, keys: Sequence[str]) -> float:
    """Return the temperature of the softmax for these runs: 1 if all are imported predictions,
    which may not come from distillation, else 4."""
    kinds = {library.locate(key).info().source.kind for key in keys}
    return 1.0 if kinds == {"predictions"} else 4.0


@dataclass
class Explore:
    """Start the app on this machine and print its address.

    Runs are stored in `runs/` in the current folder, or in the folder named by BICKD_RUNS. Set
    Streamlit's options with its environment variables, such as STREAMLIT_SERVER_ALLOWED_HOSTS; see
    docs/deploy.md.
    """

    port: int = 8501
    """Port of the app."""

    def run(self, library: Library) -> int:
        main = bundle_folder() / "app" / "main.py"
        command = [
            sys.executable,
            "-P",
            "-m",
            "streamlit",
            "run",
            str(main),
        ]  # -P: no module of this folder
        command += ["--server.port", str(self.port)]
        folders = {
            "BICKD_SHELF": str(library.shelf.resolve()),
            "BICKD_RUNS": str(library.own.resolve()),
        }
        os.execve(
            sys.executable, command, {**os.environ, **folders}
        )  # whoever ends this process ends the app


@dataclass
class Import:
    """Import a weights file as a run: check it and evaluate it on the data's test split.

    An ONNX or torch.export file (.onnx, .pt2) becomes a run with predictions only. It cannot be a
    teacher for training.
    """

    dataset: str
    """The data to evaluate on: the name of a data set, or your own images, such as folder:PATH."""
    file: Annotated[Path | None, tyro.conf.Positional] = None
    """A weights file with any name, an ONNX or torch.export file, or a Hugging Face folder with
    config.json and model.safetensors. Leave it out with --pretrained."""
    arch: str | None = None
    """The network. If not set: recognised from its tensors or from config.json."""
    pretrained: bool = False
    """Download timm's own weights for --arch timm:NAME instead of reading a file."""
    all_test: bool = False
    """Use all images of the folder as test images, for example ImageNet's val folder. The same as
    --dataset all-test:PATH."""
    image_size: int | None = None
    """Pixels per side of the images."""
    class_order: Literal["natural", "text"] | None = None
    """Order of classes that are named by whole numbers: natural (by value), or text (0, 1, 10, 2)
    as in torchvision's ImageFolder. If not set: that of the teacher, else natural."""
    role: Literal["teacher", "student"] = "student"
    """The role of the run in comparisons."""
    teacher: str | None = None
    """Key or folder of the run that this student is compared with."""
    name: str | None = None
    """Name of the run. If not set: the name of the file, with - for other characters than letters,
    digits, '.', '_' and '-'."""
    part: str | None = None
    """Which network to load from a file with several, by its key and prefix, such as model/student.
    If the choice is not clear, the command lists them."""
    normalisation: Preset | None = None
    """Mean and std of the network's inputs (red, green, blue). data: the data's own. imagenet:
    0.485 0.456 0.406, 0.229 0.224 0.225. cifar10: 0.4914 0.4822 0.4465, 0.247 0.2435 0.2616.
    cifar100: 0.5071 0.4865 0.4409, 0.2673 0.2564 0.2762.
    half: 0.5, 0.5. none: values from 0 to 1.

    If not set: the data's own, or ImageNet's for networks of timm and torchvision. Four of these
    are also tried on 500 images of validation, and of train if validation is smaller. If another
    one is clearly better, the command ends and names it. If they do not decide, it takes the one of
    the teacher, or the likeliest one, and says so."""
    mean: tuple[float, ...] | None = None
    """The mean of each channel, for values from 0 to 1, instead of --normalisation."""
    std: tuple[float, ...] | None = None
    """The standard deviation of each channel; use it with --mean."""
    channel_order: ChannelOrder | None = None
    """Channel order of the network's inputs: rgb, or bgr as for many networks from Caffe and
    OpenCV."""
    input_size: int | None = None
    """Pixels per side of the network's inputs, if it differs from the images. Images are scaled to
    it."""
    resize: Resize | None = None
    """How your own images become square: crop (the central square), stretch, or pad (black
    borders)."""
    interpolation: Interpolation | None = None
    """Interpolation for scaling your own images. If not set: bicubic."""
    crop_share: float | None = None
    """Share of the side to keep when cropping your own images, such as 0.875 (crop_pct in timm)."""
    modules: Modules = ()

    def run(self, library: Library) -> int:
        from bickd_core.data.registry import dataset_info
        from bickd_core.importing.identify import Identified, identify

        if (self.file is None) != self.pretrained:
            got = "neither" if self.file is None else "both"
            raise ValueError(
                f"expected a weights file or --arch timm:NAME --pretrained, got {got}."
            )
        if self.file is None:
            from bickd_core.importing.pretrained import fetch_pretrained

            with tempfile.TemporaryDirectory() as folder:
                pretrained = fetch_pretrained(
                    self.arch or "", dataset_info(self._dataset), Path(folder)
                )
                return self._import(pretrained, library)
        file = self.file
        named = self.arch is not None and not file.is_dir()
        arch = self.arch or ""
        identified = Identified(file, arch) if named else identify(file, arch, self.part)
        return self._import(identified, library)

    @property
    def _dataset(self) -> str:
        from bickd_core.data.external import all_test

        return all_test(self.dataset) if self.all_test else self.dataset

    def _import(self, identified: Identified, library: Library) -> int:
        from bickd_core.data.registry import dataset_info
        from bickd_core.importing.load_network import check_shapes
        from bickd_core.importing.weights import HELD_OUT, ImportRequest, import_weights
        from bickd_core.runs.inputs import inputs_sentence, undecided_inputs
        from bickd_core.runs.program_kinds import TITLES, program_kind

        arch = self.arch or identified.arch
        if not self.arch:
            print(f"network: {arch or TITLES[program_kind(identified.file)]}", flush=True)
        dataset = self._dataset
        if identified.shapes and self.part is None:
            check_shapes(identified.shapes, arch, dataset_info(dataset))
        request = ImportRequest(
            arch=arch,
            dataset=dataset,
            image_size=self.image_size,
            class_order=self.class_order,
            role=self.role,
            teacher=self.teacher,
            name=self._name(identified.file),
            part=self.part,
            **self._inputs(identified.inputs),
        )
        run = import_weights(identified.file, request, library)
        info = run.info()
        if info.source.part:
            print(f"The weights are {info.source.part} in the file.")
        print(inputs_sentence(info))
        for sentence in (undecided_inputs(info), *info.source.notes, *info.source.hints):
            if sentence:
                print(sentence)
        if run.held_out_path.exists():
            print(f"{HELD_OUT} {run.held_out_path.name} in the run folder lists them.")
        print(
            f"{'Maps follow' if info.source.predictions_only else 'Latency and maps follow'} in the"
            " background."
        )
        print(f"run folder: {run.path}")
        return 0

    def _name(self, file: Path) -> str:
        from bickd_core.naming import as_key, key_of_file

        if self.name is not None:
            check_name(self.name, "--name")
            return self.name
        if self.file is not None and self.file.is_dir():
            return as_key(self.file.resolve().name)
        return key_of_file(file.name)

    def _inputs(self, stored: Mapping[str, Any]) -> dict[str, Any]:
        """Return the request's fields about the network's inputs: from the options, else from its
        folder."""
        from bickd_core.config import RESIZING
        from bickd_core.data.registry import dataset_info

        any_size = self.all_test or dataset_info(self.dataset).any_size
        fields = {name: value for name, value in stored.items() if any_size or name not in RESIZING}
        if self.resize == "pad":
            fields.pop("crop_share", None)
        numbers = self.mean is not None or self.std is not None
        if numbers and self.normalisation is not None:
            raise ValueError(
                "`--mean` and `--std` replace `--normalisation`, but all were given; leave out"
                " `--normalisation`."
            )
        if numbers or self.normalisation is not None:
            fields |= {
                "normalisation": self.normalisation or "given",
                "mean": self.mean,
                "std": self.std,
            }
        names = ("channel_order", "input_size", *RESIZING)
        return fields | {
            name: getattr(self, name) for name in names if getattr(self, name) is not None
        }


@dataclass
class Report:
    """Write a comparison as one HTML file: figures with intervals, charts with their data, and
    images.

    Example: `bickd report --teacher caltech95/teacher --students caltech95/kd-s0
    caltech95/bickd-s0`.
    """

    teacher: str
    """Key or folder of the teacher's run."""
    students: tuple[str, ...] = ()
    """Keys or folders of the students' runs."""
    out: Path = Path("report.html")
    """The file to write."""
    split: Literal["validation", "test"] = "test"
    """The split to compare on."""
    temperature: float | None = None
    """Temperature T of the softmax. If not set: 1 for imported predictions, as on the pages, else
    4."""
    address: str = "http://localhost:8501/"
    """Address of the app, for the links in the report."""

    def run(self, library: Library) -> int:
        from datetime import date

        from bickd_core.atomic import atomic_write
        from bickd_core.comparing.report_data import read_report_data
        from bickd_viz.report.build import html
        from bickd_viz.report.comparison import comparison_report

        if self.out.is_dir():
            raise ValueError(
                f"--out must be a file, got the folder '{self.out}'; name a file in it."
            )
        if not self.out.absolute().parent.is_dir():
            raise ValueError(
                f"--out must be in an existing folder, got '{self.out}'; create the folder first."
            )
        keys = [self.teacher, *self.students]
        T = _temperature(library, keys) if self.temperature is None else self.temperature
        data = read_report_data(
            library, self.teacher, self.students, split=self.split, temperature=T
        )
        page = html(comparison_report(data, address=self.address, created=date.today().isoformat()))
        with atomic_write(self.out) as temporary:
            Path(temporary).write_bytes(page)
        print(f"report: {self.out} ({len(page) / 1e6:.1f} MB)")
        return 0


@dataclass
class Stages:
    """Add the layer outputs (stages.npz) to older runs, for the comparison of layers on
    Similarity."""

    run_keys: Annotated[tuple[str, ...], tyro.conf.Positional] = ()
    """Keys or folders of runs. If not set: every finished run without this file."""
    modules: Modules = ()

    def run(self, library: Library) -> int:
        from bickd_core.training.finish import add_stages
        from bickd_core.training.worker import explain

        lacking = [
            run
            for run in library.runs()
            if run.weights_path.exists() and not run.stages_path.exists()
        ]
        failed = 0
        for run in [library.locate(key) for key in self.run_keys] or lacking:
            try:
                add_stages(run)
            except (ValueError, OSError) as error:
                failed += 1
                print(f"bickd: {run.key}: {explain(error, 'try again')}", file=sys.stderr)
            else:
                print(f"{run.key}: {run.stages_path.name} written")
        return 1 if failed else 0


@dataclass
class Runs:
    """List all runs with their state."""

    def run(self, library: Library) -> int:
        table = Table("key", "state", "role", "model", "data", "method")
        problems, own = [], 0
        for run in library.runs():
            own += run.origin != "bundled"
            try:
                info, status = run.info(), run.status()
            except RunError as error:
                problems.append(str(error))
                continue
            state = "lost (resume it)" if status.stale() else status.state
            table.add_row(
                run.key, state, info.role, info.arch or "none", info.dataset, info.objective
            )
        if table.row_count:
            print_table(table)
        if not own:
            print(
                f"There are no runs in {library.own} yet. `bickd train` creates one; BICKD_RUNS"
                " sets the folder."
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
    | Annotated[Relocate, tyro.conf.subcommand("relocate")]
    | Annotated[Cache, tyro.conf.subcommand("cache")]
)


def main(arguments: list[str] | None = None) -> None:
    """Run the `bickd` command. An error of the user is printed as one sentence, with exit code
    2."""
    if (sys.argv[1:] if arguments is None else arguments) == ["--version"]:
        from bickd_viz.report.build import versions

        installed = versions()
        print(" ".join(["bickd-explorer", installed.get("bickd-explorer", "(not installed)")]))
        sys.exit()
    try:
        command = tyro.cli(
            Command,
            prog="bickd",
            description="Distil neural networks and explore the results.",
            args=arguments,
        )
        os.environ.update(brief_waits())
        allow([*modules_of(command), *allowed()])  # those of the environment too
        code = command.run(Library.default())
        sys.stdout.flush()
    except BrokenPipeError:  # the reader of the output has closed it, as `head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 0
    except KeyboardInterrupt:  # before or after the training, which saves the run by itself
        print("bickd: stopped.", file=sys.stderr)
        code = 128 + signal.SIGINT
    except (ValueError, OSError) as error:
        from bickd_core.training.worker import explain

        print(f"bickd: {explain(error, 'try again')}", file=sys.stderr)
        code = 2
    sys.exit(code)


if __name__ == "__main__":
    main()
