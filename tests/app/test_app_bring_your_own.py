"""Bring your own without a browser: paths typed, columns changed, refusals, and the import."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from app.pages.bring_your_own import templates
from app.pages.bring_your_own.files import likely_teacher, scores_sentence, typed_paths
from app.plain import JOINER
from bickd_core.importing import read_process
from bickd_core.importing.layout import Hints
from bickd_core.importing.matching import match
from bickd_core.importing.read_process import FileContent, parse

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "importing"))
from layouts import LAYOUTS, columns, ids, logits, names, softmax, two_methods


@pytest.fixture(autouse=True)
def here(library, monkeypatch):
    """The user's runs are empty, and files are read in this process, which takes no start."""
    monkeypatch.setenv("BICKD_SHELF", str(library.shelf))
    monkeypatch.setenv("BICKD_RUNS", str(library.own))

    def read(path: Path, *, layout=None, hints: Hints | None = None) -> FileContent:
        table, found, parts = parse(path, layout, hints)
        kinds = {name: read_process._column_kind(column) for name, column in table.columns.items()}
        preview = read_process._preview(table, found)
        return FileContent(path.name, found, tuple(parts), kinds, tuple(preview))

    monkeypatch.setattr("app.pages.bring_your_own.files.read_file", read)


def page() -> AppTest:
    def script() -> None:
        from app.pages.bring_your_own.page import show

        show()

    return AppTest.from_function(script, default_timeout=60)


def with_paths(*paths: Path) -> AppTest:
    app = page().run()
    app.text_area[0].set_value("\n".join(map(str, paths))).run()
    assert not app.exception, app.exception
    return app


def said(app: AppTest) -> str:
    elements = [*app.error, *app.caption, *app.markdown]
    return "\n".join(element.value for element in elements).replace("\\", "").replace(JOINER, "")


def box(app: AppTest, label: str):
    return next(one for one in app.selectbox if one.label == label)


def test_template_of_two_models_is_understood(tmp_path):
    (tmp_path / "two-models.csv").write_text(templates.two_models_csv())
    app = with_paths(tmp_path / "two-models.csv")
    assert "6 rows. Models: teacher (logits in teacher:bird to teacher:dog, 3 classes)" in said(app)
    assert "6 of 6 samples are in every model" in said(app)
    assert [box(app, label).value for label in ("True class", "Id", "Text")] == [
        "label",
        "id",
        "(none)",
    ]
    assert box(app, "Teacher").value == "teacher"


def test_model_of_two_splits_is_named_once(tmp_path):
    LAYOUTS["csv, a `split` column"](tmp_path)
    app = with_paths(tmp_path / "net.csv")
    assert "80 rows. Models: net (logits in bird to dog, 3 classes)." in said(app)


def test_lines_that_save_npz_are_python_and_are_understood(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    given = {"teacher_logits": logits(), "student_logits": logits(1), "labels": np.arange(40) % 3}
    exec(templates.NPZ, {**given, "class_names": np.array(["a", "b", "c"])})
    app = with_paths(tmp_path / "teacher.npz", tmp_path / "student.npz")
    assert "Rows were matched by order" in said(app)
    compile(templates.TORCH, "template", "exec")


def test_import_makes_the_runs_and_shows_them(tmp_path, library):
    (tmp_path / "two-models.csv").write_text(templates.two_models_csv())
    app = with_paths(tmp_path / "two-models.csv")
    next(one for one in app.text_input if one.label == "Name of student").set_value("mine").run()
    next(one for one in app.button if one.label == "Import and compare").click().run()
    assert sorted(path.name for path in library.own.iterdir()) == ["mine", "teacher"]
    view = app.session_state["view"]
    assert (view.teacher, view.students) == ("teacher", ("mine",))


@pytest.mark.parametrize("use", [True, False])
def test_seeds_in_names_are_used_unless_switched_off(tmp_path, library, use):
    (file,) = two_methods(tmp_path)
    app = with_paths(tmp_path / file)
    assert "Seeds, read from the names: kd 0, 1, 2; CE 0." in said(app)
    if not use:
        app.toggle[0].set_value(False).run()
        assert "Seeds, read from the names" not in said(app)
    next(one for one in app.button if one.label == "Import and compare").click().run()
    students = app.session_state["view"].students
    assert students == (("kd-s0", "CE-seed-0") if use else ("kd-s0", "kd-s1", "kd-s2", "CE-seed-0"))
    assert library.find("kd-s1").info().seed == (1 if use else None)


def test_many_files_are_folded_up_and_each_is_read_once(tmp_path, monkeypatch):
    from app.pages.bring_your_own import files

    read, plain = [], files.read_file

    def counted(path: Path, **options) -> FileContent:
        read.append(path.name)
        return plain(path, **options)

    monkeypatch.setattr(files, "read_file", counted)
    names = [f"kd-s{seed}.csv" for seed in range(12)]
    for name in names:
        (tmp_path / name).write_text(templates.two_models_csv().replace("student", name[:-4]))
    app = with_paths(*(tmp_path / name for name in names[:3]))
    assert [one.label for one in app.expander][1:] == []
    app.text_area[0].set_value("\n".join(str(tmp_path / name) for name in names)).run()
    folded = [one.label.replace("\\", "").replace(JOINER, "") for one in app.expander][1:]
    assert folded == [f"**{name}**" for name in names]
    app.run()
    assert sorted(read) == sorted(names)


def test_a_run_that_is_there_can_be_the_teacher(tmp_path, library):
    (tmp_path / "two-models.csv").write_text(templates.two_models_csv())
    app = with_paths(tmp_path / "two-models.csv")
    next(one for one in app.text_input if one.label == "Name of teacher (teacher)").set_value(
        "big"
    ).run()
    next(one for one in app.button if one.label == "Import and compare").click().run()
    app = with_paths(tmp_path / "two-models.csv")
    box(app, "Teacher").select("big").run()
    next(one for one in app.button if one.label == "Import and compare").click().run()
    assert not app.exception
    view = app.session_state["view"]
    assert (view.teacher, view.students) == ("big", ("teacher", "student-2"))


def test_a_changed_column_is_read_again_and_can_be_taken_back(tmp_path):
    table = {
        "id": ids(),
        "label": names(),
        "group": names()[::-1],
        **columns("p_{}", softmax(logits())),
    }
    pd.DataFrame(table).to_csv(tmp_path / "net.csv", index=False)
    app = with_paths(tmp_path / "net.csv")
    before = app.dataframe[-1].value["Accuracy"][0]
    box(app, "True class").select("group").run()
    assert app.dataframe[-1].value["Accuracy"][0] != before
    box(app, "True class").select("(none)").run()
    assert app.dataframe[-1].value["Accuracy"][0] == "no labels"
    box(app, "True class").select("id").run()
    assert "expected one of the 3 classes (bird, cat, dog), got 'img000'" in said(app)


def test_a_number_that_is_no_score_can_be_left_out(tmp_path):
    table = {"label": names(), "seconds": np.arange(40) / 8, **columns("{}", logits())}
    pd.DataFrame(table).to_csv(tmp_path / "net.csv", index=False)
    app = with_paths(tmp_path / "net.csv")
    assert "4 classes" in said(app)
    assert "seconds" in box(app, "True class").options
    app.multiselect[0].select("seconds").run()
    assert "3 classes" in said(app)


def test_a_scale_that_does_not_fit_is_refused_with_a_way_back(tmp_path):
    pd.DataFrame({"label": names(), **columns("{}", logits())}).to_csv(
        tmp_path / "net.csv", index=False
    )
    app = with_paths(tmp_path / "net.csv")
    box(app, "Scores are").select("probabilities").run()
    assert "expected probabilities that sum to 1" in said(app)
    next(one for one in app.button if one.label == "Reset to the detected columns").click().run()
    assert "40 rows. Models: net (logits in bird to dog, 3 classes)" in said(app)


def test_the_scale_is_asked_for_only_where_the_scores_do_not_fit_theirs(tmp_path):
    halves = {"label": names(), **columns("{}", 0.8 * softmax(logits()))}
    pd.DataFrame(halves).to_csv(tmp_path / "net.csv", index=False)
    app = with_paths(tmp_path / "net.csv")
    assert "Expected probabilities that sum to 1, or logits" in said(app)
    box(app, "Scores are").select("logits").run()
    assert "40 rows. Models: net (logits in bird to dog, 3 classes)" in said(app)
    (tmp_path / "words.csv").write_text("label,cat,dog\n0,1,2\n1,2,3\n0,1,choose logits\n")
    app = with_paths(tmp_path / "words.csv")
    assert "got 'choose logits'" in said(app)
    assert not [one for one in app.selectbox if one.label == "Scores are"]


def test_refusals_stand_on_the_page(tmp_path, library):
    app = with_paths(tmp_path / "nothing.csv")
    assert app.error
    assert not app.button
    (tmp_path / "net.csv").write_text("label,cat,dog\n0,1,2\n1,2,3\n0,1,x\n")
    assert "Row 3 (line 4), column 'dog': expected a number, got 'x'." in said(
        with_paths(tmp_path / "net.csv")
    )


def test_paths_are_one_a_line():
    assert [one.name for one in typed_paths(' "/a/b.csv" \n\n~nobody-at-all/x.npz\n')] == [
        "b.csv",
        "x.npz",
    ]


@pytest.mark.parametrize(
    ("layout", "teacher"),
    [
        ("csv, `teacher_cat`, `student_cat`: two models", "teacher"),
        ("csv, `cat:big`, `cat:small`: two models", "big"),
    ],
)
def test_the_likely_teacher(layout, teacher, tmp_path):
    files = LAYOUTS[layout](tmp_path)
    imported = match([(name, part) for name in files for part in parse(tmp_path / name)[2]])
    assert likely_teacher(imported) == teacher


def test_a_file_of_labels_says_so(tmp_path):
    np.save(tmp_path / "labels.npy", np.arange(4))
    _table, layout, parts = parse(tmp_path / "labels.npy")
    content = FileContent("labels.npy", layout, tuple(parts), {}, ())
    assert scores_sentence(content).startswith("No scores. This file adds labels")


def test_class_names_are_typed_where_the_columns_have_none(tmp_path, library):
    np.savez(tmp_path / "net.npz", logits=logits(), labels=np.array(names()))
    app = with_paths(tmp_path / "net.npz")
    assert "labels are names" in said(app)
    app.text_area[1].set_value("bird, cat, dog").run()
    assert "There is one model, with 40 samples." in said(app)
    next(button for button in app.button if button.label == "Import and compare").click()
    app.run()
    assert library.find("net").predictions("test").class_names == ("bird", "cat", "dog")
    assert len(with_paths(tmp_path / "net.npz", _named(tmp_path)).text_area) == 2


def test_other_files_start_with_empty_fields_of_their_data(tmp_path):
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        np.savez(tmp_path / name / "net.npz", logits=logits(), labels=np.arange(40) % 3)
    fields = ("Class names, in the order of the columns", "Data label", "Image folder")

    def widgets(app: AppTest) -> list:
        every = [*app.text_area, *app.text_input]
        return [next(one for one in every if one.label == label) for label in fields]

    app = with_paths(tmp_path / "one" / "net.npz")
    typed = ["bird, cat, dog", "birds", str(tmp_path)]
    for i, value in enumerate(typed):
        widgets(app)[i].set_value(value).run()
    np.savez(tmp_path / "one" / "more.npz", logits=logits(1), labels=np.arange(40) % 3)
    both = [str(tmp_path / "one" / name) for name in ("net.npz", "more.npz")]
    app.text_area[0].set_value("\n".join(both)).run()
    assert [one.value for one in widgets(app)] == typed
    app.text_area[0].set_value(str(tmp_path / "two" / "net.npz")).run()
    assert not app.exception, app.exception
    assert [one.value for one in widgets(app)] == ["", "", ""]


def test_no_class_names_are_asked_for_where_columns_have_them(tmp_path):
    assert len(with_paths(_named(tmp_path)).text_area) == 1


def _named(folder: Path) -> Path:
    pd.DataFrame({"label": names(), **columns("{}", logits())}).to_csv(
        folder / "named.csv", index=False
    )
    return folder / "named.csv"


def test_few_shared_ids_are_warned_of(tmp_path):
    for name, first in (("a", 0), ("b", 30)):
        table = {"id": [f"{first + i}" for i in range(40)], **columns("{}", logits())}
        pd.DataFrame(table).to_csv(tmp_path / f"{name}.csv", index=False)
    app = with_paths(tmp_path / "a.csv", tmp_path / "b.csv")
    warnings = [one.value.replace("\\", "").replace(JOINER, "") for one in app.warning]
    assert [warning.split(" are ")[0] for warning in warnings] == [
        "Only 10 of 40 samples of a.csv",
        "Only 10 of 40 samples of b.csv",
    ]


def test_validation_of_a_second_file_comes_with_test(tmp_path, library):
    for split, seed in (("test", 0), ("val", 2)):
        table = {
            "id": [f"{split}{i}" for i in range(40)],
            "label": names(),
            **columns("{}", logits(seed)),
        }
        pd.DataFrame(table).to_csv(tmp_path / f"net_{split}.csv", index=False)
    app = with_paths(tmp_path / "net_test.csv", tmp_path / "net_val.csv")
    assert "share no sample by id" in said(app)
    [box for box in app.selectbox if box.label == "Rows belong to"][1].set_value("validation").run()
    assert "On validation: 1 of 1 models." in said(app)
    next(button for button in app.button if button.label == "Import and compare").click().run()
    assert np.allclose(library.find("net").predictions("validation").logits, logits(2), atol=1e-5)


def test_validation_alone_is_added_to_its_run(tmp_path, library):
    from bickd_core.importing.prediction_runs import create_runs

    path = _named(tmp_path)
    create_runs(match([(path.name, part) for part in parse(path)[2]]), library, teacher="named")
    pd.DataFrame({"label": names(), **columns("{}", logits(2))}).to_csv(
        tmp_path / "named_val.csv", index=False
    )
    app = with_paths(tmp_path / "named_val.csv")
    box(app, "Rows belong to").set_value("validation").run()
    assert not [one for one in app.selectbox if one.label == "Teacher"]
    next(button for button in app.button if button.label == "Add to the runs").click().run()
    assert "Validation predictions were added to named" in app.success[0].value
    assert library.find("named").has_predictions("validation")
