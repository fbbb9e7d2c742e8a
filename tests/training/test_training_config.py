"""The config: what it refuses, in one sentence each, and what follows from it without any
training."""

import importlib.metadata
import math
import re

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from run_helpers import small_config

from bickd_core.config import AdamW, Cosine, Seeds, Step, TrainConfig, one_sentence
from bickd_core.cores import available_cores
from bickd_core.launch.slots import default_slots
from bickd_core.models import catalogue
from bickd_core.models.catalogue import ModelInfo
from bickd_core.runs.create import create_run, default_name, teacher_reference
from bickd_core.runs.info import Source
from bickd_core.runs.library import RunError, check_name
from bickd_core.runs.stages import probe_positions
from bickd_core.training import hardware
from bickd_core.training.engine import sample_order
from bickd_core.training.hardware import choose_hardware
from bickd_core.training.schedule import create_optimizer, learning_rate_factor

KD = {"kind": "kd"}


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"epochz": 3}, "`epochz` is not known; leave it out or correct its name."),
        (
            {"optimizer": {"kind": "sgd", "learning_rate": 1}},
            "`optimizer.sgd.learning_rate` is not known; leave it",
        ),
        (
            {"objective": {"kind": "kd", "tau": 1}, "teacher": "t"},
            "`objective.kd.tau` is not known; leave it out",
        ),
        (
            {"seeds": {"weight": 1}},
            "`seeds.weight` is not known; leave it out or correct its name.",
        ),
        ({"objective": KD}, "objective 'kd' needs a `teacher`, got none; name a finished run."),
        ({"objective": {"kind": "dist"}}, "objective 'dist' needs a `teacher`"),
        ({"objective": {"kind": "bickd"}, "teacher": ""}, "objective 'bickd' needs a `teacher`"),
        (
            {"role": "teacher", "teacher": "t"},
            "a run with role 'teacher' must have no `teacher`, got 't'; leave it out.",
        ),
        (
            {"role": "teacher", "teacher": "t", "objective": KD},
            "a run with role 'teacher' must have no `teacher`",
        ),
        (
            {"objective": {"kind": "kdd"}},
            "`objective`: `kind` must be one of ce, kd, ",
        ),
        ({"epochs": 0}, "`epochs`: input should be greater than 0, got 0."),
        ({"batch_size": -1}, "`batch_size`: input should be greater than 0, got -1."),
        (
            {"seeds": {"order": 2**31}},
            "`seeds.order`: input should be less than 2147483648, got 2147483648.",
        ),
        (
            {"optimizer": {"kind": "sgd", "lr": math.inf}},
            "`optimizer.sgd.lr`: input should be a finite number, got inf",
        ),
        ({"optimizer": {"kind": "sgd", "lr": math.nan}}, "`optimizer.sgd.lr`: input should be"),
        (
            {"optimizer": {"kind": "sgd", "nesterov": True, "momentum": 0}},
            "`nesterov` needs a `momentum` above 0, got 0",
        ),
        (
            {"schedule": {"kind": "step", "milestones": (0.5, 1.5)}},
            "`schedule.step.milestones.1`: input should be less",
        ),
        (
            {"precision": "fp16"},
            "`precision`: input should be 'auto', 'fp32' or 'bf16', got 'fp16'.",
        ),
    ],
)
def test_what_is_refused(changes, sentence):
    with pytest.raises(ValidationError) as caught:
        small_config(**changes)
    assert one_sentence(caught.value).startswith(sentence)
    assert "\n" not in one_sentence(caught.value)


def test_ce_may_have_a_teacher_to_measure_agreement_and_a_teacher_needs_none():
    assert small_config(teacher="t").teacher == "t"
    assert small_config(role="teacher").teacher is None


def test_a_config_survives_json():
    asked = small_config(
        teacher="t", objective={"kind": "bickd", "form": "gram"}, schedule={"kind": "step"}
    )
    assert TrainConfig.model_validate_json(asked.model_dump_json()) == asked


def test_names_say_what_a_run_is():
    assert default_name(small_config(extends="caltech95/kd-s0", epochs=5)) == "kd-s0-plus5"
    assert default_name(small_config(role="teacher")) == "digits-convnet-small-teacher-s1"
    assert (
        default_name(small_config(objective=KD, teacher="t", seeds=Seeds.all(7)))
        == "digits-convnet-small-kd-s7"
    )


def test_a_long_name_keeps_method_and_seed(library):
    seeds = Seeds.all(2**31 - 1)
    config = TrainConfig(
        dataset=f"folder:/data/{'p' * 60}",
        arch="timm:vit_base_patch16_clip_quickgelu_224",
        objective=KD,
        teacher="t",
        seeds=seeds,
    )
    for method in ("", "dkd-standardize"):
        name = default_name(config, method)
        check_name(name)
        assert name.startswith("p" * 40 + "-timm-vi")
        assert name.endswith(f"-{method or 'kd'}-s2147483647")
        (library.own / name).mkdir()
        assert library.free_name(name) == f"{name}-2"


# -- create_run ------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"arch": "resnett20"}, "got 'resnett20'; the nearest is 'resnet20'."),
        ({"dataset": "digit"}, "not 'digit'; did you mean 'digits'?"),
        ({"image_size": 32}, "image_size of digits must be 8, not 32"),
        ({"teacher": "teachr"}, "there is no run 'teachr'; did you mean 'teacher'?"),
        (
            {"dataset": "caltech95", "teacher": "teacher"},
            "teacher 'teacher' was made for digits, but the student learns caltech95, which is",
        ),
        ({"teacher": "empty"}, "teacher 'empty' has no weights yet; finish it first."),
    ],
)
def test_what_cannot_be_trained_makes_no_folder(changes, message, teacher, make_run, library):
    make_run("empty")
    with pytest.raises(ValueError, match=re.escape(message)):
        create_run(small_config(**changes), library)
    assert sorted(path.name for path in library.own.iterdir()) == ["empty", "teacher"]


def test_another_spelling_of_a_model_is_stored_by_its_name(library):
    run = create_run(small_config(role="teacher", arch="WRN_16_1"), library)
    assert run.info().arch == run.info().config.arch == "wrn-16-1"
    assert run.key == "digits-wrn-16-1-teacher-s1"


def test_a_created_run_names_its_teacher_by_key_and_content(teacher, library):
    by_key = create_run(small_config(objective=KD, teacher="teacher"), library)
    by_folder = create_run(small_config(objective=KD, teacher=str(teacher.path)), library)
    assert by_key.key == "digits-convnet-small-kd-s1"
    assert by_folder.key == "digits-convnet-small-kd-s1-2"
    for run in (by_key, by_folder):
        assert run.info().teacher.key == run.info().config.teacher == "teacher"
        assert len(run.info().teacher.weights_sha256) == 64
        assert run.info().versions["torch"] == importlib.metadata.version("torch")
        assert run.status().state == "queued"


def test_a_student_takes_the_data_and_image_size_of_its_teacher(teacher, library):
    options = small_config(objective=KD, teacher="teacher").model_dump(exclude={"dataset"})
    assert create_run(TrainConfig(**options), library).info().dataset == "digits"


def test_a_student_takes_an_image_size_that_is_not_that_of_the_data(make_run, library):
    large = make_run("large", info={"dataset": "caltech95", "image_size": 64})
    large.weights_path.write_bytes(b"x")
    changes = {"teacher": "large", "objective": {"kind": "kd"}}
    for config in (small_config(**changes, dataset="caltech95"), TrainConfig(**changes)):
        info = create_run(config, library).info()
        assert (info.dataset, info.image_size) == ("caltech95", 64)
    large.write_info(
        large.info().model_copy(update={"source": Source(kind="predictions"), "image_size": None})
    )
    assert teacher_reference(large, "caltech95", 32, teaches=False).key == "large"
    with pytest.raises(RunError, match="teacher 'large' has only predictions and no weights"):
        create_run(TrainConfig(**changes), library)


def test_a_student_on_images_of_another_size_is_refused(make_run, library):
    large = make_run("large", info={"dataset": "caltech95", "image_size": 64})
    large.weights_path.write_bytes(b"x")
    changes = {"teacher": "large", "objective": {"kind": "kd"}}
    with pytest.raises(RunError, match="made for images of 64 pixels, but the student's have 32"):
        create_run(small_config(**changes, dataset="caltech95", image_size=32), library)


def test_two_runs_of_one_name_are_refused(library):
    create_run(small_config(), library, name="a")
    with pytest.raises(RunError, match="a run named 'a' already exists"):
        create_run(small_config(), library, name="a")


# -- what follows from a config --------------------------------------------------------------------
@pytest.mark.parametrize(
    ("schedule", "progress", "epochs", "factor"),
    [
        (Cosine(), 0.0, 10, 1.0),
        (Cosine(), 0.5, 10, 0.5),
        (Cosine(final=0.2), 0.5, 10, 0.6),
        (Cosine(warmup_epochs=2), 0.1, 10, 0.5),
        (Cosine(warmup_epochs=2), 0.2, 10, 1.0),
        (Cosine(warmup_epochs=2), 0.6, 10, 0.5),
        (Cosine(warmup_epochs=20), 0.5, 10, 0.25),
        (Step(), 0.6, 10, 1.0),
        (Step(), 0.625, 10, 0.1),
        (Step(), 0.8, 10, 0.01),
        (Step(warmup_epochs=1), 0.05, 10, 0.5),
    ],
)
def test_learning_rates_by_hand(schedule, progress, epochs, factor):
    assert learning_rate_factor(schedule, progress, epochs) == pytest.approx(factor, abs=1e-12)


def test_the_optimiser_is_the_one_asked_for():
    weight = torch.nn.Parameter(torch.zeros(2))
    sgd = create_optimizer(
        small_config(optimizer={"kind": "sgd", "momentum": 0.8, "nesterov": True}), [weight]
    )
    assert isinstance(sgd, torch.optim.SGD)
    assert (sgd.defaults["momentum"], sgd.defaults["nesterov"], sgd.defaults["weight_decay"]) == (
        0.8,
        True,
        5e-4,
    )
    adam = create_optimizer(small_config(optimizer=AdamW(beta2=0.99)), [weight])
    assert isinstance(adam, torch.optim.AdamW)
    assert (adam.defaults["betas"], adam.defaults["weight_decay"]) == ((0.9, 0.99), 0.05)


def test_the_order_of_samples_is_a_permutation_of_seed_and_epoch_alone():
    torch.manual_seed(5)
    before = torch.random.get_rng_state()
    orders = {
        (seed, epoch): sample_order(50, seed, epoch)
        for seed in (0, 1, 2**31 - 1)
        for epoch in (0, 1, 2)
    }
    assert torch.equal(torch.random.get_rng_state(), before)
    assert len({tuple(order.tolist()) for order in orders.values()}) == 9
    for (seed, epoch), order in orders.items():
        assert sorted(order.tolist()) == list(range(50))
        assert torch.equal(order, sample_order(50, seed, epoch))


def test_the_probe_set_takes_the_classes_in_turn():
    labels = np.array([0, 0, 0, 2, 1, 0, 2])
    assert probe_positions(labels, 3).tolist() == [0, 3, 4]
    assert probe_positions(labels, 5).tolist() == [0, 1, 3, 4, 6]
    assert probe_positions(labels, 99).tolist() == list(range(7))


# -- automatic choices and their reasons -----------------------------------------------------------
def test_what_was_asked_for_is_taken_and_said():
    chosen = choose_hardware(
        small_config(precision="fp32", device="cpu", threads=3, kernels="torch")
    )
    assert (chosen.device.type, chosen.precision, chosen.threads, chosen.fused) == (
        "cpu",
        "fp32",
        3,
        False,
    )
    assert (
        chosen.reason
        == "CPU (requested), fp32 (requested), 3 threads (requested), torch's kernels (requested)"
    )


@pytest.mark.parametrize(
    ("changes", "missing", "fused", "words"),
    [
        ({}, None, True, "fused kernels"),
        ({}, "no C++ compiler 'g++'", False, "torch's kernels (no C++ compiler 'g++')"),
        ({"compile": True}, None, True, "kernels by torch.compile"),
        ({"arch": "of-my-own"}, None, True, "torch's kernels (not a model of ours)"),
    ],
)
def test_kernels_are_ours_where_they_can_be_had(monkeypatch, changes, missing, fused, words):
    monkeypatch.setattr(hardware, "load_kernels", lambda say: missing)
    monkeypatch.setitem(
        catalogue._OWN, "of-my-own", (ModelInfo("of-my-own", "own", "", 0, ()), print)
    )
    chosen = choose_hardware(small_config(**changes))
    assert chosen.fused == fused
    assert chosen.reason.endswith(f", {words}")


@pytest.mark.parametrize(
    ("has_bf16", "precision", "words"),
    [(True, "bf16", "the CPU has bf16 units"), (False, "fp32", "no bf16 units")],
)
def test_precision_follows_the_cpu(monkeypatch, has_bf16, precision, words):
    monkeypatch.setattr(hardware, "cpu_has_bf16", lambda: has_bf16)
    chosen = choose_hardware(small_config(precision="auto", device="cpu"))
    assert chosen.precision == precision
    assert f"{precision} ({words})" in chosen.reason


@pytest.mark.parametrize(
    ("cores", "slots", "words"),
    [
        (1, 1, "1 thread (all cores)"),
        (2, 1, "2 threads (all cores)"),
        (16, 8, "2 threads (of 16 cores, as 8 runs may"),
    ],
)
def test_threads_are_a_runs_share_of_the_cores(monkeypatch, cores, slots, words):
    monkeypatch.setattr(hardware, "available_cores", lambda: cores)
    monkeypatch.setattr(hardware, "default_slots", lambda: slots)
    assert words in choose_hardware(small_config(threads=None)).reason


def test_a_gpu_that_is_not_there_is_refused():
    if torch.cuda.is_available():
        pytest.skip("there is a GPU")
    with pytest.raises(
        ValueError,
        match="`device` is 'cuda' but torch sees no CUDA device here; use 'auto' or 'cpu'",
    ):
        choose_hardware(small_config(device="cuda"))
    assert "CPU (no CUDA device found)" in choose_hardware(small_config(device="auto")).reason


def test_slots_follow_cores_memory_and_the_environment(monkeypatch):
    assert 1 <= default_slots() <= max(1, available_cores() // 2)
    monkeypatch.setenv("BICKD_SLOTS", "3")
    assert default_slots() == 3
    for wrong in ("0", "-1", "many", "1.5"):
        monkeypatch.setenv("BICKD_SLOTS", wrong)
        with pytest.raises(
            ValueError, match=f"BICKD_SLOTS must be a whole number of at least 1, got '{wrong}'"
        ):
            default_slots()
