"""A page or a whole comparison as one HTML file that works offline, in light and dark, and in
print.

plotly.js (4.7 MB), images and data are included. The page's content policy forbids all loading.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

from bickd_viz.export import files
from bickd_viz.export.chart_export import ChartExport
from bickd_viz.export.recolour import recoloured
from bickd_viz.report.page import PAGE, SCRIPT, STYLE
from bickd_viz.theme import DARK, LIGHT

if TYPE_CHECKING:
    import pandas as pd

_GL_ABOVE = 20_000  # points of one report; fewer are drawn as vectors, which print sharply
_SMALL = 260  # px: charts below this height are shown four per row


@dataclass(frozen=True)
class Strip:
    """Samples side by side.

    Attributes:
        title: The heading.
        pictures: (data: address of an image or None, first caption line, second caption line) of
            each.
        sentence: The text below the heading.
        labels: Text or id of each sample, shown if it has no image.
    """

    title: str
    pictures: Sequence[tuple[str | None, str, str]]
    sentence: str = ""
    labels: Sequence[str] = ()


@dataclass(frozen=True)
class Figures:
    """A table to read. Cells are text or are shown as text."""

    title: str
    table: pd.DataFrame
    sentence: str = ""


Part = ChartExport | Strip | Figures


@dataclass(frozen=True)
class Section:
    """Parts below one heading."""

    title: str
    parts: Sequence[Part]
    sentence: str = ""


@dataclass(frozen=True)
class Report:
    """The content of the file.

    Attributes:
        title: The finding.
        sections: The charts, images and tables.
        note: Intervals, samples and seeds, below the title.
        compared: A row for each model: run, architecture, seed and so on.
        compared_note: What the models' inputs have not in common, below that table.
        link: Address of the same view in the app; "" if there is none.
        versions: Versions of the software that made it.
        created: Date and time, as text.
        credit: Credit for the images, which their licence may require. It is in the footer.
    """

    title: str
    sections: Sequence[Section]
    note: str = ""
    compared: pd.DataFrame | None = None
    compared_note: str = ""
    link: str = ""
    versions: Mapping[str, str] = field(default_factory=dict)
    created: str = ""
    credit: str = ""


def html(report: Report) -> bytes:
    """The report as the bytes of one HTML file."""
    from plotly.offline import get_plotlyjs

    charts: list[dict[str, Any]] = []
    body = "".join(_section(section, charts) for section in report.sections)
    _keep_few_contexts(charts)
    filled = {
        "title": escape(report.title),
        "style": STYLE,
        "head": _head(report),
        "body": body,
        "foot": _foot(report),
        "plotly": get_plotlyjs(),
        "charts": json.dumps(charts, separators=(",", ":")).replace("<", "\\u003c"),
        "script": SCRIPT,
    }
    return re.sub(r"\[\[(\w+)\]\]", lambda match: filled[match[1]], PAGE).encode("utf-8")


def chart_html(chart_export: ChartExport, *, link: str = "") -> bytes:
    """One chart with its sentence and its data, as one file."""
    return html(
        Report(chart_export.title, [Section("", [chart_export])], link=link, versions=versions())
    )


def versions(*more: str) -> dict[str, str]:
    """Installed versions of the packages that affect a figure."""
    installed = {}
    for name in ("bickd-explorer", "numpy", "scipy", "plotly", *more):
        try:
            installed[name] = version(name)
        except PackageNotFoundError:
            continue
    return installed


def _head(report: Report) -> str:
    note = f'<p class="note">{escape(report.note)}</p>' if report.note else ""
    compared = ""
    if report.compared is not None:
        below = f"<p>{escape(report.compared_note)}</p>" if report.compared_note else ""
        compared = f"<h2>What was compared</h2>{_table(report.compared)}{below}"
    named = [section.title for section in report.sections if section.title]
    links = "".join(f'<a href="#{_anchor(name)}">{escape(name)}</a>' for name in named)
    contents = f"<nav>{links}</nav>" if len(named) > 1 else ""
    return f"<h1>{escape(report.title)}</h1>{note}{contents}{compared}"


def _foot(report: Report) -> str:
    lines = [escape(report.credit)] if report.credit else []
    if report.link:
        shown = escape(report.link)
        address = (
            f'<a href="{shown}">{shown}</a>' if "://" in report.link else f"<code>{shown}</code>"
        )
        lines.append(f"The same view in the app: {address}")
    created = f"Made {report.created}" if report.created else "Made"
    lines.append(
        f"{escape(created)} with"
        f" {escape(', '.join(f'{name} {v}' for name, v in report.versions.items()))}."
    )
    return "".join(f"<p>{line}</p>" for line in lines)


def _section(section: Section, charts: list[dict[str, Any]]) -> str:
    title = (
        f'<h2 id="{_anchor(section.title)}">{escape(section.title)}</h2>' if section.title else ""
    )
    sentence = f'<p class="note">{escape(section.sentence)}</p>' if section.sentence else ""
    before = len(charts)
    parts = "".join(_part(part, charts) for part in section.parts)
    tall = max(
        (chart["figure"]["layout"].get("height") or 0 for chart in charts[before:]), default=0
    )
    kind = "parts small" if tall < _SMALL else "parts"
    return f'<section>{title}{sentence}<div class="{kind}">{parts}</div></section>'


def _part(part: Part, charts: list[dict[str, Any]]) -> str:
    heading = f"<h3>{escape(part.title)}</h3>" if part.title else ""
    if part.sentence:
        heading += f"<p>{escape(part.sentence)}</p>"
    if isinstance(part, Figures):
        return f'<article class="wide">{heading}{_table(part.table)}</article>'
    if isinstance(part, Strip):
        labels = part.labels or [""] * len(part.pictures)
        tiles = "".join(map(_picture, part.pictures, labels))
        kind = "strip" if any(address for address, _, _ in part.pictures) else "strip told"
        return f'<article class="wide">{heading}<div class="{kind}">{tiles}</div></article>'
    figure = recoloured(part.figure(), LIGHT)
    light, dark = (json.loads(shown.to_json()) for shown in (figure, recoloured(figure, DARK)))
    wide = ' class="wide"' if _panels(light) > 1 else ""
    place = f"chart-{len(charts)}"
    charts.append({"id": place, "figure": light, "dark": _changes(light, dark)})
    address = "data:text/csv;base64," + base64.b64encode(files.csv(part.table())).decode()
    data = f'<a class="data" download="{escape(part.name)}.csv" href="{address}">Data (CSV)</a>'
    height = int(light["layout"].get("height") or 360)
    return (
        f'<article{wide}>{heading}<div class="chart" id="{place}" style="height:{height}px"'
        f' role="img" aria-label="{escape(part.title)}"></div>{data}</article>'
    )


def _panels(figure: dict[str, Any]) -> int:
    return sum(name.startswith("xaxis") for name in figure["layout"])


def _picture(picture: tuple[str | None, str, str], label: str) -> str:
    address, line, quiet = picture
    image = (
        f'<img src="{escape(address)}" alt="{escape(line)}">'
        if address
        else f"<i>{escape(label or 'no image')}</i>"
    )
    caption = f"<figcaption>{escape(line)}<br><span>{escape(quiet)}</span></figcaption>"
    return f"<figure>{image}{caption}</figure>"


def _table(table: pd.DataFrame) -> str:
    head = "".join(f"<th>{escape(str(name))}</th>" for name in table.columns)
    rows = "".join(
        "<tr>" + "".join(f"<td>{escape(str(cell))}</td>" for cell in row) + "</tr>"
        for row in table.itertuples(index=False)
    )
    return (
        "<div"
        f' class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>'
    )


def _changes(light: Any, dark: Any, path: tuple[str | int, ...] = ()) -> list[list[Any]]:
    """[path, value] of each leaf that differs in the dark figure. These are its colours, without a
    copy of the data."""
    if isinstance(light, dict) and isinstance(dark, dict):
        return [c for key in dark for c in _changes(light.get(key), dark[key], (*path, key))]
    if isinstance(light, list) and isinstance(dark, list) and len(light) == len(dark):
        pairs = enumerate(zip(light, dark, strict=True))
        return [c for i, (a, b) in pairs for c in _changes(a, b, (*path, i))]
    return [] if light == dark else [[list(path), dark]]


def _keep_few_contexts(charts: list[dict[str, Any]]) -> None:
    """Draw points as vectors unless there are many: a browser allows about sixteen WebGL contexts
    per page."""
    traces = [
        t for chart in charts for t in chart["figure"]["data"] if t.get("type") == "scattergl"
    ]
    if sum(len(trace.get("hovertext") or ()) for trace in traces) <= _GL_ABOVE:
        for trace in traces:
            trace["type"] = "scatter"


def _anchor(title: str) -> str:
    return "-".join("".join(c if c.isalnum() else " " for c in title.lower()).split())
