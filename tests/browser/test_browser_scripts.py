"""Scripts of the components, each alone on an empty page."""

from __future__ import annotations

import base64
from typing import Any

import numpy as np
from playwright.sync_api import Browser

from app.components import matrix
from app.components.browser_part import module
from bickd_viz.theme import LIGHT

MOUNT = """async ({script, sent}) => {
  const {default: component} = await import(`data:text/javascript;base64,${script}`);
  const parentElement = document.body.appendChild(document.createElement('div'));
  const values = [];
  for (const data of sent) {
    component({data, parentElement, setTriggerValue: () => {}});
    const view = parentElement.bkView;
    values.push([0, 1].map(row => [0, 1].map(column => view.value(row, column))));
  }
  return values;
}"""


def scene(values: np.ndarray) -> dict[str, Any]:
    """What Python sends for a matrix of two classes."""
    theme = {name: getattr(LIGHT, name) for name in ("accent", "surface", "text", "muted", "grid")}
    return {
        **matrix.encoded(values), "n": 2, "names": ["cat", "dog"], "order": None, "zmin": 0, "zmax": 1,
        "stops": [list(stop) for stop in LIGHT.sequential], "theme": theme, "selected": None,
        "x_title": "", "y_title": "", "value_name": "cosine", "decimals": 2, "height": 300,
        "group": "", "blocks": [], "label": "Gram", "pairs": None, "clickable": False,
    }  # fmt: skip


def test_a_matrix_of_two_classes_follows_its_values(browser: Browser):
    """Every Gram of two classes has the same codes: only the lowest value differs."""
    grams = [np.array([[1.0, cosine], [cosine, 1.0]]) for cosine in (0.1, 0.4)]
    script = base64.b64encode(module("matrix.js").encode()).decode()
    page = browser.new_page()
    drawn = page.evaluate(MOUNT, {"script": script, "sent": [scene(gram) for gram in grams]})
    page.close()
    np.testing.assert_allclose(drawn, grams, atol=1e-4)
