"""Which points have which colour, and the frame that maps share."""

import numpy as np
import pytest

from bickd_viz.colouring import by_class, by_disagreement, by_value, highlighted, quiet
from bickd_viz.frames import tight_frame
from bickd_viz.theme import DARK, LIGHT


def test_classes_have_a_colour_each_and_come_again_as_diamonds():
    names = [f"c{i}" for i in range(12)]
    found = by_class([np.arange(12), np.zeros(12, int)], names, LIGHT)
    assert found.groups[0].tolist() == list(range(1, 13))
    assert set(found.groups[1].tolist()) == {1}
    assert len({(shade.colour, shade.symbol) for shade in found.palette}) == 12
    assert found.palette[10].symbol == "diamond"
    with pytest.raises(ValueError, match="at most 20 classes, got 21"):
        by_class([np.zeros(1, int)], [str(i) for i in range(21)], LIGHT)


def test_only_the_chosen_classes_are_coloured():
    found = highlighted([np.array([0, 1, 2, 1])], (2, 1), ["a", "b", "c"], DARK)
    assert found.groups[0].tolist() == [0, 2, 1, 2]
    assert [shade.name for shade in found.palette] == ["c", "b"]
    assert highlighted([np.array([0, 1])], (), ["a", "b"], DARK).groups[0].tolist() == [0, 0]
    with pytest.raises(ValueError, match="at most 6 classes, got 7"):
        highlighted([], range(7), [str(i) for i in range(7)], LIGHT)


def test_disagreement_is_where_the_top_class_differs():
    reference = np.array([0, 1, 2])
    found = by_disagreement([reference, np.array([0, 2, 2])], reference, LIGHT)
    assert [groups.tolist() for groups in found.groups] == [[0, 0, 0], [0, 1, 0]]


def test_values_run_over_the_scale_and_missing_ones_are_quiet():
    found = by_value([np.array([0.0, 0.5, 1.0, 2.0, np.nan])], "displacement", 1.0, LIGHT)
    assert found.groups[0].tolist() == [1, 17, 32, 32, 0]
    assert found.palette[-1].colour == LIGHT.sequential[-1][1]
    assert found.scale == ("displacement", 0.0, 1.0)
    assert len({shade.colour for shade in found.palette}) == 32


def test_quiet_has_no_colour():
    found = quiet(2, 3)
    assert [groups.tolist() for groups in found.groups] == [[0, 0, 0]] * 2
    assert found.palette == ()


def test_the_frame_holds_all_maps_but_not_a_stray():
    random = np.random.default_rng(0)
    one = random.uniform(-1, 1, (600, 2))
    two = random.uniform(-1, 1, (600, 2)) + np.array([3, 0])
    x0, x1, y0, y1 = tight_frame([one, two])
    assert x0 < -0.99
    assert x1 > 3.99
    assert y0 < -0.99
    assert y1 > 0.99
    assert x1 - x0 < 5.6
    with_stray = tight_frame([np.concatenate([one, [[1e6, 0.0]]]), two])
    assert with_stray[1] < 6.5


def test_the_frame_of_next_to_nothing():
    assert tight_frame([np.zeros((0, 2))]) == (0.0, 1.0, 0.0, 1.0)
    x0, x1, y0, y1 = tight_frame([np.array([[2.0, 2.0]])])
    assert x0 < 2 < x1
    assert y0 < 2 < y1
    assert tight_frame([np.array([[np.nan, 1.0], [0.0, 0.0], [1.0, 1.0]])])[0] < 0
