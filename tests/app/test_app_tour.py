"""The tour leads to pages that there are, in their order."""

from __future__ import annotations

from app.registry import PAGES
from app.views.tour import STEPS


def test_each_step_is_a_page_in_the_order_of_the_sidebar():
    order = [page.path for page in PAGES]
    places = [order.index(path) for path, _, _ in STEPS]
    assert places == sorted(places)
