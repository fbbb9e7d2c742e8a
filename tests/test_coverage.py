"""The coverage table is made for every figure, and a few repetitions of it are sane."""

import numpy as np
import pytest

from benchmarks import coverage
from benchmarks.coverage import FIGURES, Population, chosen, table


@pytest.fixture(scope="module")
def rows():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(coverage, "SEED_TRUTH", (4, 500))
        patch.setattr(coverage, "DRAWS", 1)
        return coverage.coverage("10x10", 3, truth=3_000)


def test_every_figure_has_a_row_with_an_interval(rows):
    assert [row.name for row in rows] == list(FIGURES)
    for row in rows:
        assert 0 <= row.made <= 1, row.name
        assert row.samples == (1 if any(word in row.name for word in coverage.SLOW) else 3), (
            row.name
        )
        if row.made:
            assert np.isfinite(row.truth), row.name
            assert row.held + row.low + row.high == pytest.approx(1), row.name
            assert row.width > 0, row.name
    named = {row.name: row for row in rows}
    assert named["overlap, BicKD"].made == 1
    assert (
        named["overlap, BicKD"].bias < named["overlap, BicKD"].raw_bias
    )  # the correction lowers it
    assert named["accuracy"].bias == named["accuracy"].raw_bias  # nothing to correct


def test_the_population_keeps_the_means_and_spreads_of_its_classes():
    population = Population("4x5")
    assert population.n == 20
    sample = population.draw(np.random.default_rng(0), 2_000)
    source = coverage.Library(coverage.SHELF, coverage.SHELF / "caltech95").find(
        "caltech95/teacher"
    )
    stored = source.predictions("test")
    own = stored.logits[stored.labels == 0][:, [0, 31, 62, 94]]
    drawn = sample.logits[0][sample.labels == 0]
    assert drawn.mean(axis=0) == pytest.approx(own.mean(axis=0), abs=0.15)
    assert np.cov(drawn.T) == pytest.approx(
        np.cov(own.T, bias=True), abs=0.15 * np.trace(np.cov(own.T))
    )


def test_a_figure_is_chosen_by_a_part_of_its_name_and_the_table_has_a_line_for_each(rows):
    assert chosen(["procrustes"])[0] == "Procrustes distance of logits"
    with pytest.raises(ValueError, match="--only must be part of a figure's name, got 'nothing'"):
        chosen(["nothing"])
    plain, markdown = table(rows, False), table(rows, True)
    assert len(plain.splitlines()) == len(rows) + 1
    assert len(markdown.splitlines()) == len(rows) + 2
    assert "nan" not in plain + markdown
    several = coverage.overview({"10x10": rows, "other": rows[:1]}).splitlines()
    assert len(several) == len(rows) + 2
    assert all(line.count("|") == 4 for line in several)
    assert several[2].endswith("(3) |")
    assert several[3].endswith("– |")
