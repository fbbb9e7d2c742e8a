"""What the page shows now and can be taken away: its title, charts, images and tables, in their order.

Charts write it while the page is drawn; the export menus and the report read it when somebody asks, in a thread
that has no session. So it holds functions that draw, not drawings, and is replaced when a page begins.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from app import data, state
from app.plain import st

if TYPE_CHECKING:
    from bickd_viz.export.chart_export import Exhibit
    from bickd_viz.report.build import Part

_KEY = "taken"


@dataclass
class Taken:
    """One page's content; `parts` by key, so that a redrawn chart takes its own place."""

    page: str = ""
    title: str = ""
    note: str = ""
    link: str = ""
    of: data.Comparison | None = None
    temperature: float = 4.0
    parts: dict[str, Part] = field(default_factory=dict)


def begin(page: str) -> None:
    """Forget the page before; called before a page is drawn."""
    st.session_state[_KEY] = Taken(page=page, link=link(), temperature=state.current().temperature)


def now() -> Taken:
    return st.session_state.setdefault(_KEY, Taken())


def link() -> str:
    """The address of what is shown, as the address bar will say it."""
    query = urlencode(state.current().to_query(), safe="/~:")
    base = (st.context.url or "").split("?")[0]
    return f"{base}?{query}" if query else base


def comparison(of: data.Comparison) -> None:
    now().of = of


def title(sentence: str) -> None:
    """Show the page's title, and keep it."""
    now().title = sentence
    st.title(sentence)


def note(sentence: str, help: str | None = None) -> None:
    """Show the line under the title, and keep it; `help` opens from a sign beside it, and is kept behind the line."""
    now().note = sentence if help is None else f"{sentence} {help}"
    st.caption(sentence, help=help)


def exhibit(key: str, found: Exhibit) -> None:
    taken = now()
    taken.parts[key] = found
    taken.link = link()


def part(key: str, found: Part) -> None:
    """Images or a table."""
    now().parts[key] = found


def page_report(taken: Taken) -> bytes:
    """What the page shows as one HTML file."""
    from bickd_viz.report.build import Figures, Report, Section, html, versions
    from bickd_viz.report.tables import compared_table, figures_table

    sections = [Section("", list(taken.parts.values()))]
    of, compared, note = taken.of, None, taken.note
    if of is not None:
        summaries = [(m.name, m.is_teacher, data.summary(of, m, taken.temperature)) for m in of.models]
        scope = (
            f"{of.n:,} of {max(of.n_each):,} {of.split} {of.nouns} of {of.data_title}, probabilities at "
            f"T = {taken.temperature:g}, 95% intervals over {of.nouns}."
        )
        sections.append(
            Section("Every figure with its interval", [Figures("", figures_table(summaries, of.noun))], scope)
        )
        runs = [(m.name, m.key, m.info, n) for m, n in zip(of.models, of.n_each, strict=True)]
        compared = compared_table(runs, split=of.split, n=of.n, noun=of.noun)
    return html(
        Report(
            title=taken.title or taken.page,
            note=note,
            sections=sections,
            compared=compared,
            link=taken.link,
            versions=versions("streamlit"),
            made=datetime.now().strftime("%Y-%m-%d %H:%M"),
            credit="" if of is None else data.image_credit(of),
        )
    )


def comparison_report(of: data.Comparison, temperature: float, address: str) -> bytes:
    """All pages' charts of this comparison as one HTML file."""
    from bickd_core.comparing.comparison import measure
    from bickd_viz.report import comparison as whole
    from bickd_viz.report.build import html

    found = measure(
        data.library(), of.teacher.key, [m.key for m in of.students], split=of.split, temperature=temperature
    )
    return html(
        whole.comparison_report(found, address=address, made=datetime.now().strftime("%Y-%m-%d %H:%M"))
    )
