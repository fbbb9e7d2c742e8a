"""Pages over imported predictions of texts, and of samples without texts and images: their words
and controls."""

from __future__ import annotations

import re
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from app.components.notice import _KEY, Notice
from app.data import comparison as comparisons
from app.plain import JOINER
from app.state import _KEY as _VIEW
from app.state import ViewState
from bickd_core.importing.prediction_runs import create_runs
from bickd_core.wording import worded

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "importing"))
from layouts import columns, ids, logits, names, softmax
from test_prediction_files import read_here

PAGES = (
    "overview",
    "class_geometry",
    "by_epoch",
    "similarity",
    "prediction_map",
    "disagreements",
    "calibration",
    "sample",
)
IMAGES = re.compile(r"\b(images?|pictures?|networks?)\b", re.IGNORECASE)
MARKUP = re.compile(r":material/\w+:|<style>.*?</style>|\bclass=\"[^\"]*\"", re.DOTALL)


def table(**more: object) -> dict[str, object]:
    own = {"id": ids(), "label": names(), **more}
    for model, scale in (("teacher", 1.0), ("student", 0.5)):
        own |= columns(f"{model}:{{}}", softmax(scale * logits(0 if model == "teacher" else 1)))
    return own


def imported(folder: Path, library, **more: object) -> ViewState:
    import pandas as pd

    pd.DataFrame(table(**more)).to_csv(folder / "models.csv", index=False)
    create_runs(read_here(folder, ["models.csv"]), library, teacher="teacher")
    return ViewState(teacher="teacher", students=("student",), temperature=1.0)


@pytest.fixture(params=["text", "sample"])
def view(request, tmp_path, library, monkeypatch) -> ViewState:
    monkeypatch.setenv("BICKD_SHELF", str(library.shelf))
    monkeypatch.setenv("BICKD_RUNS", str(library.own))
    more = (
        {"text": [f"words of sentence {i}" for i in range(40)]} if request.param == "text" else {}
    )
    found = imported(tmp_path, library, **more)
    assert comparisons.comparison(found).noun == request.param
    return found


def opened(view: ViewState, page: str, **changes: object) -> AppTest:
    def script(path: str) -> None:
        import importlib

        from app.components import sidebar

        sidebar.show(path)
        importlib.import_module(f"app.pages.{path}.page").show()

    app = AppTest.from_function(script, args=(page,), default_timeout=60)
    for name, value in replace(view, **changes).to_query().items():
        app.query_params[name] = value
    app.run()
    assert not app.exception, app.exception
    return app


def words(app: AppTest) -> list[str]:
    """Every text that the page sends to the browser: titles, captions, HTML, labels, options and
    helps."""
    found: list[str] = []

    def collect(node: object) -> None:
        for child in getattr(node, "children", {}).values():
            collect(child)
        proto = getattr(node, "proto", None)
        for field in ("body", "label", "help", "placeholder"):
            found.append(str(getattr(proto, field, "") or ""))
        found.extend(map(str, getattr(proto, "options", ())))

    collect(app.main)
    collect(app.sidebar)
    return [MARKUP.sub("", text).replace("\\", "").replace(JOINER, "") for text in found]


@pytest.mark.parametrize("page", PAGES)
def test_pages_speak_of_what_the_samples_are(page, view):
    said = words(opened(view, page))
    assert any(said)
    wrong = [text for text in said if IMAGES.search(text) and "imported without image" not in text]
    assert wrong == []


@pytest.mark.parametrize("lesson", [1, 2, 3, 4])
def test_lessons_speak_of_what_the_samples_are(lesson, view):
    wrong = [text for text in words(opened(view, "learn", lesson=lesson)) if IMAGES.search(text)]
    assert wrong == []


def test_the_headline_of_imported_models_names_the_temperature_it_depends_on(view):
    note = opened(view, "overview").caption[0].value
    assert (
        f"overlap matched per {comparisons.comparison(view).noun} (T = {view.temperature:g}) "
        in note
    )
    assert note.endswith("Overlap depends on T: at another T, the result can differ.")


def test_samples_without_images_are_a_list_of_ids_with_one_apology(view):
    texts = words(opened(view, "overview"))
    apologies = [text for text in texts if "imported without image files or texts" in text]
    lists = [text for text in texts if text.startswith("<ul")]
    if comparisons.comparison(view).noun == "sample":
        assert len(apologies) == len(lists) == 1
        assert ">img0" in lists[0]
    else:
        assert not apologies
        assert not lists
        assert any("words of sentence" in text for text in texts)


def test_no_page_has_a_control_that_can_do_nothing(view):
    app = opened(view, "by_epoch")
    assert [one.label for one in app.main.toggle] == []
    assert [one.label for one in app.main.button_group] == []
    assert all(one.disabled for one in app.sidebar.select_slider)
    app = opened(view, "similarity")
    assert "What is compared" not in [one.label for one in app.main.button_group]
    app = opened(view, "calibration")
    assert [one.label for one in app.main.button_group if one.label] == ["Bins"]
    split = next(one for one in app.sidebar.button_group if one.label == "Split")
    assert split.disabled
    assert any(
        "These runs have no predictions on validation." in one.value for one in app.sidebar.caption
    )


def test_report_holds_texts_or_ids(view, library):
    from bickd_core.comparing.report_data import read_report_data
    from bickd_viz.report.build import html
    from bickd_viz.report.comparison import comparison_report

    page = html(
        comparison_report(read_report_data(library, "teacher", ["student"], temperature=1.0))
    ).decode()
    body = page[: page.index("<script")]
    noun = comparisons.comparison(view).noun
    assert f"40 test {noun}s" in body
    assert ("words of sentence" in body) == (noun == "text")
    assert re.findall(r".{60}(?<!per-)\bimages?\b", re.sub(r"data:\S+", "", body)) == []


def test_notice_is_shown_on_one_page(view, monkeypatch):
    def script() -> None:
        from app import page_export, state
        from app.components import notice

        page = state.current().run
        page_export.begin(page)
        notice.show()

    before = ViewState(teacher="teacher")
    app = AppTest.from_function(script, default_timeout=60)
    app.session_state[_KEY] = Notice("student was added to the comparison.", before, view)
    for page, count in (("overview", 1), ("overview", 1), ("sample", 0), ("overview", 0)):
        app.session_state[_VIEW] = replace(view, run=page)
        app.run()
        assert not app.exception
        shown = [one for one in app.markdown if "was added" in one.value]
        assert len(shown) == count, page


def test_worded_leaves_other_words():
    assert worded("An imaginary image; images.", "sample") == "An imaginary sample; samples."
    assert worded("an image of images", "image") == "an image of images"
    assert np.all([worded(text, "text") == "texts" for text in ("images", "texts")])


def test_calibration_fits_its_temperature_on_imported_validation(view, tmp_path, library):
    import pandas as pd

    from bickd_core.importing.add_validation import add_validation
    from bickd_core.importing.layout import Hints

    own = {"id": [f"v{i}" for i in range(40)], "label": names()}
    for model in ("teacher", "student"):
        own |= columns(f"{model}:{{}}", softmax(logits(7)))
    pd.DataFrame(own).to_csv(tmp_path / "val.csv", index=False)
    add_validation(read_here(tmp_path, ["val.csv"], Hints(rows_of="validation")), library)
    app = opened(view, "calibration")
    assert [one.label for one in app.main.button_group if one.label] == ["Temperature", "Bins"]
    assert not any("No labelled predictions" in text for text in words(app))
    fitted = [text for text in words(app) if "best temperature" in text]
    assert any("40 validation" in text for text in fitted), fitted
    split = next(one for one in app.sidebar.button_group if one.label == "Split")
    assert not split.disabled
