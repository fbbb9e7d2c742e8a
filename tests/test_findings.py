"""docs/findings.md and a table of docs/method.md are what the command makes of the bundled runs
today."""

from __future__ import annotations

from pathlib import Path

from pretrained import findings, matching_rules

PAGE = Path(__file__).resolve().parent.parent / "docs" / "findings.md"


def test_the_page_is_up_to_date(capsys, tmp_path, monkeypatch):
    monkeypatch.setattr(findings, "IMAGES", tmp_path)
    findings.main()
    assert capsys.readouterr().out == PAGE.read_text(encoding="utf-8"), "run `make findings`"
    for image in tmp_path.iterdir():
        assert (PAGE.parent / "findings" / image.name).exists()


def test_the_rules_of_matching_are_as_the_command_writes_them(tmp_path, monkeypatch):
    page = tmp_path / "method.md"
    before = matching_rules.PAGE.read_text(encoding="utf-8")
    page.write_text(before, encoding="utf-8")
    monkeypatch.setattr(matching_rules, "PAGE", page)
    matching_rules.main()
    assert page.read_text(encoding="utf-8") == before, "run `make findings`"
