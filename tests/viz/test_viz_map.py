"""The prediction map: every sample once, its id with it, colour only where it says something."""

import numpy as np
import plotly.graph_objects as go
import pytest

from bickd_viz.charts.map import prediction_map, shared_frame
from bickd_viz.theme import DARK, LIGHT

N = 60
RNG = np.random.default_rng(0)
POINTS = RNG.normal(size=(N, 2))
IDS = np.arange(1000, 1000 + N)
LABELS = RNG.integers(0, 5, N)
PREDICTED = RNG.integers(0, 5, N)
NAMES = ["ant", "bee", "cat", "dog", "emu"]
ALL = dict(ids=IDS, labels=LABELS, predicted=PREDICTED, reference=LABELS, class_names=NAMES)
FAR = RNG.permutation(np.linspace(0, 0.9, N))


def drawn(figure) -> list:
    return sorted(int(i) for trace in figure.data for i in trace.customdata)


@pytest.mark.parametrize("mode", ["true", "predicted", "disagreement", "displacement", "highlight"])
@pytest.mark.parametrize("selected", [(), IDS[3:9]], ids=["all", "selected"])
def test_every_sample_is_drawn_once_with_its_id(mode, selected):
    figure = prediction_map(POINTS, colour_by=mode, displacement=FAR, selected_ids=selected, **ALL)
    assert drawn(figure) == list(IDS)
    for trace in figure.data:
        assert np.asarray(trace.customdata).ndim == 1
        for x, y, sample in zip(trace.x, trace.y, trace.customdata, strict=True):
            assert (x, y) == pytest.approx(POINTS[sample - 1000], abs=1e-6)


def test_the_hover_names_classes_and_id():
    figure = prediction_map(POINTS, displacement=FAR, **ALL)
    trace = figure.data[0]
    k = trace.customdata[0] - 1000
    text = trace.hovertext[0]
    assert f"<b>{NAMES[LABELS[k]]}</b>" in text
    assert f"predicted {NAMES[PREDICTED[k]]}" in text
    assert f"teacher {NAMES[LABELS[k]]}" in text
    assert f"displacement {FAR[k]:.3f}" in text
    assert text.endswith(f"id {1000 + k}")


def test_only_highlighted_classes_and_the_selection_have_a_colour():
    figure = prediction_map(POINTS, highlight_classes=(1, 4), **ALL)
    grey, *coloured = figure.data
    assert grey.marker.color == LIGHT.quiet
    assert [t.name for t in coloured] == ["bee", "emu"]
    assert set(coloured[0].customdata) == set(IDS[LABELS == 1])
    chosen = prediction_map(POINTS, selected_ids=[1005, 1007, 99], theme=DARK, **ALL)
    assert list(chosen.data[1].customdata) == [1005, 1007]
    assert chosen.data[1].marker.color == DARK.accent
    assert chosen.data[0].marker.color == DARK.quiet


def test_a_selection_beside_highlighted_classes_has_a_colour_of_its_own():
    chosen = [*IDS[LABELS == 1][:2], *IDS[LABELS == 3][:2]]
    figure = prediction_map(POINTS, highlight_classes=(1,), selected_ids=chosen, **ALL)
    grey, highlighted, rest = figure.data
    assert set(highlighted.customdata) == set(chosen[:2])
    assert set(rest.customdata) == set(chosen[2:])
    assert len({t.marker.color for t in (grey, highlighted, rest)}) == 3


def test_no_rainbow_above_twenty_classes():
    many = [f"class {i}" for i in range(21)]
    figure = prediction_map(POINTS, ids=IDS, labels=LABELS, class_names=many, colour_by="true")
    assert [t.marker.color for t in figure.data] == [LIGHT.quiet]
    few = prediction_map(POINTS, ids=IDS, labels=LABELS, class_names=many[:20], colour_by="true")
    looks = [(t.marker.color, t.marker.symbol) for t in few.data]
    assert len(looks) == len(set(looks)) == 5


def test_disagreement_has_two_groups_against_the_reference():
    figure = prediction_map(POINTS, colour_by="disagreement", **ALL)
    by_name = {t.name: set(t.customdata) for t in figure.data}
    assert by_name["differs"] == set(IDS[PREDICTED != LABELS])
    assert by_name["same as the teacher"] == set(IDS[PREDICTED == LABELS])


def test_displacement_is_one_scale_from_zero_to_the_given_end():
    figure = prediction_map(
        POINTS, ids=IDS, colour_by="displacement", displacement=FAR, displacement_max=1.0
    )
    marker = figure.data[0].marker
    assert (marker.cmin, marker.cmax) == (0, 1.0)
    assert list(marker.color) == sorted(marker.color)  # the far ones are drawn last
    assert marker.colorbar.title.text == "displacement"


def test_webgl_begins_above_a_thousand_points():
    for count, kind in ((1000, go.Scatter), (1001, go.Scattergl)):
        figure = prediction_map(RNG.normal(size=(count, 2)), ids=np.arange(count))
        assert isinstance(figure.data[0], kind)


def test_text_ids_are_kept_as_text():
    figure = prediction_map(POINTS[:2], ids=np.array(["a/1", "b/2"]), selected_ids=["b/2"])
    assert list(figure.data[1].customdata) == ["b/2"]


def test_maps_side_by_side_share_one_frame_with_equal_units():
    other = POINTS * [3, 1] + 5
    (x0, x1), (y0, y1) = shared_frame([POINTS, other])
    both = np.concatenate([POINTS, other])
    assert x0 < both[:, 0].min()
    assert x1 > both[:, 0].max()
    room = 0.04 * np.ptp(both, axis=0).max()
    assert y0 == pytest.approx(both[:, 1].min() - room)
    assert y1 == pytest.approx(both[:, 1].max() + room)
    layout = prediction_map(POINTS, ids=IDS, frame=((x0, x1), (y0, y1))).layout
    assert layout.xaxis.range == (x0, x1)
    assert layout.yaxis.scaleanchor == "x"
    assert layout.xaxis.showticklabels is False


def test_a_frame_of_nothing_or_of_one_place_has_an_extent():
    for points in (np.zeros((0, 2)), np.ones((3, 2))):
        for low, high in shared_frame([points]):
            assert low < high


@pytest.mark.parametrize("mode", ["true", "predicted", "disagreement", "displacement"])
def test_a_missing_input_is_named(mode):
    with pytest.raises(ValueError, match=f"is needed to colour by {mode}, got None"):
        prediction_map(POINTS, ids=IDS, colour_by=mode)


def test_wrong_shapes_and_modes_are_refused():
    with pytest.raises(ValueError, match=r"\[N, 2\] with N = 60 ids, got shape \(60, 3\)"):
        prediction_map(np.zeros((60, 3)), ids=IDS)
    with pytest.raises(ValueError, match="one of true, predicted"):
        prediction_map(POINTS, ids=IDS, colour_by="rainbow")
