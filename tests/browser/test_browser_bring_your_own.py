"""Bring your own in a browser: a compressed table leads to Class geometry, and a deep link opens on
a fresh server."""

from __future__ import annotations

import gzip
import json
import re
from pathlib import Path

import numpy as np
from browser_harness import AppPage, AppServer
from playwright.sync_api import expect

from app.pages.bring_your_own import templates

NOISE = (("big", 0.4), ("small", 0.8))
"""Models and the deviation of their scores from the truth."""


def test_table_of_two_models_leads_to_class_geometry(
    app: AppPage, server: AppServer, tmp_path: Path
):
    table = tmp_path / "mine.csv.gz"
    table.write_bytes(gzip.compress(templates.two_models_csv().encode()))
    app.open("bring_your_own")
    assert app.title() == "Bring your own predictions"
    expect(app.page.get_by_text("Page not found")).to_have_count(0)
    with app.rerun():
        app.key("byo-upload").locator('input[type="file"]').set_input_files(table)
    expect(app.page.get_by_text("6 of 6 samples are in every model")).to_be_visible()
    assert app.sideways() == 0
    with app.rerun():
        app.key("byo-import").get_by_role("button").click()
    expect(app.page).to_have_url(f"{server.url()}?teacher=teacher&students=student&temperature=1")
    app.visit("Class geometry")
    assert "student" in app.title()
    assert sorted(path.name for path in server.runs.iterdir() if path.name[0] != ".") == [
        "student",
        "teacher",
    ]


def test_files_of_other_kinds_are_told_what_to_save(app: AppPage, tmp_path: Path):
    files = {"out.pkl": b"cos\nmkdir\n.", "net.pt": b"PK", "table.xlsx": b"PK", "all.zip": b"PK"}
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    app.open("bring_your_own")
    with app.rerun():
        app.key("byo-upload").locator('input[type="file"]').set_input_files(
            [tmp_path / name for name in files]
        )
    for sentence, count in (
        ("save the arrays with numpy.savez", 2),
        ("save the sheet as csv", 1),
        ("unpack the archive", 1),
    ):
        expect(app.page.get_by_text(sentence)).to_have_count(count)


def test_texts_stand_on_the_pages_in_place_of_images(
    app: AppPage, server: AppServer, tmp_path: Path
):
    """A list of records with texts, one score for each of two classes: texts on every page, on a
    phone's width too."""
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 2, 60)
    rows = [
        {
            "text": f"message {i} " + "with some more words " * 4,
            "label": ("ham", "spam")[t],
            **scores,
        }
        for i, (t, scores) in enumerate(
            (
                t,
                {
                    f"{name}_p": round(float(np.clip(t + rng.normal(0, noise), 0.01, 0.99)), 4)
                    for name, noise in NOISE
                },
            )
            for t in truth
        )
    ]
    table = tmp_path / "mail.jsonl"
    table.write_text("\n".join(map(json.dumps, rows)))
    app.open("bring_your_own")
    with app.rerun():
        app.key("byo-upload").locator('input[type="file"]').set_input_files(table)
    expect(app.page.get_by_text("so there are two classes: ham and spam").first).to_be_visible()
    with app.rerun():
        app.key("byo-import").get_by_role("button").click()
    expect(app.page.locator(".bk-texts .bk-text").first).to_contain_text("message")
    app.page.set_viewport_size({"width": 390, "height": 844})
    for page in ("Overview", "Class geometry", "Disagreements"):
        app.visit(page)
        assert app.sideways() == 0
        expect(app.page.locator(".bk-text").first).to_be_visible()
        assert not re.search(r"\bimages?\b", app.page.get_by_test_id("stMain").inner_text())
    app.page.locator("a.bk-open").first.click()
    expect(app.key("sample-text")).to_contain_text("message")


def test_wrong_cell_is_named_and_nothing_is_imported(
    app: AppPage, server: AppServer, tmp_path: Path
):
    table = tmp_path / "wrong.csv"
    table.write_text(templates.two_models_csv().replace("3.2", "much"))
    before = sorted(server.runs.iterdir())
    app.open("bring_your_own")
    with app.rerun():
        app.key("byo-upload").locator('input[type="file"]').set_input_files(table)
    expect(app.page.get_by_role("alert")).to_contain_text(
        "row 2 (line 3), column 'teacher:cat': expected a number, got 'much'"
    )
    expect(app.key("byo-import")).to_have_count(0)
    assert sorted(server.runs.iterdir()) == before
