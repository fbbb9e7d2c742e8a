"""Names and errors are shown as they are typed, in everything that Streamlit and Plotly draw."""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path

import pytest
from odd_runs import CLASSES, ERROR, TITLE, odd_shelf
from streamlit.testing.v1 import AppTest

from app.card_text import card_markdown
from app.plain import _TEXTS, JOINER, Markdown, md, plain
from app.registry import PAGES
from app.state import ViewState

APP = Path(__file__).resolve().parents[2] / "app"
MARKED = [name for name in (*CLASSES, TITLE) if re.search(r"[*~`\[\]]|<[a-z/]", name)]
"""Names that Markdown or HTML would change."""


@pytest.mark.parametrize(
    "typed", ["*any*", "x~y~z", "[x](http://y)", "<b>q</b>", "$e^2$", "`c`", "a_b_c"]
)
def test_plain_leaves_no_mark_that_counts(typed):
    shown = plain(typed)
    assert re.sub(r"\\(?=[^a-zA-Z\d\s])", "", shown).replace(JOINER, "") == typed
    assert not re.search(r"(?<!\\)[*~`$_\[\]]|(?<!\\)<(?=\w|/)", shown)


@pytest.mark.parametrize(
    "typed", ["http://a.org", "www.a.org", "a@b.org", ":smile:", ":material/home:", "a -> b"]
)
def test_plain_parts_what_is_replaced_after_markdown(typed):
    assert JOINER in plain(typed)
    assert plain(typed).replace(JOINER, "").replace("\\", "") == typed


def test_ordinary_sentences_stay_as_they_are():
    sentence = "Overlap at T = 4, 95% intervals over 1,208 test images: 0.089 to 0.102 (p < 0.001)."
    assert plain(sentence) == sentence


def test_markup_escapes_its_values():
    assert md("**{name}**", name="a*b") == r"**a\*b**"
    assert isinstance(md("x"), Markdown)


def test_a_card_loads_nothing():
    card = (
        "## Head\n- **b** [ours](https://a.b)\n![x](http://h/p.png)\n<img"
        " src=x>\n[f](file:///e)\n[r]: http://z"
    )
    shown = card_markdown(card)
    assert shown.startswith("## Head\n- **b** ours (https:")
    assert not re.search(r"(?<!\\)[\[\]]|(?<!\\)<", shown)
    assert "://" not in shown


def test_pages_take_streamlit_from_plain():
    """A module that shows text imports `st` from `app.plain`, and calls no such method of something
    else."""
    for path in APP.rglob("*.py"):
        if path.name == "plain.py":
            continue
        tree = ast.parse(path.read_text())
        own = any(
            isinstance(node, ast.ImportFrom)
            and node.module == "app.plain"
            and any(name.name == "st" for name in node.names)
            for node in ast.walk(tree)
        )
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                on, called = node.func.value, node.func.attr
                streamlit = isinstance(on, ast.Name) and on.id == "st"
                if streamlit and called in _TEXTS:
                    assert own, (
                        f"{path.name}:{node.lineno} shows text with a Streamlit that reads Markdown"
                    )
                place = isinstance(on, ast.Attribute) and on.attr == "sidebar"
                assert not (place and called in _TEXTS), (
                    f"{path.name}:{node.lineno}: write `with st.sidebar:`"
                )


@pytest.fixture(scope="module")
def odd(tmp_path_factory):
    return odd_shelf(tmp_path_factory.mktemp("odd"))


def one_page(path: str) -> None:
    from app import page_export
    from app.registry import PAGES

    page_export.begin(path)
    next(entry for entry in PAGES if entry.path == path).show()


@pytest.mark.parametrize("page", [page.path for page in PAGES])
def test_every_page_and_its_exports_show_names_as_typed(page, odd, monkeypatch):
    monkeypatch.setenv("BICKD_SHELF", str(odd))
    app = AppTest.from_function(one_page, default_timeout=120, kwargs={"path": page})
    app.session_state["view"] = ViewState(
        teacher="caltech95/teacher",
        students=("caltech95/kd-s0", "caltech95/bickd-s0"),
        pair=(CLASSES[3], CLASSES[0]),
        selection="class:" + "x%7Ey",
        run="caltech95/failed" if page == "runs" else "",
    )
    app.run()
    assert not app.exception, app.exception
    for kind in ("title", "header", "subheader", "caption", "markdown", "info", "warning", "error"):
        for element in app.get(kind):
            as_typed(element.value, kind)
    if page == "runs":
        assert any(plain(ERROR) in element.value.replace("No ", "no ") for element in app.error)
    for part in app.session_state["taken"].parts.values():
        if hasattr(part, "figure"):
            plotly_as_typed(part.figure().to_plotly_json(), part.name)
            assert len(part.table()) > 0


def as_typed(shown: str, where: str) -> None:
    if "bk-card-title" not in shown:  # that is HTML
        for name in MARKED:
            assert name not in shown, f"{where}: {shown}"
    assert "<b>bold</b>" not in shown, f"{where}: {shown}"


def plotly_as_typed(spec: dict, where: str) -> None:
    from plotly.utils import PlotlyJSONEncoder

    spec.get("layout", {}).pop("template", None)
    text = json.dumps(spec, cls=PlotlyJSONEncoder, ensure_ascii=False)
    for tag in ("<b>bold", "<img", "<i>", "<script", "$e^2$", "%{x} <"):
        assert tag not in text, (
            f"{where}: {text[max(0, text.find(tag) - 200) : text.find(tag) + 200]}"
        )
