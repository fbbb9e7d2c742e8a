"""Kill a worker with SIGKILL between all steps of all its writes, and at random moments; resume;
compare.

`python tests/launch/kill_everywhere.py --random 200` makes a teacher and an unbroken student in a
folder of its own, then for each kill a student that is taken up again afterwards. Every process is
forked from this one, which has imported all and computed nothing. `--every 8` takes every eighth
step only, as the test suite does. It prints one JSON line, and ends with 1 where a student differs.
"""

import argparse
import contextlib
import importlib
import json
import os
import random
import signal
import sys
import tempfile
import time
from pathlib import Path

sys.path[:0] = [
    str(Path(__file__).resolve().parent.parent),
    str(Path(__file__).resolve().parents[2]),
]
sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "stand_ins"))

import numpy as np
import torch
from run_helpers import small_config
from safetensors import safe_open

from bickd_core import atomic
from bickd_core.models import factory  # noqa: F401  (imported before the forks)
from bickd_core.runs.create import create_run
from bickd_core.runs.library import Library
from bickd_core.runs.records import TIMES
from bickd_core.training import engine, finish, race, view_store  # noqa: F401
from bickd_core.training.worker import work

TORN = '{"epoch": 0, "lo'


def forked(task, *, kill_after=None):
    """Do `task` in a process of its own; how it ended: its exit status, or minus the signal."""
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            quiet = os.open(os.devnull, os.O_WRONLY)
            os.dup2(quiet, 1)
            os.dup2(quiet, 2)
            code = 0 if task() else 1
        finally:
            os._exit(code)
    if kill_after is not None:
        end = time.monotonic() + kill_after
        while time.monotonic() < end:
            done, status = os.waitpid(pid, os.WNOHANG)
            if done:
                return os.waitstatus_to_exitcode(status)
            time.sleep(0.002)
        os.kill(pid, signal.SIGKILL)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def train(run, library, hook=None):
    def task():
        torch.set_num_threads(1)
        if hook is not None:
            atomic.boundary = hook
        return work(run, library, slots=1) == "finished"

    return task


def train_and_note(run, library, note):
    def task():
        done = train(run, library)()
        note.write_text("\n".join(name for name in sys.modules if name != "__main__"))
        return done

    return task


def import_all(names):
    """Import here what a run imports on its way, so that no fork has to do it again."""
    for name in names:
        with contextlib.suppress(
            Exception
        ):  # parts of packages that cannot be imported by their name alone
            importlib.import_module(name)


class Hook:
    """Counts the steps of writes, but for status.json, whose number depends on the clock; kills at
    one of them.

    Of status.json the first write of each kind counts.
    """

    def __init__(self, at=None, note=None):
        self.at, self.note, self.seen, self.status = at, note, 0, 0

    def __call__(self, moment, path):
        if path.name == "status.json":
            self.status += 1
            if self.status > 4:
                return
        self.seen += 1
        if self.note is not None:
            with open(self.note, "a") as file:
                file.write(f"{moment} {path.name}\n")
        if self.seen == self.at:
            if moment == "before append":
                with open(path, "a") as file:
                    file.write(TORN)  # a line that was torn in the middle
            os.kill(os.getpid(), signal.SIGKILL)


def content(run):
    """What two equal runs have alike."""
    left = [path.name for path in run.path.rglob(f".*{atomic.TEMPORARY_SUFFIX}")]
    found = {
        "left over": [name for name in left if not name.startswith(".layout-")]
    }  # those go in time
    for path in (run.weights_path, run.best_path):
        if path.exists():
            with safe_open(path, "np") as file:
                found[path.parent.name + path.name if path == run.best_path else path.name] = {
                    name: file.get_tensor(name).tobytes()
                    for name in file.keys()  # noqa: SIM118
                }
    for path in sorted(run.path.glob("*.npz")):
        with np.load(path) as arrays:
            found[path.name] = {name: arrays[name].tobytes() for name in arrays.files}
    metrics = run.metrics()
    for record in metrics:
        for name in TIMES & record.keys():
            del record[name]
    found["metrics"] = metrics
    found["state"] = run.status().state
    found["card"] = (run.path / "README.md").exists()
    return found


def differences(one, other):
    return sorted(name for name in {*one, *other} if one.get(name) != other.get(name))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--random", type=int, default=10)
    parser.add_argument(
        "--boundaries", type=int, default=None, help="only the first so many; all if not given"
    )
    parser.add_argument(
        "--every", type=int, default=1, help="kill at every so many boundaries only"
    )
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bickd-kills-") as folder:
        os.environ["BICKD_CACHE"] = str(Path(folder) / "cache")
        library = Library(shelf=Path(folder) / "shelf", own=Path(folder) / "own")
        teacher = create_run(
            small_config(role="teacher", epochs=1, train_limit=200), library, name="teacher"
        )
        assert forked(train_and_note(teacher, library, Path(folder) / "modules")) == 0
        import_all((Path(folder) / "modules").read_text().split())
        engine.CHECKPOINT_SECONDS = 0.0  # the state is saved before every step
        print(json.dumps(kills(library, Path(folder), asked)))


def kills(library, folder, asked):
    def student(name):
        options = {
            "objective": {"kind": "bickd"},
            "teacher": "teacher",
            "epochs": 2,
            "train_limit": 150,
        }
        return create_run(small_config(**options), library, name=name)

    view_store.clear()
    unbroken, note = student("unbroken"), folder / "note"
    began = time.monotonic()
    assert forked(train(unbroken, library, Hook(note=note))) == 0
    lasted = time.monotonic() - began
    wanted, boundaries = content(unbroken), note.read_text().splitlines()
    if asked.boundaries is not None:
        boundaries = boundaries[: asked.boundaries]
    wrong, killed = {}, 0
    chance = random.Random(asked.seed)
    numbered = list(enumerate(boundaries, start=1))
    trials = [(f"{moment} (write {n})", n, None) for n, moment in numbered[:: asked.every]]
    trials += [
        (f"after {at:.3f} s", None, at)
        for at in (chance.uniform(0, lasted) for _ in range(asked.random))
    ]
    for number, (words, boundary, after) in enumerate(trials):
        view_store.clear()  # so that its writes are among those where a run is killed
        run = student(f"killed-{number}")
        ended = forked(train(run, library, Hook(at=boundary)), kill_after=after)
        killed += ended == -signal.SIGKILL
        if boundary is not None and ended != -signal.SIGKILL:
            wrong[words] = [f"ended with {ended} and was not killed"]
            continue
        if (
            ended == -signal.SIGKILL
            and run.status().state != "finished"
            and forked(train(run, library)) != 0
        ):
            wrong[words] = ["did not finish when taken up again"]
            continue
        if different := differences(wanted, content(run)):
            wrong[words] = different
    return {"boundaries": len(boundaries), "random": asked.random, "killed": killed, "wrong": wrong}


if __name__ == "__main__":
    main()
