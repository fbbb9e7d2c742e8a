"""Whiskers as HTML: the same places as the Plotly chart."""

from __future__ import annotations

import re

import pytest

from bickd_viz.charts.whisker_html import _SHAPES, whisker_html
from bickd_viz.charts.whiskers import Row, whisker_rows
from bickd_viz.theme import _FALLBACK_SYMBOLS, _SYMBOLS, LIGHT, model_style, theme_named

TEACHER, KD = model_style("teacher", "teacher", 0, LIGHT), model_style("a <b> & c", "kd", 1, LIGHT)
ROWS = [Row(TEACHER, 0.62, 0.60, 0.65), Row(KD, 0.5, None, None)]


def test_a_dot_lies_where_plotly_puts_it():
    low, high = whisker_rows(ROWS, fmt="percent").layout.xaxis.range
    places = [
        float(p)
        for p in re.findall(r'bkw-dot" style="left:([\d.]+)%', whisker_html(ROWS, fmt="percent"))
    ]
    assert places == pytest.approx(
        [100 * (row.estimate - low) / (high - low) for row in ROWS], abs=0.01
    )


def test_an_interval_runs_from_its_low_to_its_high_end_and_is_read_out():
    html = whisker_html(ROWS, fmt="percent")
    low, high = whisker_rows(ROWS, fmt="percent").layout.xaxis.range
    [(start, end)] = re.findall(
        r'bkw-line" style="left:([\d.]+)%;right:calc\(100% - ([\d.]+)%\)', html
    )
    assert float(start) == pytest.approx(100 * (0.60 - low) / (high - low), abs=0.01)
    assert float(end) == pytest.approx(100 * (0.65 - low) / (high - low), abs=0.01)
    assert 'title="teacher: 62.0%, 95% interval 60.0% to 65.0%"' in html


def test_a_mean_over_seeds_has_a_thick_bar_of_one_deviation_inside_the_axis():
    rows = [Row(KD, 0.589, 0.57, 0.6, deviation=0.05, seeds=3)]
    html = whisker_html(rows, fmt="percent")
    low, high = whisker_rows(rows, fmt="percent").layout.xaxis.range
    [(start, end)] = re.findall(
        r'bkw-spread" style="left:([\d.]+)%;right:calc\(100% - ([\d.]+)%\)', html
    )
    assert float(start) == pytest.approx(100 * (0.539 - low) / (high - low), abs=0.01)
    assert float(end) == pytest.approx(100 * (0.639 - low) / (high - low), abs=0.01)
    assert low < 0.539 < 0.639 < high
    assert (
        "mean of 3 seeds 58.9%, standard deviation 5.0%, 95% interval over images 57.0% to 60.0%"
        in html
    )
    widths = [trace.line.width for trace in whisker_rows(rows, fmt="percent").data[:2]]
    assert widths == [2, 6]


def test_names_are_escaped_and_missing_values_said():
    html = whisker_html(
        [Row(KD, None), Row(TEACHER, float("nan")), Row(TEACHER, 0.1)], theme=theme_named("dark")
    )
    assert "<b>" not in html
    assert html.count(">not available<") == 2
    assert "nan" not in html


def test_every_symbol_of_the_theme_has_a_shape():
    assert set(_SYMBOLS.values()) | set(_FALLBACK_SYMBOLS) <= set(_SHAPES)


def test_an_unknown_format_is_refused():
    with pytest.raises(ValueError, match="fmt must be"):
        whisker_html(ROWS, fmt="bytes")
