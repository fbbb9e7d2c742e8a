"""The URL codec of ViewState: every state comes back from its own link, and no link can break a
page."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.components.bound import MATCHED, ORDERS
from app.pages.prediction_map.controls import COLOURS, METHODS
from app.state import CHOICES, DEFAULT_TEMPERATURE, MAX_STUDENTS, TEMPERATURES, ViewState
from bickd_core.geometry.matching import MATCHINGS

KEY = st.from_regex(r"[a-z0-9][a-z0-9._-]{0,12}(/[a-z0-9][a-z0-9._-]{0,12})?", fullmatch=True)
CLASS = st.text(
    st.characters(exclude_characters="~", categories=("L", "N", "Zs")), min_size=1, max_size=12
)
STATES = st.builds(
    ViewState,
    teacher=KEY,
    students=st.lists(KEY, max_size=MAX_STUDENTS, unique=True).map(tuple),
    split=st.sampled_from(["validation", "test"]),
    temperature=st.sampled_from(TEMPERATURES),
    student=KEY,
    pair=st.none() | st.tuples(CLASS, CLASS),
    run=KEY,
    epoch=st.none() | st.integers(0, 500),
    selection=st.sampled_from(["", "class:crab", "cell:crab~lobster"]),
    sample=st.just("") | st.integers(0, 10**6).map(str) | CLASS,
    against=st.just("") | KEY,
    order=st.just("") | st.sampled_from(CHOICES["order"]),
    group=st.lists(CLASS.filter(bool), max_size=2, unique=True).map(tuple),
    matching=st.sampled_from(CHOICES["matching"]),
    centred=st.booleans(),
    layout=st.sampled_from(CHOICES["layout"]),
    colour=st.just("") | st.sampled_from(CHOICES["colour"]),
    lesson=st.integers(1, 5),
    present=st.booleans(),
)


@given(STATES)
@settings(max_examples=200)
def test_every_state_comes_back_from_its_link(view):
    assert ViewState.from_query(view.to_query()) == view
    assert view.unread(view.to_query()) == []


def test_a_fresh_start_needs_no_query():
    assert ViewState().to_query() == {}
    assert ViewState.from_query({}) == ViewState()


@given(st.dictionaries(st.sampled_from(list(ViewState.__dataclass_fields__)), st.text(max_size=20)))
@settings(max_examples=200)
def test_no_link_breaks_a_page(query):
    view = ViewState.from_query(query)
    assert view.temperature in TEMPERATURES
    assert view.split in ("validation", "test")
    assert len(view.students) <= MAX_STUDENTS
    assert view.pair is None or len(view.pair) == 2


def test_unknown_temperatures_go_to_the_nearest_offered():
    assert ViewState.from_query({"temperature": "3.9"}).temperature == 4.0
    assert ViewState.from_query({"temperature": "nan"}).temperature in TEMPERATURES
    assert ViewState.from_query({"temperature": "hot"}).temperature == DEFAULT_TEMPERATURE


def test_a_lesson_and_the_projector_stand_in_the_link():
    assert ViewState(lesson=3, present=True).to_query() == {"lesson": "3", "present": "1"}
    assert ViewState.from_query({"lesson": "9", "present": "yes"}) == ViewState()


def test_at_most_four_students_are_read():
    many = "~".join(f"run{i}" for i in range(9))
    assert ViewState.from_query({"students": many}).students == ("run0", "run1", "run2", "run3")


def test_an_endless_epoch_is_left_at_its_default():
    assert ViewState.from_query({"epoch": "inf"}).epoch is None
    assert ViewState.from_query({"epoch": "1e999"}).epoch is None


def test_what_a_link_says_and_cannot_be_shown_is_told_with_what_stands_instead():
    query = {
        "order": "size",
        "layout": "tsne",
        "colour": "red",
        "centred": "yes",
        "matching": "all",
        "temperature": "4.0",
        "lang": "en",
    }
    view = ViewState.from_query(query)
    assert view == ViewState()
    said = view.unread(query)
    assert len(said) == 5
    assert (
        "The link's order “size” cannot be shown, so the default is used instead. The choices are"
        " cluster, " in " ".join(said)
    )
    assert "“yes” cannot be shown, so none is used instead." in " ".join(said)
    assert (
        "“all” cannot be shown, so none is used instead. The choices are none, mean, image."
        in " ".join(said)
    )
    near = {"temperature": "3.9", "students": "a~b~c~d~e", "pair": "crab"}
    assert len(ViewState.from_query(near).unread(near)) == 3


def test_an_old_link_at_matched_entropy_means_matched_mean_entropy():
    assert ViewState.from_query({"matched": "1"}) == ViewState(matching="mean")
    assert ViewState().unread({"matched": "1"}) == []
    assert ViewState.from_query({"matched": "1", "matching": "image"}).matching == "image"
    assert ViewState.from_query({"matched": "yes"}).matching == "none"
    assert ViewState(matching="image").to_query() == {"matching": "image"}


def test_controls_offer_what_links_may_say():
    assert tuple(MATCHED) == CHOICES["matching"] == MATCHINGS
    assert (tuple(ORDERS), METHODS, tuple(COLOURS)) == (
        CHOICES["order"],
        CHOICES["layout"],
        CHOICES["colour"],
    )


@pytest.mark.parametrize(
    "pair", [("x~y", "100%"), ("a:b", "c/d"), ("%7E", "~"), ("", "a b"), ("נ", "<b>")]
)
def test_any_class_name_survives_a_link(pair):
    view = ViewState(pair=pair)
    assert ViewState.from_query(view.to_query()) == view
    assert view.unread(view.to_query()) == []


def test_old_links_whose_words_are_not_quoted_still_open():
    old = {"pair": "100%~crab", "students": "caltech95/kd-s0~caltech95/bickd-s0"}
    view = ViewState.from_query(old)
    assert view.pair == ("100%", "crab")
    assert view.students == ("caltech95/kd-s0", "caltech95/bickd-s0")
    assert view.unread(old) == []


def test_a_run_is_compared_once():
    query = {"teacher": "t", "students": "a~t~a~b", "race": "r~r"}
    view = ViewState.from_query(query)
    assert (view.students, view.race) == (("a", "b"), ("r",))
    assert set(view.unread(query)) == {"The link names a run twice. Each run is compared once."}
    assert replace(view, teacher="a").students == ("b",), (
        "a student that becomes the teacher leaves the students"
    )
    five = "t~a~b~c~d"
    assert ViewState.from_query({"teacher": "t", "students": five}).students == ("a", "b", "c", "d")
