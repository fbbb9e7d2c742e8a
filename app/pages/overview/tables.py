"""The headline figures of Overview, and two tables of them."""

from __future__ import annotations

from dataclasses import dataclass

from app import data, state
from app.plain import st
from bickd_core.comparing.seeds import Recipes, RecipesCompared
from bickd_viz.text import numbers
from bickd_viz.text import seeds as seeds_text


@dataclass(frozen=True)
class Figure:
    """A headline figure.

    Attributes:
        field: Its field in Summary.
        title: Its name.
        note: Which way is better.
        fmt: "number" or "percent".
        with_teacher: Whether the teacher has this figure.
        at_T: Whether it changes with the temperature. The note then begins with the temperature.
        help: What it means.
    """

    field: str
    title: str
    note: str
    fmt: str = "number"
    with_teacher: bool = True
    at_T: bool = False
    help: str = ""

    def said(self, T: float) -> str:
        return f"T = {T:g}, {self.note}" if self.at_T else self.note


CARDS = (
    Figure(
        "accuracy", "Accuracy", "higher is better", "percent",
        help="How often the class with the highest probability is the true class.",
    ),
    Figure(
        "agreement", "Agreement", "same top-1 class", "percent", False,
        help="How often the student and the teacher give the same top-1 class, right or wrong.",
    ),
    Figure(
        "overlap_per_image", "Overlap, matched", "lower: further apart",
        help="How much classes share probability: the cosine between two columns of the probability matrix (images × "
        "classes), averaged over all pairs of classes. Sharper predictions alone lower it. So each image is compared at "
        "the temperature where the student's entropy for it equals the teacher's at the sidebar's T. The remaining "
        "difference is which classes share the probability.",
    ),
    Figure(
        "overlap", "Overlap, unmatched", "lower: further apart", at_T=True,
        help="The same cosine with every model at the sidebar's T. Sharper predictions alone lower it.",
    ),
)  # fmt: skip
MATCHED_MEAN = Figure(
    "overlap_matched", "Overlap, matched mean entropy", "one temperature for each model",
    help="Each student at the one temperature where its mean entropy equals the teacher's at the sidebar's T. Models can "
    "still differ in how entropy varies from image to image.",
)  # fmt: skip
TABLE = (
    *CARDS,
    MATCHED_MEAN,
    Figure("kl", "KL from the teacher", "nats at T"),
    Figure("calibration_error", "ECE", "15 bins, T = 1", "percent"),
    Figure("cka_logits", "CKA of logits", "debiased"),
    Figure("score", "Orthogonality score", "1 is orthogonal"),
)


def every_figure(of: data.Comparison, T: float) -> None:
    """Show a row for each model. Choosing a row puts that student in focus."""
    import pandas as pd  # takes a third of a second: the charts above are drawn first

    st.subheader("Every figure with its interval")
    st.caption(
        f"One run of each model on {numbers.count(of.n)} {of.split} {of.nouns} of {of.data_title}, with 95% intervals. "
        "Choose a row to focus on that student.",
        help=f"Overlap, KL and orthogonality score are at T = {T:g}. {of.data_path or ''}".strip(),
    )
    rows = []
    for model in of.models:
        found = data.summary(of, model, T)
        row = {"model": model.name, "architecture": model.info.arch or "not known"}
        for figure in TABLE:
            interval = getattr(found, figure.field)
            if interval is None or (model.is_teacher and figure.field in ("agreement", "kl", "cka_logits")):
                row[figure.title] = "–"
            else:
                shape = numbers.percent if figure.fmt == "percent" else numbers.number
                row[figure.title] = (
                    f"{shape(interval.estimate)} {numbers.interval_text(interval, figure.fmt)}"
                )
        rows.append(row)

    def chosen() -> None:
        picked = st.session_state["overview-table"]["selection"]["rows"]
        if picked and picked[0] > 0:
            state.update(student=of.models[picked[0]].key, pair=None)

    st.dataframe(
        pd.DataFrame(rows),
        hide_index=True,
        key="overview-table",
        on_select=chosen,
        selection_mode="single-row",
    )


def over_seeds(
    of: data.Comparison, recipes: Recipes, student: data.Model, compared: dict[str, RecipesCompared], T: float
) -> None:
    """Show the mean and deviation of each method over its seeds, and the student's differences from the others."""
    if not of.students:
        return
    import pandas as pd

    rows = []
    for model in of.students:
        seeds = recipes.seeds(model.key)
        row = {"method": model.name, "runs": seeds}
        for figure in (*CARDS, MATCHED_MEAN):
            found = recipes.figures[model.key].get(figure.field)
            if found is not None:
                shown = numbers.with_deviation(found.mean, found.deviation, seeds, figure.fmt)
                row[figure.title] = shown.split(" (")[0]
        rows.append(row)
    st.subheader("How much do seeds change the figures?")
    st.caption(
        f"Mean ± standard deviation over seeds, at T = {T:g}.",
        help="These runs differ only in their seeds: initial weights, order of the data and augmentation.",
    )
    st.dataframe(pd.DataFrame(rows), hide_index=True, key="overview-seeds")
    for reason in data.left_out(of, T):
        st.warning(f"Left out of the seeds: {reason}", icon=":material/warning:")
    networks = [name for name, one in compared.items() if one.networks]
    if len(networks) < len(compared):
        said = f"{student.name} minus each other model, with 95% intervals over seeds and {of.nouns}."
        details = seeds_text.rule(len(compared))
        if networks:
            details += (
                f" One run only: {numbers.listed(networks)}. There the intervals are over {of.nouns} and hold for the two "
                "models compared."
            )
    else:
        said = f"{student.name} minus each other model, one run each, with 95% intervals over {of.nouns}."
        details = "The intervals hold for these models. Other seeds may give other results."
        if any(model.info.source.kind == "trained" for model in of.students):
            details += " The Distill page can train several seeds at once."
    st.caption(said, help=details)
    st.dataframe(
        pd.DataFrame(seeds_text.difference_rows(student.name, compared, of.noun)),
        hide_index=True,
        key="overview-differences",
    )
