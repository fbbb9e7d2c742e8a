"""The curve of a run that extends another begins with the other's."""

from __future__ import annotations

import pytest
from run_helpers import random_predictions, small_config

from app.pages.distill.curves import continued, earlier_records, reference
from bickd_core.runs.create import create_run
from bickd_core.runs.library import Library, Source
from bickd_core.runs.status import Status


def test_epochs_are_counted_through():
    assert continued([{"epoch": 0, "a": 1}], [{"epoch": 0, "a": 2}, {"epoch": 1, "a": 3}]) == [
        {"epoch": 0, "a": 1},
        {"epoch": 1, "a": 2},
        {"epoch": 2, "a": 3},
    ]


def test_all_ancestors_count_and_a_deleted_one_ends_them(tmp_path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("BICKD_RUNS", str(tmp_path))
    library = Library.default(tmp_path)
    made = []
    for number, name in enumerate(("a", "b", "c")):
        run = create_run(small_config(), library, name=name)
        if made:
            run.write_info(run.info().model_copy(update={"extends": made[-1].key}))
        for epoch in range(2):
            run.append_metrics({"epoch": epoch, "of": number})
        made.append(run)
    assert [record["of"] for record in earlier_records(made[2].info())] == [0, 0, 1, 1]
    assert [record["epoch"] for record in earlier_records(made[2].info())] == [0, 1, 2, 3]
    assert earlier_records(made[0].info()) == []
    made[0].write_status(Status("stopped"))
    made[0].delete()
    assert [record["of"] for record in earlier_records(made[2].info())] == [1, 1]


@pytest.mark.parametrize(
    ("changes", "drawn"),
    [({}, True), ({"validation_seed": 1}, False), ({"validation_folds": 5}, False)],
)
def test_the_teachers_line_is_of_the_same_validation_images(make_run, monkeypatch, changes, drawn):
    teacher = make_run("t", info={"role": "teacher"})
    random_predictions().save(teacher.predictions_path("validation"))
    monkeypatch.setenv("BICKD_RUNS", str(teacher.path.parent))
    student = make_run("s", info={"teacher": {"key": "t"}}, config=small_config(**changes))
    assert (reference(student.info()) is not None) == drawn
    teacher.change_info({"config": None, "source": Source(kind="imported")})
    assert (reference(student.info()) is not None) == drawn


def test_a_run_has_no_parent_when_a_later_run_or_itself_has_its_name(tmp_path, monkeypatch):
    monkeypatch.setenv("BICKD_RUNS", str(tmp_path))
    library = Library.default(tmp_path)
    first, longer = (create_run(small_config(), library, name=name) for name in ("a", "b"))
    for run, created in ((first, "2026-01-01"), (longer, "2026-01-02")):
        run.append_metrics({"epoch": 0})
        run.write_status(Status("stopped"))
        run.change_info({"created": created, "extends": "a" if run is longer else None})
    assert len(earlier_records(longer.info())) == 1
    first.delete()
    later = create_run(small_config(), library, name="a")
    later.append_metrics({"epoch": 0})
    assert earlier_records(longer.info()) == []
    later.write_status(Status("stopped"))
    later.delete()
    assert earlier_records(longer.rename("a").info()) == []
