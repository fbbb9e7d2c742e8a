"""docs/findings.md is what the command makes of the bundled runs today."""

from __future__ import annotations

from pathlib import Path

from pretrained import findings

PAGE = Path(__file__).resolve().parent.parent / "docs" / "findings.md"


def test_the_page_is_up_to_date(capsys, tmp_path, monkeypatch):
    monkeypatch.setattr(findings, "IMAGES", tmp_path)
    findings.main()
    assert capsys.readouterr().out == PAGE.read_text(encoding="utf-8"), "run `make findings`"
    for image in tmp_path.iterdir():
        assert (PAGE.parent / "findings" / image.name).exists()
