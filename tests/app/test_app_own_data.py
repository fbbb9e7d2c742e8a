"""A comparison on data of one's own: pages, reports and files call it by a short title, never by
its path."""

from __future__ import annotations

import pytest
from run_helpers import random_predictions
from streamlit.testing.v1 import AppTest

from app import page_export as taking
from app.data import class_groups
from app.data import comparison as comparisons
from app.state import ViewState
from bickd_core.comparing.comparison import Comparison
from bickd_core.comparing.names import run_word
from bickd_core.comparing.report_data import read_report_data
from bickd_core.runs.library import Library
from bickd_core.runs.predictions import PredictionsError
from bickd_viz.report.build import html
from bickd_viz.report.comparison import comparison_report

PATH = "/srv/somewhere/deep/" + "x" * 240 + "/My pets"
VIEW = ViewState(teacher="mine", students=("small",))


@pytest.fixture
def of(make_run, library: Library, monkeypatch: pytest.MonkeyPatch) -> Comparison:
    monkeypatch.setenv("BICKD_SHELF", str(library.shelf))
    monkeypatch.setenv("BICKD_RUNS", str(library.own))
    about = {"dataset": f"folder:{PATH}", "num_classes": 4}
    predictions = random_predictions(60, 4, seed=1)
    make_run("mine", predictions=predictions, info={**about, "role": "teacher"})
    make_run("small", predictions=predictions, info=about)
    return comparisons.comparison(VIEW)


def test_runs_on_images_that_changed_in_between_are_not_compared(make_run, of, library):
    about = {"dataset": f"folder:{PATH}", "num_classes": 4, "data_content": "aa"}
    for name, content in (("before", "aa"), ("after", "bb")):
        make_run(
            name,
            predictions=random_predictions(60, 4, seed=1),
            info={**about, "data_content": content},
        )
    words = r"the images of My pets \(image folder\) changed between the runs 'before' and 'after'"
    with pytest.raises(PredictionsError, match=words):
        comparisons.comparison(ViewState(teacher="before", students=("after",)))
    with pytest.raises(PredictionsError, match=words):
        read_report_data(library, "before", ["after"])
    assert (
        comparisons.comparison(ViewState(teacher="mine", students=("after",))).n == 60
    )  # an older run does not tell


def page(name: str, view) -> None:
    import importlib

    import streamlit as st

    from app import page_export as taking

    st.session_state["view"] = view
    taking.begin("A page")
    importlib.import_module(f"app.pages.{name}.page").show()


def test_a_comparison_has_a_title_a_word_and_a_path(of):
    assert (of.data_title, of.data_word) == ("My pets (image folder)", "My-pets")
    assert of.data_path == of.dataset == f"folder:{PATH}"


@pytest.mark.parametrize(
    ("name", "students"), [("overview", 1), ("overview", 0), ("sample", 1), ("class_geometry", 1)]
)
def test_no_page_writes_the_path(of, name, students):
    app = AppTest.from_function(
        page, args=(name, ViewState(teacher="mine", students=VIEW.students[:students]))
    )
    app.run(timeout=60)
    assert not app.exception, app.exception
    said = [
        element.value
        for kind in (app.title, app.markdown, app.caption, app.info, app.subheader)
        for element in kind
    ]
    assert not [words for words in said if "somewhere" in words]
    report = taking.page_report(app.session_state["taken"]).decode()
    assert "test images of My pets (image folder)" in report
    assert "somewhere" not in report


def test_the_command_lines_report_does_not_write_it_either(of, library):
    page = html(comparison_report(read_report_data(library, "mine", ["small"]))).decode()
    assert "of My pets (image folder)" in page
    assert "Images: " not in page
    assert "somewhere" not in page


def test_a_hierarchy_is_kept_for_a_path_of_any_length(of):
    assert class_groups.hierarchy(of) is None
    lines = "".join(f"{name},{'ab'[i % 2]}\n" for i, name in enumerate(of.class_names))
    class_groups.save_hierarchy(of, f"class,superclass\n{lines}".encode(), "mine.csv")
    found = class_groups.hierarchy(of)
    assert found is not None
    assert len(found.groups) == 2
    class_groups.forget_hierarchy(of)
    assert not class_groups.has_own_hierarchy(of)


def test_the_name_of_a_run_is_told_without_its_data(of):
    about = of.students[0].info.model_copy(update={"name": "My-pets-convnet-small-ce-s0"})
    assert run_word(about) == "convnet-small-s0"
