"""Write a figure as PNG, SVG or PDF with an installed browser, and its data as CSV, LaTeX, Markdown
or parquet.

kaleido draws with an installed Chromium or Chrome. It needs no network.
"""

from __future__ import annotations

import asyncio
import io
import math
import os
import re
import shutil
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import numpy as np
import plotly.graph_objects as go

from bickd_viz.export.paper import PX_PER_MM

if TYPE_CHECKING:
    import pandas as pd

FORMATS = ("png", "svg", "pdf")
DPI = 300
_SECONDS = 60.0  # for one figure; a browser that needs more is taken for stuck
NO_BROWSER = (
    "PNG, SVG and PDF are drawn by a Chromium or Chrome, and none was found: install one (on Debian"
    " `apt install chromium`), or set BROWSER_PATH to its program."
)


class ExportError(RuntimeError):
    """An image that cannot be made. The message is one sentence on what to do."""


def browser() -> str | None:
    """The program that draws images: BROWSER_PATH if set, else what kaleido finds, else None."""
    from choreographer.browsers.chromium import Chromium

    if wanted := os.environ.get("BROWSER_PATH"):
        return shutil.which(wanted)
    found = Chromium.find_browser(skip_local=False)
    return None if found is None else shutil.which(found)


def images(figures: Sequence[tuple[go.Figure, str]]) -> list[bytes]:
    """Each (figure, "png" | "svg" | "pdf") as the bytes of a file. All are drawn with one browser
    start (about a second).

    The size is the figure's own, in px of 1/96 inch, as `bickd_viz.export.paper` sets it. SVG
    states it in mm, PDF in points (to 0.1 mm). PNG is drawn at `DPI`, which the file states. A
    figure without a width is 700 px wide. Text stays text in SVG and PDF.

    Raises:
        ValueError: Another format.
        ExportError: There is no browser, or it does not draw.
    """
    for _, kind in figures:
        if kind not in FORMATS:
            raise ValueError(f"format must be one of {', '.join(FORMATS)}, got {kind!r}.")
    if not figures:
        return []
    program = browser()
    if program is None:
        raise ExportError(NO_BROWSER)
    sizes = [(figure.layout.width or 700.0, figure.layout.height or 450.0) for figure, _ in figures]
    jobs = [
        (
            _vector(figure),
            {"format": kind, "width": width, "height": height, "scale": _scale(kind)},
        )
        for (figure, kind), (width, height) in zip(figures, sizes, strict=True)
    ]
    try:
        with ThreadPoolExecutor(
            max_workers=1
        ) as thread:  # a notebook has a loop of its own in this one
            drawn = thread.submit(lambda: asyncio.run(_draw(jobs, program))).result()
    except (
        Exception
    ) as error:  # whatever the browser or its pipe says, a person can only try another one
        said = next(
            (word for word in error.args if isinstance(word, str) and word.strip()),
            type(error).__name__,
        )
        reason = said.strip().splitlines()[0].rstrip(".")
        raise ExportError(
            f"drawing the figure with the browser {program} failed ({type(error).__name__}:"
            f" {reason:.200}); if the browser is the cause, set BROWSER_PATH to another Chromium or"
            " Chrome."
        ) from error
    finish = {"png": _with_dpi, "svg": _in_mm, "pdf": _trimmed}
    return [
        finish[kind](image, size)
        for image, (_, kind), size in zip(drawn, figures, sizes, strict=True)
    ]


def csv(table: pd.DataFrame) -> bytes:
    """A table as UTF-8 CSV: one header row, numbers in full precision, empty cells for missing
    values."""
    return table.to_csv(index=False).encode("utf-8")


def latex(table: pd.DataFrame) -> bytes:
    """A table as a LaTeX `tabular` for the package booktabs: numbers with four digits, nothing for
    what is missing.

    >>> import pandas as pd
    >>> print(latex(pd.DataFrame({"model": ["a_b"], "ece": [0.123456]})).decode().splitlines()[4])
    a\\_b & 0.1235 \\\\
    """
    sides = "".join("r" if numeric else "l" for numeric in _numeric(table))
    return table.map(_cell).to_latex(index=False, escape=True, column_format=sides).encode("utf-8")


def markdown(table: pd.DataFrame) -> bytes:
    """A table as Markdown: numbers with four digits, nothing for what is missing.

    >>> import pandas as pd
    >>> print(markdown(pd.DataFrame({"model": ["a|b"], "ece": [0.123456]})).decode(), end="")
    | model | ece |
    |---|---:|
    | a\\|b | 0.1235 |
    """
    rows = [[str(name) for name in table], *table.map(_cell).values.tolist()]
    head, *body = (
        "| "
        + " | ".join(re.sub(r"([\\|])", r"\\\1", cell).replace("\n", " ") for cell in row)
        + " |"
        for row in rows
    )
    marks = ("---:" if numeric else "---" for numeric in _numeric(table))
    return "\n".join([head, "|" + "|".join(marks) + "|", *body, ""]).encode("utf-8")


def parquet(table: pd.DataFrame) -> bytes:
    """A table as parquet, in full precision, without an index."""
    content = io.BytesIO()
    table.to_parquet(content, index=False)
    return content.getvalue()


def _cell(value: Any) -> str:
    """One value for a table that people read."""
    if not isinstance(value, float | np.floating):
        return "" if value is None else str(value)
    figure = float(value)
    if math.isnan(figure):
        return ""
    return f"{figure:.4g}" if abs(figure) < 1e4 else f"{figure:.0f}"


def _numeric(table: pd.DataFrame) -> list[bool]:
    """The columns with numbers, which are right-aligned."""
    return [kind.kind in "iuf" for kind in table.dtypes]


async def _draw(jobs: Sequence[tuple[dict[str, Any], dict[str, Any]]], program: str) -> list[bytes]:
    import kaleido

    async with kaleido.Kaleido(n=1, timeout=_SECONDS, mathjax=False, path=program) as drawer:
        return [await drawer.calc_fig(figure, opts=options) for figure, options in jobs]


def _vector(figure: go.Figure) -> dict[str, Any]:
    """The figure's spec with WebGL points as plain points: a file must not depend on a graphics
    card."""
    spec = figure.to_dict()
    for trace in spec["data"]:
        if trace.get("type") == "scattergl":
            trace["type"] = "scatter"
    return spec


def _scale(kind: str) -> float:
    return DPI / 96 if kind == "png" else 1.0


def _with_dpi(image: bytes, size: tuple[float, float]) -> bytes:
    from PIL import Image

    out = io.BytesIO()
    with Image.open(io.BytesIO(image), formats=("PNG",)) as picture:
        picture.save(out, format="PNG", dpi=(DPI, DPI))
    return out.getvalue()


def _in_mm(image: bytes, size: tuple[float, float]) -> bytes:
    """Set the size of the root element in mm. Its view box stays in px, so 1 px is 1/96 inch and
    text has its size."""
    text = image.decode("utf-8")
    head = re.search(r"<svg\b[^>]*>", text)
    if head is None:
        raise ExportError("the browser gave no SVG; try again, or use the PDF.")
    root = head.group()
    for name, px in zip(("width", "height"), size, strict=True):
        root = re.sub(rf'\b{name}="[^"]*"', f'{name}="{px / PX_PER_MM:.4g}mm"', root, count=1)
    root = re.sub(r'viewBox="[^"]*"', f'viewBox="0 0 {size[0]:.6g} {size[1]:.6g}"', root, count=1)
    return settled(text[: head.start()] + root + text[head.end() :]).encode("utf-8")


def settled(svg: str) -> str:
    """Number the ids that Plotly draws at random, so that a figure is the same file every time.
    Texts are left as they are.

    >>> settled('<defs id="defs-59105b"/><g class="trace4ed70d" clip-path="url(#clip59105bx)"/>')
    '<defs id="defs-000000"/><g class="trace000001" clip-path="url(#clip000000x)"/>'
    >>> settled('<defs id="defs-59105b"/><text>clip59105b</text>')
    '<defs id="defs-000000"/><text>clip59105b</text>'
    """
    drawn = re.findall(r'(?<=\bid="defs-)[0-9a-f]{6}|(?<=\btrace)[0-9a-f]{6}(?=["\s])', svg)
    if not drawn:
        return svg
    numbers = {id: f"{k:06x}" for k, id in enumerate(dict.fromkeys(drawn))}
    ids = re.compile("|".join(numbers))

    def attribute(found: re.Match[str]) -> str:
        return ids.sub(lambda id: numbers[id[0]], found[0])

    return re.sub(r"""\b(?:id|class|clip-path|href)="[^"<>]*"|url\([^)<>]*\)""", attribute, svg)


def _trimmed(image: bytes, size: tuple[float, float]) -> bytes:
    """Cut the page to the figure. The browser rounds a page up to whole dots, which leaves up to
    0.3 mm empty at the bottom.

    The new box is as long as the old one, because the file's table of contents counts bytes.
    """
    box = re.search(rb"/MediaBox \[0 0 [\d.]+ ([\d.]+)", image)
    if box is None:
        return image
    top = float(box.group(1))
    width, height = (0.75 * px for px in size)
    start, end = box.start(), image.index(b"]", box.start())
    cut = (
        f"/MediaBox [0 {top - height:.2f} {width:.2f} {top:.6g}".replace(" 0.", " .")
        .replace("-0.", "-.")
        .encode()
    )
    if len(cut) > end - start:
        return image
    return image[:start] + cut.ljust(end - start) + image[end:]
