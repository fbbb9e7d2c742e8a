"""Pages, reports, the command line and notebooks agree on what a comparison shows."""

from __future__ import annotations

import re
from html import unescape
from pathlib import Path

import numpy as np
import pytest
from run_helpers import small_config
from streamlit.testing.v1 import AppTest

from app.data import comparison as comparisons
from app.data import over_seeds
from app.state import ViewState
from bickd_cli.main import main
from bickd_core import Predictions
from bickd_core.comparing.comparison import training_sentence
from bickd_core.comparing.finding import Finding, finding, separated_pair
from bickd_core.comparing.names import SHORT
from bickd_core.comparing.report_data import read_report_data
from bickd_core.config import Seeds
from bickd_core.runs.library import Library, RunFolder, RunInfo
from bickd_viz import compare
from bickd_viz.report.comparison import comparison_report
from bickd_viz.text import seeds

METHODS = ("ce", "kd", "dist", "bickd", "rkd")
TEMPERATURE = 2.0


class Drawn:
    """A random teacher with up to four students, as run folders and as predictions."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.random = np.random.default_rng(seed)
        self.library = Library(folder / "shelf", folder / "own")
        self.library.own.mkdir(parents=True)
        self.methods = self.random.choice(
            METHODS, self.random.integers(0, 5), replace=False
        ).tolist()
        self.seeds = int(self.random.choice([1, 1, 2]))
        n, c = int(self.random.integers(20, 140)), int(self.random.integers(2, 6))
        labels = self.random.integers(0, c, n) if self.random.random() < 0.8 else None
        logits = self.random.normal(0, 3, (n, c)).astype(np.float32)
        names = tuple(f"class {i}" for i in range(c))
        self.teacher = Predictions(logits, names, np.arange(n) * 3, labels)
        self.students: dict[str, Predictions] = {}
        self._save("teacher", self.teacher, "ce", 0, role="teacher")
        for method in self.methods:
            for run in range(self.seeds):
                noise = self.random.normal(0, self.random.uniform(0.2, 4), logits.shape)
                own = Predictions(
                    (logits * self.random.uniform(0.3, 3) + noise).astype(np.float32),
                    names,
                    self.teacher.ids,
                    labels,
                )
                self._save(f"{method}-s{run}", own, method, run)
                self.students.setdefault(SHORT[method], own)

    def _save(
        self, name: str, own: Predictions, method: str, seed: int, role: str = "student"
    ) -> None:
        teacher = None if method == "ce" else "drawn/teacher"
        config = small_config(objective={"kind": method}, teacher=teacher, seeds=Seeds.all(seed))
        info = RunInfo(
            name=name, role=role, arch="convnet-small", dataset="digits", image_size=8, in_channels=1,
            num_classes=own.num_classes, config=config,
        )  # fmt: skip
        run = RunFolder.create(self.library.shelf / "drawn", info)
        own.save(run.predictions_path("test"))

    @property
    def keys(self) -> list[str]:
        return ["drawn/teacher", *(f"drawn/{method}-s0" for method in self.methods)]


def shown(own: Finding | None) -> object:
    """What a finding states, to be compared: names, differences and sentences."""
    if own is None:
        return None
    numbers = {
        other: [
            (field, one.student, one.baseline, one.interval, one.adjusted)
            for field, one in each.figures.items()
        ]
        for other, each in own.compared.items()
    }
    return (
        own.student.name,
        own.baseline.called,
        numbers,
        seeds.finding_title(own),
        seeds.finding_note(own, TEMPERATURE),
    )


def check(drawn: Drawn, monkeypatch) -> None:
    monkeypatch.setenv("BICKD_SHELF", str(drawn.library.shelf))
    monkeypatch.setenv("BICKD_RUNS", str(drawn.library.own))
    teacher, *students = drawn.keys
    report = read_report_data(drawn.library, teacher, students, temperature=TEMPERATURE)
    page = comparisons.comparison(
        ViewState(teacher=teacher, students=tuple(students), temperature=TEMPERATURE)
    )
    on_page = finding(page, over_seeds.recipes(page, TEMPERATURE))
    assert shown(on_page) == shown(report.finding)
    assert page.focus().name == report.comparison.focus().name
    assert page.baseline().name == report.comparison.baseline().name
    assert over_seeds.left_out(page, TEMPERATURE) == list(report.left_out)
    pairs = [separated_pair(one, TEMPERATURE) for one in (page, report.comparison) if students]
    assert len(set(pairs)) <= 1
    if on_page is not None:
        assert comparison_report(report).title == seeds.finding_title(on_page)
    if drawn.seeds == 1:
        notebook = compare(drawn.teacher, drawn.students, temperature=TEMPERATURE)
        assert shown(notebook.data.finding) == shown(on_page)
        if students:
            assert separated_pair(notebook.data.comparison, TEMPERATURE) == pairs[0]
            table = notebook.differences()
            main_ = table[table.minus == on_page.baseline.name]
            assert main_.estimate.tolist() == [
                one.interval.estimate for one in on_page.main.figures.values()
            ]


SLOW = [pytest.param(block, marks=pytest.mark.slow) for block in range(1, 8)]


@pytest.mark.parametrize("block", [0, *SLOW])
def test_page_report_and_notebook_agree_on_random_comparisons(block, tmp_path, monkeypatch):
    for seed in range(25):
        check(Drawn(tmp_path / str(seed), 25 * block + seed), monkeypatch)


@pytest.mark.parametrize("seed", [3, 7, 8])
def test_overview_and_the_command_line_show_the_same_finding(seed, tmp_path, monkeypatch):
    drawn = Drawn(tmp_path, seed)
    teacher, *students = drawn.keys
    assert students
    check(drawn, monkeypatch)
    app = AppTest.from_function(overview, default_timeout=60)
    app.session_state["view"] = ViewState(teacher, tuple(students), temperature=TEMPERATURE)
    app.run()
    assert not app.exception, app.exception
    with pytest.raises(SystemExit) as left:
        main(
            [
                "report",
                "--teacher",
                teacher,
                "--students",
                *students,
                "--out",
                str(tmp_path / "report.html"),
                "--temperature",
                str(TEMPERATURE),
            ]
        )
    assert not left.value.code
    page = unescape((tmp_path / "report.html").read_text())
    assert re.search(r"<h1[^>]*>(.*?)</h1>", page, re.S).group(1).strip() == app.title[0].value
    assert app.caption[0].value in page


def overview() -> None:
    from app.pages.overview import page

    page.show()


def test_a_known_method_is_the_baseline_before_the_first_student(tmp_path, monkeypatch):
    """Page and report once named DIST and RKD here."""
    drawn = Drawn(tmp_path, 0)
    names = {"RKD": "rkd", "DIST": "dist", "BicKD": "bickd"}
    students = {name: drawn.teacher for name in names}
    comparison = compare(drawn.teacher, students).data.comparison
    assert (comparison.focus().name, comparison.baseline().name) == ("BicKD", "DIST")
    assert comparison.focus("RKD").name == "RKD"
    assert comparison.baseline(comparison.focus("RKD")).name == "BicKD"
    assert compare(drawn.teacher).data.comparison.baseline().is_teacher


def test_students_that_were_not_trained_equally_long_are_pointed_out(make_run):
    def info(name, epochs, before=None, role="student", **config):
        given = {"epochs_before": before, "role": role}
        return make_run(name, info=given, config=small_config(epochs=epochs, **config)).info()

    teacher, short = info("t", 60, role="teacher"), info("short", 40)
    again, grown = info("again", 40), info("grown", 120, before=40)
    assert training_sentence(["t", "a", "b"], [teacher, short, again]) == ""
    assert training_sentence(["t", "a", "b", "c"], [teacher, short, again, grown]) == (
        "The students were not trained equally long: a, b for 40 epochs; c for 160 epochs."
    )
    few = info("few", 1, train_limit=1000)
    assert training_sentence(["a", "b"], [short, few]).endswith(
        ": a for 40 epochs of at most 400 images; b for 1 epoch of at most 1,000 images."
    )
    whole = info("whole", 40, train_limit=None)
    assert training_sentence(["a", "b"], [whole, few]).endswith(
        ": a for 40 epochs of all images; b for 1 epoch of at most 1,000 images."
    )
    older = short.model_copy(update={"extends": "a run of an older version"})
    assert training_sentence(["a", "b"], [older, grown]) == ""
    elsewhere = grown.model_copy(update={"config": None})
    assert training_sentence(["a", "b"], [short, elsewhere]) == ""
