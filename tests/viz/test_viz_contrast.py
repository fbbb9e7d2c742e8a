"""Colours that text can be read in."""

from __future__ import annotations

import pytest

from bickd_viz.contrast import READABLE, contrast, rgb, text_colour
from bickd_viz.theme import DARK, LIGHT, Theme


def test_contrast_is_that_of_wcag():
    assert contrast(rgb("#000000"), rgb("#FFFFFF")) == pytest.approx(21.0)
    assert contrast(rgb("#FFFFFF"), rgb("#767676")) == pytest.approx(4.54, abs=0.01)


@pytest.mark.parametrize("theme", [LIGHT, DARK], ids=["light", "dark"])
def test_names_in_a_models_or_classs_colour_are_readable(theme: Theme):
    own = [colour for _, colour in theme.models]
    for colour in [*own, *theme.fallback, *theme.categories]:
        text = text_colour(colour, theme)
        assert contrast(rgb(text), rgb(theme.surface)) >= READABLE
        if contrast(rgb(colour), rgb(theme.surface)) >= READABLE:
            assert text == colour


def test_different_colours_stay_different():
    own = [text_colour(colour, LIGHT) for _, colour in LIGHT.models]
    assert len(set(own)) == len(own)
