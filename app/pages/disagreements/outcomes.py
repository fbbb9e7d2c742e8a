"""The table of which model is right: four clickable counts, and the samples of the selected
count."""

from __future__ import annotations

from functools import partial

from app import selection, state
from app.components import export_menu, style, thumbs
from app.data import samples
from app.plain import md, st
from bickd_core.comparing import calibration
from bickd_core.comparing.comparison import Comparison, Model
from bickd_core.comparing.selection import Rule
from bickd_core.geometry.disagreement import Outcomes
from bickd_viz import tables
from bickd_viz.charts.outcomes import (
    outcome_colours,
    outcome_names,
    who_is_right,
    who_is_right_html,
)
from bickd_viz.text import calibration as sentences
from bickd_viz.text import numbers

MOST_IMAGES = 15
ROWS = (("both", "first"), ("second", "neither"))
KINDS = ("outcome", "confusion")
"""Selections whose images are shown beside the table."""


def counts(outcomes: Outcomes) -> dict[str, int]:
    return {
        "both": outcomes.both,
        "first": outcomes.first,
        "second": outcomes.second,
        "neither": outcomes.neither,
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
    outcomes = calibration.disagreement(comparison, first, second).outcomes
    by_part = counts(outcomes)
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
                    md("**{count}** {name}", count=numbers.count(by_part[part]), name=names[part]),
                    key=f"outcome-{part}",
                    width="stretch",
                    wrap=True,
                    on_click=selection.select,
                    args=("outcome", first.key, second.key, part),
                    help=(
                        f"{numbers.percent(by_part[part] / comparison.n)} of"
                        f" {numbers.count(comparison.n)} {comparison.split} {comparison.nouns}."
                        " Click to select them."
                    ),
                )
    bar = by_part, looks[first.key], looks[second.key]
    st.html(who_is_right_html(*bar, selected=now, theme=style.theme()))
    rows = [(names[part], int(by_part[part])) for part in by_part]
    title = f"Who is right: {first.name} and {second.name}"
    test = sentences.mcnemar_sentence(
        first.called,
        second.called,
        outcomes.first,
        outcomes.second,
        outcomes.p_value,
        outcomes.mid_p,
        comparison.noun,
    )
    export_menu.offer(
        "outcome-bar",
        title,
        partial(who_is_right, *bar, theme=style.theme(), show_legend=True),
        lambda: tables.counts_table(rows, "who_is_right", comparison.nouns),
        sentence=test,
    )
    st.caption(test)


def images(comparison: Comparison, first: Model, second: Model) -> None:
    """Show the images of a selection made on this page. Default: only the second model is right."""
    of_this_page = state.current().selection.partition(":")[0] in KINDS
    chosen_samples = selection.selected(comparison) if of_this_page else None
    if chosen_samples is None:
        chosen_samples = selection.picked(comparison, "outcome", first.key, second.key, "second")
    shown = chosen_samples.positions[:MOST_IMAGES]
    style.card_title(
        f"{numbers.count(len(shown))} of {numbers.counted(len(chosen_samples), comparison.noun)}:"
        f" {chosen_samples.title}",
        f"Below each: true class, then the predictions of {first.called} | {second.called}.",
    )
    with st.container(key="outcome-images"):
        thumbs.show(comparison, shown, thumbs.predicted_classes(comparison, (first, second), shown))
    st.caption(samples.image_credit(comparison))
