"""The Python of the README, of docs/bring-your-own.md and of docs/exports.md runs as it is
printed."""

import re
from collections import OrderedDict
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import torch

from bickd_viz.export import files

ROOT = Path(__file__).resolve().parent.parent
N, NAMES = 60, ["a", "b", "c"]


def blocks(page: str) -> list[str]:
    """The Python under the heading "In Python"."""
    section = (
        (ROOT / page).read_text(encoding="utf-8").split("\n## In Python\n")[1].split("\n## ")[0]
    )
    return re.findall(r"```python\n(.*?)```", section, re.DOTALL)


def classifier(seed):
    P = np.random.default_rng(seed).dirichlet(np.ones(3), N)
    return SimpleNamespace(predict_proba=lambda X: P, classes_=np.array(NAMES))


def test_the_readme():
    given = {"large": classifier(0), "small": classifier(1), "X": None, "y": np.arange(N) % 3}
    (code,) = blocks("README.md")
    exec(code, given)
    assert len(given["comparison"].figures()) == 10 + 6


def test_the_figures_for_print(monkeypatch):
    page = (ROOT / "docs/exports.md").read_text(encoding="utf-8").split("\n## From a notebook\n")[1]
    code = re.search(r"```python\n(.*?)```", page, re.DOTALL)[1]
    drawn = []
    monkeypatch.setenv("BICKD_SHELF", str(ROOT / "pretrained"))
    monkeypatch.setattr(files, "images", lambda figures: drawn.extend(figures) or [b"", b""])
    given = {}
    exec(code, given)
    assert [kind for _, kind in drawn] == ["svg", "pdf"]
    assert given["csv"].decode("utf-8-sig").startswith("row_class,column_class,")


def test_the_page(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    made, compared = blocks("docs/bring-your-own.md")
    Z = np.random.default_rng(0).normal(0, 2, (N, 3))
    columns = {"logits": Z, "label": np.arange(N) % 3, "id": np.arange(N)}
    layers = {"avgpool": torch.nn.Linear(4, 5), "fc": torch.nn.Linear(5, 3)}
    given = {
        "P": classifier(0).predict_proba(None),
        "y": np.array(NAMES * (N // 3)),
        "model": classifier(0),
        "X": pd.DataFrame(index=range(N)),
        "Z": Z,
        "dataset": SimpleNamespace(
            with_format=lambda kind: columns, features=dict.fromkeys(columns)
        ),
        "net": torch.nn.Sequential(OrderedDict(layers)),
        "loader": [(torch.rand(N, 4), torch.arange(N) % 3)],
        "names": NAMES,
    }
    exec(made, given)
    teacher = given["Predictions"].from_arrays(logits=Z, labels=given["y"], class_names=NAMES)
    exec(compared, given | {"teacher": teacher, "kd": teacher, "mine": teacher})
    assert (tmp_path / "report.html").stat().st_size > 10_000
