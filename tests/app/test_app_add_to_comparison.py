"""How a run joins the comparison that is shown, and what is said of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.add_to_comparison import change_sentence, opened, replaced_student, together
from app.state import ViewState
from bickd_core.comparing.names import run_word, short_method, shown_names
from bickd_core.presets.catalogue import VARIANTS
from bickd_core.runs.info import RunInfo, TeacherRef
from bickd_core.runs.library import Library

TEACHER = "caltech95/teacher"
STUDENTS = tuple(f"caltech95/{method}-s0" for method in ("ce", "kd", "dist", "bickd"))


@pytest.fixture
def known(tmp_path: Path) -> dict[str, RunInfo]:
    library = Library(shelf=Path(__file__).parents[2] / "pretrained", own=tmp_path)
    return {key: library.find(key).info() for key in (TEACHER, *STUDENTS)}


def own(known: dict[str, RunInfo], name: str) -> RunInfo:
    bundled = known["caltech95/bickd-s0"]
    return bundled.model_copy(
        update={"name": name, "teacher": TeacherRef(key=TEACHER, weights_sha256="0" * 64)}
    )


def test_a_fifth_student_takes_the_place_of_the_one_without_a_teacher_and_not_of_its_like(known):
    view = ViewState(teacher=TEACHER, students=STUDENTS)
    known["mine"] = own(known, "mine")
    after = opened(view, "mine", known["mine"], known.items())
    assert after.students == (*STUDENTS[1:], "mine")
    assert after.student == "mine"
    assert replaced_student(STUDENTS[1:], known) == STUDENTS[1]


def test_a_student_joins_where_there_is_room_and_is_named_by_its_run(known):
    view = ViewState(teacher=TEACHER, students=STUDENTS[2:])
    known["mine"] = own(known, "mine")
    after = opened(view, "mine", known["mine"], known.items())
    assert after.students == (*STUDENTS[2:], "mine")
    keys = (TEACHER, *after.students)
    names = shown_names([known[key] for key in keys], ["/" not in key for key in keys])
    assert names == ["teacher", "DIST", "BicKD s0", "BicKD (mine)"]


def test_a_teacher_and_many_runs_are_shown_with_one_seed_of_each_method(known):
    library = Library(shelf=Path(__file__).parents[2] / "pretrained", own=Path("none"))
    keys = [f"caltech95/{method}-s{seed}" for method in ("kd", "bickd") for seed in range(3)]
    known = {key: library.find(key).info() for key in (TEACHER, *keys)}
    shown = opened(ViewState(), TEACHER, known[TEACHER], known.items())
    assert shown.students == ("caltech95/kd-s0", "caltech95/bickd-s0")
    assert together(ViewState(), keys, known).students == shown.students
    assert together(ViewState(), keys[:4], known).students == tuple(keys[:4])


def test_an_own_run_says_so_even_alone_and_two_alike_get_their_whole_names(known):
    mine = own(known, "caltech95-resnet8-bickd-s0")
    again = own(known, "resnet8-s0")
    assert run_word(mine) == "resnet8-s0"
    assert shown_names([known[TEACHER], mine], [False, True]) == ["teacher", "BicKD (resnet8-s0)"]
    names = shown_names([known[TEACHER], mine, again], [False, True, True])
    assert names == ["teacher", "BicKD (caltech95-resnet8-bickd-s0)", "BicKD (resnet8-s0)"]


def test_a_published_variant_is_called_by_a_name_of_its_own(known):
    plain = own(known, "caltech95-resnet8-kd-standardize-s0")
    config = plain.config.model_copy(update={"objective": VARIANTS["kd-standardize"].options})
    mine = plain.model_copy(update={"config": config})
    assert shown_names([known[TEACHER], mine], [False, True]) == ["teacher", "KD std (resnet8-s0)"]
    assert short_method(mine) == "KD std"


def test_the_sentence_says_who_left():
    before = ViewState(teacher="t", students=("a", "b", "c", "d"))
    named = {"a": "CE", "b": "KD", "c": "DIST", "d": "BicKD"}
    after = ViewState(teacher="t", students=("b", "c", "d", "mine"))
    said = change_sentence(before, after, "mine", named, {"mine": "BicKD (mine)"})
    assert said == "BicKD (mine) replaced CE. A comparison holds up to four students."
    joined = ViewState(teacher="t", students=("a", "mine"))
    assert "was added to" in change_sentence(
        ViewState(teacher="t", students=("a",)), joined, "mine", {}, {}
    )
    other = ViewState(teacher="u", students=("mine",))
    assert change_sentence(before, other, "mine", named, {"mine": "KD (mine)"}) == (
        "The comparison now shows KD (mine) and its teacher."
    )
    both = ViewState(teacher="u", students=("mine", "kd"))
    assert change_sentence(before, both, "mine", named, {"mine": "PKT (mine)", "kd": "KD"}) == (
        "The comparison now shows PKT (mine), KD and their teacher."
    )
    assert change_sentence(before, before, "d", named, named) == ""
    raced = ViewState(teacher="t", students=("x", "y"))
    said = change_sentence(before, raced, "y", named, {"x": "KD (x)", "y": "DIST (y)"})
    assert (
        said == "The comparison now shows KD (x) and DIST (y) in place of CE, KD, DIST and BicKD."
    )


def test_the_sentence_does_not_name_a_run_that_was_there_before():
    named = {"a": "CE", "b": "KD", "c": "DIST", "d": "BicKD"}
    before = ViewState(teacher="t", students=("a", "b", "c", "d"))
    turned = ViewState(teacher="t", students=("d", "a", "b", "c"))
    assert change_sentence(before, turned, "b", named, named) == ""
    fewer = ViewState(teacher="t", students=("a", "b"))
    assert (
        change_sentence(before, fewer, "b", named, named) == "The comparison now shows CE and KD."
    )
    other = ViewState(teacher="t", students=("a", "b", "x"))
    assert change_sentence(before, other, "t", named, {**named, "x": "PKT"}) == (
        "The comparison now shows PKT in place of DIST and BicKD."
    )
    more = ViewState(teacher="t", students=("a", "b", "x", "c"))
    joined = ViewState(teacher="t", students=("a", "b", "c"))
    assert change_sentence(joined, more, "t", named, {"x": "PKT"}) == (
        "PKT was added to the comparison."
    )


def test_a_student_that_is_compared_keeps_its_place(known):
    view = ViewState(teacher=TEACHER, students=STUDENTS)
    again = opened(view, STUDENTS[1], known[STUDENTS[1]], known.items())
    assert again.students == view.students
    assert again.student == STUDENTS[1]


def test_a_teacher_without_its_students_is_named():
    before = ViewState(teacher="t", students=("imported",))
    assert change_sentence(before, ViewState(teacher="t"), "t", {}, {"t": "the teacher"}) == (
        "The comparison now shows the teacher."
    )
