"""Keeping a selection: it stays in order, says where it comes from, is listed and downloaded under
its name."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest
from streamlit.testing.v1 import AppTest

from app.components.selection_bar import file_stem
from app.data import comparison as comparisons
from app.state import ViewState
from bickd_core.comparing.saved_selections import SavedSelections
from bickd_core.comparing.selection import Rule, Scene, resolve

ROOT = Path(__file__).resolve().parents[2]
CELL = "cell:caltech95/kd-s0~crab~lobster"
VIEW = ViewState(teacher="caltech95/teacher", students=("caltech95/kd-s0",), selection=CELL)
WHERE = {"dataset": "caltech95", "split": "test"}


@pytest.fixture
def own(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("BICKD_SHELF", str(ROOT / "pretrained"))
    monkeypatch.setenv("BICKD_RUNS", str(tmp_path))
    return tmp_path


def page() -> None:
    from app.components import frame, selection_bar

    comparison = frame.load_comparison()
    assert comparison is not None
    selection_bar.show(comparison)


def test_a_kept_cell_opens_in_its_order_and_says_what_it_was_made_from(own):
    app = AppTest.from_function(page, default_timeout=60)
    app.session_state["view"] = VIEW
    app.run()
    before = [element.value for element in app.caption if "the strongest first" in element.value]
    assert before
    app.text_input(key="selection-name").set_value("hard crabs")
    app.button(key="selection-keep").click().run()
    assert not app.exception, app.exception
    assert app.session_state["view"].selection == "kept:hard crabs"
    assert [e.value for e in app.caption if "the strongest first" in e.value] == before
    chip = next(e.proto.body for e in app.get("html") if "bk-chip" in e.proto.body)
    assert "hard crabs (from crab × lobster in KD, T = 4)" in chip
    assert app.selectbox(key="side-kept").value == "hard crabs"


def test_bare_ids_are_left_with_their_split(own):
    """On another split, the same ids are other images."""

    def whole() -> None:
        from app.components import frame, selection_bar, sidebar

        sidebar.show()
        selection_bar.show(frame.load_comparison())

    app = AppTest.from_function(whole, default_timeout=60)
    app.session_state["view"] = ViewState(**{**vars(VIEW), "selection": "samples:15~17"})
    app.run()
    assert app.session_state["view"].selection == "samples:15~17"
    app.segmented_control(key="side-split").set_value("validation").run()
    assert not app.exception
    assert app.session_state["view"].split == "validation"
    assert app.session_state["view"].selection == ""


def test_a_selection_of_other_data_does_not_hide_a_shared_one(own, monkeypatch):
    from app import selection

    shared, mine = own / "shared", own / "mine"
    SavedSelections(mine).save([1, 2], dataset="digits", split="test", name="hard")
    SavedSelections(shared).save([3, 4, 5], **WHERE, name="hard")
    monkeypatch.setattr(
        selection.runs, "library", lambda: SimpleNamespace(places=lambda _: [mine, shared])
    )
    data = SimpleNamespace(
        dataset="caltech95",
        split="test",
        teacher=SimpleNamespace(info=SimpleNamespace(data_content=None)),
    )
    assert selection._find(data, "hard").ids.tolist() == [3, 4, 5]


def test_a_lasso_is_not_listed_beside_what_a_person_named(own):
    kept = SavedSelections(own / ".selections")
    lasso = kept.save(list(range(20)), **WHERE)
    app = AppTest.from_function(page, default_timeout=60)
    app.session_state["view"] = ViewState(**{**vars(VIEW), "selection": f"kept:{lasso}"})
    app.run()
    assert not app.exception, app.exception
    assert not [box for box in app.selectbox if box.key == "side-kept"]
    assert any("picked by hand" in e.proto.body for e in app.get("html"))


def test_a_download_has_the_name_of_the_selection(own):
    comparison = comparisons.comparison(VIEW)
    models = {model.key: model.predictions for model in comparison.models}
    kept = SavedSelections(own / ".selections")
    stems = []
    for name in (kept.save([1, 2], name="hard crabs", **WHERE), kept.save([3], **WHERE)):
        scene = Scene(models, {}, 4.0, saved={name: kept.find(name, **WHERE)})
        stems.append(file_stem(comparison, resolve(Rule("kept", (name,)), scene)))
    assert stems == ["caltech95-test-hard-crabs", "caltech95-test-selection"]
