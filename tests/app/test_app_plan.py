"""What the Distill form makes: runs, races and seeds, and how a race reads."""

from __future__ import annotations

from pathlib import Path

import pytest
from run_helpers import small_config

from app.add_to_comparison import together
from app.distill import races
from app.distill.form_values import form_of, progress_text
from app.distill.plan import (
    METHODS,
    build_plan,
    method_of,
    not_reused,
    plan_text,
    rates_text,
    read_seeds,
    start,
)
from app.state import ViewState
from bickd_core.config import Seeds, TrainConfig
from bickd_core.presets.catalogue import PRESETS, VARIANTS
from bickd_core.runs.create import create_run
from bickd_core.runs.library import Library, RunError
from bickd_core.runs.status import Progress, Status, Worker
from bickd_core.training.rates import have_own_rates
from bickd_viz.text import numbers

TEACHER = "caltech95/teacher"


def form(**changes) -> dict:
    begin = form_of(TrainConfig(teacher=TEACHER, objective={"kind": "kd"}))  # type: ignore[arg-type]
    return {**begin, "methods": ["kd"], "options": {}, "name": "", **changes}


def kd(**changes) -> TrainConfig:
    return TrainConfig.model_validate({"teacher": TEACHER, "objective": {"kind": "kd"}, **changes})


@pytest.mark.parametrize(
    ("changes", "names"),
    [
        ({}, []),
        ({"schedule": {"kind": "step"}, "optimizer": {"kind": "adamw", "lr": 0.1}}, []),
        ({"optimizer": {"weight_decay": 0.0}, "extends": "a"}, ["weight_decay", "extends"]),
        ({"schedule": {"kind": "step", "gamma": 0.5}}, ["gamma"]),
        ({"seeds": {"weights": 3, "order": 1, "augmentation": 3}}, ["order"]),
        ({"resize": "stretch", "interpolation": "bilinear"}, []),  # the teacher's too
        ({"validation_folds": 5}, ["validation_folds"]),
    ],
)
def test_settings_that_the_form_does_not_show_are_named(changes, names):
    if "optimizer" in changes:
        changes["optimizer"].setdefault("kind", "sgd")
    assert not_reused([kd(**changes)]) == names


def test_a_race_names_the_rate_and_the_options_that_only_one_student_has():
    first = kd(optimizer={"kind": "sgd", "lr": 0.3})
    second = kd(objective={"kind": "dist"}, optimizer={"kind": "sgd", "lr": 0.2})
    assert not_reused([first, first]) == []
    assert not_reused([first, second]) == ["lr"]
    assert not_reused([kd(), kd(objective={"kind": "kd", "temperature": 9.0})]) == ["temperature"]


@pytest.mark.parametrize(
    ("typed", "seeds"),
    [
        ("0", (0,)),
        (" 3 ", (3,)),
        ("0 1 2", (0, 1, 2)),
        ("0,1; 2", (0, 1, 2)),
        ("0-2, 2, 7", (0, 1, 2, 7)),
        ("5–6", (5, 6)),
    ],
)
def test_seeds_are_read_as_people_write_them(typed, seeds):
    assert read_seeds(typed) == seeds


@pytest.mark.parametrize(
    "typed", ["", "one", "-1", "3-1", "1.5", "0-20", "2147483648", " ".join(map(str, range(21)))]
)
def test_what_is_no_seed_is_refused(typed):
    with pytest.raises(ValueError, match="seed"):
        read_seeds(typed)


def test_every_preset_and_variant_is_a_method_with_its_reason_and_source():
    assert set(METHODS) == {*PRESETS, *VARIANTS}
    assert all(method.why and method.citation for method in METHODS.values())
    for name, method in METHODS.items():
        assert method_of(method.options) == name  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (
            {"train_limit": 5},
            "training images must be from 95 to 4,521 (at least one for each class), got 5",
        ),
        ({"train_limit": 5000}, "training images must be from 95 to 4,521"),
        ({"epochs": 0}, "epochs must be from 1 to 2,000, got 0"),
        ({"lr": -0.1}, "the learning rate must be from 1e-06 to 10, got -0.1"),
        ({"threads": 0}, "threads must be from 1 to 256, got 0"),
        (
            {"options": {"kd": {"temperature": -1.0}}},
            "temperature`: input should be greater than 0, got -1.0",
        ),
    ],
)
def test_a_number_out_of_its_range_is_said_in_words(changes, words):
    with pytest.raises(ValueError) as error:
        build_plan(form(**changes))
    assert words in str(error.value)


def test_methods_times_seeds_are_races_one_a_seed_with_all_three_seeds():
    plan = build_plan(form(methods=["kd", "kd-standardize", "bickd"], seeds="0 4"))
    assert [len(group) for group in plan.groups] == [3, 3]
    assert {run.config.seeds for run in plan.groups[1]} == {Seeds.all(4)}
    assert [run.name for run in plan.groups[0]] == [
        f"caltech95-resnet8-{method}-s0" for method in ("kd", "kd-standardize", "bickd")
    ]
    assert plan.groups[0][1].config.objective == VARIANTS["kd-standardize"].options
    assert plan.is_race
    assert (
        "3 students (ResNet-8) race: KD; KD, standardised logits; BicKD (reconstruction)."
        in plan_text(plan, None)
    )
    assert "Data: Caltech-101, 95 classes." in plan_text(plan, None)
    assert "There are 2 races, one for each seed." in plan_text(plan, None)


def test_a_typed_name_is_kept_for_one_run_and_begins_those_of_several():
    assert build_plan(form(name="mine")).groups[0][0].name == "mine"
    several = build_plan(form(name="mine", methods=["kd", "dist"], seeds="1"))
    assert [run.name for run in several.groups[0]] == ["mine-kd-s1", "mine-dist-s1"]
    teachers = build_plan(form(name="big", role="teacher", seeds="0 1"))
    assert [group[0].name for group in teachers.groups] == ["big-teacher-s0", "big-teacher-s1"]
    assert teachers.groups[0][0].config.role == "teacher"


def test_options_are_those_of_each_method():
    plan = build_plan(
        form(methods=["kd", "dist"], options={"kd": {"temperature": 2.0}, "dist": {"beta": 1.0}})
    )
    kd, dist = (run.config.objective for run in plan.groups[0])
    assert (kd.temperature, dist.temperature, dist.beta) == (2.0, 4.0, 1.0)
    with pytest.raises(ValueError, match="temperature"):
        build_plan(form(options={"kd": {"temperature": -1.0}}))


def rates(**changes) -> list[float]:
    return [config.optimizer.lr for config in build_plan(form(**changes)).configs]


def test_each_method_may_have_its_own_learning_rate():
    methods = ["kd", "dist", "bickd"]
    own = [METHODS[name].rate for name in methods]
    assert len(set(own)) == 3
    assert rates(methods=methods, own_rates=True) == own
    assert rates(methods=methods) == rates(methods=methods, own_rates=False) == [0.05] * 3
    assert rates(methods=methods, own_rates=True, optimizer="adamw", lr=0.001) == [0.001] * 3
    assert rates(role="teacher", own_rates=True) == [0.05]
    assert rates_text(methods) == "KD 0.4; DIST 0.025; BicKD (reconstruction) 0.2"


def test_a_race_whose_rates_differ_says_so_and_is_known_again():
    plan = build_plan(form(methods=["kd", "dist"], own_rates=True))
    assert plan_text(plan, None).endswith(" Learning rates: KD 0.4; DIST 0.025.")
    assert have_own_rates(plan.configs)
    same = build_plan(form(methods=["kd", "dist"], lr=0.4))
    assert "Learning rates" not in plan_text(same, None)
    assert not have_own_rates(same.configs)


def test_a_taken_name_starts_nothing(tmp_path):
    library = Library(shelf=tmp_path / "shelf", own=tmp_path / "own")
    create_run(small_config(), library, name="mine-dist-s1")
    with pytest.raises(RunError, match="mine-dist-s1"):
        start(build_plan(form(name="mine", methods=["kd", "dist"], seeds="0 1")), library)
    assert [run.key for run in library.runs()] == ["mine-dist-s1"]


# -- races
# -------------------------------------------------------------------------------------------
def at(epoch: int, step: int, left: float | None, state="running") -> Status:
    return Status(
        state, progress=Progress(epoch, 4, step, 10, 100.0, left), worker=Worker("here", 7, 1.0)
    )


def test_a_races_time_is_the_sum_of_its_students():
    found = races.standing([at(1, 5, 30.0), at(1, 5, 60.0)], 4)
    assert found.seconds_left == 90.0
    assert found.fraction == pytest.approx((1 + 0.5) / 4)
    assert found.text == "epoch 2 of 4 · step 5 of 10 · about 2 min left"
    assert races.standing([at(1, 5, 30.0), at(4, 0, 0.0, "finished")], 4).seconds_left == 30.0
    assert races.standing([at(1, 5, None), at(1, 5, 3.0)], 4).seconds_left is None
    assert races.standing([Status("queued")], 4).fraction == 0


def test_a_run_that_is_stopped_or_finishes_has_no_remaining_time():
    two = [at(1, 5, 30.0), at(1, 5, 400.0)]
    assert races.standing(two, 4, [True, True]).text == "epoch 2 of 4 · step 5 of 10"
    assert races.standing(two, 4, [False, True]).seconds_left == 30.0
    finishing = races.standing([at(4, 0, 0.0), at(4, 0, 0.0)], 4)
    assert (finishing.seconds_left, finishing.text) == (None, "all 4 epochs done, finishing")
    assert progress_text(at(1, 5, 400.0)).endswith(" · about 7 min left")
    assert "left" not in progress_text(at(1, 5, 400.0), stopping=True)
    assert progress_text(at(4, 0, 0.0)) == "all 4 epochs done, finishing"
    assert progress_text(at(4, 0, None, "stopped")) == "all 4 epochs done"
    told = Status("running", Progress(4, 4, 0, 10), message="laying out the map")
    assert progress_text(told) == "laying out the map"


def test_a_table_rounds_a_tie_as_sentences_do():
    row = races.result_row("KD", [{"epoch": 0, "validation_accuracy": 0.8325}], Status("finished"))
    assert f"{row['Accuracy']}%" == numbers.percent(0.8325)


def test_runs_of_one_worker_belong_together(tmp_path):
    library = Library(shelf=tmp_path / "shelf", own=tmp_path / "own")
    runs = [create_run(small_config(), library, name=name) for name in ("a", "b", "c", "d")]
    for run in (runs[0], runs[2]):
        run.write_status(at(0, 1, None))
    assert [[run.key for run in group] for group in races.groups(runs)] == [
        ["a", "c"],
        ["b"],
        ["d"],
    ]


def test_students_of_a_race_are_called_by_their_methods(tmp_path):
    library = Library(shelf=tmp_path / "shelf", own=tmp_path / "own")

    def make(name, objective):
        return (
            create_run(small_config(), library, name=name)
            .info()
            .model_copy(update={"config": TrainConfig(teacher=TEACHER, objective=objective)})
        )

    infos = {
        "a": make("a", {"kind": "kd"}),
        "b": make("b", VARIANTS["kd-standardize"].options),
        "c": make("c", {"kind": "dist"}),
        "d": make("d", {"kind": "dist", "beta": 1.0}),
    }
    assert list(races.names(infos).values()) == [
        "KD",
        "KD, standardised logits",
        "DIST (c)",
        "DIST (d)",
    ]


def test_a_race_opens_as_one_comparison_of_up_to_four(tmp_path):
    library = Library(shelf=Path(__file__).parents[2] / "pretrained", own=tmp_path)
    known = {run.key: run.info() for run in library.runs() if run.read_only}
    keys = [f"caltech95/{method}-s{seed}" for seed in (0, 1) for method in ("ce", "kd", "bickd")]
    race = tuple(keys)
    after = together(ViewState(teacher="fashion-mnist/teacher", race=race), ["gone", *keys], known)
    assert (after.teacher, after.students) == (TEACHER, tuple(keys[:3]))
    assert (after.student, after.race) == (keys[2], race)
    alone = ViewState(teacher="x")
    assert together(alone, ["gone"], known) == alone


def test_the_race_of_a_view_lives_in_its_link():
    view = ViewState(race=("a", "b"))
    assert view.to_query() == {"race": "a~b"}
    assert ViewState.from_query({"race": "a~b"}) == view
