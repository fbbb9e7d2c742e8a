"""Prediction maps: samples as points in a 2-D layout of a model's predictions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import plotly.graph_objects as go

from bickd_viz.plotly_text import plotly_text
from bickd_viz.theme import LIGHT, Theme, colour_bar, layout_defaults, legend_below

WEBGL_ABOVE = 1000  # points
MAX_COLOURED = 20  # classes; beyond that only highlighted ones have a colour
MODES = ("true", "predicted", "disagreement", "displacement", "highlight")

Frame = tuple[tuple[float, float], tuple[float, float]]


@dataclass(frozen=True)
class _Group:
    """Points with the same look: a boolean mask over the samples and their style."""

    name: str
    mask: np.ndarray
    colour: str
    symbol: str = "circle"
    raised: bool = False  # larger and outlined, above the quiet points


def shared_frame(coordinates: Sequence[np.ndarray], pad: float = 0.04) -> Frame:
    """Axis ranges ((x low, x high), (y low, y high)) that hold all coordinates.

    Args:
        coordinates: [N, 2] each.
        pad: Margin on every side, as a fraction of the larger extent.
    """
    points = np.concatenate([np.asarray(c, dtype=np.float64).reshape(-1, 2) for c in coordinates])
    points = points[np.isfinite(points).all(axis=1)]
    if not len(points):
        return (0.0, 1.0), (0.0, 1.0)
    low, high = points.min(axis=0), points.max(axis=0)
    room = pad * (float((high - low).max()) or 1.0)
    return (float(low[0] - room), float(high[0] + room)), (
        float(low[1] - room),
        float(high[1] + room),
    )


def prediction_map(
    coordinates: np.ndarray,
    *,
    ids: Sequence | np.ndarray,
    colour_by: str = "highlight",
    labels: np.ndarray | None = None,
    predicted: np.ndarray | None = None,
    reference: np.ndarray | None = None,
    class_names: Sequence[str] = (),
    displacement: np.ndarray | None = None,
    displacement_max: float | None = None,
    highlight_classes: Sequence[int] = (),
    selected_ids: Sequence = (),
    theme: Theme = LIGHT,
    height: int = 340,
    show_legend: bool = True,
    frame: Frame | None = None,
    dragmode: str | bool = "lasso",
) -> go.Figure:
    """A map with one point for each sample. Its id is the 1-D customdata of every trace.

    Above 1,000 points the traces use WebGL.

    Args:
        coordinates: [N, 2].
        ids: [N].
        colour_by: "true" or "predicted" class (one colour each up to 20 classes, else grey),
            "disagreement" (whether the top-1 class is that of `reference`), "displacement"
            (sequential, up to `displacement_max`), "highlight" (grey).
        labels: True classes [N].
        predicted: Top-1 classes [N].
        reference: The teacher's top-1 classes [N].
        class_names: [C].
        displacement: Hellinger distances from the teacher [N], in [0, 1].
        displacement_max: End of the colour scale.
        highlight_classes: Only these true classes are coloured (predicted classes if there are no
            labels).
        selected_ids: If not empty, only these samples are coloured. Unknown ids are ignored.
        theme: Colours.
        height: In px.
        frame: Axis ranges from `shared_frame`, for maps side by side.

    Raises:
        ValueError: An input that `colour_by` needs is missing.
    """
    points = np.asarray(coordinates, dtype=np.float32)
    ids = np.asarray(ids)
    if points.ndim != 2 or points.shape[1] != 2 or len(ids) != len(points):
        raise ValueError(
            f"coordinates must be [N, 2] with N = {len(ids)} ids, got shape {points.shape}."
        )
    _check_inputs(colour_by, labels, predicted, reference, displacement)
    chosen = np.ones(len(points), dtype=bool)
    focus = len(selected_ids) > 0
    if focus:
        chosen = np.isin(ids, np.asarray(list(selected_ids)))
    groups: list[_Group] = []
    if colour_by != "displacement":
        classes = labels if labels is not None and colour_by != "predicted" else predicted
        same = (
            None if colour_by != "disagreement" else np.asarray(predicted) == np.asarray(reference)
        )
        groups = _groups(
            colour_by, classes, same, chosen, highlight_classes, class_names, theme, focus
        )
    coloured = chosen if colour_by == "displacement" else _union(groups, len(points))

    fig = go.Figure()
    layout_defaults(fig, theme, height=height, left=2, right=2, top=2, bottom=2, dragmode=dragmode)
    hover = _hover_text(ids, labels, predicted, reference, class_names, displacement)
    kind = go.Scattergl if len(points) > WEBGL_ABOVE else go.Scatter
    quiet = _Group("other", ~coloured, theme.quiet)
    size = 4.0 if len(points) > 3000 else 5.0
    opacity = 0.3 if focus or groups else 0.6
    for group in (quiet, *groups):
        if group.mask.any():
            fig.add_trace(
                _points(kind, points, ids, hover, group, theme, size, opacity, group is quiet)
            )
    if colour_by == "displacement" and coloured.any():
        far = np.nan_to_num(np.asarray(displacement, dtype=np.float32))
        top = displacement_max or float(far.max()) or 1.0
        fig.add_trace(_shaded(kind, points, ids, hover, coloured, far, top, theme, size))
        fig.update_layout(margin=dict(b=52))
    _frame(fig, frame or shared_frame([points]))
    if show_legend and len(groups) and colour_by != "displacement":
        legend_below(fig, theme)
        rows = -(-sum(min(len(g.name), 24) * 8 + 44 for g in groups if g.mask.any()) // 300)
        fig.update_layout(margin=dict(b=8 + 22 * rows))
    return fig


def _check_inputs(colour_by: str, labels, predicted, reference, displacement) -> None:
    if colour_by not in MODES:
        raise ValueError(f"colour_by must be one of {', '.join(MODES)}, got {colour_by!r}.")
    needs = {
        "true": {"labels": labels},
        "predicted": {"predicted": predicted},
        "disagreement": {"predicted": predicted, "reference": reference},
        "displacement": {"displacement": displacement},
    }
    for name, value in needs.get(colour_by, {}).items():
        if value is None:
            raise ValueError(f"{name} is needed to colour by {colour_by}, got None.")


def _union(groups: Sequence[_Group], count: int) -> np.ndarray:
    return np.any([group.mask for group in groups] or [np.zeros(count, dtype=bool)], axis=0)


def _groups(
    colour_by: str, classes, same, chosen: np.ndarray, highlight, names, theme: Theme, focus: bool
) -> list[_Group]:
    """The colour of each group of points. Points in no group are grey."""
    groups: list[_Group] = []
    if len(highlight) and classes is not None:
        groups = _highlights(np.asarray(classes), chosen, highlight, names, theme)
    elif same is not None:
        groups = [
            _Group("same as the teacher", chosen & same, theme.quiet, raised=focus),
            _Group("differs", chosen & ~same, theme.accent, "diamond", raised=focus),
        ]
    elif colour_by in ("true", "predicted") and len(names) <= MAX_COLOURED:
        groups = _by_class(np.asarray(classes), chosen, names, theme, focus)
    if focus:  # selected points that no other rule colours
        rest = chosen & ~_union(groups, len(chosen))
        groups.append(_Group("selected", rest, theme.text if groups else theme.accent, raised=True))
    return groups


def _highlights(classes, chosen, highlight, names, theme: Theme) -> list[_Group]:
    palette = (theme.accent, theme.fallback[1], *theme.categories[:3], theme.categories[5])
    return [
        _Group(str(names[c]), chosen & (classes == c), palette[k % len(palette)], raised=True)
        for k, c in enumerate(highlight)
    ]


def _by_class(classes, chosen, names, theme: Theme, focus: bool) -> list[_Group]:
    """One colour for each class. From the eleventh class on, colours repeat with another symbol."""
    count = len(theme.categories)
    symbols = ("circle", "diamond")
    return [
        _Group(
            str(name),
            chosen & (classes == c),
            theme.categories[c % count],
            symbols[c // count],
            focus,
        )
        for c, name in enumerate(names)
    ]


def _hover_text(ids, labels, predicted, reference, names, displacement) -> np.ndarray:
    """Hover text of each sample: true class, predicted class, the teacher's class, displacement,
    id."""

    def name(c: int) -> str:
        return plotly_text(names[c]) if 0 <= c < len(names) else str(c)

    lines = []
    for i, sample in enumerate(ids):
        parts = []
        if labels is not None:
            parts.append(f"<b>{name(int(labels[i]))}</b>")
        if predicted is not None:
            parts.append(f"predicted {name(int(predicted[i]))}")
        if reference is not None:
            parts.append(f"teacher {name(int(reference[i]))}")
        if displacement is not None:
            parts.append(f"displacement {float(displacement[i]):.3f}")
        lines.append("<br>".join([*parts, f"id {plotly_text(sample)}"]))
    return np.array(lines, dtype=object)


def _common(points, ids, hover, mask) -> dict:
    return dict(
        x=points[mask, 0],
        y=points[mask, 1],
        mode="markers",
        customdata=ids[mask] if ids.dtype.kind in "iu" else ids[mask].tolist(),
        hovertext=hover[mask].tolist(),
        hovertemplate="%{hovertext}<extra></extra>",
        # The page redraws a selection itself; Plotly's own dimming would only flicker.
        selected=dict(marker=dict(opacity=1)),
        unselected=dict(marker=dict(opacity=0.35)),
    )


def _points(kind, points, ids, hover, group: _Group, theme, size, opacity, is_quiet: bool):
    line = dict(color=theme.surface, width=1 if group.raised else 0)
    marker = dict(
        color=group.colour,
        symbol=group.symbol,
        line=line,
        size=9 if group.raised else size,
        opacity=opacity if is_quiet else 1 if group.raised else 0.75,
    )
    return kind(
        name=plotly_text(group.name),
        marker=marker,
        showlegend=not is_quiet,
        **_common(points, ids, hover, group.mask),
    )


def _shaded(kind, points, ids, hover, mask, displacement, top, theme: Theme, size):
    order = np.argsort(displacement)  # far ones on top
    order = order[mask[order]]
    # Low values must still be seen on the surface: the scale starts some way up.
    stops = [[(p - 0.15) / 0.85, colour] for p, colour in theme.sequential if p >= 0.15]
    stops[0][1] = theme.grid
    marker = dict(
        color=displacement[order],
        colorscale=stops,
        cmin=0,
        cmax=top,
        size=size + 1,
        opacity=0.9,
        showscale=True,
        colorbar=colour_bar(theme, "displacement"),
    )
    return kind(name="displacement", marker=marker, **_common(points, ids, hover, order))


def _frame(fig: go.Figure, frame: Frame) -> None:
    hidden = dict(showticklabels=False, ticks="", constrain="domain")
    fig.update_xaxes(range=list(frame[0]), **hidden)
    fig.update_yaxes(range=list(frame[1]), scaleanchor="x", scaleratio=1, **hidden)
