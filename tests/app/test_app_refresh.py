"""How often a part of a page is redrawn, and what is kept between two drawings."""

from __future__ import annotations

import pytest
from streamlit.testing.v1 import AppTest

from app.refresh import MOST_SECONDS, REST, Pace


def test_quick_drawings_keep_the_wanted_pace():
    pace = Pace(1.0)
    for _ in range(5):
        pace.drawn(0.05)
    assert pace.seconds == 1.0


@pytest.mark.parametrize(("took", "expected"), [(0.3, 1.0), (0.4, 2.0), (0.9, 4.0), (2.0, 8.0)])
def test_slow_drawings_leave_time_to_rest(took: float, expected: float):
    pace = Pace(1.0)
    pace.drawn(took)
    pace.drawn(took)
    assert pace.seconds == expected >= REST * took


def test_one_slow_drawing_does_not_slow_the_page_down():
    pace = Pace(1.0)
    for took in (5.0, 0.1, 7.0, 0.1):
        pace.drawn(took)
        assert pace.seconds == 1.0


def test_the_pace_recovers_and_has_a_limit():
    pace = Pace(2.0)
    pace.drawn(600.0)
    pace.drawn(600.0)
    assert MOST_SECONDS <= pace.seconds < 2 * MOST_SECONDS
    pace.drawn(0.1)
    assert pace.seconds == 2.0


def slow_page() -> None:
    import time

    from app import refresh
    from app.plain import st

    def part() -> None:
        time.sleep(0.4)
        st.session_state["drawn"] = st.session_state.get("drawn", 0) + 1
        st.caption(f"drawn {st.session_state['drawn']} times")

    refresh.every(1.0, part, name="slow")


def test_a_page_that_is_slow_to_draw_is_redrawn_less_often():
    app = AppTest.from_function(slow_page, default_timeout=30).run().run()
    assert app.session_state["refresh-slow"].seconds == 2.0
    assert app.session_state["drawn"] == 3, "the second time, the whole page starts the new pace"
    assert app.caption[0].value == "drawn 3 times"


def keeping_page() -> None:
    from app import refresh
    from app.plain import st

    made = st.session_state.setdefault("made", [])
    key = st.session_state.setdefault("key", 1)

    def make() -> int:
        made.append(key)
        return key

    st.caption(str(refresh.kept("figures", key, make)))


def test_what_did_not_change_is_made_once():
    app = AppTest.from_function(keeping_page).run().run()
    assert app.session_state["made"] == [1]
    app.session_state["key"] = 2
    app.run().run()
    assert app.session_state["made"] == [1, 2]
    assert app.caption[0].value == "2"
