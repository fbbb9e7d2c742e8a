"""The report on a bundled comparison: its numbers are those of the library, its link is one that
the app reads."""

import base64
import io
import json
import re
from dataclasses import replace
from pathlib import Path
from urllib.parse import parse_qs

import numpy as np
import pandas as pd
import pytest

from app.state import ViewState
from bickd_cli.main import main
from bickd_core.comparing.finding import separated_pair
from bickd_core.comparing.measures import geometry
from bickd_core.comparing.names import shown_names
from bickd_core.comparing.report_data import read_report_data
from bickd_core.geometry.agreement import hellinger
from bickd_core.geometry.orthogonality import class_geometry
from bickd_core.geometry.summary import summarise
from bickd_core.runs.library import Library, RunError
from bickd_core.runs.predictions import PredictionsError
from bickd_viz.export.chart_export import ChartExport, file_name
from bickd_viz.report import comparison as comparison_text
from bickd_viz.report.build import Figures, Report, Strip, html
from bickd_viz.report.comparison import comparison_report, view_query

ROOT = Path(__file__).resolve().parents[2]
TEACHER, STUDENTS = "caltech95/teacher", ("caltech95/kd-s0", "caltech95/bickd-s0")


@pytest.fixture(scope="module")
def bundled() -> Library:
    return Library(ROOT / "pretrained", ROOT / "runs-of-nobody")


@pytest.fixture(scope="module")
def measured(bundled):
    return read_report_data(bundled, TEACHER, STUDENTS, temperature=2.0)


@pytest.fixture(scope="module")
def made(measured) -> Report:
    return comparison_report(measured, address="http://localhost:8501/", created="2026-01-01")


def chart_exports(report: Report) -> dict[str, ChartExport]:
    return {
        p.name: p
        for section in report.sections
        for p in section.parts
        if isinstance(p, ChartExport)
    }


def test_it_holds_every_chart_with_a_name_of_its_own(made):
    parts = [
        part for section in made.sections for part in section.parts if isinstance(part, ChartExport)
    ]
    assert len(chart_exports(made)) == len(parts)
    assert set(chart_exports(made)) == {
        "accuracy", "agreement", "overlap-per-image", "overlap", "overlap-matched", "gram-teacher", "gram-kd", "gram-bickd",
        "gram-bickd-minus-teacher", "gram-teacher-by-bickd", "angles", "class-overlap", "overlap-by-epoch", "map-teacher",
        "map-kd", "map-bickd",
    }  # fmt: skip
    assert "Angles, overlap of each class, overlap by epoch" in [s.title for s in made.sections]
    assert [s.title for s in made.sections][-1] == "Images where the models differ"
    for strip in (part for part in made.sections[-1].parts):
        assert isinstance(strip, Strip)
        assert all(address.startswith("data:image/") for address, _, _ in strip.pictures)


def test_other_inputs_are_said_where_the_models_are_listed(made, measured, monkeypatch):
    assert made.compared_note == ""  # the bundled models have the same
    monkeypatch.setattr(comparison_text, "inputs_sentence", lambda names, infos: "Other <inputs>.")
    note = comparison_text.compared_note(measured.comparison)
    assert note == "Other <inputs>."
    page = html(replace(made, sections=[], compared_note=note)).decode()
    assert (
        "</table>" in page.partition("What was compared")[2].partition("Other &lt;inputs&gt;.")[0]
    )


def test_its_tables_are_the_librarys_numbers(made, measured, bundled):
    teacher, student = (bundled.find(key).predictions("test") for key in (TEACHER, STUDENTS[1]))
    seeds = [bundled.find(f"caltech95/bickd-s{seed}").predictions("test") for seed in range(3)]
    values = [summarise(teacher, one, T=2.0).overlap.estimate for one in seeds]
    row = chart_exports(made)["overlap"].table().set_index("model").loc["BicKD"]
    assert row["estimate"] == pytest.approx(np.mean(values), abs=1e-6)
    assert row["deviation"] == pytest.approx(np.std(values, ddof=1), abs=1e-6)
    assert row["low"] < row["estimate"] < row["high"]
    assert row["seeds"] == 3
    gram = class_geometry(student.probabilities(2.0)).gram
    table = chart_exports(made)["gram-bickd"].table()
    place = {name: i for i, name in enumerate(teacher.class_names)}
    rows, columns = table["row_class"].map(place), table["column_class"].map(place)
    np.testing.assert_allclose(table["cosine"], gram[rows, columns], atol=1e-12)
    points = chart_exports(made)["map-bickd"].table()
    assert points["id"].tolist() == teacher.ids.tolist()
    far = hellinger(teacher.probabilities(2.0), student.probabilities(2.0))
    np.testing.assert_allclose(points["displacement"], far, rtol=1e-12)


def test_csv_in_the_file_is_the_table(made):
    page = html(made).decode()
    text = re.search(
        r'download="class-overlap.csv" href="data:text/csv;base64,([^"]+)"', page
    ).group(1)
    stored = pd.read_csv(io.BytesIO(base64.b64decode(text)))
    wanted = chart_exports(made)["class-overlap"].table()
    assert stored["class"].tolist() == wanted["class"].tolist()
    np.testing.assert_array_equal(stored["overlap"], wanted["overlap"])


def test_figures_stand_with_their_intervals_and_runs_with_their_seeds(made, measured):
    figures = next(part for part in made.sections[0].parts if isinstance(part, Figures)).table
    assert figures["model"].tolist() == ["teacher", "KD", "BicKD"]
    known = measured.comparison.focus().predictions
    share = (known.predicted == known.labels).mean()
    limits = re.fullmatch(r"([\d.]+)% \[([\d.]+)%, ([\d.]+)%\]", figures["Accuracy"][2])
    estimate, low, high = (float(number) for number in limits.groups())
    assert estimate == pytest.approx(100 * share, abs=0.051)
    assert low + 2 < estimate < high - 2
    assert figures["Agreement"][0] == "–"
    assert made.compared["run"].tolist() == [
        TEACHER,
        *(f"{key} and 2 other seeds" for key in STUDENTS),
    ]
    assert made.compared["images"].tolist() == ["1,208"] * 3
    assert made.compared.iloc[1]["seeds (weights / order / augmentation)"] == "0 / 0 / 0"
    assert "KD" in made.title
    assert "1,208 test images" in made.note
    assert "means of 3 seeds each" in made.note
    assert "T = 2" in made.sections[0].sentence
    differences = made.sections[0].parts[-1]
    assert differences.title == "BicKD minus each other model"
    assert differences.table["BicKD minus"].tolist() == ["KD", "the teacher"]
    assert differences.table["runs"].tolist() == ["3 and 3", "3 and 1"]


def test_the_link_opens_the_same_view(measured):
    query = {name: values[0] for name, values in parse_qs(view_query(measured)[1:]).items()}
    view = ViewState.from_query(query)
    assert view == ViewState(teacher=TEACHER, students=STUDENTS, temperature=2.0)


def test_the_most_separated_pair_is_the_one_that_falls_most(measured):
    comparison = measured.comparison
    before, after = (
        geometry(comparison, m, 2.0).gram for m in (comparison.baseline(), comparison.focus())
    )
    best, found = None, -np.inf
    for i in range(len(before)):
        for j in range(i + 1, len(before)):
            if before[i, j] - after[i, j] > found:
                best, found = (i, j), before[i, j] - after[i, j]
    assert separated_pair(comparison, 2.0).classes == best


def test_notes_say_what_is_the_same_for_all_matrices_and_maps(made, measured, bundled):
    notes = {section.title: section.sentence for section in made.sections}
    (maps,) = [text for title, text in notes.items() if title == "Prediction maps"]
    each = [
        f"{model.name} {measured.maps[model.key].layout.trustworthiness:.2f}"
        for model in measured.comparison.models
    ]
    assert maps.endswith(f" Trustworthiness: {', '.join(each)}.")
    assert "Each student's map starts from the teacher's" in maps
    difference = "All matrices share one colour scale, but that of the difference."
    assert any(difference in text for text in notes.values())
    alone = comparison_report(
        read_report_data(bundled, TEACHER, (), temperature=2.0), address="", created=""
    )
    texts = " ".join(section.sentence for section in alone.sections)
    assert "share one colour scale." in texts
    assert "starts from the teacher" not in texts


def test_a_teacher_alone_and_runs_without_maps_make_a_report(bundled):
    alone = comparison_report(read_report_data(bundled, TEACHER))
    assert alone.title == "resnet14x2 on caltech95"
    assert "gram-teacher" in chart_exports(alone)
    assert "Angles and overlap of each class" in [section.title for section in alone.sections]
    on_validation = comparison_report(
        read_report_data(bundled, TEACHER, STUDENTS, split="validation")
    )
    assert not [name for name in chart_exports(on_validation) if name.startswith("map-")]
    assert html(alone)


def test_what_cannot_be_compared_is_said(bundled):
    with pytest.raises(RunError, match="did you mean 'caltech95/kd-s"):
        read_report_data(bundled, TEACHER, ["caltech95/kd-s9"])
    with pytest.raises(PredictionsError, match=r"different data \(caltech95, fashion-mnist\)"):
        read_report_data(bundled, TEACHER, ["fashion-mnist/kd-s0"])


def test_seeds_tell_runs_of_one_method_apart(bundled):
    keys = ["caltech95/teacher", "caltech95/kd-s0", "caltech95/kd-s1", "caltech95/ce-s0"]
    infos = [bundled.find(key).info() for key in keys]
    assert shown_names(infos) == ["teacher", "KD s0", "KD s1", "CE"]
    own = infos[1].model_copy(update={"name": "mine"})
    assert shown_names([*infos[:2], own], [False, False, True]) == ["teacher", "KD s0", "KD (mine)"]


def test_file_names_are_plain():
    assert file_name("BicKD − teacher (below 0)") == "bickd-teacher-below-0"
    assert file_name("–") == "chart"


def test_bickd_report_writes_the_file(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("BICKD_SHELF", str(ROOT / "pretrained"))
    out = tmp_path / "mine.html"
    with pytest.raises(SystemExit) as left:
        main(["report", "--teacher", TEACHER, "--students", *STUDENTS, "--out", str(out)])
    assert not left.value.code
    assert f"report: {out}" in capsys.readouterr().out
    page = out.read_text()
    assert f"http://localhost:8501/?teacher={TEACHER}&amp;students={'~'.join(STUDENTS)}" in page
    charts = re.search(
        r'<script type="application/json" id="charts">(.*?)</script>', page, re.S
    ).group(1)
    assert len(json.loads(charts)) == 16
    assert page.count("Images: Li, Andreeto, Ranzato, Perona (2022), Caltech 101, CaltechDATA") == 1
    assert page.count("(CC BY 4.0)") == 1


def test_bickd_report_names_a_run_that_is_not_there(monkeypatch, capsys, tmp_path):
    monkeypatch.setenv("BICKD_SHELF", str(ROOT / "pretrained"))
    with pytest.raises(SystemExit) as left:
        main(["report", "--teacher", "caltech95/teachr", "--out", str(tmp_path / "x.html")])
    assert left.value.code == 2
    assert "did you mean 'caltech95/teacher'" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_a_report_in_a_missing_folder_is_refused_at_once(tmp_path, capsys):
    with pytest.raises(SystemExit):
        main(["report", "--teacher", TEACHER, "--out", str(tmp_path / "gone" / "x.html")])
    assert "--out must be in an existing folder" in capsys.readouterr().err
    assert not (tmp_path / "gone").exists()


@pytest.mark.parametrize(
    "students", [["caltech95/kd-s0", "caltech95/kd-s0"], ["caltech95/teacher"]]
)
def test_bickd_report_refuses_a_run_that_is_named_twice(monkeypatch, capsys, tmp_path, students):
    monkeypatch.setenv("BICKD_SHELF", str(ROOT / "pretrained"))
    with pytest.raises(SystemExit) as left:
        main(
            [
                "report",
                "--teacher",
                "caltech95/teacher",
                "--students",
                *students,
                "--out",
                str(tmp_path / "x"),
            ]
        )
    assert left.value.code == 2
    assert f"run '{students[0]}' is named twice" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
