"""Two tables on Overview: every headline figure, and what the seeds do."""

from __future__ import annotations

from app import state
from app.data.over_seeds import left_out
from app.plain import st
from bickd_core.comparing import measures
from bickd_core.comparing.comparison import Comparison, inputs_sentence
from bickd_core.comparing.figures import FIGURES, OVER_SEEDS
from bickd_core.comparing.finding import Finding
from bickd_core.comparing.seeds import Recipes
from bickd_viz.text import numbers
from bickd_viz.text import seeds as seeds_text


def every_figure(comparison: Comparison, T: float) -> None:
    """Show a row for each model. Choosing a row puts that student in focus."""
    import pandas as pd  # takes a third of a second: the charts above are drawn first

    st.subheader("Every figure with its interval")
    st.caption(
        f"One run of each model on {numbers.count(comparison.n)} {comparison.split}"
        f" {comparison.nouns} of {comparison.data_title}, with 95% intervals. Choose a row to focus"
        " on that student.",
        help=(
            f"Overlap, KL, displacement and orthogonality score are at T = {T:g}."
            f" {comparison.data_path or ''}".strip()
        ),
    )
    rows = []
    for model in comparison.models:
        summary = measures.summary(comparison, model, T)
        row = {"model": model.name, "architecture": model.info.arch or "not known"}
        for figure in FIGURES:
            interval = figure.interval(summary, is_teacher=model.is_teacher)
            row[figure.title] = (
                "–" if interval is None else numbers.estimate_text(interval, figure.fmt)
            )
        rows.append(row)

    def chosen() -> None:
        picked = st.session_state["overview-table"]["selection"]["rows"]
        if picked and picked[0] > 0:
            state.update(student=comparison.models[picked[0]].key, pair=None)

    st.dataframe(
        pd.DataFrame(rows),
        hide_index=True,
        key="overview-table",
        on_select=chosen,
        selection_mode="single-row",
    )
    models = comparison.models
    if inputs := inputs_sentence([model.name for model in models], [m.info for m in models]):
        st.caption(inputs)


def over_seeds(comparison: Comparison, recipes: Recipes, finding: Finding, T: float) -> None:
    """Show the mean and deviation of each method over its seeds, and the student's differences from
    each other model."""
    import pandas as pd

    rows = []
    for model in comparison.students:
        seeds = recipes.seeds(model.key)
        row = {"method": model.name, "runs": seeds}
        for figure in OVER_SEEDS:
            recipe_figure = recipes.figures[model.key].get(figure.field)
            if recipe_figure is not None:
                shown = numbers.with_deviation(
                    recipe_figure.mean, recipe_figure.deviation, seeds, figure.fmt
                )
                row[figure.title] = shown.split(" (")[0]
        rows.append(row)
    st.subheader("How much do seeds change the figures?")
    st.caption(
        f"Mean ± standard deviation over seeds, at T = {T:g}.",
        help=(
            "These runs differ only in their seeds: initial weights, order of the data and"
            " augmentation."
        ),
    )
    st.dataframe(pd.DataFrame(rows), hide_index=True, key="overview-seeds")
    for reason in left_out(comparison, T):
        st.warning(f"Left out of the seeds: {reason}", icon=":material/warning:")
    text, details = seeds_text.differences_note(finding, comparison.noun)
    runs_only = all(compared.networks for compared in finding.against_each.values())
    if runs_only and any(model.info.source.kind == "trained" for model in comparison.students):
        details += " The Distill page can train several seeds at once."
    st.caption(text, help=details)
    st.dataframe(
        pd.DataFrame(
            seeds_text.difference_rows(finding.student.name, finding.against_each, comparison.noun)
        ),
        hide_index=True,
        key="overview-differences",
    )
