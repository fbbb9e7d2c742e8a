"""Runs that differ in their seeds alone: who belongs together, and the figures against plain
numpy."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from app.data.seeds import changed_between, seed_groups
from app.distill.form_values import form_of
from app.distill.plan import build_plan
from app.pages.distill.curves import teacher_run
from app.pages.runs.seed_table import seed_row
from bickd_core.comparing.seeds import one_run_per_seed, recipe, recipe_on_any_data
from bickd_core.config import Seeds
from bickd_core.geometry.shards import stratified_shards
from bickd_core.runs.create import check_run, extension
from bickd_core.runs.info import Source
from bickd_core.runs.library import Library

SHELF = Path(__file__).parents[2] / "pretrained"


@pytest.fixture
def library(tmp_path, monkeypatch: pytest.MonkeyPatch) -> Library:
    monkeypatch.setenv("BICKD_RUNS", str(tmp_path / "own"))
    monkeypatch.setenv("BICKD_SHELF", str(SHELF))
    return Library.default()


def plain_overlap(P):
    Q = P / np.linalg.norm(P, axis=0)
    cosines = Q.T @ Q
    return (cosines.sum() - np.trace(cosines)) / (len(cosines) * (len(cosines) - 1))


def test_the_bundled_seeds_stand_a_line_a_method_with_figures_of_plain_numpy(library):
    groups = {group.first.objective: group for group in seed_groups(library.runs())}
    assert set(groups) == {"ce", "kd", "dist", "bickd"}
    kd = groups["kd"]
    assert (kd.keys, kd.seeds) == (tuple(f"caltech95/kd-s{s}" for s in (0, 1, 2)), (0, 1, 2))
    teacher = library.find("caltech95/teacher").predictions("test")
    right, same, overlaps = [], [], []
    for key in kd.keys:
        own = library.find(key).predictions("test")
        assert (own.ids == teacher.ids).all()
        right.append(np.mean([a == b for a, b in zip(own.predicted, own.labels, strict=True)]))
        same.append(
            np.mean([a == b for a, b in zip(own.predicted, teacher.predicted, strict=True)])
        )
        z = own.logits.astype(np.float64) / 4
        P = np.exp(z - z.max(axis=1, keepdims=True))
        P /= P.sum(axis=1, keepdims=True)
        shard = stratified_shards(len(P), own.labels)
        left = [plain_overlap(P[shard != g]) for g in range(20)]
        overlaps.append(20 * plain_overlap(P) - 19 * np.mean(left))
    for spread, values in ((kd.accuracy, right), (kd.agreement, same), (kd.overlap, overlaps)):
        assert spread == pytest.approx((np.mean(values), np.std(values, ddof=1)), abs=1e-6)
    assert kd.n == 1208
    assert not kd.shared_augmentation
    row = seed_row(kd)
    assert row["Method"] == "KD"
    assert row["Seeds"] == "3: 0, 1, 2"
    assert (
        row["Test accuracy"] == f"{100 * np.mean(right):.1f}% ± {100 * np.std(right, ddof=1):.1f}"
    )


def copy(library: Library, name: str, **seeds: int):
    shutil.copytree(SHELF / "caltech95/kd-s0", library.own / name)
    run = library.find(name)
    about = run.info()
    config = about.config.model_copy(update={"seeds": Seeds(**seeds)})
    run.write_info(about.model_copy(update={"config": config, "name": name}))
    return run


def test_a_repeated_seed_counts_once_and_a_shared_stream_is_said(library):
    a = copy(library, "a", weights=0, order=0, augmentation=0)
    again = copy(library, "b", weights=0, order=0, augmentation=0)
    shared = copy(library, "c", weights=5, order=5, augmentation=0)
    assert one_run_per_seed([a, again, shared]) == [a, shared]
    assert seed_groups([a, again]) == []
    (group,) = seed_groups([a, again, shared])
    assert group.seeds == (0, 5)
    assert group.shared_augmentation
    assert seed_row(group)["Seeds"] == "2: 0, 5 (shared views)"


def test_runs_whose_images_changed_in_between_are_not_averaged_and_are_named(library):
    one, other = (
        copy(library, "a", weights=0, order=0, augmentation=0),
        copy(library, "b", weights=1, order=1, augmentation=1),
    )
    assert len(seed_groups([one, other])) == 1
    assert changed_between([one, other]) == []
    for run, content in ((one, "a" * 16), (other, "b" * 16)):
        run.write_info(run.info().model_copy(update={"data_content": content}))
    assert seed_groups([one, other]) == []
    assert changed_between([one, other]) == ["a", "b"]


def test_seeds_have_no_agreement_with_a_teacher_that_was_replaced(library):
    runs = [copy(library, name, weights=seed, order=seed) for seed, name in enumerate("ab")]
    (group,) = seed_groups(runs)
    assert group.agreement is not None
    for run in runs:
        replaced = run.info().teacher.model_copy(update={"weights_sha256": "0" * 64})
        run.change_info({"teacher": replaced})
        assert teacher_run(run.info()) is None
    (group,) = seed_groups(runs)
    assert (group.agreement, group.accuracy is None) == (None, False)


def test_imported_runs_are_grouped_by_the_seeds_in_their_names(library):
    runs = [copy(library, name, weights=0, order=0, augmentation=0) for name in ("a", "b", "c")]
    for run, seed in zip(runs, (3, 1, None), strict=True):
        source = Source(kind="imported", method="" if seed is None else "kd", seed=seed)
        run.write_info(run.info().model_copy(update={"config": None, "source": source}))
    (group,) = seed_groups(runs)
    assert (group.keys, group.seeds, group.shared_augmentation) == (("b", "a"), (1, 3), False)
    assert seed_row(group)["Method"] == "kd"


def test_another_option_is_another_recipe(library):
    kd = library.find("caltech95/kd-s0").info()
    other = kd.model_copy(update={"config": kd.config.model_copy(update={"epochs": 41})})
    assert recipe(kd) == recipe(library.find("caltech95/kd-s1").info())
    assert recipe(kd) != recipe(other)
    assert recipe(kd) != recipe(library.find("caltech95/dist-s0").info())


def test_a_run_from_the_page_is_a_further_seed_of_a_bundled_run(library):
    bundled = library.find("caltech95/kd-s0").info()
    assert bundled.config.image_size is None
    form = {**form_of(bundled.config), "methods": ["kd"], "options": {}, "seeds": "7"}
    form["options"] = {"kd": bundled.config.objective.model_dump(exclude={"kind"})}
    ((planned,),) = build_plan(form).groups
    assert planned.config.image_size == 32
    again = check_run(planned.config, library)
    assert recipe(again) == recipe(bundled)
    assert recipe_on_any_data(again) == recipe_on_any_data(bundled)
    assert recipe(again) != recipe(again.model_copy(update={"image_size": 64}))


def test_extensions_of_several_seeds_are_one_recipe(library):
    def longer(key: str, **changes):
        return check_run(extension(library.find(key), 5), library).model_copy(update=changes)

    first, second = (longer(f"caltech95/kd-s{seed}") for seed in (0, 1))
    assert first.epochs_before == 40
    assert recipe(first) == recipe(second)
    assert recipe(first) != recipe(library.find("caltech95/kd-s0").info())
    assert recipe(first) != recipe(longer("caltech95/kd-s1", epochs_before=80))
    assert recipe(first) != recipe(longer("caltech95/kd-s1", extends="caltech95/ce-s1"))
    again = longer("caltech95/kd-s1", extends="kd-s1-plus5-plus5")
    assert recipe(again) == recipe(longer("caltech95/kd-s0", extends="kd-s0-plus5-plus5"))
    older = [info.model_copy(update={"epochs_before": None}) for info in (first, second)]
    assert recipe(older[0]) != recipe(older[1])
