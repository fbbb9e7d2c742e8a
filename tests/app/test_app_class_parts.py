"""Many classes: matrices of every page begin with groups, a click opens one, a name finds one."""

from __future__ import annotations

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from app.components import class_parts, class_search, matrix
from app.data import class_groups
from app.data import comparison as comparisons
from app.pages.disagreements import confusions
from app.state import ViewState
from bickd_core.comparing import class_ranking
from bickd_core.comparing.class_geometry import Lens, gram
from bickd_core.comparing.comparison import Comparison
from bickd_core.geometry.class_groups import GROUPS, MOST_CLASSES, Group, part_of
from bickd_core.runs.predictions import Predictions
from bickd_viz.charts.matrix import MatrixScene
from bickd_viz.tables import matrix_table

C = 210
PAGES = ("overview", "class_geometry", "similarity", "disagreements")


def predictions(seed: int, n: int, c: int) -> Predictions:
    """Classes in groups of ten."""
    chance = np.random.default_rng(seed)
    labels = np.arange(n) % c
    centres = np.repeat(np.random.default_rng(9).normal(size=(-(-c // 10), 16)), 10, axis=0)[:c]
    centres = centres + np.random.default_rng(8).normal(size=(c, 16))
    seen = centres[labels] + 0.5 * chance.normal(size=(n, 16))
    names = tuple(f"class {i:04d}" for i in range(c))
    return Predictions((seen @ centres.T).astype(np.float32), names, np.arange(n), labels)


@pytest.fixture
def compare(make_run, library, monkeypatch):
    """A comparison of a teacher and two students."""
    monkeypatch.setenv("BICKD_SHELF", str(library.shelf))
    monkeypatch.setenv("BICKD_RUNS", str(library.own))

    def make(n: int = 630, c: int = C) -> tuple[ViewState, Comparison]:
        info = {"num_classes": c, "dataset": "made up", "config": None}
        for seed, name in enumerate(("teacher-x", "student-a", "student-b")):
            role = "student" if seed else "teacher"
            make_run(name, predictions=predictions(seed, n, c), info={**info, "role": role})
        view = ViewState(teacher="teacher-x", students=("student-a", "student-b"))
        return view, comparisons.comparison(view)

    return make


def page(path: str, view: ViewState, **more) -> AppTest:
    def script(path: str) -> None:  # its text is run by itself, without this module's imports
        from app import registry, state

        next(entry for entry in registry.PAGES if entry.path == path).show()
        state.show_in_url()

    app = AppTest.from_function(script, default_timeout=60, args=(path,))
    app.session_state["view"] = ViewState(**{**vars(view), **more})
    return run(app)


def run(app: AppTest) -> AppTest:
    app.run()
    assert not app.exception, app.exception[0].message
    return app


@pytest.fixture
def drawn(monkeypatch):
    """The matrices that pages draw: key -> scene and click handler."""
    found: dict[str, tuple[MatrixScene, object]] = {}
    monkeypatch.setattr(
        matrix,
        "show",
        lambda scene, key, *, on_cell=None, **_: found.update({key: (scene, on_cell)}),
    )
    return found


@pytest.mark.parametrize("path", PAGES)
def test_matrices_of_many_classes_begin_with_groups_and_open(compare, drawn, path):
    view, comparison = compare()
    app = page(path, view)
    root = class_groups.class_groups(comparison, "cluster")
    names = [group.name for group in root.parts]
    assert drawn
    for scene, _ in drawn.values():
        assert list(scene.class_names) == names
        assert scene.pairs is not None
    assert any("over all pairs of classes from two groups: " in c.value for c in app.caption)
    drawn.clear()
    app = page(path, view, group=(names[2], names[4]))
    members = [*root.parts[2].members, *root.parts[4].members]
    assert drawn
    for scene, _ in drawn.values():
        assert list(scene.class_names) == [comparison.class_names[c] for c in members]
        assert [size for _, size in scene.blocks] == [len(root.parts[k].members) for k in (2, 4)]
    assert not [c for c in app.caption if "from two groups" in c.value]
    back = next(b for b in app.button if b.key and b.key.endswith("-part-back"))
    back.click()
    run(app)
    assert "group" not in app.query_params
    box = next(b for b in app.selectbox if b.key and b.key.endswith("-part"))
    assert box.value == GROUPS
    box.select(names[0])
    run(app)
    assert app.query_params["group"] == names[0]


@pytest.mark.parametrize("path", PAGES)
def test_few_classes_are_shown_one_by_one(compare, drawn, path):
    view, comparison = compare(n=600, c=12)
    app = page(path, view)
    assert all(set(scene.class_names) == set(comparison.class_names) for scene, _ in drawn.values())
    assert not [box for box in app.selectbox if box.key and box.key.endswith("-part")]


def test_a_hierarchy_that_was_given_groups_many_classes(compare, drawn, monkeypatch, tmp_path):
    view, comparison = compare()
    rows = "".join(
        f"{name},{'even' if i % 2 == 0 else 'odd'},sub {i % 10}\n"
        for i, name in enumerate(comparison.class_names)
    )
    (tmp_path / "other.csv").write_text("class,superclass\nnone,of these\n")
    (tmp_path / "these.csv").write_text("class,group,subgroup\n" + rows)
    monkeypatch.setenv("BICKD_HIERARCHIES", str(tmp_path))
    page("overview", view)
    scene, _ = drawn["overview-gram-teacher-x"]
    assert sorted(scene.class_names) == [f"sub {k}" for k in range(10)]
    assert class_groups.usual_order(comparison) == "hierarchy"
    monkeypatch.delenv("BICKD_HIERARCHIES")
    assert class_groups.usual_order(comparison) == "cluster"
    class_groups.save_hierarchy(comparison, f"class,group,sub\n{rows}".encode(), "mine.csv")
    saved = class_groups.hierarchy(comparison)
    assert saved is not None
    assert saved.paths[3] == ("odd", "sub 3")


@pytest.mark.parametrize("path", [*PAGES, "calibration", "prediction_map"])
def test_a_class_is_found_by_its_name_on_every_page(compare, drawn, path):
    view, comparison = compare()
    app = page(path, view)
    name = comparison.class_names[77]
    assert list(app.selectbox(key="side-class").options) == list(comparison.class_names)
    app.selectbox(key="side-class").select(name)
    run(app)
    assert app.query_params["selection"] == f"class:{name}"
    student = comparison.focus()
    row = gram(comparison, student, Lens(4.0)).gram[77].copy()
    row[77] = -1
    assert app.query_params["pair"] == f"{name}~{comparison.class_names[int(row.argmax())]}"
    for scene, _ in drawn.values():
        assert name in scene.class_names
        assert len(scene.class_names) < MOST_CLASSES
    if path in ("disagreements", "calibration"):
        texts = [each.value for each in app.markdown]
        assert [text for text in texts if text.startswith(f"{name}: ")], texts


def test_a_rerun_sends_tables_and_names_of_classes_unchanged(compare, drawn):
    """The browser has a copy of messages that are the same, and gets only their hash."""
    view, _ = compare()

    def sent(app: AppTest) -> list[bytes]:
        tables = [each.proto.SerializeToString() for each in app.get("dataframe")]
        return [*tables, app.selectbox(key="side-class").proto.SerializeToString()]

    for path in ("disagreements", "calibration"):
        app = page(path, view)
        first = sent(app)
        assert len(first) > 1
        run(app)
        assert sent(app) == first


def test_the_page_of_a_sample_goes_to_the_first_sample_of_a_class_that_is_found(compare):
    view, comparison = compare(n=60, c=12)
    app = page("sample", view)
    app.selectbox(key="side-class").select("class 0007")
    run(app)
    first = int(np.flatnonzero(comparison.labels == 7)[0])
    assert app.query_params["sample"] == str(comparison.teacher.predictions.ids[first])


def test_the_closest_class_is_never_the_class_itself_or_one_that_is_never_predicted(compare):
    _, comparison = compare(n=60, c=3)
    student = comparison.students[0]
    found = gram(comparison, student, Lens(4.0)).gram
    for c in range(3):
        other = class_ranking.closest_class(comparison, student, Lens(4.0), c)
        assert other != c
        assert found[c, other] == max(found[c, d] for d in range(3) if d != c)


GRAM = np.array([[1.0, 0.2, 0.4], [0.2, 1.0, 0.6], [0.4, 0.6, 1.0]])
ROOT = Group("all classes", (0, 1, 2), (Group("ab", (0, 1)), Group("c", (2,))))


def test_a_cell_of_groups_is_a_mean_with_its_number_of_pairs():
    scene = MatrixScene(GRAM, ["a", "b", "c"], selected=(0, 2))
    part = part_of(ROOT, (GROUPS,))
    shown = class_parts.scene_of(part, scene)
    np.testing.assert_allclose(shown.values, [[0.2, 0.5], [0.5, np.nan]])
    assert shown.pairs is not None
    assert shown.pairs.tolist() == [[1, 2], [2, 0]]
    assert shown.selected == (0, 1)
    assert shown.value_name == "mean cosine"
    assert matrix_table(shown)["pairs"].tolist() == [1, 2, 2, 0]
    assert "pairs of classes: %{customdata}" in shown.figure().data[0].hovertemplate
    opened = class_parts.scene_of(part_of(ROOT, ("c", "ab")), scene)
    assert list(opened.class_names) == ["c", "a", "b"]
    assert opened.selected == (1, 0)
    assert opened.blocks == [("c", 1), ("ab", 2)]
    whole = class_parts.scene_of(part_of(ROOT, ("unknown",)), scene)
    assert whole.values.tolist() == GRAM.tolist()
    assert class_parts.scene_of(part_of(ROOT, ("ab",)), scene).selected is None


def test_a_cell_without_a_pair_of_classes_does_not_set_the_colours_of_confusions():
    part = part_of(ROOT, (GROUPS,))
    scene = class_parts.scene_of(part, MatrixScene(3 * GRAM, ["a", "b", "c"]), total=True)
    assert np.isnan(scene.values[1, 1])
    assert confusions._limit(scene, part, shares=False) == pytest.approx(np.nanmax(scene.values))


def test_a_large_group_opens_into_its_groups():
    root = Group("all classes", (0, 1, 2), (Group("abc", (0, 1, 2), ROOT.parts),))
    part = part_of(root, ("abc",), most=2)
    assert [group.name for group in part.groups] == ["ab", "c"]
    part = part_of(root, ("abc", "c"), most=2)
    assert [group.name for group in part.groups] == ["ab", "c"]
    assert part_of(root, ("ab",), most=1).members == (0, 1)  # it has no groups


def test_the_class_of_a_selection_of_other_samples_is_none(compare):
    _, comparison = compare(n=60, c=3)
    assert class_search.chosen(comparison) is None
