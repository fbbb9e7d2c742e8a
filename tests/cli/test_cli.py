"""The command line: what it makes, what it prints, and one sentence with exit code 2 for a
mistake."""

import json
import os
import re
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
import tyro
from run_helpers import random_predictions, small_config

from bickd_cli import main as cli
from bickd_cli.main import main, plain, values
from bickd_cli.sweep import Sweep as SweepCommand
from bickd_core.config import TrainConfig
from bickd_core.data.registry import load_dataset
from bickd_core.data.stored_images import stored_images
from bickd_core.presets.catalogue import PRESETS
from bickd_core.runs.library import Library
from bickd_core.runs.status import Status
from bickd_core.sweeps.definition import planned_runs
from bickd_core.training.divergence import has_diverged

pytestmark = pytest.mark.usefixtures("quick_umap")

QUICK = ["--dataset", "digits", "--arch", "convnet-small", "--train-limit", "200", "--epochs", "1"]
QUICK += ["--precision", "fp32", "--threads", "1"]


@pytest.fixture
def bickd(library, monkeypatch, capsys):
    """`code, out, err = bickd("train", ...)` on this test's library."""
    monkeypatch.setenv("BICKD_SHELF", str(library.shelf))
    monkeypatch.setenv("BICKD_RUNS", str(library.own))

    def call(*arguments):
        with pytest.raises(SystemExit) as left:
            main([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        return left.value.code or 0, captured.out, captured.err

    return call


def test_train_ends_with_a_finished_folder(bickd, library):
    code, out, _ = bickd("train", *QUICK)
    run = library.find("digits-convnet-small-ce-s0")
    assert code == 0
    assert f"run folder: {run.path}" in out
    last = run.metrics()[-1]["validation_accuracy"]
    assert (
        f"{run.key}: finished, {last:.1%} on validation; for its figures: bickd evaluate {run.key}"
        in out
    )
    assert run.status().state == "finished"
    assert len(run.metrics()) == 1
    assert len(run.predictions("test")) == 360
    assert {path.name for path in run.path.iterdir()} >= {
        "README.md",
        "model.safetensors",
        "trajectory.npz",
    }


def test_the_version_is_that_of_the_package(bickd):
    assert bickd("--version") == (0, f"bickd-explorer {version('bickd-explorer')}\n", "")


def test_a_student_is_distilled_with_the_options_that_were_typed(bickd, library, teacher):
    code, out, _ = bickd(
        "train", *QUICK, "--teacher", "teacher", "--seed", 5, "--name", "s",
        "bickd", "--temperature", 2, "--same-class", "positive", "adamw", "--lr", 0.01, "step", "--gamma", 0.5,
    )  # fmt: skip
    assert code == 0, out
    config = library.find("s").info().config
    assert (config.objective.kind, config.objective.temperature, config.objective.same_class) == (
        "bickd",
        2.0,
        "positive",
    )
    assert config.objective.tau == 0.2
    assert (
        config.optimizer.kind,
        config.optimizer.lr,
        config.schedule.kind,
        config.schedule.gamma,
    ) == (
        "adamw",
        0.01,
        "step",
        0.5,
    )
    assert config.seeds.model_dump() == {"weights": 5, "order": 5, "augmentation": 5}
    code, _, err = bickd("train", *QUICK, "--teacher", "teacher", "--name", "labels")
    assert code == 0
    assert "`ce` trains with labels only, and the teacher is only compared with" in err
    code, out, _ = bickd("evaluate", "s", "--json")
    content = json.loads(out)
    predictions = library.find("s").predictions("test")
    accuracy = content["figures"]["accuracy"]
    assert (code, content["samples"], content["teacher"]) == (0, 360, "teacher")
    assert accuracy["estimate"] == (predictions.predicted == predictions.labels).mean()
    assert accuracy["low"] < accuracy["estimate"] < accuracy["high"]
    code, out, _ = bickd("evaluate", "s")
    assert code == 0
    assert "s against teacher on test, T = 4, n = 360" in out
    for figure in (
        "Accuracy",
        "Agreement",
        "KL from the teacher",
        "Displacement",
        "CKA of logits",
        "CKA of features",
        "Overlap, matched mean entropy",
        "Overlap, matched per image",
        "Orthogonality score",
    ):
        assert re.search(
            rf"│ {figure} +│ +-?\d+\.\d{{4}} +│ +-?\d+\.\d{{4}} to -?\d+\.\d{{4}} │", out
        ), figure


def test_a_stopped_run_is_resumed(bickd, library, make_run):
    run = make_run("a", state="stopped", config=small_config(epochs=1, train_limit=200))
    code, _, _ = bickd("train", "--resume", "a")
    assert (code, run.status().state) == (0, "finished")
    code, _, err = bickd("train", "--resume", "a")
    assert (code, err) == (2, "bickd: run 'a' is finished and cannot be resumed.\n")


def test_a_training_that_fails_says_so_and_exits_with_1(bickd, library):
    code, out, _ = bickd("train", *QUICK, "ce", "sgd", "--lr", "1e30")
    assert code == 1
    assert re.search(r"ce-s0: failed \(the .*not finite.*start a new run with a lower one", out)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (
            "train --dataset digit",
            (
                "dataset must be one of caltech95, fashion-mnist, fashion-mnist-pairs, digits,"
                " cifar10, cifar100, not 'digit'; did you mean 'digits'?"
            ),
        ),
        ("train --arch resnet9", "model must be one of "),
        ("train --epochs 0", "`epochs`: input should be greater than 0, got 0."),
        ("train kd", "objective 'kd' needs a `teacher`, got none; name a finished run."),
        ("train --teacher nobody kd", "there is no run 'nobody'; there are no runs yet."),
        (
            "train --teacher nobody kd --temperature 0",
            "`objective.kd.temperature`: input should be greater than 0, got 0.0.",
        ),
        (
            "train --role teacher --teacher x",
            "a run with role 'teacher' must have no `teacher`, got 'x'; leave it out.",
        ),
        ("train --seed -1", "`seeds.weights`: input should be greater than or equal to 0, got -1."),
        ("train --name a/b", "--name must have 1 to 80 letters, digits"),
        ("train --resume nobody", "there is no run 'nobody'; there are no runs yet."),
        (
            "train --resume nobody --epochs 50 --seeds.order 3 bickd adamw --lr 0.5",
            "--resume keeps the settings of a run, so bickd, --epochs, adamw, --seeds.order would be"
            " ignored; leave them out, or train a finished run further with `bickd extend`.",
        ),
        ("train --resume nobody --background", "there is no run 'nobody'; there are no runs yet."),
        ("evaluate nobody", "there is no run 'nobody'; there are no runs yet."),
        (
            "sweep --methods kd --pairs caltech95/teacher:resnet8 --at-once 0",
            "--at-once must be above 0, got 0; leave it out to let the program choose.",
        ),
        ("import nowhere.pth --arch resnet8 --dataset digits", "nowhere.pth does not exist"),
    ],
)
def test_mistakes_are_one_sentence_and_exit_code_2_and_make_nothing(
    bickd, library, arguments, sentence
):
    code, out, err = bickd(*arguments.split())
    assert code == 2
    assert err.startswith(f"bickd: {sentence}")
    assert err.count("\n") == 1
    assert "Traceback" not in out + err
    assert [path.name for path in library.own.iterdir()] == []


@pytest.mark.parametrize(
    "arguments",
    ["", "trian", "train --epochs many", "train --epochz 3", "train --teacher t kd --tau 1"],
)
def test_what_cannot_be_parsed_exits_with_2(bickd, arguments):
    code, out, err = bickd(*arguments.split())
    assert code == 2
    assert "Traceback" not in out + err


def test_a_run_that_does_not_finish_says_how_to_go_on(bickd, monkeypatch):
    def broken(*arguments, **options):
        raise RuntimeError("the disk went away")

    monkeypatch.setattr("bickd_core.training.engine.end_of_epoch", broken)
    code, out, _ = bickd("train", *QUICK, "--name", "f", "ce")
    assert code == 1
    assert re.search(
        r"^f: failed \(.*went away.*\)\nto continue: bickd train --resume f$", out, re.MULTILINE
    )


def test_after_a_loss_that_is_not_finite_no_resume_is_offered(bickd, library):
    code, out, _ = bickd("train", *QUICK, "--name", "f", "ce", "sgd", "--lr", "1e30")
    assert code == 1
    assert re.search(
        r"^f: failed \(.*not finite.*start a new run with a lower one.*\)$", out, re.MULTILINE
    )
    assert "--resume" not in out
    assert has_diverged(library.find("f").status())


def test_a_batch_of_one_is_refused_before_anything_is_made(bickd, library):
    code, _, err = bickd("train", *QUICK, "--batch-size", "1", "ce")
    assert code == 2
    assert "`batch_size` must be at least 2, got 1: batch norm computes mean and variance" in err
    assert not library.own.exists() or not list(library.own.iterdir())


def test_a_full_disk_is_one_sentence(bickd, monkeypatch):
    def full(*arguments, **options):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("bickd_core.runs.create.create_run", full)
    code, _, err = bickd("train", *QUICK)
    assert (code, err.count("\n")) == (2, 1)
    assert err.startswith("bickd: the disk is full")


def test_ctrl_c_outside_a_training_ends_without_a_traceback(bickd, monkeypatch):
    def interrupted(*arguments, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr("bickd_core.runs.create.create_run", interrupted)
    assert bickd("train", *QUICK) == (130, "", "bickd: stopped.\n")


def test_evaluate_prints_a_model_alone_and_says_n_of_n(bickd, make_run):
    whole = random_predictions(40, 5, seed=1)
    make_run("whole", predictions=whole)
    make_run("part", predictions=whole.take(np.arange(10, 40)))
    code, out, _ = bickd("evaluate", "part", "--temperature", 2)
    assert code == 0
    assert re.search(r" part on test, T = 2, n = 30 *\n", out)
    for title in ("Accuracy", "Overlap, unmatched", "ECE \\(T = 1\\)", "Effective rank"):
        assert re.search(rf"│ {title} +│", out)
    assert "Agreement" not in out
    code, out, _ = bickd("evaluate", "whole", "--teacher", "part")
    assert "whole against part on test, T = 4, n = 30 of 40" in out
    assert re.search(r"│ Agreement +│ +1\.0000 +│", out)
    code, _, err = bickd("evaluate", "whole", "--split", "validation")
    assert (code, err) == (2, "bickd: run 'whole' has no predictions on validation yet.\n")


def test_evaluate_prints_a_student_alone_whose_teacher_was_deleted_or_replaced(bickd, make_run):
    predictions = random_predictions(40, 5, seed=1)
    teacher = make_run("t", predictions=predictions)
    taught = {"teacher": {"key": "t", "weights_sha256": "0" * 64}}
    make_run("s", predictions=predictions, info=taught)
    teacher.weights_path.write_bytes(b"other weights")
    code, out, err = bickd("evaluate", "s")
    assert (code, "Agreement" in out, "on test" in out) == (0, False, True)
    assert err == (
        "note: teacher 't' has other weights than when 's' was made, so there is no agreement.\n"
    )
    teacher.delete()
    code, out, err = bickd("evaluate", "s", "--json")
    assert (code, json.loads(out)["teacher"]) == (0, None)
    assert err == "note: teacher 't' no longer exists, so there is no agreement.\n"
    code, _, err = bickd("evaluate", "s", "--teacher", "t")
    assert (code, "there is no run 't'" in err) == (2, True)


def test_too_few_images_for_an_interval_are_said(bickd, make_run):
    make_run("few", predictions=random_predictions(4, 3, seed=1))
    code, out, _ = bickd("evaluate", "few")
    assert code == 0
    assert "too few images │" in out


def test_runs_lists_every_run_in_full_and_names_those_it_cannot_read(bickd, make_run, library):
    make_run("a-rather-long-name-that-does-not-fit-into-eighty-columns-with-the-rest")
    make_run("kd-s0", on_shelf="digits", state="running")
    make_run("broken").path.joinpath("run.yaml").write_text("[")
    make_run("dead").path.joinpath("status.json").write_text("{")
    lost = make_run("lost", state=None)
    lost.path.joinpath("status.json").write_text('{"state": "running", "heartbeat": 0}')
    os.utime(
        lost.path / "status.json", (0, 0)
    )  # a file of this minute would be one of a living worker
    code, out, err = bickd("runs")
    assert code == 0
    assert "a-rather-long-name-that-does-not-fit-into-eighty-columns-with-the-rest" in out
    assert re.search(
        r"│ digits/kd-s0 +│ running +│ student +│ convnet-small +│ digits +│ ce +│", out
    )
    assert re.search(r"│ lost +│ lost \(resume it\) ", out)
    assert err.count("\n") == 2
    assert "bickd: broken/run.yaml cannot be read: " in err
    assert "bickd: dead/status.json cannot be read: " in err


def test_import_makes_a_run_of_a_file(bickd, teacher, library):
    code, out, _ = bickd(
        "import", teacher.weights_path, "--arch", "convnet-small", "--dataset", "digits"
    )
    assert code == 0
    assert f"run folder: {library.own / 'model'}" in out
    assert library.find("model").info().source.file == "model.safetensors"


def test_explore_opens_the_app_on_this_library(bickd, library, monkeypatch):
    started = []
    monkeypatch.setattr(
        cli.os,
        "execve",
        lambda program, command, environment: started.append((command, environment)),
    )
    bickd("explore", "--port", 9999)
    ((command, environment),) = started
    assert command[1:5] == ["-P", "-m", "streamlit", "run"]
    assert Path(command[5]) == Path(cli.__file__).parents[1] / "app" / "main.py"
    assert command[6:] == ["--server.port", "9999"]
    assert (environment["BICKD_SHELF"], environment["BICKD_RUNS"]) == (
        str(library.shelf),
        str(library.own),
    )


# -- generated from the config ---------------------------------------------------------------------
def test_what_the_parser_fills_in_by_itself_is_the_default_config():
    assert TrainConfig.model_validate(values(plain(TrainConfig)())) == TrainConfig()


@pytest.mark.parametrize("kind", PRESETS)
def test_every_objective_is_a_subcommand_with_all_its_options(bickd, kind):
    code, out, _ = bickd("train", kind, "--help")
    assert code == 0
    options = PRESETS[kind].options
    for name in options.model_fields:
        assert bool(re.search(rf"--{name.replace('_', '-')}[ ,]", out)) == (name != "kind"), name
    shown = [
        field
        for field in get_args(TrainConfig.model_fields["objective"].annotation)
        if field is options
    ]
    assert shown == [options]


def test_every_option_of_the_config_is_on_the_help_page(bickd):
    _, out, _ = bickd("train", "--help")
    for name in set(TrainConfig.model_fields) - {"objective", "optimizer", "schedule", "seeds"}:
        assert f"--{name.replace('_', '-')}" in out, name


LOOK = """
import sys
{do}
heavy = [name for name in ("torch", "umap", "sklearn", "streamlit", "plotly", "lightning_fabric") if name in sys.modules]
assert not heavy, heavy
"""


@pytest.mark.parametrize(
    "do",
    [
        "import bickd_core, bickd_cli.main",
        (
            "import bickd_core.launch.local, bickd_core.importing.weights, bickd_core.maps.store,"
            " bickd_core.runs.card, bickd_core.runs.pack"
        ),
        "from bickd_cli.main import main\ntry: main(['runs'])\nexcept SystemExit: pass",
    ],
)
def test_looking_costs_no_torch(do):
    subprocess.run([sys.executable, "-c", LOOK.format(do=do)], check=True)


def test_the_default_library_of_the_command_is_where_it_is_called(monkeypatch, tmp_path, capsys):
    monkeypatch.delenv("BICKD_RUNS")
    monkeypatch.delenv("BICKD_SHELF")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit):
        main(["evaluate", "x"])
    assert "there is no run 'x'" in capsys.readouterr().err
    assert Library.default().own == tmp_path / "runs"
    assert list(tmp_path.iterdir()) == []


def test_a_race_is_one_worker_on_several_runs(bickd, library, teacher):
    code, out, _ = bickd(
        "race", "--teacher", "teacher", "--methods", "kd", "kd-standardize", "bickd", "--arch", "convnet-small",
        "--dataset", "digits", "--train-limit", "200", "--epochs", "1", "--threads", "1", "--name", "r",
    )  # fmt: skip
    assert code == 0, out
    assert [key for key in ("r-kd-s0", "r-kd-standardize-s0", "r-bickd-s0") if f"{key}: finished" in out] == [
        "r-kd-s0", "r-kd-standardize-s0", "r-bickd-s0",
    ]  # fmt: skip
    assert "Each method had its own learning rate: KD 0.4;" in out
    assert [
        library.find(f"r-{kind}-s0").info().config.optimizer.lr for kind in ("kd", "bickd")
    ] == [0.4, 0.2]
    started = {library.find(key).status().worker for key in ("r-kd-s0", "r-bickd-s0")}
    assert len(started) == 1
    for arguments, words in (
        (["--resume", "r-kd-s0", "r-bickd-s0"], "run 'r-kd-s0' is finished and cannot be resumed"),
        (
            ["--resume", "r-kd-s0", "--teacher", "teacher"],
            "--resume keeps the settings of a run, so --teacher would be ignored; leave it out.",
        ),
        ([], "a race needs --teacher and --methods, or --resume"),
    ):
        code, _, err = bickd("race", *arguments)
        assert (code, words in err) == (2, True), err
    code, out, _ = bickd("cache")
    assert "teacher" in out
    assert "logits" in out
    assert re.search(r"[\d.]+ MB of at most [\d,]+ MB \(BICKD_VIEWS_GB\)", out)
    code, out, _ = bickd("cache", "clear")
    assert "MB freed" in out
    assert bickd("cache")[1].startswith("teachers' views: 0.0 MB of")


def test_a_taken_name_is_refused_with_the_command_that_continues(bickd, library, make_run, teacher):
    make_run("done")
    for name in ("r-kd-s0", "r-bickd-s0"):
        make_run(name, state="stopped")
    make_run("race-kd-s0", state="stopped")
    race = ["race", "--teacher", "teacher", "--arch", "convnet-small", "--dataset", "digits"]
    race += ["--epochs", "1", "--methods"]
    before = sorted(library.own.iterdir())
    for arguments, sentence in (
        (["train", *QUICK, "--name", "done"], "'done' already exists; choose another name."),
        (
            ["train", *QUICK, "--name", "r-kd-s0", "--background"],
            "'r-kd-s0' already exists; choose another name, or continue with"
            " `bickd train --resume r-kd-s0`.",
        ),
        (
            [*race, "kd", "dist", "bickd", "--name", "r"],
            "'r-kd-s0' already exists; choose another name, or continue with"
            " `bickd race --resume r-kd-s0 r-bickd-s0`.",
        ),
    ):
        code, out, err = bickd(*arguments)
        assert (code, out, err) == (2, "", f"bickd: a run named {sentence}\n")
        assert sorted(library.own.iterdir()) == before
    code, out, _ = bickd(*race, "kd")
    assert (code, "race-kd-s0-2: finished" in out) == (0, True)


@pytest.fixture
def decoded(tmp_path):
    """Two data sets of arrays, decoded into the cache; the first at two sizes."""
    names = []
    for name in ("letters", "signs"):
        path = tmp_path / f"{name}.npz"
        images = np.random.default_rng(0).integers(0, 256, (40, 10, 10), dtype=np.uint8)
        np.savez(path, images=images, labels=np.arange(40) % 2)
        names.append(f"npz:{path}")
    for name, size in ((names[0], 10), (names[0], 16), (names[1], 10)):
        load_dataset(name, image_size=size)
    return names


def test_decoded_images_are_listed_with_whether_their_source_is_there(bickd, decoded):
    Path(decoded[1].removeprefix("npz:")).unlink()
    code, out, _ = bickd("cache")
    assert code == 0
    words = re.sub(r"[│\s]+", " ", out)
    assert re.search(r" 10, 16 40 0\.0 there [0-9a-f]{16} ", words)
    assert re.search(r" 10 40 0\.0 gone [0-9a-f]{16} ", words)
    assert re.search(r"decoded images: 0\.0 MB in \S+/own\n", out)


def test_decoded_images_are_cleared_only_when_asked_for_and_not_under_a_run(
    bickd, decoded, make_run
):
    run = make_run("busy", state="running", info={"dataset": decoded[0]})
    assert "decoded images" not in bickd("cache", "clear")[1]
    assert len(stored_images()) == 2
    out = bickd("cache", "clear", "images")[1]
    assert "0.0 MB freed: decoded images in" in out
    assert f"{decoded[0]} was not deleted: a run uses it, or it is being decoded.\n" in out
    assert [kept.name for kept in stored_images()] == decoded[:1]
    run.write_status(Status("stopped"))
    out = bickd("cache", "clear", "views", "images")[1]
    assert out.count(" MB freed: ") == 2
    assert stored_images() == []
    assert load_dataset(decoded[0], image_size=16).num_classes == 2  # decoded again
    assert bickd("cache", "clear", "pictures")[0] == 2


def test_a_finished_run_is_extended_by_a_new_one(bickd, library):
    bickd("train", *QUICK, "--name", "a")
    code, out, _ = bickd("extend", "a", "--epochs", "2", "--name", "b")
    assert code == 0, out
    assert library.find("b").info().extends == "a"
    assert len(library.find("b").metrics()) == 2
    code, _, err = bickd("extend", "c", "--epochs", "2")
    assert code == 2
    assert err.startswith("bickd: there is no run 'c'")


@pytest.mark.parametrize("command", ["race", "sweep"])
def test_the_help_names_every_method_with_its_published_setting(bickd, command):
    code, out, _ = bickd(command, "--help")
    assert code == 0
    words = " ".join(re.sub(r"[│╭╰─]", " ", out).split())
    assert "published for CIFAR-100: kd, dkd," in words
    assert re.search(r"published for ImageNet: kd-imagenet, dkd-imagenet, .*nkd-imagenet", words)
    assert "one_rate" in words.replace("-", "_")


def test_a_folder_without_runs_is_said(bickd, library, make_run):
    code, out, err = bickd("runs")
    assert (code, err) == (0, "")
    assert out.startswith(f"There are no runs in {library.own} yet")
    assert "objective" not in out  # no empty table
    make_run("bundled", on_shelf="digits")
    code, out, _ = bickd("runs")
    assert "digits/bundled" in out
    assert "There are no runs in" in out
    make_run("mine")
    code, out, _ = bickd("runs")
    assert "mine" in out
    assert "There are no runs" not in out


@pytest.mark.parametrize(
    ("arguments", "rates"),
    [
        ([], [0.4, 0.2]),
        (["--one-rate", "0.05"], [0.05, 0.05]),
        (["sgd", "--lr", "0.05"], [0.05, 0.05]),
        (["sgd", "--momentum", "0.8"], [0.4, 0.2]),
        (["adamw"], [0.001, 0.001]),
        (["--one-rate", "0.01", "adamw"], [0.01, 0.01]),
    ],
)
def test_methods_have_their_own_learning_rates_unless_one_is_given(arguments, rates):
    given = ["--name", "x", "--methods", "kd", "bickd", "--seeds", "0", "--pairs", "t:resnet8"]
    sweep = tyro.cli(SweepCommand, args=[*given, *arguments])
    assert [run.config.optimizer.lr for run in planned_runs(sweep._definition())] == rates


def test_a_rate_that_is_given_twice_is_refused(bickd, library, teacher):
    given = ["race", "--teacher", "teacher", "--methods", "kd", "bickd", "--one-rate", "0.05"]
    code, _, err = bickd(*given, "sgd", "--lr", "0.1")
    assert code == 2
    assert "--one-rate 0.05 and --lr 0.1 both give the learning rate; leave one out." in err


@pytest.mark.parametrize("command", ["sweep", "--help"])
def test_output_that_nobody_reads_to_its_end_is_no_error(library, command):
    shelf = Path(cli.__file__).parents[1] / "pretrained"
    environment = {**os.environ, "BICKD_RUNS": str(library.own), "BICKD_SHELF": str(shelf)}
    listed = [str(shelf / "sweeps" / "caltech95-methods.yaml"), "--list-only"]
    arguments = [command, *listed] if command == "sweep" else [command]
    with subprocess.Popen(
        [sys.executable, "-m", "bickd_cli.main", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 0
