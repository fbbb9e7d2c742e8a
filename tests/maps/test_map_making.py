"""All maps of a comparison: in which order, from what, and never twice."""

from dataclasses import replace

import numpy as np
import pytest
from run_helpers import random_predictions

from bickd_core.geometry.layout import Layout
from bickd_core.maps.make import Maps, expected_seconds, make, unmeasured
from bickd_core.runs.predictions import PredictionsError


@pytest.fixture
def runs(make_run, quick_umap):
    """A teacher and two students on the same 30 samples, the first in another order."""
    base = random_predictions(30, 4, seed=1)
    generator = np.random.default_rng(2)

    def student():
        return replace(
            base,
            logits=base.logits + generator.normal(0, 0.3, base.logits.shape).astype(np.float32),
        )

    return (
        make_run("teacher", predictions=base),
        make_run("a", predictions=student().take(generator.permutation(30))),
        make_run("b", predictions=student()),
    )


@pytest.mark.parametrize(
    ("method", "models"), [("umap", 3), ("transform", 3), ("aligned", 1), ("pca", 3)]
)
def test_what_is_missing_is_made_and_measured_once(library, runs, method, models):
    maps = Maps(library, runs[0], runs[1:], "test", method)
    assert [maps.stored(run) for run in runs] == [None] * 3
    told = []
    make(maps, lambda *now: told.append(now))
    seeds = {"pca": 0, "aligned": 1}.get(method, 3)
    assert [done for done, _, _ in told] == list(range(models + seeds + 1))
    layouts = [maps.stored(run) for run in runs]
    assert [layout.n for layout in layouts] == [30] * 3
    assert not any(unmeasured(layout) for layout in layouts)
    if method != "pca":
        assert all(0 <= layout.displaced_share <= 1 for layout in layouts)
        assert {layout.reseeds for layout in layouts} == ({1} if method == "aligned" else {2})
    told.clear()
    make(maps, lambda *now: told.append(now))
    assert told == [(0, 0, "done")]


def test_a_students_samples_land_in_the_teachers_map(library, runs):
    maps = Maps(library, runs[0], runs[1:], "test", "transform")
    make(maps)
    base, placed = maps.stored(runs[0]), maps.stored(runs[1])
    assert (base.method, placed.method) == ("umap", "transform")
    base_points, points = (maps.space(run).points for run in runs[:2])
    for i in range(30):  # the stand-in puts a sample where the most similar one of the teacher lies
        gaps = ((points[i] - base_points) ** 2).sum(axis=1)
        np.testing.assert_array_equal(placed.coordinates[i], base.coordinates[int(np.argmin(gaps))])


def test_maps_together_belong_to_their_company(library, runs):
    all_three = Maps(library, runs[0], runs[1:], "test", "aligned")
    pair = Maps(library, runs[0], runs[1:2], "test", "aligned")
    make(all_three)
    assert pair.stored(runs[1]) is None
    assert all_three.name != pair.name
    assert Maps(library, runs[0], runs[1:], "test", "umap").name != all_three.name


def test_a_map_without_its_measurement_is_kept_as_it_is(library, runs):
    maps = Maps(library, runs[0], (), "test", "umap")
    make(maps)
    made = maps.stored(runs[0])
    moved = replace(made, displaced_share=None, reseeds=0, coordinates=made.coordinates + 1)
    maps.store(runs[0], moved)
    make(maps)
    np.testing.assert_array_equal(maps.stored(runs[0]).coordinates, moved.coordinates)
    assert maps.stored(runs[0]).reseeds == 2


def test_maps_of_the_shelf_are_measured_aside(library, make_run, quick_umap):
    teacher = make_run("teacher", predictions=random_predictions(30, 4), on_shelf="digits")
    maps = Maps(library, teacher, (), "test", "umap")
    make(maps)
    bundled = replace(maps.stored(teacher), displaced_share=None)
    place = next((library.own / ".layouts").glob("layout-umap-*"))
    bundled.save(teacher.path / place.name)
    place.unlink()
    assert unmeasured(maps.stored(teacher))
    make(maps)
    assert maps.stored(teacher).displaced_share is not None
    assert Layout.load(teacher.path / place.name).displaced_share is None


def test_a_student_that_lacks_samples_is_one_sentence(library, runs, make_run):
    part = make_run("part", predictions=runs[2].predictions("test").take(np.arange(20)))
    for method in ("umap", "transform", "aligned"):
        with pytest.raises(PredictionsError, match="run 'part' has 20 of the 30 samples"):
            make(Maps(library, runs[0], (part,), "test", method))


def test_what_there_is_no_such_map_of_is_refused(library, runs):
    with pytest.raises(
        ValueError, match="method must be one of umap, transform, aligned, pca, got 'tsne'"
    ):
        Maps(library, runs[0], (), "test", "tsne")
    with pytest.raises(ValueError, match="needs at least one student"):
        Maps(library, runs[0], (), "test", "aligned")


def test_more_samples_and_models_are_expected_to_take_longer():
    for method in ("umap", "transform", "aligned", "pca"):
        assert expected_seconds(method, 1000, 2) < expected_seconds(method, 1000, 5)
        assert expected_seconds(method, 1000, 2) < expected_seconds(method, 9000, 2)
