"""The headline figures of Overview: which they are, and two tables of them."""

from __future__ import annotations

from dataclasses import dataclass

from app import data, state
from app.plain import st
from bickd_core.comparing.seeds import Recipes, RecipesCompared
from bickd_viz.text import numbers
from bickd_viz.text import seeds as seeds_text


@dataclass(frozen=True)
class Figure:
    """A headline figure: its field in Summary, what to call it, which way is better, its format, and what it is.

    at_T: whether it changes with the temperature, which then stands before the note.
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
        help="The share of images whose true class a model names first.",
    ),
    Figure(
        "agreement", "Agreement", "same top-1 class", "percent", False,
        help="The share of images on which the student's first choice is the teacher's, right or wrong.",
    ),
    Figure(
        "overlap_per_image", "Overlap, matched", "per image; lower: further apart",
        help="Matched per image. How much classes share probability: the cosine between the columns of two classes in the probability matrix "
        "(images × classes), mean over all pairs. Each image is at the temperature where the student's entropy for it (how "
        "spread its probabilities are) is the teacher's at the T of the sidebar. What differs then is which classes share it.",
    ),
    Figure(
        "overlap", "Overlap, as it is", "lower is more orthogonal", at_T=True,
        help="The same cosine with every model at the T of the sidebar. A sharper softmax alone lowers it.",
    ),
)  # fmt: skip
MATCHED_MEAN = Figure(
    "overlap_matched", "Overlap, matched mean entropy", "one temperature a model",
    help="Each student at the one temperature where its mean entropy is the teacher's at the T of the sidebar. How entropy differs "
    "from image to image stays.",
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
    """A row a model; choosing one puts that student in focus."""
    import pandas as pd  # a third of a second that the first charts need not wait for

    st.subheader("Every figure with its interval")
    st.caption(
        f"One run of each, with 95% intervals over {numbers.count(of.n)} {of.split} {of.nouns} of {of.data_title}; overlap, KL and score "
        f"at T = {T:g}. "
        "Choose a row to put that student in focus.",
        help=of.data_path,
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
    """Mean and deviation of each method over its seeds, and the student's differences from the others."""
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
    st.subheader("Would another seed say the same?")
    st.caption(
        f"Mean ± standard deviation over runs that differ in their seeds alone (initial weights, order, augmentation), at T = {T:g}."
    )
    st.dataframe(pd.DataFrame(rows), hide_index=True, key="overview-seeds")
    for reason in data.left_out(of, T):
        st.warning(f"Left out of the seeds: {reason}", icon=":material/warning:")
    networks = [name for name, one in compared.items() if one.networks]
    if len(networks) < len(compared):
        said = (
            f"{student.name} minus each other model, with 95% intervals over seeds and {of.nouns} together. "
        )
        said += seeds_text.rule(len(compared))
        if networks:
            said += f" {numbers.listed(networks)}: one run, so the intervals are over {of.nouns} and hold for these two models."
    else:
        said = f"{student.name} minus each other model, one run each, with 95% intervals over {of.nouns}. They hold for these models: "
        said += "other seeds may say otherwise."
        if any(model.info.source.kind == "trained" for model in of.students):
            said += " Distill trains several seeds at once."
    st.caption(said)
    st.dataframe(
        pd.DataFrame(seeds_text.difference_rows(student.name, compared, of.noun)),
        hide_index=True,
        key="overview-differences",
    )
