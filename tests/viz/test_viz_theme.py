"""Colours that can be told apart, ticks that are round, labels that do not touch."""

import subprocess
import sys
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bickd_viz.charts.whiskers import axis_ticks
from bickd_viz.scales import keep_apart, nice_ticks, short, text_width, tick_text
from bickd_viz.theme import (
    DARK,
    LIGHT,
    THEMES,
    legend_height,
    model_colour,
    model_styles,
    theme_named,
)


def luminance(colour: str) -> float:
    """Relative luminance of "#RRGGBB" (WCAG 2)."""
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(a: str, b: str) -> float:
    low, high = sorted((luminance(a), luminance(b)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("theme", THEMES.values(), ids=THEMES)
def test_text_reads_on_the_surface_and_models_show_on_it(theme):
    assert contrast(theme.text, theme.surface) >= 7
    assert contrast(theme.muted, theme.surface) >= 4.5
    for kind, colour in theme.models:
        assert contrast(colour, theme.surface) >= 2.0, kind
    assert theme.sequential[0][1] == theme.surface
    middle = dict(theme.diverging)[0.5]
    assert middle == theme.surface


@pytest.mark.parametrize("theme", THEMES.values(), ids=THEMES)
def test_sequential_scales_run_one_way_in_luminance(theme):
    steps = [luminance(colour) for _, colour in theme.sequential]
    assert steps == sorted(steps, reverse=not theme.is_dark)


def test_known_kinds_keep_their_colour_and_others_walk_the_fallback_list():
    assert model_colour("bickd", 3, LIGHT) == "#0072B2"
    assert model_colour("bickd", 0, DARK) == "#56B4E9"
    assert model_colour("dkd", 1, LIGHT) == LIGHT.fallback[1]
    assert model_colour("dkd", 1 + len(LIGHT.fallback), LIGHT) == LIGHT.fallback[1]


@pytest.mark.parametrize("theme", THEMES.values(), ids=THEMES)
def test_no_two_models_of_a_comparison_look_alike(theme):
    models = [
        ("teacher", "teacher"),
        ("BicKD 0", "bickd"),
        ("BicKD 1", "bickd"),
        ("DKD", "dkd"),
        ("KD", "kd"),
    ]
    styles = model_styles(models, theme)
    assert [s.name for s in styles] == [name for name, _ in models]
    assert len({s.colour for s in styles}) == len(models)


def test_an_unknown_theme_is_refused_with_the_known_ones():
    assert theme_named("dark") is DARK
    with pytest.raises(ValueError, match="one of light, dark, got 'sepia'"):
        theme_named("sepia")


def test_neither_streamlit_nor_torch_nor_pandas_comes_with_the_charts():
    code = (
        "import sys, bickd_viz.charts; print(*{'streamlit', 'torch', 'pandas'} & set(sys.modules))"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == ""


@given(low=st.floats(-1e3, 1e3), span=st.floats(1e-3, 1e3), most=st.integers(2, 6))
@settings(max_examples=60)
def test_ticks_are_few_and_inside_the_range(low, span, most):
    ticks = nice_ticks(low, low + span, most)
    assert len(ticks) <= most
    assert all(low - 1e-6 <= t <= low + span + 1e-6 for t in ticks)


def test_tick_text_has_just_the_decimals_needed():
    assert nice_ticks(0.48, 0.72, 3) == [0.5, 0.6, 0.7]
    assert tick_text([0.5, 0.6], "percent") == ["50%", "60%"]
    assert tick_text([-0.05, 0.1], "number") == ["−0.05", "0.10"]


@given(values=st.lists(st.floats(0, 100), max_size=6), gap=st.floats(0.1, 30))
@settings(max_examples=80)
def test_labels_keep_apart_in_their_order_and_inside(values, gap):
    places = keep_apart(values, gap, 0, 100)
    room = min(gap, 100 / max(len(values) - 1, 1))
    inside = sorted(places)
    assert all(b - a >= room - 1e-6 for a, b in pairwise(inside))
    assert all(-1e-6 <= p <= 100 + 1e-6 for p in places)
    for i, a in enumerate(values):
        for j, b in enumerate(values):
            if a < b:
                assert places[i] < places[j]


def test_labels_that_have_room_stay_where_they_are_and_a_crowd_stays_centred():
    assert keep_apart([10.0, 50.0], 5, 0, 100) == [10.0, 50.0]
    assert keep_apart([50.0, 50.0, 90.0], 10, 0, 100) == [45.0, 55.0, 90.0]
    assert short("crocodile_head", 10) == "crocodile…"


def test_chinese_japanese_and_korean_names_have_the_room_of_their_characters():
    assert text_width("\u732b" * 10, 13) >= 130
    assert text_width("cats" * 10, 13) == 302
    assert short("\u732b" * 5, 10) == "\u732b" * 5
    assert short("\u732b" * 9, 10) == "\u732b" * 5 + "…"
    assert text_width(short("\u732b" * 99, 18)) <= text_width("x" * 18)
    assert legend_height(["\u732b" * 10] * 3) > legend_height(["x" * 10] * 3)


@given(low=st.floats(0.0, 0.9), span=st.floats(0.01, 0.5), width=st.integers(56, 400))
def test_an_axis_of_dots_has_two_ticks_or_more(low, span, width):
    ticks = axis_ticks(low, low + span, "percent", width / span)
    assert len(set(ticks)) > 1
    assert all(low - 1e-9 <= tick <= low + span + 1e-9 for tick in ticks)
