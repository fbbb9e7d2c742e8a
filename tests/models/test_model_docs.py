"""docs/models.md lists every network with its counts."""

import re
from pathlib import Path

from bickd_core.models.catalogue import MODELS, resolve

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "models.md").read_text()
ROW = re.compile(r"^\| `([\w.-]+)` \| (.*) \| ([\d,]+) \| ([\d,.]+) \| (\d+) \|$", re.MULTILINE)


def test_the_table_is_the_catalogue():
    rows = ROW.findall(PAGE)
    assert [row[0] for row in rows] == list(MODELS)
    for name, others, parameters, macs, features in rows:
        info = MODELS[name]
        assert int(parameters.replace(",", "")) == info.parameters(100)
        assert macs == f"{info.macs(100) / 1e6:,.1f}"
        assert int(features) == info.feature_size
        assert all(resolve(other).name == name for other in re.findall(r"`(\w+)`", others))
