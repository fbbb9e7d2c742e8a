"""Overview: the main finding, the headline figures of every model, and links to the other pages."""

from __future__ import annotations

from app import page_export, settings, state
from app.components import (
    bound,
    class_parts,
    export_menu,
    frame,
    maps,
    matrix,
    picture_feed,
    selection_bar,
    style,
    thumbs,
)
from app.data import over_seeds, samples
from app.data.maps import map_view
from app.distill.which_method import which_method
from app.pages.overview import tables, tour
from app.plain import st
from app.registry import open_page
from bickd_core.comparing import finding as finding_figures
from bickd_core.comparing import measures
from bickd_core.comparing.comparison import Comparison, Model
from bickd_core.comparing.figures import CARDS, Figure
from bickd_core.comparing.finding import Finding, separated_pair
from bickd_core.comparing.seeds import Recipes
from bickd_core.wording import worded
from bickd_viz import colouring
from bickd_viz.charts.matrix import MatrixScene
from bickd_viz.charts.whisker_html import whisker_html
from bickd_viz.charts.whiskers import Row
from bickd_viz.scales import describe_ends, overlap_ends
from bickd_viz.text import numbers
from bickd_viz.text import seeds as seeds_text
from bickd_viz.text.class_geometry import PAIR_CHOSEN, separated_pair_title
from bickd_viz.text.classes import isolated
from bickd_viz.theme import ModelStyle


def show() -> None:
    comparison = frame.load_comparison()
    if comparison is None:
        return
    view = state.current()
    student = frame.focused(comparison)
    other = frame.baseline(comparison, student)
    recipes = over_seeds.recipes(comparison, view.temperature)
    finding = finding_figures.finding(comparison, recipes, student)
    _title(comparison, finding)
    _study(comparison)
    _buttons()
    _cards(comparison, recipes, view.temperature)
    _linked(comparison, student, other, finding, view.temperature)
    tables.every_figure(comparison, view.temperature)
    if finding is not None:
        tables.over_seeds(comparison, recipes, finding, view.temperature)


def _study(comparison: Comparison) -> None:
    """Add what the study found to the bundled comparison of BicKD with KD, whose runs are few."""
    bundled = all(model.key.startswith("caltech95/") for model in comparison.models)
    if bundled and {"kd", "bickd"} <= {model.kind for model in comparison.students}:
        answer = which_method()
        st.caption(
            f"These few runs have default options. With tuned options, our study ({answer.source})"
            f" found: {answer.lines[1]}"
        )


def _title(comparison: Comparison, finding: Finding | None) -> None:
    if finding is None:
        accuracy = measures.summary(
            comparison, comparison.teacher, state.current().temperature
        ).accuracy
        reached = "" if accuracy is None else f": accuracy {numbers.percent(accuracy.estimate)}"
        page_export.title(
            f"{comparison.teacher.info.arch or 'The teacher'} on {comparison.data_title}{reached}"
        )
        page_export.note("Choose students in the sidebar to compare them with this teacher.")
        return
    page_export.title(seeds_text.finding_title(finding))
    note = seeds_text.finding_note(finding, state.current().temperature, comparison.noun)
    page_export.note(
        f"{note} {seeds_text.imported_note(finding)}".strip(),
        *seeds_text.finding_details(finding, comparison),
    )


def _buttons() -> None:
    with st.container(horizontal=True):
        if not settings.read_only():
            _new_runs()
        if st.button("Take the tour", key="overview-tour", icon=":material/tour:"):
            tour.start()


def _new_runs() -> None:
    """Draw the buttons that lead to new runs."""
    if st.button("Train one now", type="primary", key="overview-train", icon=":material/science:"):
        open_page("distill")
    if st.button("Bring your own", key="overview-bring", icon=":material/upload_file:"):
        open_page("bring_your_own")
    if st.button("Load weights", key="overview-load", icon=":material/upload:"):
        from app.pages.runs import import_form  # imported late: the first page does not need it

        import_form.open_next()
        open_page("runs")


def _cards(comparison: Comparison, recipes: Recipes, T: float) -> None:
    looks = style.styles(comparison)
    with st.container(key="overview-cards"):
        columns = st.columns(len(CARDS), gap="small")
    for column, figure in zip(columns, CARDS, strict=True):
        with column, st.container(border=True, height="stretch"):
            note = worded(figure.note_at(T), comparison.noun)
            style.card_title(figure.title, note, worded(figure.help, comparison.noun))
            rows = [_row(looks[model.key], model, recipes, figure) for model in comparison.models]
            with st.container(key=f"overview-card-{figure.field}"):
                st.html(
                    whisker_html(
                        rows, fmt=figure.fmt, theme=style.theme(), slots=len(comparison.models)
                    )
                )
            unit = "%" if figure.fmt == "percent" else "mean cosine"
            export_menu.offer_whiskers(
                f"overview-{figure.field}",
                figure.title,
                rows,
                theme=style.theme(),
                fmt=figure.fmt,
                sentence=note[0].upper() + note[1:] + ".",
                x_title=f"{figure.title.lower()} ({unit})",
            )
    st.caption(_key_to_dots(comparison, recipes))


def _row(look: ModelStyle, model: Model, recipes: Recipes, figure: Figure) -> Row:
    score = recipes.figures[model.key].get(figure.field)
    if score is None:
        is_reference = model.is_teacher and not figure.of_teacher
        return Row(look, None, otherwise="the reference" if is_reference else "not available")
    interval = score.interval
    return Row(
        look,
        score.mean,
        interval.low,
        interval.high,
        deviation=score.deviation,
        seeds=recipes.seeds(model.key),
    )


def _key_to_dots(comparison: Comparison, recipes: Recipes) -> str:
    lines = (
        f"Thin line: 95% interval over {numbers.count(comparison.n)} {comparison.split}"
        f" {comparison.nouns}."
    )
    seeds = {model.name: recipes.seeds(model.key) for model in comparison.students}
    if max(seeds.values(), default=1) < 2:
        return f"Dot: one run. {lines} Another seed may give other figures."
    counts = sorted(set(seeds.values()))
    if len(counts) == 1:
        runs = f"mean of {counts[0]} seeds (teacher: one run)"
    else:
        each = ", ".join(f"{name} {count}" for name, count in seeds.items())
        runs = f"mean over seeds ({each})"
    return f"Dot: {runs}. Thick bar: ± standard deviation over seeds. {lines}"


@frame.linked
def _linked(
    comparison: Comparison,
    student: Model,
    other: Model | None,
    finding: Finding | None,
    T: float,
) -> None:
    """Draw matrices, images and maps of the focused pair. A click redraws only these."""
    _matrices(comparison, student, other, T)
    if finding is not None:
        _pair(comparison, student, other, finding, T)
        _maps(comparison, student, other, T)
    picture_feed.put(comparison)
    selection_bar.show(comparison)
    state.show_in_url()


def _matrices(comparison: Comparison, student: Model, other: Model | None, T: float) -> None:
    st.subheader("Which classes share probability")
    shown = [
        comparison.teacher,
        *([other] if other else []),
        *([student] if comparison.students else []),
    ]
    order = class_parts.order(comparison)
    part = class_parts.choose(comparison, order, "overview-part")
    st.caption(
        f"{_shown_runs(shown, T)} Colour off the diagonal means that two classes share probability."
        " Sharper predictions alone make it paler."
        f"{'' if part.groups else f' Click a cell to see its {comparison.nouns}.'}",
        help=(
            "Each cell is the cosine between two class columns of the probability matrix. Order of"
            f" classes: {bound.ORDERS[order]}. All matrices share one colour scale. Drag to zoom,"
            " double-click to zoom out. The overlap above a matrix is corrected for the number of"
            f" {comparison.nouns}; its cells are not. Everything below"
            " the matrices shows these runs too."
        ),
    )
    class_parts.explain(part)
    pair = frame.focused_pair(comparison, student, T) if comparison.students else None
    low, top = overlap_ends([measures.geometry(comparison, model, T).gram for model in shown])
    if low > 0:
        st.caption(f"{describe_ends((low, top))}.")
    looks = style.styles(comparison)
    for column, model in zip(st.columns(len(shown), gap="small"), shown, strict=True):
        with column, st.container(border=True):
            figure = measures.summary(comparison, model, T).overlap
            overlap = "not available" if figure is None else numbers.number(figure.estimate)
            style.model_title(looks[model.key], f"overlap {overlap}")
            geometry = measures.geometry(comparison, model, T)
            scene = MatrixScene(
                geometry.gram,
                comparison.class_names,
                ends=(low, top),
                selected=pair,
                label=f"Class Gram of {model.called}",
            )
            matrix.show(
                class_parts.scene_of(part, scene, empty=geometry.empty),
                f"overview-gram-{model.key}",
                theme=style.theme(),
                on_cell=class_parts.on_cell(part, frame.on_cell(comparison, model)),
                height=340,
            )


def _shown_runs(shown: list[Model], T: float) -> str:
    """Which runs the matrices show, and at which temperature."""
    runs = [model.info.name for model in shown]
    if len(runs) == 1:
        return f"Run {runs[0]} at T = {T:g}."
    return f"One run of each model ({', '.join(runs)}), all at T = {T:g}, not matched."


def _pair(
    comparison: Comparison, student: Model, other: Model | None, finding: Finding, T: float
) -> None:
    row, column = frame.focused_pair(comparison, student, T)
    names = comparison.class_names
    chosen = state.current().pair == (names[row], names[column])
    against = other or comparison.teacher
    whole = why = ""
    if chosen:
        title = f"In focus: {numbers.listed(list(dict.fromkeys((names[row], names[column]))))}"
    else:
        separated = separated_pair(comparison, T, student).separated
        title = separated_pair_title(
            student.name, against.called, names[row], names[column], separated=separated
        )
        whole = seeds_text.pair_and_whole(finding, T, comparison.noun) if separated else ""
        why = worded(PAIR_CHOSEN, comparison.noun)
    st.subheader(title)
    cosines = [
        f"{m.name} {measures.geometry(comparison, m, T).gram[row, column]:.2f}"
        for m in comparison.models
    ]
    cosines_text = (
        f"{whole} Cosine of the two classes at T = {T:g}: {', '.join(cosines)}. In"
        f" {against.called}, these {comparison.nouns} contribute most to it."
        if row != column
        else f"In {against.called}, these {comparison.nouns} have the highest probability of"
        f" {names[row]}."
    ).lstrip()
    pair_names = " | ".join(map(isolated, dict.fromkeys((names[row], names[column]))))
    below = (
        f"{why} Under each {comparison.noun}: {thumbs.true_class_words(comparison)}, then"
        f" {against.called}'s probability of {pair_names} at T = {T:g}."
    ).lstrip()
    st.caption(cosines_text, help=below)
    report = thumbs.InReport("overview-pair", title, f"{cosines_text} {below}")
    thumbs.pair_strip(comparison, against, (row, column), T, most=14, one_row=True, report=report)
    st.caption(samples.image_credit(comparison))


def _maps(comparison: Comparison, student: Model, other: Model | None, T: float) -> None:
    models = [comparison.teacher, *([other] if other else []), student]
    views = [view for model in models if (view := map_view(comparison, model, "umap")) is not None]
    if len(views) < len(models):
        return
    pair = frame.focused_pair(comparison, student, T)
    alone = pair[0] == pair[1]
    st.subheader(f"The {'class' if alone else 'two classes'} on the prediction maps")
    layout = views[0].layout
    how = numbers.sentence_for_map(
        method="UMAP",
        shown=comparison.n,
        total=max(comparison.n_each),
        seed=layout.seed,
        started_from_teacher=True,
        trustworthiness=layout.trustworthiness,
        noun=comparison.noun,
    )
    st.caption(
        f"Each dot is one {comparison.noun}. Neighbours have similar predictions. Distances between"
        " far groups mean little.",
        help=how,
    )
    scene = maps.scene(
        comparison,
        [(model, view.coordinates) for model, view in zip(models, views, strict=True)],
        _pair_colours(comparison, models, pair),
        title=f"Prediction maps of {', '.join(model.called for model in models)}",
        T=T,
    )
    maps.show(comparison, scene, key="overview-maps", height=380)


def _pair_colours(
    comparison: Comparison, models: list[Model], pair: tuple[int, int]
) -> colouring.Colouring:
    classes = [
        comparison.labels if comparison.labels is not None else model.predictions.predicted
        for model in models
    ]
    return colouring.highlighted(
        classes, tuple(dict.fromkeys(pair)), comparison.class_names, style.theme()
    )
