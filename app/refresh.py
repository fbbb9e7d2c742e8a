"""Redraw a part of a page every few seconds, less often where drawing it takes long."""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any, TypeVar

from app.plain import st

T = TypeVar("T")
REST = 3.0
"""Times as long as one drawing takes, at least, from the start of one to the start of the next.
Without it a busy server would draw without a pause."""
MOST_SECONDS = 30.0


@dataclass
class Pace:
    """How often a part is redrawn.

    Attributes:
        wanted: Seconds from one drawing to the next where drawing takes no time.
        last: Seconds that the last drawing took.
        shorter: The shorter of the last two. One slow drawing, such as the first, does not count.
    """

    wanted: float = 1.0
    last: float = 0.0
    shorter: float = 0.0

    def drawn(self, seconds: float) -> None:
        """Note how long a drawing took."""
        self.last, self.shorter = seconds, min(self.last, seconds)

    @property
    def seconds(self) -> float:
        """Seconds from one drawing to the next: `wanted`, or doubled until there is time to
        rest."""
        seconds = self.wanted
        while seconds < min(REST * self.shorter, MOST_SECONDS):
            seconds *= 2
        return seconds


def every(seconds: float | None, draw: Callable[..., None], *arguments: Any, name: str) -> None:
    """Draw a part of the page now, and again every few seconds without the rest of the page.

    Args:
        seconds: From one drawing to the next, or more where drawing takes long; None to draw once.
        draw: Draws the part.
        arguments: What `draw` gets.
        name: A name for the part, unique in the app.
    """
    pace = st.session_state.setdefault(f"refresh-{name}", Pace())
    if seconds is not None:
        pace.wanted = seconds
    interval = None if seconds is None else pace.seconds
    st.fragment(_timed, run_every=interval)(draw, arguments, pace, interval)


def kept(name: str, key: Hashable, make: Callable[[], T]) -> T:
    """Return what was made last under this name, or make it anew if the key is another.

    For charts of a part that is redrawn more often than its data change.

    Args:
        name: A name for what is made, unique in the app.
        key: Everything that it is made from, except for what never changes.
        make: Makes it.
    """
    slot = f"refresh-kept-{name}"
    if slot not in st.session_state or st.session_state[slot][0] != key:
        st.session_state[slot] = key, make()
    return st.session_state[slot][1]


def _timed(
    draw: Callable[..., None], arguments: tuple[Any, ...], pace: Pace, interval: float | None
) -> None:
    started = time.perf_counter()
    draw(*arguments)
    pace.drawn(time.perf_counter() - started)
    if interval is not None and pace.seconds > interval:
        st.rerun()  # only the whole page can change how often a part is redrawn
