"""The Distill page's form and the pages of runs at rest, without a browser and without a worker."""

from __future__ import annotations

import re
import time
from dataclasses import replace
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from app.distill.form_values import phase, unreported, unused_options
from app.distill.measuring import SpeedMeter
from app.distill.speed import Speed
from app.distill.which_method import which_method
from app.pages.distill import live
from app.state import ViewState
from bickd_core.config import TrainConfig
from bickd_core.models.catalogue import MODELS
from bickd_core.presets.logits import BicKDOptions
from bickd_core.runs.create import create_run
from bickd_core.runs.info import Source
from bickd_core.runs.library import Library, RunFolder, RunInfo
from bickd_core.runs.status import Progress, Status, Worker
from bickd_core.training.view_store import ViewKey

SHELF = Path(__file__).parents[2] / "pretrained"
TEACHER = "caltech95/teacher"


@pytest.fixture(autouse=True)
def library(tmp_path, monkeypatch: pytest.MonkeyPatch) -> Library:
    monkeypatch.setenv("BICKD_RUNS", str(tmp_path / "own"))
    monkeypatch.setenv("BICKD_SHELF", str(SHELF))
    monkeypatch.setenv("BICKD_SLOTS", "1")
    monkeypatch.delenv("RAY_API_SERVER_ADDRESS", raising=False)
    speed = Speed(1000.0, 5.0, 0.5, 20.0, "CPU")
    monkeypatch.setattr(SpeedMeter, "ask", lambda self, configs: speed)
    return Library.default()


def page(view):
    import streamlit

    from app import state
    from app.pages.distill import page as distill

    if "begun" not in streamlit.session_state:
        streamlit.session_state["begun"] = True
        state.update(**vars(view))
    distill.show()


def opened(view: ViewState) -> AppTest:
    return checked(AppTest.from_function(page, args=(view,), default_timeout=60).run())


def checked(app: AppTest) -> AppTest:
    assert not app.exception, app.exception
    return app


def words(app: AppTest) -> str:
    return "\n".join(part.value for part in (*app.markdown, *app.caption, *app.info, *app.error))


def field(widgets, name: str):
    """The one widget of a form's field, whatever choice or version its key carries besides."""
    (found,) = (w for w in widgets if re.fullmatch(rf"distill-{name}(-.+)?", w.key or ""))
    return found


def test_one_method_is_a_run_and_several_are_a_race_with_reasons_and_sources():
    app = opened(ViewState(teacher=TEACHER))
    assert "Method: KD. Data: Caltech-101, 95 classes. Training: 40 epochs" in words(app)
    assert [metric.value for metric in app.metric] == ["About 4 min"]
    checked(app.multiselect(key="distill-methods").set_value(["kd", "dist"]).run())
    said = words(app)
    assert "2 students (ResNet-8) race: KD and DIST. Data: Caltech-101" in said
    assert "arXiv 1503.02531" in said
    assert "arXiv 2205.10536" in said
    assert "**KD**" in said  # the options of each, under its name
    checked(app.text_input(key="distill-seeds").set_value("0-2").run())
    assert "3 races, one for each seed" in words(app)
    assert "3 races one after the other, about 4 min each." in words(app)
    assert [metric.value for metric in app.metric] == ["About 11 min"]
    checked(app.text_input(key="distill-seeds").set_value("some").run())
    assert "Seeds must be whole numbers" in words(app)
    checked(app.multiselect(key="distill-methods").set_value([]).run())
    assert "Choose a method above." in words(app)


def test_the_time_of_all_seeds_has_the_teachers_missing_views(monkeypatch):
    key = ViewKey("t", "d", "resnet20", 2, True, 0, (0.5,), (0.5,), ("logits",), "fp32")
    speed = Speed(1000.0, 5.0, 0.5, 20.0, "CPU", view_seconds=60.0, views=key)
    monkeypatch.setattr(SpeedMeter, "ask", lambda self, configs: speed)
    app = opened(ViewState(teacher=TEACHER))
    assert [metric.value for metric in app.metric] == ["About 44 min"]
    checked(app.text_input(key="distill-seeds").set_value("0 1").run())
    assert "outputs that are not stored yet take about 1 h 20 min in all." in words(app)


def racer(library: Library, kind: str, seed: int, status: Status):
    config = TrainConfig(teacher=TEACHER, objective={"kind": kind}, epochs=4)  # type: ignore[arg-type]
    run = create_run(config, library, name=f"{kind}-{seed}")
    run.write_status(status)
    return run


def working(state, left, pid):
    at = Progress(1, 4, 0, 70, 100.0, left) if left else Progress()
    return Status(state, at, Worker("elsewhere", pid, 1.0), heartbeat=4e9)


def test_a_race_at_work_has_its_students_and_the_others_in_the_queue(library):
    runs = [racer(library, kind, 0, working("running", 30.0, 1)) for kind in ("kd", "bickd")]
    runs[0].append_metrics({"epoch": 0, "validation_accuracy": 0.2, "validation_agreement": 0.3})
    waiting = racer(library, "dist", 1, working("queued", None, 2))
    app = opened(ViewState(teacher=TEACHER, race=("kd-0", "bickd-0", "gone")))
    assert app.title[0].value.startswith("2 students race on")
    assert {"race-stop", "race-stop-kd-0", "race-stop-bickd-0"} <= {
        b.key for b in app.button if b.key
    }
    assert "waiting · takes" in words(app)
    checked(app.button(key="queue-stop-dist-1").click().run())
    assert waiting.stop_requested()
    checked(app.button(key="race-stop-kd-0").click().run())
    assert (runs[0].stop_requested(), runs[1].stop_requested()) == (True, False)


def test_a_race_that_ended_says_so_and_its_settings_fill_the_form(library):
    for kind in ("kd", "bickd"):
        racer(
            library,
            kind,
            0,
            Status("stopped", Progress(1, 4), Worker("elsewhere", 1, 1.0), heartbeat=1.0),
        )
    app = opened(ViewState(teacher=TEACHER, race=("kd-0", "bickd-0")))
    assert app.title[0].value.startswith("0 of 2 students finished on")
    assert {"race-resume", "race-resume-kd-0"} <= {b.key for b in app.button if b.key}
    checked(app.button(key="distill-again").click().run())
    assert field(app.multiselect, "methods").value == ["kd", "bickd"]
    assert field(app.number_input, "epochs").value == 4


def test_a_run_that_is_trained_and_being_measured_cannot_be_stopped_any_more():
    at = {"worker": Worker.this(), "heartbeat": time.time()}
    trained = Status("running", Progress(4, 4), message="laying out the map", **at)
    shown = phase(trained, stopping=True, now=time.time())
    assert (shown.name, shown.word, shown.live) == ("ending", "running", True)
    assert shown.name not in live.STOPPABLE
    assert phase(Status("running", Progress(3, 4), **at), now=time.time()).name == "running"
    assert (
        phase(Status("running", **at), now=time.time()).name == "running"
    )  # before its first step


@pytest.mark.parametrize(
    ("changes", "names"),
    [
        ({"view_pool": 3}, "view_pool"),
        ({"teacher": "gone", "epochs": 3, "make_map": False}, "make_map, teacher"),
        ({"arch": "own:my.Net"}, "arch"),
    ],
)
def test_settings_that_are_not_reused_are_named(library, changes, names):
    run = racer(library, "kd", 0, Status("stopped", Progress(1, 4), heartbeat=1.0))
    config = run.info().config.model_copy(update=changes)
    run.change_info({"config": config})
    app = opened(ViewState(teacher=TEACHER, run="kd-0"))
    checked(app.button(key="distill-again").click().run())
    assert f"Not in the form, so not reused: {names}." in words(app).replace("\\", "")


def test_a_run_waits_for_its_turn_only_when_its_worker_says_so():
    now = time.time()
    fresh = Status("queued", heartbeat=now)
    assert phase(fresh, now=now).name == "starting"
    assert phase(fresh, stopping=True, now=now).name == "stopping"
    assert phase(replace(fresh, worker=Worker.this()), now=now).name == "queued"
    assert phase(fresh, now=now + 30).name == "lost"


@pytest.mark.parametrize("state", ["queued", "stopped", "failed"])
def test_a_worker_that_never_reports_is_missed_after_a_while(state):
    before, now = Status(state, heartbeat=100.0), 1000.0
    assert not unreported(before, started_at=None, now=now)
    assert not unreported(before, started_at=now - 5, now=now)
    assert phase(before, started_at=now - 5, now=now).name == "starting"
    assert unreported(before, started_at=now - 21, now=now)
    assert not unreported(replace(before, heartbeat=now - 15), started_at=now - 21, now=now)


def test_a_worker_that_never_reported_is_named_with_its_log(library):
    run = racer(library, "kd", 0, Status("stopped", Progress(1, 4), heartbeat=1.0))
    run.log_path.write_text("No space left on device\n")
    view = ViewState(teacher=TEACHER, run="kd-0")
    app = AppTest.from_function(page, args=(view,), default_timeout=60)
    app.session_state["live-started"] = {"kd-0": time.time() - 30}
    checked(app.run())
    assert [warning.value for warning in app.warning] == [
        "The worker that you started did not report; the disk may be full."
    ]
    assert "No space left on device" in app.code[0].value


def test_a_finished_teacher_has_its_figures_and_leads_to_the_form(teacher, monkeypatch):
    went: list[str] = []
    monkeypatch.setattr(live, "open_page", went.append)
    app = opened(ViewState(teacher=TEACHER, run="teacher"))
    figures = {metric.label: metric.value for metric in app.metric}
    assert figures["Test accuracy"].endswith("%")
    checked(app.button(key="distill-distil").click().run())
    assert went == ["distill"]
    checked(app.run())
    assert field(app.selectbox, "dataset").value == "digits"
    assert field(app.selectbox, "teacher").value == "teacher"


@pytest.mark.parametrize("label", ["samples-82aeba67", ""])
def test_beside_predictions_without_images_the_form_starts_with_bundled_data(library, label):
    info = RunInfo(
        name="imported",
        role="teacher",
        dataset=label,
        num_classes=4,
        source=Source(kind="predictions"),
    )
    RunFolder.create(library.own, info)
    app = opened(ViewState(teacher="imported"))
    assert not app.error
    assert field(app.selectbox, "dataset").value == "caltech95"
    assert field(app.selectbox, "teacher").value == TEACHER


def test_a_teacher_begins_with_a_model_that_is_larger_than_a_student():
    app = opened(ViewState(teacher=TEACHER))
    student = field(app.selectbox, "arch").value
    app.session_state["distill-role"] = "teacher"  # as the browser sends a click on the control
    checked(app.run())
    larger = field(app.selectbox, "arch").value
    assert MODELS[larger].parameters(95) > 5 * MODELS[student].parameters(95)
    assert MODELS[larger].macs(95) > 2 * MODELS[student].macs(95)


def test_the_form_says_which_published_setting_a_method_starts_from():
    app = opened(ViewState(teacher=TEACHER))
    checked(
        app.multiselect(key="distill-methods").set_value(["nkd", "nkd-imagenet", "bickd"]).run()
    )
    captions = [caption.value for caption in app.caption]
    (cifar,) = [words for words in captions if words.startswith("**NKD** ")]
    (imagenet,) = [words for words in captions if words.startswith("**NKD, ImageNet setting** ")]
    (ours,) = [words for words in captions if words.startswith("**BicKD (reconstruction)** ")]
    assert (
        "Options: published for CIFAR-100. The learning rate was tuned with other options." in cifar
    )
    assert imagenet.endswith("Options: published for ImageNet.")
    assert "published" not in ours
    assert "The learning rate" not in ours
    starts = {w.key: w.value for w in app.number_input if w.key and w.key.endswith("-gamma")}
    assert starts == {"distill-option-nkd-gamma": 3.5, "distill-option-nkd-imagenet-gamma": 1.5}


def option(app: AppTest, kind: str, name: str):
    return field(getattr(app, kind), f"option-bickd-{name}")


def test_rare_options_are_folded_apart_and_lead_to_the_plan():
    app = opened(ViewState(teacher=TEACHER))
    assert field(app.multiselect, "methods").value == ["kd"]  # what the study says to start with
    checked(app.multiselect(key="distill-methods").set_value(["bickd"]).run())
    labels = [expander.label for expander in app.expander]
    assert labels.index("More loss options") == labels.index("Loss options") + 1
    more = next(expander for expander in app.expander if expander.label == "More loss options")
    assert not more.proto.expanded
    inside = {widget.key.removeprefix("distill-option-bickd-") for widget in more.number_input}
    assert inside == {"queue", "contrast_temperature", "margin"}
    assert option(app, "number_input", "contrast_temperature").value is None
    assert option(app, "number_input", "margin").disabled  # until repel asks for it
    assert not option(app, "number_input", "queue").disabled
    app = checked(option(app, "number_input", "lambda_class").set_value(0.0).run())
    assert option(app, "number_input", "queue").disabled
    checked(app.multiselect(key="distill-methods").set_value(["kd"]).run())
    assert "More loss options" not in [expander.label for expander in app.expander]


@pytest.mark.parametrize(
    ("changes", "unused"),
    [
        ({}, {"gram_weight", "margin"}),
        ({"form": "gram"}, {"tau", "anchors", "margin"}),
        ({"repel": "above_margin"}, {"gram_weight"}),
        ({"lambda_sample": 0.0}, {"gram_weight", "margin", "same_class"}),
        (
            {"lambda_class": 0.0},
            {"gram_weight", "margin", "absent", "queue", "column_weights", "off_diagonal", "repel"},
        ),
        (
            {"lambda_sample": 0.0, "lambda_class": 0.0},
            set(BicKDOptions.model_fields)
            - {"kind", "temperature", "alpha", "beta", "lambda_sample", "lambda_class", "standardize"},
        ),
    ],
)  # fmt: skip
def test_an_option_without_an_effect_is_off(changes, unused):
    values = BicKDOptions().model_dump(exclude={"kind"}) | changes
    assert unused_options("bickd", values) == unused


def test_the_form_answers_which_method_to_take():
    app = opened(ViewState(teacher=TEACHER))
    checked(app)
    shown = " ".join(text.value for text in app.markdown)
    for line in which_method().lines:
        assert line.partition("[")[0] in shown
    assert "docs" in " ".join(caption.value for caption in app.caption)
