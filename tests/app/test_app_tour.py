"""The tour leads to pages that there are, in their order; idle controls name pages that there
are."""

from __future__ import annotations

from app.components.sidebar import idle
from app.pages.overview.tour import STEPS
from app.registry import PAGES


def test_each_step_is_a_page_in_the_order_of_the_sidebar():
    order = [page.path for page in PAGES]
    places = [order.index(path) for path, _, _ in STEPS]
    assert places == sorted(places)


def test_controls_without_effect_carry_a_reason():
    found = {page.path: idle(page.path, 1) for page in PAGES}
    assert found["overview"] == found["learn"] == {}
    assert set(found["by_epoch"]) == {"split"}
    assert set(found["calibration"]) == {"temperature"}
    assert set(idle("learn", 5)) == {"split", "temperature"}
    assert idle("overview", 5) == {}
    assert all(reason.endswith(".") for reasons in found.values() for reason in reasons.values())
