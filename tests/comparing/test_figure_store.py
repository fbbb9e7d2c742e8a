"""Figures on disk: what is read back is what was computed, and a file can do no harm."""

import json
import threading
import time
from dataclasses import dataclass, replace

import numpy as np
import pytest

from bickd_core.comparing import calibration, class_geometry, measures, seeds, similarity, store
from bickd_core.comparing.cache import Figure, MemoryCache
from bickd_core.comparing.class_geometry import Lens
from bickd_core.comparing.figure_codec import decode, encode
from bickd_core.comparing.report_data import read_report_data
from bickd_core.comparing.store import MISSING, FigureStore, StoredCache, sweep
from bickd_core.geometry.intervals import Interval
from bickd_core.npz import content_key
from bickd_core.places import bundle_folder
from bickd_core.runs.library import Library


@pytest.fixture(scope="module")
def bundled():
    library = Library(bundle_folder() / "pretrained", bundle_folder() / "none")
    return read_report_data(
        library, "fashion-mnist/teacher", ["fashion-mnist/kd-s0", "fashion-mnist/bickd-s0"]
    )


def figures(comparison):
    """One call of every kind of figure that pages show."""
    T, (teacher, kd, bickd) = 4.0, comparison.models
    yield measures.summary, (bickd, T)
    yield measures.geometry, (bickd, T)
    yield measures.cross, (bickd, T)
    yield measures.rows_similarity, (bickd, T)
    yield measures.distance, (kd, bickd, T)
    yield measures.teacher_entropies, (T,)
    yield measures.overlap_difference, (bickd, kd, T)
    yield calibration.calibration, (bickd, 1.0)
    yield calibration.calibration_gap, (kd, bickd, (1.0, 2.0))
    yield calibration.disagreement, (kd, bickd)
    for lens in (Lens(T), Lens(T, "mean"), Lens(T, "image", centred=True)):
        yield class_geometry.gram, (bickd, lens)
        yield class_geometry.gram_figures, (teacher, lens)
        yield class_geometry.cross_gram_figures, (bickd, lens)
    yield seeds.scored, (bickd, T)
    path = str(kd.run.predictions_path("test"))
    yield seeds.scored_file, (path, content_key(path), T)
    yield class_geometry.spectrum, (bickd, Lens(T))
    yield class_geometry.sharpness, (bickd,)
    yield class_geometry.entropy_at, (bickd, Lens(T, "mean"))
    yield class_geometry.cell_parts, (bickd, (0, 1), Lens(T))
    for measure in similarity.MEASURES:
        yield similarity.similarity, (bickd, measure, "outputs", T)
    yield similarity.similarity, (bickd, "cka", "features", T)


def same(first, second):
    trees, arrays = zip(encode(first), encode(second), strict=True)
    assert json.dumps(trees[0]) == json.dumps(trees[1])
    for a, b in zip(*arrays, strict=True):
        assert a.dtype == b.dtype
        np.testing.assert_array_equal(a, b)


def test_every_figure_is_read_back_as_it_was(bundled, tmp_path, monkeypatch):
    disk = FigureStore(tmp_path)
    first = replace(bundled.comparison, cache=StoredCache(MemoryCache(), disk, quick=0.0))
    later = replace(bundled.comparison, cache=StoredCache(MemoryCache(), disk, quick=0.0))
    computed = [function(first, *arguments) for function, arguments in figures(first)]

    def forbidden(figure):
        raise AssertionError(f"{figure.name} is computed again")

    monkeypatch.setattr(Figure, "__call__", forbidden)
    for value, (function, arguments) in zip(computed, figures(later), strict=True):
        same(value, function(later, *arguments))


def test_quick_figures_are_not_stored(bundled, tmp_path):
    comparison = replace(
        bundled.comparison, cache=StoredCache(MemoryCache(), FigureStore(tmp_path), quick=10.0)
    )
    measures.teacher_entropies(comparison, 4.0)
    assert not list(tmp_path.rglob("*.npz"))


@dataclass
class Large:
    key: str
    large = True
    cache = None
    released = 0

    def release(self):
        self.released += 1


def figure(key="a", temperature=4.0):
    return Figure(len, "bickd_core.x:y", Large(key), (("temperature", temperature),))


def test_a_figure_belongs_to_its_content_arguments_and_code(tmp_path, monkeypatch):
    disk = FigureStore(tmp_path)
    disk.put(figure(), 1.5)
    assert disk.get(figure()) == 1.5
    assert disk.get(figure("b")) is MISSING
    assert disk.get(figure(temperature=1.0)) is MISSING
    monkeypatch.setattr(store, "code_version", lambda: "another")
    assert disk.get(figure()) is MISSING


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 and no more", b"\x93NUMPY", "cut"])
def test_a_damaged_figure_is_computed_again(tmp_path, content):
    disk = FigureStore(tmp_path)
    disk.put(figure(), np.arange(1000.0))
    (path,) = tmp_path.rglob("*.npz")
    path.write_bytes(path.read_bytes()[:-900] if content == "cut" else content)
    assert disk.get(figure()) is MISSING
    again = replace(figure(), function=lambda _, temperature: 2.5)
    assert StoredCache(MemoryCache(), disk, quick=0.0)("key", again) == 2.5
    assert disk.get(figure()) == 2.5


@pytest.mark.parametrize(
    "tree",
    [
        {"class": "os:system", "fields": {}},
        {"class": "bickd_core.atomic:write_text", "fields": {"path": "x", "text": "y"}},
        {"class": "bickd_core.comparing.cache:MemoryCache", "fields": {}},
        {"class": "bickd_core.geometry.intervals:np.ndarray", "fields": {}},
        {"array": 3},
        {"array": -1},
        {"what": 1},
        [1, 2],
    ],
)
def test_a_figure_from_a_file_makes_only_dataclasses_of_this_package(tree, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match="expected"):
        decode(tree, [])
    assert not list(tmp_path.iterdir())


def test_values_keep_their_types():
    value = {
        "interval": Interval(0.5, 0.4, None, 0.95, "test", 10, 0.5),
        "nan": (float("inf"), None, True, [1, "a"]),
        "array": np.array([["é", "b"]]),
    }
    tree, arrays = encode(value)
    back = decode(json.loads(json.dumps(tree)), arrays)
    assert back["interval"] == value["interval"]
    assert back["nan"] == value["nan"]
    with pytest.raises(TypeError, match="cannot hold builtins.object"):
        encode((object(),))
    with pytest.raises(TypeError, match="ndarray"):
        encode(np.array([object()]))


def test_a_figure_that_is_too_large_stays_in_memory(tmp_path, monkeypatch):
    monkeypatch.setattr(store, "LARGEST", 1000)
    disk = FigureStore(tmp_path)
    disk.put(figure(), np.zeros(200))
    assert disk.get(figure()) is MISSING


def test_processes_that_share_a_folder_compute_a_figure_once(tmp_path):
    calls, values = [], []

    def slow(_, temperature):
        calls.append(temperature)
        time.sleep(0.2)
        return 2.5

    def process():
        cache = StoredCache(MemoryCache(), FigureStore(tmp_path), quick=0.0, shared=True)
        values.append(cache("key", replace(figure(), function=slow)))

    threads = [threading.Thread(target=process) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (calls, values) == ([4.0], [2.5] * 4)


@pytest.mark.parametrize("shared", [False, True])
def test_a_folder_that_cannot_be_written_costs_only_the_storing(tmp_path, shared):
    (tmp_path / "file").touch()
    disk = FigureStore(tmp_path / "file" / "figures")
    cache = StoredCache(MemoryCache(), disk, quick=0.0, shared=shared)
    with pytest.warns(UserWarning, match="figures are not stored"):
        assert cache("key", replace(figure(), function=lambda _, temperature: 2.5)) == 2.5


def test_a_folder_of_another_account_can_be_read(tmp_path, monkeypatch):
    def refused(path):
        raise PermissionError(1, "Operation not permitted", str(path))

    disk = FigureStore(tmp_path)
    disk.put(figure(), 1.5)
    monkeypatch.setattr(store.os, "utime", refused)
    assert disk.get(figure()) == 1.5


def test_old_figures_give_way(tmp_path, monkeypatch):
    disk = FigureStore(tmp_path)
    for temperature in (1.0, 2.0, 3.0):
        disk.put(figure(temperature=temperature), np.zeros(1000))
        time.sleep(0.02)
    assert disk.get(figure(temperature=1.0)) is not MISSING  # read last
    sweep(tmp_path, kept_bytes=20_000)
    there = [disk.get(figure(temperature=t)) is not MISSING for t in (1.0, 2.0, 3.0)]
    assert there == [True, False, True]

    with monkeypatch.context() as patch:
        patch.setattr(store, "code_version", lambda: "another")
        sweep(tmp_path)
        assert len(list(tmp_path.rglob("*.npz"))) == 2  # another version may still run
        patch.setattr(store.time, "time", lambda: 1e11)
        sweep(tmp_path)
        assert not list(tmp_path.rglob("*.npz"))


def test_a_large_comparison_gives_its_memory_back_after_each_figure(tmp_path):
    computed = figure()
    cache = StoredCache(MemoryCache(), FigureStore(tmp_path), quick=0.0)
    computed = replace(computed, function=lambda comparison, temperature: temperature)
    assert cache(computed.key, computed) == 4.0
    assert computed.comparison.released == 1
    assert cache(computed.key, computed) == 4.0  # from memory
    assert computed.comparison.released == 1
