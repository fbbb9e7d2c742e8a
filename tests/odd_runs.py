"""Bundled runs whose classes and titles are called what Markdown, HTML, Plotly and links stumble
over."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import yaml

ROOT = Path(__file__).resolve().parents[1]
ELSEWHERE = "http://127.0.0.1:9"
"""Where nothing listens; a browser that asks there has read a name as a picture or a link."""
CLASSES = (
    "<b>bold</b>",
    f"<img src={ELSEWHERE}/a.png onerror=window.__pwned=1>",
    'a,b;"c"',
    "[x](http://y) *z* :red[q] $e^2$",
    "=1+1",
    "x~y",
    "N" * 180,
    "nan",
    "2020-01-01",
    "100% & #1 + ?",
    f"![p]({ELSEWHERE}/b.png)",
    "שלום עולם",
    "👩🏽‍🔬 chercheuse",
    "1e5",
    ":smile: www.example.org a@b.org -> `code`",
    "%{x} <i>y</i> </script><script>window.__pwned=1</script>",
)
TITLE = f"*K* <i>D</i> ~x~ ![t]({ELSEWHERE}/t.png)"
ERROR = f"no *such* file ~/data/x~ <b>![e]({ELSEWHERE}/e.png)</b> [x](http://y)"
CARD = (
    f"# Card\n\n![c]({ELSEWHERE}/c.png) <img"
    f" src='{ELSEWHERE}/d.png'>\n\n![f](file:///etc/hostname)\n"
)


def odd_shelf(folder: Path) -> Path:
    """A shelf with a teacher and two students of caltech95 under odd names, and one run that
    failed."""
    for run in ("teacher", "kd-s0", "bickd-s0"):
        copy = folder / "caltech95" / run
        shutil.copytree(ROOT / "pretrained" / "caltech95" / run, copy)
        for path in copy.glob("predictions-*.npz"):
            _rename_classes(path)
        (copy / "README.md").write_text(CARD)
    _set(folder / "caltech95" / "kd-s0" / "run.yaml", title=TITLE)
    failed = folder / "caltech95" / "failed"
    failed.mkdir()
    shutil.copy(folder / "caltech95" / "kd-s0" / "run.yaml", failed)
    _set(failed / "run.yaml", name="failed", title=TITLE)
    (failed / "status.json").write_text(json.dumps({"state": "failed", "error": ERROR}))
    return folder


def _rename_classes(path: Path) -> None:
    with np.load(path) as stored:
        arrays = dict(stored)
    arrays["class_names"] = np.array([*CLASSES, *arrays["class_names"][len(CLASSES) :].tolist()])
    np.savez(path, **arrays)


def _set(path: Path, **values: str) -> None:
    path.write_text(yaml.safe_dump({**yaml.safe_load(path.read_text()), **values}))
