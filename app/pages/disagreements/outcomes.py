"""The table of which model is right: four clickable counts, and the samples of the selected
count."""

from __future__ import annotations

from functools import partial

from app import selection, state
from app.components import chart, style, thumbs
from app.data import samples
from app.plain import md, st
from bickd_core.comparing import calibration
from bickd_core.comparing.comparison import Comparison, Model
from bickd_core.comparing.selection import Rule
from bickd_core.geometry.disagreement import Outcomes
from bickd_viz import tables
from bickd_viz.charts.outcomes import outcome_colours, outcome_names, who_is_right
from bickd_viz.text import calibration as words
from bickd_viz.text import numbers

MOST_IMAGES = 15
ROWS = (("both", "first"), ("second", "neither"))
KINDS = ("outcome", "confusion")
"""Selections whose images are shown beside the table."""


def counts(found: Outcomes) -> dict[str, int]:
    return {
        "both": found.both,
        "first": found.first,
        "second": found.second,
        "neither": found.neither,
    }


def chosen(first: Model, second: Model) -> str:
    """The selected part of this table, or ""."""
    rule = state.current().selection
    for part in ("both", "first", "second", "neither"):
        if rule == str(Rule("outcome", (first.key, second.key, part))):
            return part
    return ""


def table(comparison: Comparison, first: Model, second: Model) -> None:
    """Show the four counts as buttons, and one bar with their shares."""
    looks = style.styles(comparison)
    judged = calibration.judged(comparison, first, second).outcomes
    found = counts(judged)
    now = chosen(first, second)
    names = outcome_names(first.called, second.called)
    shades = outcome_colours(looks[first.key], looks[second.key], style.theme())
    rules = [
        f".st-key-outcome-{part} button {{ border-left-color: {shade}; }}"
        for part, shade in shades.items()
    ]
    rules += (
        [f".st-key-outcome-{now} button {{ outline: 3px solid {style.theme().accent}; }}"]
        if now
        else []
    )
    st.html(f"<style>{' '.join(rules)}</style>")
    for row in ROWS:
        for place, part in zip(st.columns(2, gap="small"), row, strict=True):
            with place:
                st.button(
                    md("**{count}** {name}", count=numbers.count(found[part]), name=names[part]),
                    key=f"outcome-{part}",
                    width="stretch",
                    wrap=True,
                    on_click=selection.select,
                    args=("outcome", first.key, second.key, part),
                    help=(
                        f"{numbers.percent(found[part] / comparison.n)} of"
                        f" {numbers.count(comparison.n)} {comparison.split} {comparison.nouns}."
                        " Click to select them."
                    ),
                )
    drawn = who_is_right(
        found, looks[first.key], looks[second.key], selected=now, theme=style.theme()
    )
    rows = [(names[part], int(found[part])) for part in found]
    title = f"Who is right: {first.name} and {second.name}"
    said = words.mcnemar_sentence(
        first.called, second.called, judged.first, judged.second, judged.p_value, judged.mid_p
    )
    alone = partial(
        who_is_right,
        found,
        looks[first.key],
        looks[second.key],
        theme=style.theme(),
        show_legend=True,
    )
    export = chart.Export(
        title,
        lambda: tables.counts_table(rows, "who_is_right", comparison.nouns),
        said,
        figure=alone,
    )
    chart.show(drawn, "outcome-bar", export=export)
    st.caption(said)


def images(comparison: Comparison, first: Model, second: Model) -> None:
    """Show the images of a selection made on this page. Default: only the second model is right."""
    of_this_page = state.current().selection.partition(":")[0] in KINDS
    found = selection.selected(comparison) if of_this_page else None
    if found is None:
        found = selection.picked(comparison, "outcome", first.key, second.key, "second")
    shown = found.positions[:MOST_IMAGES]
    style.card_title(
        f"{numbers.count(len(shown))} of {numbers.counted(len(found), comparison.noun)}:"
        f" {found.title}",
        f"Below each: true class, then the predictions of {first.called} | {second.called}.",
    )
    with st.container(key="outcome-images"):
        thumbs.show(comparison, shown, thumbs.says(comparison, (first, second), shown))
    st.caption(samples.image_credit(comparison))
