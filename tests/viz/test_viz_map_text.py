"""Sentences about maps."""

import pytest

from bickd_viz.text.maps import (
    METHODS,
    cannot_tell,
    layout_sentence,
    quality_note,
    simplex_note,
    with_selection,
)


@pytest.mark.parametrize("method", METHODS)
def test_every_method_says_how_it_was_made_and_what_it_cannot_tell(method):
    assert layout_sentence(method).endswith(".")
    assert "full space" in cannot_tell(method)
    assert ("0.31 map widths" in cannot_tell(method, 0.31)) == (method != "simplex")


def test_the_quality_note_says_on_how_many():
    assert "on 2,000 of the samples" in quality_note(0.1, 2000, 10_000)
    assert "measured on" not in quality_note(0.1, 1208, 1208)
    assert "more than 10% of the map's width" in quality_note(0.1, 5, 5)


def test_the_simplex_says_what_lies_outside():
    words = simplex_note(["teacher", "KD"], [0.9, 0.8], [0.25, 0.5], 0.1)
    assert (
        words
        == "Mean probability outside the three classes: teacher 90%, KD 80%. Over the samples of"
        " these classes only: 25%, 50%. Samples with less than 10% in the three classes are"
        " hidden."
    )
    assert (
        simplex_note(["a"], [0.5], [float("nan")], 0)
        == "Mean probability outside the three classes: a 50%."
    )


def test_a_selection_beside_disagreement_is_explained_with_counts():
    said = with_selection("disagreement", 14, [("KD", 11), ("BicKD", 9)])
    assert "Only the 14 selected samples are marked" in said
    assert "(KD 11, BicKD 9)" in said
    assert "Coloured: the model disagrees" in said
    assert "Dark: it agrees" in said
    assert "agrees" not in with_selection("displacement", 14, [("KD", 11)])
    assert "Only the selected sample is coloured" in with_selection("true", 1)
    assert with_selection("true", 0) == ""


def test_a_teacher_alone_has_no_student_in_its_words():
    for method in ("umap", "pca", "simplex"):
        assert "student" not in layout_sentence(method, students=False)
