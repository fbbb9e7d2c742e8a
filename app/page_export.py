"""The content of the current page for exports: title, charts, images and tables, in order.

Charts register here while the page is drawn. Export menus and reports read the content on request,
in a thread without a session. So it holds functions that draw charts. A new page starts with empty
content.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from app import state
from app.data import comparison as comparisons
from app.data import over_seeds, samples
from app.data.runs import library
from app.plain import Markdown, plain, st
from app.registry import PAGES
from bickd_core.comparing import measures
from bickd_core.comparing.comparison import Comparison

if TYPE_CHECKING:
    from bickd_viz.export.chart_export import ChartExport
    from bickd_viz.report.build import Part

_KEY = "taken"


@dataclass
class PageContent:
    """The content of one page. `parts` has keys, so that a redrawn chart replaces its old
    version."""

    page: str = ""
    title: str = ""
    note: str = ""
    link: str = ""
    comparison: Comparison | None = None
    temperature: float = 4.0
    parts: dict[str, Part] = field(default_factory=dict)


def begin(page: str) -> None:
    """Start with empty content. Call it before a page is drawn."""
    st.session_state[_KEY] = PageContent(
        page=page, link=link(), temperature=state.current().temperature
    )


def now() -> PageContent:
    return st.session_state.setdefault(_KEY, PageContent())


def link() -> str:
    """The address of this view, as the address bar will show it."""
    query = urlencode(state.current().to_query(), safe="/~:")
    return f"{_page_address()}?{query}" if query else _page_address()


def app_address() -> str:
    """The address of the app's first page, with a slash at its end."""
    address = _page_address().rstrip("/")
    above, _, last = address.rpartition("/")
    if above.endswith(":/"):
        return f"{address}/"  # the last part is the host
    return f"{above if last in {page.path for page in PAGES} else address}/"


def _page_address() -> str:
    return (st.context.url or "").split("?")[0]


def comparison(comparison: Comparison) -> None:
    now().comparison = comparison


def title(sentence: str) -> None:
    """Show the page's title, and use it for exports."""
    now().title = sentence
    st.title(sentence)


def note(sentence: str, *details: str) -> None:
    """Show the line under the title. The details are paragraphs of its tooltip. Exports get both.

    Args:
        sentence: What is always visible.
        details: Empty ones are left out.
    """
    paragraphs = list(filter(None, details))
    now().note = " ".join([sentence, *paragraphs])
    st.caption(sentence, help=Markdown("\n\n".join(map(plain, paragraphs))) if paragraphs else None)


def add_chart(key: str, chart: ChartExport) -> None:
    content = now()
    content.parts[key] = chart
    content.link = link()


def part(key: str, content: Part) -> None:
    """Register images or a table."""
    now().parts[key] = content


def page_report(content: PageContent) -> bytes:
    """The page's content as one HTML file."""
    from bickd_viz.report.build import Figures, Report, Section, html, versions
    from bickd_viz.report.comparison import compared_note
    from bickd_viz.report.tables import compared_table, figures_table

    sections = [Section("", list(content.parts.values()))]
    comparison, compared, note = content.comparison, None, content.note
    if comparison is not None:
        summaries = [
            (m.name, m.is_teacher, measures.summary(comparison, m, content.temperature))
            for m in comparison.models
        ]
        scope = (
            f"{comparison.n:,} of {max(comparison.n_each):,} {comparison.split} {comparison.nouns}"
            f" of {comparison.data_title}. Probabilities are at T = {content.temperature:g}. The"
            f" 95% intervals are over {comparison.nouns}."
        )
        sections.append(
            Section(
                "Every figure with its interval",
                [Figures("", figures_table(summaries, comparison.noun))],
                scope,
            )
        )
        runs = [
            (m.name, m.key, m.info, n)
            for m, n in zip(comparison.models, comparison.n_each, strict=True)
        ]
        compared = compared_table(
            runs, split=comparison.split, n=comparison.n, noun=comparison.noun
        )
    return html(
        Report(
            title=content.title or content.page,
            note=note,
            sections=sections,
            compared=compared,
            compared_note="" if comparison is None else compared_note(comparison),
            link=content.link,
            versions=versions("streamlit"),
            created=datetime.now().strftime("%Y-%m-%d %H:%M"),
            credit="" if comparison is None else samples.image_credit(comparison),
        )
    )


def comparison_report(comparison: Comparison, temperature: float, address: str) -> bytes:
    """The report on the whole comparison as one HTML file."""
    from bickd_core.comparing.report_data import report_data
    from bickd_viz.report import comparison as report_text
    from bickd_viz.report.build import html

    data = report_data(
        library(),
        comparison,
        temperature,
        over_seeds.recipes(comparison, temperature),
        samples.thumbnails(comparison),
        teacher_ids=comparisons.predictions_at(
            comparisons.file_of(comparison, comparison.teacher.run)
        ).ids,
        left_out=over_seeds.left_out(comparison, temperature),
    )
    return html(
        report_text.comparison_report(
            data, address=address, created=datetime.now().strftime("%Y-%m-%d %H:%M")
        )
    )
