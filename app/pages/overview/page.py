"""Overview: the main finding, the headline figures of every model, and links to the other pages."""

from __future__ import annotations

from app import data, page_export, state
from app.components import (
    export_menu,
    frame,
    maps,
    matrix,
    picture_feed,
    scatter,
    selection_bar,
    style,
    thumbs,
)
from app.pages.overview import tables, tour
from app.plain import st
from app.registry import open_page
from bickd_core.comparing.figures import CARDS, Figure
from bickd_core.comparing.finding import Finding
from bickd_core.comparing.seeds import Recipes
from bickd_core.wording import worded
from bickd_viz import colouring
from bickd_viz.charts import Row, whisker_html
from bickd_viz.scales import overlap_ends, said_ends
from bickd_viz.text import numbers
from bickd_viz.text import seeds as seeds_text
from bickd_viz.text.class_geometry import separated_pair_title
from bickd_viz.theme import ModelStyle


def show() -> None:
    of = frame.load_comparison()
    view = state.current()
    student = frame.focused(of)
    other = frame.baseline(of, student)
    recipes = data.recipes(of, view.temperature)
    finding = data.finding(of, recipes, student)
    _title(of, finding)
    _buttons()
    _cards(of, recipes, view.temperature)
    _linked(of, student, other, view.temperature)
    tables.every_figure(of, view.temperature)
    tables.over_seeds(of, recipes, student, finding.compared if finding else {}, view.temperature)


def _title(of: data.Comparison, finding: Finding | None) -> None:
    if finding is None:
        accuracy = data.summary(of, of.teacher, state.current().temperature).accuracy
        reached = "" if accuracy is None else f": accuracy {numbers.percent(accuracy.estimate)}"
        page_export.title(f"{of.teacher.info.arch or 'The teacher'} on {of.data_title}{reached}")
        page_export.note("Choose students in the sidebar to compare them with this teacher.")
        return
    page_export.title(seeds_text.finding_title(finding))
    page_export.note(seeds_text.finding_note(finding, of.noun), *seeds_text.finding_details(finding, of))


def _buttons() -> None:
    with st.container(horizontal=True):
        if st.button("Train one now", type="primary", key="overview-train", icon=":material/science:"):
            open_page("distill")
        if st.button("Bring your own", key="overview-bring", icon=":material/upload_file:"):
            open_page("bring_your_own")
        if st.button("Load weights", key="overview-load", icon=":material/upload:"):
            from app.pages.runs import import_form  # imported late: the first page does not need it

            import_form.open_next()
            open_page("runs")
        if st.button("Take the tour", key="overview-tour", icon=":material/tour:"):
            tour.start()


def _cards(of: data.Comparison, recipes: Recipes, T: float) -> None:
    looks = style.styles(of)
    with st.container(key="overview-cards"):
        columns = st.columns(len(CARDS), gap="small")
    for column, figure in zip(columns, CARDS, strict=True):
        with column, st.container(border=True, height="stretch"):
            said = worded(figure.note_at(T), of.noun)
            style.card_title(figure.title, said, worded(figure.help, of.noun))
            rows = [_row(looks[model.key], model, recipes, figure) for model in of.models]
            with st.container(key=f"overview-card-{figure.field}"):
                st.html(whisker_html(rows, fmt=figure.fmt, theme=style.theme(), slots=len(of.models)))
            unit = "%" if figure.fmt == "percent" else "mean cosine"
            export_menu.offer_whiskers(
                f"overview-{figure.field}",
                figure.title,
                rows,
                theme=style.theme(),
                fmt=figure.fmt,
                sentence=said[0].upper() + said[1:] + ".",
                x_title=f"{figure.title.lower()} ({unit})",
            )
    st.caption(_key_to_dots(of, recipes))


def _row(look: ModelStyle, model: data.Model, recipes: Recipes, figure: Figure) -> Row:
    found = recipes.figures[model.key].get(figure.field)
    if found is None:
        itself = model.is_teacher and not figure.of_teacher
        return Row(look, None, otherwise="the reference" if itself else "not available")
    interval = found.interval
    return Row(
        look,
        found.mean,
        interval.low,
        interval.high,
        deviation=found.deviation,
        seeds=recipes.seeds(model.key),
    )


def _key_to_dots(of: data.Comparison, recipes: Recipes) -> str:
    lines = f"Thin line: 95% interval over {numbers.count(of.n)} {of.split} {of.nouns}."
    seeds = {model.name: recipes.seeds(model.key) for model in of.students}
    if max(seeds.values(), default=1) < 2:
        return f"Dot: one run. {lines} Another seed may give other figures."
    counts = sorted(set(seeds.values()))
    if len(counts) == 1:
        runs = f"mean of {counts[0]} seeds (teacher: one run)"
    else:
        each = ", ".join(f"{name} {count}" for name, count in seeds.items())
        runs = f"mean over seeds ({each})"
    return f"Dot: {runs}. Thick bar: ± standard deviation over seeds. {lines}"


@st.fragment
def _linked(of: data.Comparison, student: data.Model, other: data.Model | None, T: float) -> None:
    """Draw matrices, images and maps of the focused pair. A click redraws only these."""
    _matrices(of, student, other, T)
    if of.students:
        _pair(of, student, other, T)
        _maps(of, student, other, T)
    picture_feed.put(of)
    selection_bar.show(of)
    state.show_in_url()


def _matrices(of: data.Comparison, student: data.Model, other: data.Model | None, T: float) -> None:
    st.subheader("Which classes each model mixes")
    st.caption(
        f"Colour off the diagonal means that two classes share probability. Click a cell to see its {of.nouns}.",
        help="Each cell is the cosine between two class columns of the probability matrix. Classes are in the teacher's "
        "cluster order. All matrices share one colour scale. Drag to zoom, double-click to zoom out. The matrices and "
        "everything below them show one run of each model.",
    )
    shown = [of.teacher, *([other] if other else []), *([student] if of.students else [])]
    order = data.class_order(of, "cluster")
    pair = frame.focused_pair(of, student, T) if of.students else None
    low, top = overlap_ends([data.geometry(of, model, T).gram for model in shown])
    if low > 0:
        st.caption(f"{said_ends((low, top))}.")
    looks = style.styles(of)
    for column, model in zip(st.columns(len(shown), gap="small"), shown, strict=True):
        with column, st.container(border=True):
            found = data.geometry(of, model, T)
            figure = data.summary(of, model, T).overlap
            overlap = "not available" if figure is None else numbers.number(figure.estimate)
            style.model_title(looks[model.key], f"overlap {overlap}")
            matrix.show(
                found.gram,
                of.class_names,
                key=f"overview-gram-{model.key}",
                theme=style.theme(),
                order=order,
                zmin=low,
                zmax=top,
                selected=pair,
                on_cell=frame.on_cell(of, model),
                label=f"Class Gram of {model.called}",
                height=340,
            )


def _pair(of: data.Comparison, student: data.Model, other: data.Model | None, T: float) -> None:
    row, column = frame.focused_pair(of, student, T)
    names = of.class_names
    chosen = state.current().pair is not None
    against = other or of.teacher
    if chosen:
        title = f"In focus: {names[row]} and {names[column]}"
    else:
        separated = data.separated_pair(of, T, student).separated
        title = separated_pair_title(
            student.name, against.called, names[row], names[column], separated=separated
        )
    st.subheader(title)
    cosines = [f"{m.name} {data.geometry(of, m, T).gram[row, column]:.2f}" for m in of.models]
    said = f"Cosine of the two classes: {', '.join(cosines)}. In {against.called}, these {of.nouns} contribute most to it."
    below = (
        f"Under each {of.noun}: its true class, then {against.called}'s probability of {names[row]} | {names[column]} "
        f"at T = {T:g}."
    )
    st.caption(said, help=below)
    report = thumbs.InReport("overview-pair", title, f"{said} {below}")
    thumbs.pair_strip(of, against, (row, column), T, most=14, one_row=True, report=report)
    st.caption(data.image_credit(of))


def _maps(of: data.Comparison, student: data.Model, other: data.Model | None, T: float) -> None:
    shown = [of.teacher, *([other] if other else []), student]
    found_maps = [data.map_view(of, model, "umap") for model in shown]
    if any(found is None for found in found_maps):
        return
    row, column = frame.focused_pair(of, student, T)
    st.subheader("The two classes on the prediction maps")
    first = found_maps[0]
    assert first is not None
    how = numbers.sentence_for_map(
        method="UMAP",
        shown=of.n,
        total=max(of.n_each),
        seed=first.layout.seed,
        started_from_teacher=True,
        trustworthiness=first.layout.trustworthiness,
        noun=of.noun,
    )
    st.caption(
        f"Each dot is one {of.noun}. Neighbours have similar predictions. Distances between far groups mean little.",
        help=how,
    )
    scatter.show(
        maps.panels(of, shown, [found.coordinates for found in found_maps if found is not None], T),
        of.teacher.predictions.ids,
        key="overview-maps",
        theme=style.theme(),
        colouring=_pair_colours(of, shown, (row, column)),
        class_names=of.class_names,
        labels=of.labels,
        selected=maps.selected(of),
        height=380,
        pictures=picture_feed.name(of),
        on_select=maps.on_select(of),
        label=f"Prediction maps of {', '.join(model.called for model in shown)}",
    )


def _pair_colours(of: data.Comparison, shown: list[data.Model], pair: tuple[int, int]) -> colouring.Colouring:
    classes = [of.labels if of.labels is not None else model.predictions.predicted for model in shown]
    return colouring.highlighted(classes, tuple(dict.fromkeys(pair)), of.class_names, style.theme())
