"""Check the GPU path in at most eight minutes: `make gpu-check`, or `python
benchmarks/gpu_check.py`.

Run it on a machine with a CUDA GPU and commit the Markdown block that it prints to
docs/performance.md. It

    1. runs the tests that need a CUDA device,
    2. distils one student from the bundled teacher in the worker that the Distill page starts,
    3. stops a run at several steps, and compares its weights with those of an unbroken run. On a CPU they must be equal,
       bit for bit; on a GPU it reports the largest difference,
    4. measures throughput with compiled students, and peak memory: benchmarks/throughput.py.

Without a GPU it says so and ends with exit code 0: nothing was checked. `--dry-run` does all four
on a CPU, with less work. If a check fails or runs out of time, its line of the block says so, and
the exit code is 1.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

BASE = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(BASE))

LIMIT_SECONDS = 480.0
CUDA_TESTS = ("tests/training/test_training_compiled.py", "tests/data/test_data_augment.py")
"""Files with tests that are marked `cuda`: they are skipped where there is no CUDA device."""
NO_DEVICE = "no CUDA device"
"""In the reason of such a skip."""
STOPS = ((0, 1), (0, 3), (1, 0))
"""(epoch, step) at which the run of the third check is stopped."""


@dataclass(frozen=True)
class Outcome:
    """What came of a check: whether it passed, in one sentence; `table` follows the list of
    checks."""

    name: str
    passed: bool
    words: str
    seconds: float = 0.0
    table: str = ""


Check = Callable[["Setup", float], Outcome]


@dataclass(frozen=True)
class Setup:
    """device: "cuda" or "cpu". small: a dry run. folder: for run folders and caches, emptied
    afterwards."""

    device: str
    small: bool
    folder: Path


class OutOfTime(Exception):
    """A check did not end within its limit."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--dry-run", action="store_true", help="all checks on a CPU, small")
    parser.add_argument(
        "--seconds", type=float, default=LIMIT_SECONDS, help="for all checks together"
    )
    parser.add_argument("--resumes", nargs=2, metavar=("DEVICE", "FOLDER"), help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.resumes:  # the third check, in a process that can be ended
        device, where = asked.resumes
        print(f"difference {resume_difference(Setup(device, True, Path(where)), device)}")
        return 0
    import torch

    if not torch.cuda.is_available() and not asked.dry_run:
        print(
            "torch sees no CUDA device here, so nothing was checked. `--dry-run` tries the checks"
            " on a CPU."
        )
        return 0
    from bickd_core.kernels.building import folder as kernels

    os.environ.setdefault("BICKD_KERNELS", str(kernels()))  # compiled once, not for every check
    with tempfile.TemporaryDirectory(prefix="bickd-gpu-check-") as folder:
        # this process too looks for caches there
        os.environ["BICKD_CACHE"] = str(Path(folder) / "cache")
        device = "cpu" if asked.dry_run else "cuda"
        outcomes = run_all(CHECKS, Setup(device, asked.dry_run, Path(folder)), asked.seconds)
    print(block(outcomes, machine(device), dry=asked.dry_run))
    return 0 if all(outcome.passed for outcome in outcomes) else 1


def run_all(
    checks: Sequence[tuple[str, Check, float]], setup: Setup, seconds: float
) -> list[Outcome]:
    """Every check in turn, within `seconds` together; what fails or is late does not stop the
    others.

    Args:
        checks: name, function, and its share of the time; a check also gets what those before it
            left over.
    """
    end, outcomes = time.monotonic() + seconds, []
    for number, (name, check, _) in enumerate(checks):
        began = time.monotonic()
        shares = [share for *_, share in checks[number:]]
        left = (end - began) * shares[0] / sum(shares)
        print(f"{name} ... ({left:.0f} s left)", file=sys.stderr, flush=True)
        try:
            if left < 1:
                raise OutOfTime("not begun: no time was left")
            outcome = check(setup, left)
        except OutOfTime as error:
            outcome = Outcome(name, False, f"{error}.")
        except Exception as error:
            first = (str(error).strip() or "no reason given").splitlines()[0]
            outcome = Outcome(name, False, f"{type(error).__name__}: {first.rstrip('.')}.")
        outcomes.append(replace(outcome, name=name, seconds=time.monotonic() - began))
        print(f"{name}: {outcomes[-1].words}", file=sys.stderr, flush=True)
    return outcomes


def block(outcomes: Sequence[Outcome], where: str, *, dry: bool = False) -> str:
    """The Markdown block for docs/performance.md."""
    title = "### A dry run of `make gpu-check` on a CPU" if dry else "### `make gpu-check`"
    lines = [title, "", where, "", "| check | passed | what came | seconds |", "|---|---|---|---|"]
    lines += [
        f"| {one.name} | {'yes' if one.passed else '**no**'} | {one.words.replace('|', '/')} |"
        f" {one.seconds:.0f} |"
        for one in outcomes
    ]
    for one in outcomes:
        if one.table:
            lines += ["", one.table.strip()]
    return "\n".join(["", *lines, ""])


def machine(device: str) -> str:
    """GPU, CPU, releases and date in one line."""
    import torch

    from bickd_core.training.hardware import cpu_name

    parts = []
    if device == "cuda":
        about = torch.cuda.get_device_properties(0)
        parts.append(
            f"{about.name}, {about.total_memory / 2**30:.0f} GiB, CUDA {torch.version.cuda}"
        )
    parts += [cpu_name(), f"torch {torch.__version__}", f"Python {sys.version.split()[0]}"]
    return f"{'; '.join(parts)}; {time.strftime('%Y-%m-%d')}."


# -- 1: tests
# ------------------------------------------------------------------------------------------
def cuda_tests(setup: Setup, seconds: float) -> Outcome:
    """The tests that need a device; in a dry run they are found, and skipped for want of one."""
    said = command(
        [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-rs",
            "-p",
            "no:cacheprovider",
            "-m",
            "cuda",
            *CUDA_TESTS,
        ],
        seconds,
    )
    return judge_tests(said, need_device=setup.device == "cuda")


def judge_tests(said: str, *, need_device: bool) -> Outcome:
    """What pytest's last lines mean. need_device: a test skipped for want of a device is a
    failure."""
    counts = {
        word: int(n) for n, word in re.findall(r"(\d+) (passed|failed|errors?|skipped)\b", said)
    }
    skipped = sum(int(n) for n in re.findall(rf"SKIPPED \[(\d+)\].*{NO_DEVICE}", said))
    bad = counts.get("failed", 0) + counts.get("error", 0) + counts.get("errors", 0)
    words = (
        f"{counts.get('passed', 0)} passed, {bad} failed, {skipped} skipped for want of a CUDA"
        " device."
    )
    ran = "passed" in counts if need_device else bool({"passed", "skipped"} & counts.keys())
    return Outcome("", ran and not bad and not (need_device and skipped), words)


# -- 2: the worker
# ---------------------------------------------------------------------------------------
def worker_run(setup: Setup, seconds: float) -> Outcome:
    """A distillation in a worker process of its own, as the page starts it, to the end: evaluation
    and map."""
    from bickd_core.config import TrainConfig
    from bickd_core.launch.local import start_worker
    from bickd_core.runs.create import create_run

    library = library_of(setup)
    asked: dict[str, Any] = {
        "dataset": "caltech95",
        "arch": "resnet8",
        "teacher": "caltech95/teacher",
        "objective": {"kind": "bickd"},
        "device": setup.device,
        "epochs": 1 if setup.small else 5,
    }
    if setup.small:
        asked |= {"train_limit": 190, "threads": 1}
    run = create_run(TrainConfig.model_validate(asked), library, name="gpu-check")
    process = start_worker(run, library)
    try:
        process.wait(timeout=seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        raise OutOfTime(
            f"the worker had not ended after {seconds:.0f} s: {run.status().message}"
        ) from None
    status = run.status()
    if status.state != "finished":
        return Outcome("", False, f"{status.state}: {status.error or 'no reason given'}")
    last = run.metrics()[-1]
    words = (
        f"bickd, {asked['epochs']} epoch{'s' if asked['epochs'] > 1 else ''} on {status.device}:"
        f" {last['images_per_second']:,.0f} images/s, {last['validation_accuracy']:.1%} on"
        " validation."
    )
    named = "GPU" if setup.device == "cuda" else "CPU"
    return Outcome("", status.device.startswith(named), words)


def library_of(setup: Setup) -> Any:
    from bickd_core.runs.library import Library

    return Library(shelf=BASE / "pretrained", own=setup.folder / "runs")


# -- 3: resume
# -------------------------------------------------------------------------------------------
def resumes(setup: Setup, seconds: float) -> Outcome:
    """Weights after stops and resumes, less an unbroken run's: 0 is promised on a CPU, and measured
    on a GPU."""
    end, found = time.monotonic() + seconds, {}
    for device in dict.fromkeys(("cpu", setup.device)):
        asked = [sys.executable, __file__, "--resumes", device, str(setup.folder)]
        said = command(asked, max(1.0, end - time.monotonic()))
        last = said.strip().rpartition("\n")[2]
        if not re.fullmatch(r"difference [\d.e+-]+", last):
            return Outcome("", False, f"on {device}: {last or 'no output'}")
        found[device] = float(last.split()[1])
    words = f"CPU: {difference_in_words(found['cpu'])}"
    if "cuda" in found:
        words += f"; GPU: {difference_in_words(found['cuda'])}, where equality is not promised"
    return Outcome("", found["cpu"] == 0, f"{words}.")


def difference_in_words(difference: float) -> str:
    return "equal to the bit" if difference == 0 else f"weights differ by up to {difference:.3g}"


def resume_difference(setup: Setup, device: str) -> float:
    """The largest difference between weights of an unbroken run and of one that was stopped at
    `STOPS`."""
    import torch

    from bickd_core.config import Seeds, TrainConfig
    from bickd_core.runs.checkpoints import read_weights
    from bickd_core.runs.create import create_run
    from bickd_core.training.engine import fit
    from bickd_core.training.setup import build_job

    library = library_of(setup)
    config = TrainConfig(
        dataset="digits",
        arch="resnet8",
        train_limit=400,
        epochs=2,
        device=device,
        threads=1,
        seeds=Seeds.all(1),
    )
    weights = []
    for name, stops in ((f"unbroken-{device}", ()), (f"broken-{device}", STOPS)):
        run = create_run(config, library, name=name)
        for stop_after in (*stops, None):
            state = fit(build_job(config, library), run, stop_after=stop_after)
            assert state == ("finished" if stop_after is None else "stopped"), state
        weights.append(read_weights(run.weights_path))
    first, second = weights
    assert first.keys() == second.keys()
    differences = [
        (torch.as_tensor(first[name]).double() - torch.as_tensor(second[name]).double())
        .abs()
        .max()
        .item()
        for name in first
    ]
    return max(differences)


# -- 4: throughput
# ---------------------------------------------------------------------------------------
def throughput(setup: Setup, seconds: float) -> Outcome:
    """The table of benchmarks/throughput.py on one pair; on a GPU its students are compiled."""
    pair = "resnet8:resnet8" if setup.small else "resnet56:resnet20"
    rounds, each = ("1", "0.2") if setup.small else ("3", "2")
    asked = [sys.executable, str(BASE / "benchmarks" / "throughput.py"), "--pairs", pair]
    said = command([*asked, "--rounds", rounds, "--seconds", each], seconds)
    rows = [line for line in said.splitlines() if line.startswith("| ")]
    if len(rows) < 2:
        return Outcome(
            "",
            False,
            f"no table came: {said.strip().splitlines()[-1] if said.strip() else 'no output'}",
        )
    best = max(rows[1:], key=lambda row: float(row.split("|")[3].replace(",", "")))
    words = (
        f"{len(rows) - 1} ways, the fastest {best.split('|')[3].strip()} images/s; the table is"
        " below."
    )
    return Outcome("", True, words, table=said)


def command(arguments: Sequence[str], seconds: float) -> str:
    """What a command printed, errors included, whatever its exit code."""
    try:
        done = subprocess.run(
            arguments,
            cwd=BASE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=seconds,
        )
    except subprocess.TimeoutExpired:
        raise OutOfTime(f"not done after {seconds:.0f} s") from None
    return done.stdout


CHECKS: tuple[tuple[str, Check, float], ...] = (
    ("tests on CUDA", cuda_tests, 0.25),
    ("a distillation in the worker", worker_run, 0.25),
    ("stop and resume", resumes, 0.15),
    ("throughput and memory", throughput, 0.35),
)

if __name__ == "__main__":
    sys.exit(main())
