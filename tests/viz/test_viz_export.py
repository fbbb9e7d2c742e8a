"""Exports without a browser: what is asked for is checked, and what is missing is said."""

import plotly.graph_objects as go
import pytest

from bickd_viz.export import files


def test_no_browser_is_said_in_one_sentence_that_names_what_to_install(monkeypatch, tmp_path):
    monkeypatch.setenv("BROWSER_PATH", str(tmp_path / "gone"))
    assert files.browser() is None
    with pytest.raises(files.ExportError, match=r"apt install chromium.*BROWSER_PATH") as caught:
        files.images([(go.Figure(), "png")])
    assert "\n" not in str(caught.value)


def test_an_empty_path_finds_none(monkeypatch, tmp_path):
    monkeypatch.delenv("BROWSER_PATH", raising=False)
    monkeypatch.setattr("choreographer.browsers.chromium.Chromium.find_browser", lambda **_: None)
    assert files.browser() is None


def test_an_unknown_format_is_named():
    with pytest.raises(ValueError, match="must be one of png, svg, pdf, got 'bmp'"):
        files.images([(go.Figure(), "bmp")])


def test_nothing_asked_starts_no_browser(monkeypatch, tmp_path):
    monkeypatch.setenv("BROWSER_PATH", str(tmp_path / "gone"))
    assert files.images([]) == []
