"""The loop, in this process: what it learns from, what it writes, and that it goes on as if never
stopped."""

import json

import numpy as np
import pytest
import torch
from run_helpers import small_config
from safetensors.torch import load_file
from torch import nn

from bickd_core.data.registry import load_dataset
from bickd_core.geometry.orthogonality import overlap
from bickd_core.geometry.probabilities import softmax
from bickd_core.models import catalogue, register_model
from bickd_core.runs.create import create_run
from bickd_core.runs.library import RunError
from bickd_core.runs.predictions import PredictionsError
from bickd_core.runs.records import TIMES
from bickd_core.training import engine, setup
from bickd_core.training.engine import TrainingError, fit
from bickd_core.training.evaluate import predict_stages
from bickd_core.training.hardware import cpu_has_bf16
from bickd_core.training.setup import build_job, load_run_model

OBJECTIVES = ["ce", "kd", "dist", "bickd"]
PRECISIONS = [
    "fp32",
    pytest.param(
        "bf16", marks=pytest.mark.skipif(not cpu_has_bf16(), reason="this CPU has no bf16 units")
    ),
]


@pytest.fixture
def start(library, teacher):
    """A run made from `small_config` and its job: `run, job = start("name", objective=...)`."""

    def make(name, **changes):
        kind = changes.pop("objective", "bickd")
        options = {
            "objective": {"kind": kind},
            "teacher": None if kind == "ce" else "teacher",
            **changes,
        }
        run = create_run(small_config(**options), library, name=name)
        return run, build_job(run.info().config, library)

    return make


def go_on(run, library, **options):
    return fit(build_job(run.info().config, library), run, **options)


def written(run):
    """Everything that two equal runs must have alike; how fast they were is not part of it."""
    metrics = run.metrics()
    for record in metrics:
        for name in TIMES & record.keys():
            del record[name]
    trajectory = {name: array.tobytes() for name, array in run.trajectory().items()}
    best = run.best_path.read_bytes() if run.best_path.exists() else None
    return {
        "weights": run.weights_path.read_bytes(),
        "best": best,
        "metrics": metrics,
        "trajectory": trajectory,
    }


# -- resume ----------------------------------------------------------------------------------------
@pytest.mark.parametrize("precision", PRECISIONS)
def test_a_run_stopped_at_many_steps_ends_with_the_same_bytes(start, library, precision):
    unbroken, job = start("unbroken", precision=precision)
    assert job.steps == 6
    assert fit(job, unbroken) == "finished"
    broken, job = start("broken", precision=precision)
    for at in ((0, 0), (0, 1), (0, 5), (1, 0), (1, 3)):
        assert go_on(broken, library, stop_after=at) == "stopped"
        assert not broken.weights_path.exists()
    assert go_on(broken, library) == "finished"
    assert written(broken) == written(unbroken)
    assert len(broken.metrics()) == 2


@pytest.mark.parametrize("optimizer", ["sgd", "adamw"])
@pytest.mark.parametrize("objective", OBJECTIVES)
def test_every_objective_and_optimiser_resumes_in_mid_epoch(start, library, objective, optimizer):
    options = {"objective": objective, "optimizer": {"kind": optimizer}, "train_limit": 200}
    unbroken, job = start("unbroken", **options)
    fit(job, unbroken)
    broken, job = start("broken", **options)
    assert fit(job, broken, stop_after=(1, 2)) == "stopped"
    assert go_on(broken, library) == "finished"
    assert written(broken) == written(unbroken)


def test_saves_on_the_way_change_nothing_and_cost_a_kill_little(start, library, monkeypatch):
    unbroken, job = start("unbroken")
    fit(job, unbroken)
    monkeypatch.setattr(engine, "CHECKPOINT_SECONDS", 0.0)
    broken, job = start("broken")
    steps = []

    def killed(job, picked, at, step=engine.train_step):
        steps.append((at.epoch, at.step))
        if steps[-1] == (1, 4):
            raise KeyboardInterrupt
        return step(job, picked, at)

    original = engine.train_step
    with monkeypatch.context() as patch:
        patch.setattr(engine, "train_step", killed)
        with pytest.raises(KeyboardInterrupt):
            fit(job, broken)
    again = []

    def counted(job, picked, at):
        again.append((at.epoch, at.step))
        return original(job, picked, at)

    monkeypatch.setattr(engine, "train_step", counted)
    assert go_on(broken, library) == "finished"
    assert again == [(1, 4), (1, 5)]
    assert written(broken) == written(unbroken)


@pytest.mark.parametrize("moment", ["append_metrics", "write_trajectory", "save_state"])
@pytest.mark.parametrize("epoch", [0, 1])
def test_a_kill_between_the_writes_of_an_epochs_end_leaves_no_trace(
    start, library, monkeypatch, moment, epoch
):
    unbroken, job = start("unbroken")
    fit(job, unbroken)
    broken, job = start("broken")

    def kill(*arguments, original):
        done = len(broken.metrics()) + (moment == "append_metrics")
        if done == epoch + 1:
            raise SystemExit
        return original(*arguments)

    owner = engine if moment == "save_state" else type(broken)
    before = getattr(owner, moment)
    with monkeypatch.context() as patch:
        patch.setattr(owner, moment, lambda *arguments: kill(*arguments, original=before))
        with pytest.raises(SystemExit):
            fit(job, broken)
    assert go_on(broken, library) == "finished"
    assert [record["epoch"] for record in broken.metrics()] == [0, 1]
    assert broken.trajectory()["epochs"].tolist() == [0, 1]
    assert written(broken) == written(unbroken)


def test_a_finished_run_that_is_taken_up_again_trains_no_further(start, library, monkeypatch):
    run, job = start("a")
    fit(job, run)
    before = written(run)
    run.weights_path.unlink()
    monkeypatch.setattr(engine, "train_step", None)
    assert go_on(run, library) == "finished"
    assert written(run) == before


def test_what_was_saved_is_read_without_running_code(start, library):
    run, job = start("a")
    fit(job, run, stop_after=(0, 2))
    state = torch.load(run.resume_path, weights_only=True)
    assert state["position"]["step"] == 2
    assert sorted(path.name for path in run.resume_path.parent.iterdir()) == ["state.pt"]


def test_stopping_is_asked_before_every_step_and_progress_told_after_it(start):
    run, job = start("a")
    told = []
    assert fit(job, run, report=told.append, should_stop=lambda: len(told) == 3) == "stopped"
    assert [(p.epoch, p.step, p.steps, p.epochs) for p in told] == [
        (0, step, 6, 2) for step in (1, 2, 3)
    ]
    assert all(p.images_per_second > 0 and p.seconds_left > 0 for p in told)


# -- what chance depends on ------------------------------------------------------------------------
def test_each_seed_decides_its_own_part_and_nothing_global_does(start):
    torch.manual_seed(11)
    np.random.seed(11)
    first, job = start("first", epochs=1)
    state = torch.random.get_rng_state()
    fit(job, first)
    assert torch.equal(torch.random.get_rng_state(), state)
    torch.manual_seed(99)
    np.random.seed(99)
    second, job = start("second", epochs=1)
    fit(job, second)
    assert written(first) == written(second)
    seen = {written(first)["weights"]}
    for name in ("weights", "order", "augmentation"):
        seeds = {"weights": 1, "order": 1, "augmentation": 1, name: 2}
        other, job = start(name, epochs=1, seeds=seeds)
        fit(job, other)
        seen.add(written(other)["weights"])
    assert len(seen) == 4


def test_dropout_in_a_forward_of_ones_own_is_seeded_and_resumes(start, library, monkeypatch):
    class Functional(nn.Sequential):
        def forward(self, x):
            return super().forward(nn.functional.dropout(x, 0.5, self.training))

    monkeypatch.setattr(catalogue, "_OWN", {})
    register_model("functional", lambda **_: Functional(nn.Flatten(), nn.Linear(64, 10)))
    torch.manual_seed(11)
    unbroken, job = start("unbroken", arch="functional")
    fit(job, unbroken)
    torch.manual_seed(99)
    broken, job = start("broken", arch="functional")
    assert fit(job, broken, stop_after=(1, 3)) == "stopped"
    torch.manual_seed(5)
    assert go_on(broken, library) == "finished"
    assert written(broken) == written(unbroken)


def test_the_order_is_kept_where_the_images_are_picked(start, monkeypatch):
    run, job = start("run", objective="ce")
    monkeypatch.setattr(type(job.train), "order_device", torch.device("meta"))
    runner = engine.Runner(job, run)
    assert runner.ready()
    assert runner._order.device.type == "meta"


def test_neither_training_nor_predictions_use_tf32(start, library, monkeypatch):
    allowed = []

    def look(*_):
        allowed.append(torch.backends.cudnn.allow_tf32)

    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", True)
    run, job = start("run", epochs=1, precision="fp32", teacher_outputs="live")
    for model in (job.student, job.teacher, job.batches.teacher.live.model):
        (last,) = (layer for layer in model.modules() if isinstance(layer, nn.Linear))
        last.register_forward_hook(look)
        last.register_full_backward_hook(look)
    fit(job, run)
    predict_stages(job.student, job.dataset)
    assert len(allowed) > 2 * job.steps
    assert not any(allowed)
    assert torch.backends.cudnn.allow_tf32


def test_two_runs_side_by_side_in_one_process_do_not_disturb_each_other(start, library):
    alone, job = start("alone")
    fit(job, alone)
    first, one = start("first")
    second, two = start("second", objective="kd", seeds={"weights": 5})
    for at in ((0, 2), (0, 4), (1, 1)):
        fit(one, first, stop_after=at)
        fit(two, second, stop_after=at)
    fit(one, first)
    assert written(first) == written(alone)


# -- the teacher -----------------------------------------------------------------------------------
@pytest.mark.parametrize("objective", OBJECTIVES[1:])
def test_the_teacher_is_the_same_after_an_epoch(start, teacher, objective):
    run, job = start("a", objective=objective, epochs=1)
    before = {name: value.clone() for name, value in job.teacher.state_dict().items()}
    assert any(name.endswith("running_mean") for name in before)
    asked = job.batches.teacher.live.model
    folded = {name: value.clone() for name, value in asked.state_dict().items()}
    student = {name: value.clone() for name, value in job.student.state_dict().items()}
    fit(job, run)
    for name, value in job.teacher.state_dict().items():
        assert torch.equal(value, before[name]), name
        assert value.grad is None
    assert all(torch.equal(value, folded[name]) for name, value in asked.state_dict().items())
    for model in (job.teacher, asked):
        assert not any(module.training for module in model.modules())
        assert not any(parameter.requires_grad for parameter in model.parameters())
    stored = load_file(teacher.weights_path)
    assert all(torch.equal(value, stored[name]) for name, value in before.items())
    changed = [
        name
        for name, value in job.student.state_dict().items()
        if not torch.equal(value, student[name])
    ]
    assert set(changed) == set(student)


def test_the_student_sees_the_very_view_that_the_teacher_sees(start):
    run, job = start("a", epochs=2, teacher_outputs="live")
    views = {"student": [], "teacher": []}

    def spy(model, name):
        original = model.outputs

        def outputs(images, **wanted):
            if name == "teacher" or model.training:
                views[name].append(images.clone())
            return original(images, **wanted)

        model.outputs = outputs

    spy(job.student, "student")
    spy(job.batches.teacher.live.model, "teacher")
    fit(job, run)
    assert len(views["student"]) == len(views["teacher"]) == 12
    for seen, shown in zip(views["student"], views["teacher"], strict=True):
        assert torch.equal(seen, shown)
    assert all(batch.shape == (64, 1, 8, 8) for batch in views["student"])


@pytest.mark.parametrize("augmented", [True, False])
def test_a_sample_looks_otherwise_in_each_epoch_if_augmented_and_each_is_seen_once(
    start, monkeypatch, augmented
):
    run, job = start("a", objective="ce", augment=augmented, batch_size=50)
    epochs = {0: {}, 1: {}}
    original = engine.train_step

    def spy(job, picked, at):
        seen = epochs[at.epoch]
        for index in picked.tolist():
            assert index not in seen
            seen[index] = None
        return original(job, picked, at)

    monkeypatch.setattr(engine, "train_step", spy)
    inputs = []
    outputs = job.student.outputs
    job.student.outputs = lambda x, **wanted: (
        job.student.training and inputs.append(x.clone()),
        outputs(x, **wanted),
    )[1]
    fit(job, run)
    assert set(epochs[0]) == set(epochs[1]) == set(range(400))
    assert list(epochs[0]) != list(epochs[1])
    images = torch.cat(inputs).reshape(2, 400, -1)
    first, second = (images[e][np.argsort(list(epochs[e]))] for e in (0, 1))
    same = (first == second).all(dim=1).float().mean().item()
    assert same == 1.0 if not augmented else same < 0.35


def test_a_teacher_of_other_classes_is_refused(teacher, library):
    data = load_dataset("digits")
    teacher.write_info(teacher.info().model_copy(update={"num_classes": 7}))
    with pytest.raises(
        RunError,
        match=(
            "run 'teacher' was made for 7 classes and 1 channels, but digits has 10 and 1; choose"
        ),
    ):
        load_run_model(teacher, data)
    teacher.write_info(teacher.info().model_copy(update={"num_classes": 10, "arch": "resnet8"}))
    with pytest.raises(ValueError, match="These are not weights of resnet8"):
        load_run_model(teacher, data)


def test_ce_with_a_teacher_measures_agreement_and_never_shows_it_an_image(start):
    run, job = start("a", objective="ce", teacher="teacher", epochs=1)
    job.teacher.outputs = None
    fit(job, run)
    record = run.metrics()[0]
    assert 0 <= record["validation_agreement"] <= 1
    assert set(record) & {"loss_kl", "loss_sample", "loss_class"} == set()


# -- what is written -------------------------------------------------------------------------------
TERMS = {
    "ce": {"loss_ce"},
    "kd": {"loss_ce", "loss_kl"},
    "dist": {"loss_ce", "loss_rows", "loss_columns"},
    "bickd": {"loss_ce", "loss_kl", "loss_sample", "loss_class"},
}


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_metrics_of_an_epoch(start, objective):
    run, job = start("a", objective=objective, epochs=1)
    fit(job, run)
    (record,) = run.metrics()
    expected = {
        "epoch",
        "loss",
        "train_accuracy",
        "learning_rate",
        "images_per_second",
        "validation_accuracy",
    }
    expected |= (
        {"validation_overlap"}
        | TERMS[objective]
        | ({"validation_agreement", "teacher_cpu_seconds"} if objective != "ce" else set())
    )
    assert set(record) == expected
    assert record["loss"] == pytest.approx(sum(record[name] for name in TERMS[objective]), rel=1e-5)
    mean_rate = np.mean([0.05 * 0.5 * (1 + np.cos(np.pi * step / 6)) for step in range(6)])
    assert record["learning_rate"] == pytest.approx(mean_rate, rel=1e-9)
    validation = engine.predict(job.student, job.dataset.validation, job.dataset)
    assert record["validation_accuracy"] == np.mean(
        validation.logits.argmax(1) == job.dataset.validation.labels
    )
    assert record["validation_overlap"] == overlap(softmax(validation.logits, 4.0))
    if objective != "ce":
        assert record["validation_agreement"] == np.mean(
            validation.predicted == job.teacher_logits.argmax(1)
        )
    raw = (run.path / "metrics.jsonl").read_text()
    assert json.loads(raw) == record
    assert raw.endswith("\n")


def test_the_trajectory_is_the_probe_sets_logits_epoch_by_epoch(start):
    run, job = start("a", epochs=2, probe_size=15)
    fit(job, run)
    stored = run.trajectory()
    assert stored["logits"].shape == (2, 15, 10)
    assert stored["logits"].dtype == np.float16
    validation = job.dataset.validation
    np.testing.assert_array_equal(stored["ids"], validation.ids[job.probe])
    np.testing.assert_array_equal(stored["labels"], validation.labels[job.probe])
    assert np.bincount(stored["labels"], minlength=10).tolist() == [2] * 5 + [1] * 5
    last = engine.predict(job.student, validation, job.dataset).logits[job.probe]
    np.testing.assert_array_equal(stored["logits"][1], last.astype(np.float16))
    assert not np.array_equal(stored["logits"][0], stored["logits"][1])


def validation_accuracies(monkeypatch, figures):
    """The measured validation accuracies are these."""
    original = engine.end_of_epoch

    def planned(job, at):
        record, logits = original(job, at)
        return {**record, "validation_accuracy": figures[at.epoch]}, logits

    monkeypatch.setattr(engine, "end_of_epoch", planned)


def test_best_by_validation_and_last_are_both_there_when_they_differ(start, library, monkeypatch):
    validation_accuracies(monkeypatch, [0.5, 0.9, 0.9, 0.7])
    run, job = start("a", epochs=4, train_limit=150)
    fit(job, run, stop_after=(2, 0))
    after_two = {name: value.clone() for name, value in job.student.state_dict().items()}
    go_on(run, library)
    best, last = load_file(run.best_path), load_file(run.weights_path)
    assert all(torch.equal(best[name], value) for name, value in after_two.items())
    assert not torch.equal(best["fc.weight"], last["fc.weight"])


def test_the_last_weights_are_not_kept_twice_when_they_are_the_best(start, monkeypatch):
    validation_accuracies(monkeypatch, [0.5, 0.9])
    run, job = start("a")
    fit(job, run)
    assert not run.best_path.exists()
    assert run.weights_path.exists()


def test_training_never_looks_at_the_test_split(start, monkeypatch):
    looked = []

    def spy(model, split, *arguments, original=engine.predict, **options):
        looked.append(len(split.labels))
        return original(model, split, *arguments, **options)

    monkeypatch.setattr(engine, "predict", spy)
    monkeypatch.setattr(setup, "predict", spy)
    run, job = start("a")
    fit(job, run)
    sizes = {name: len(job.dataset.split(name).labels) for name in ("validation", "test")}
    assert len(set(sizes.values())) == 2
    assert (
        looked == [sizes["validation"]] * 2
    )  # the student after each epoch; the teacher's is in its run folder


# -- sizes, failures -------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("batch", "steps"), [(64, 6), (400, 1), (401, 1), (9999, 1), (399, 1), (200, 2)]
)
def test_the_short_last_batch_is_left_out_and_a_batch_is_never_larger_than_the_data(
    start, batch, steps
):
    _, job = start("a", batch_size=batch)
    assert job.steps == steps
    assert job.batch_size == min(batch, 400)


def test_a_loss_that_is_not_finite_ends_training_with_one_sentence(start):
    run, job = start("a", objective="ce", optimizer={"kind": "sgd", "lr": 1e30})
    with pytest.raises(TrainingError) as caught:
        fit(job, run)
    sentence = str(caught.value)
    assert "not finite" in sentence
    assert "start a new run with a lower one (`--lr`" in sentence
    assert "\n" not in sentence
    assert not run.weights_path.exists()


def test_a_student_that_predicts_one_class_has_metrics_without_an_overlap(start):
    run, job = start("a", objective="ce", train_limit=128, optimizer={"kind": "sgd", "lr": 100.0})
    assert fit(job, run) == "finished"
    assert [record["epoch"] for record in run.metrics()] == [0, 1]
    assert "validation_overlap" not in run.metrics()[-1]
    assert run.metrics_problem() == ""


def test_logits_that_are_not_finite_at_an_epochs_end_are_the_same_sentence(start, monkeypatch):
    run, job = start("a", objective="ce")
    original = engine.end_of_epoch

    def broken(job, at):
        with torch.no_grad():
            job.student.fc.bias[0] = float("nan")
        return original(job, at)

    monkeypatch.setattr(engine, "end_of_epoch", broken)
    with pytest.raises(
        TrainingError,
        match="the student's logits are not finite after epoch 1; a resumed run keeps its",
    ):
        fit(job, run)
    assert run.metrics() == []


def test_another_fault_at_an_epochs_end_is_told_as_it_is(start):
    """Two classes of one name ended in "logits are not finite, lower the learning rate"."""
    run, job = start("a", objective="ce")
    names = job.dataset.class_names
    object.__setattr__(job.dataset, "class_names", (names[1], *names[1:]))
    with pytest.raises(PredictionsError, match="`class_names` must be unique"):
        fit(job, run)


def test_saturated_logits_fit_into_the_trajectory(start):
    run, job = start("a", epochs=1)
    engine.extend_trajectory(run, job, 0, np.full((144, 10), 1e9))
    assert np.isfinite(run.trajectory()["logits"]).all()


@pytest.mark.parametrize("precision", PRECISIONS)
def test_a_few_epochs_learn_the_digits(start, precision):
    run, job = start("a", objective="kd", epochs=4, train_limit=None, precision=precision)
    fit(job, run)
    assert run.metrics()[-1]["validation_accuracy"] > 0.9
    assert run.metrics()[-1]["loss"] < 0.6 * run.metrics()[0]["loss"]
