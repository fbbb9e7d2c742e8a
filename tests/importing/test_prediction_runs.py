"""Runs made of imported predictions: what stands in them, what is refused, and that nothing is left
behind."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from layouts import (
    CLASSES,
    LAYOUTS,
    N,
    columns,
    ids,
    labels,
    logits,
    paths,
    softmax,
    two_methods,
)
from PIL import Image
from test_prediction_files import read_here

from bickd_core.comparing.report_data import read_report_data
from bickd_core.importing import prediction_runs
from bickd_core.importing.add_validation import add_validation
from bickd_core.importing.layout import Hints
from bickd_core.importing.prediction_runs import create_runs
from bickd_core.packed_text import pack, unpack
from bickd_core.runs.info import RunError
from bickd_core.runs.predictions import Predictions, PredictionsError
from bickd_core.runs.sample_file import SampleFile
from bickd_core.runs.thumbnails import Thumbnails
from bickd_core.training.finish import add_stages

TWO = "csv, `teacher_cat`, `student_cat`: two models"


@pytest.fixture
def two(tmp_path):
    return read_here(tmp_path, LAYOUTS[TWO](tmp_path))


def left_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_teacher_and_student_become_finished_runs_that_compare(two, library):
    runs = create_runs(two, library, teacher="teacher", dataset="pets")
    assert [run.key for run in runs] == ["teacher", "student"]
    info = runs[1].info()
    assert (info.role, info.dataset, info.arch, info.image_size) == ("student", "pets", "", None)
    assert info.source.kind == "predictions"
    assert info.teacher is not None
    assert info.teacher.key == "teacher"
    assert runs[1].status().state == "finished"
    assert "agreement with the teacher" in (runs[1].path / "README.md").read_text()
    found = read_report_data(library, "teacher", ["student"]).comparison
    assert found.n == N
    assert found.students[0].name == "student"


def test_a_run_with_predictions_only_has_no_layers(two, library):
    runs = create_runs(two, library, teacher="teacher")
    with pytest.raises(RunError, match="'student' has only predictions, but a network is needed"):
        add_stages(runs[1])


def test_two_imports_of_the_same_samples_share_their_label(two, library, tmp_path):
    first = create_runs(two, library, teacher="teacher")
    second = create_runs(two, library, teacher="teacher")
    assert [run.key for run in second] == ["teacher-2", "student-2"]
    assert first[0].info().dataset == second[0].info().dataset
    assert second[1].info().title == "student"
    assert read_report_data(library, "teacher", ["student-2"]).comparison.n == N


def test_students_of_a_run_that_is_already_there(two, library, tmp_path):
    create_runs(two, library, teacher="teacher", dataset="pets")
    more = read_here(tmp_path, LAYOUTS["csv, `logit_0`, `logit_1`, ... with ids"](tmp_path))
    with pytest.raises(PredictionsError, match="differ"):
        create_runs(more, library, teacher="teacher")
    again = create_runs(two, library, teacher="student", names={"teacher": "a", "student": "b"})
    assert again[0].info().role == "teacher"  # a model of the import comes first


def test_students_named_by_their_seeds_are_one_recipe(library, tmp_path):
    imported = read_here(tmp_path, two_methods(tmp_path))
    runs = create_runs(imported, library, teacher="teacher")
    found = [(run.info().source.method, run.info().seed) for run in runs]
    assert found == [("", None), ("kd", 0), ("kd", 1), ("kd", 2), ("CE", 0)]
    data = read_report_data(library, "teacher", ["kd-s0", "CE-seed-0"])
    assert [model.name for model in data.comparison.students] == ["kd", "CE"]
    assert [data.recipes.seeds(model.key) for model in data.comparison.students] == [3, 1]
    accuracies = [
        (run.predictions("test").predicted == run.predictions("test").labels).mean()
        for run in runs[1:4]
    ]
    accuracy = data.recipes.figures["kd-s0"]["accuracy"]
    assert accuracy.mean == pytest.approx(np.mean(accuracies))
    assert accuracy.deviation == pytest.approx(np.std(accuracies, ddof=1))
    both = read_report_data(library, "teacher", ["kd-s0", "kd-s2"]).comparison
    assert [model.name for model in both.students] == ["kd-s0", "kd-s2"]


def test_seeds_in_names_can_be_left_alone(library, tmp_path):
    imported = read_here(tmp_path, two_methods(tmp_path))
    runs = create_runs(imported, library, teacher="teacher", seeds=False)
    assert {run.info().seed for run in runs} == {None}
    data = read_report_data(library, "teacher", ["kd-s0", "CE-seed-0"])
    assert data.recipes.seeds("kd-s0") == 1


def test_runs_join_a_teacher_of_the_library(two, library, tmp_path):
    create_runs(two, library, teacher="teacher", names={"teacher": "big", "student": "small"})
    (run, other) = create_runs(two, library, teacher="big")
    assert {run.info().role, other.info().role} == {"student"}
    assert run.info().teacher is not None
    assert run.info().teacher.key == "big"
    assert run.info().dataset == library.find("big").info().dataset


def with_texts(folder: Path, model: str, order: np.ndarray, *, seed: int = 0, **hints: object):
    """A file of one model without ids and labels, whose rows are in this order."""
    texts = [f"the text of sample {i}" for i in order]
    table = pd.DataFrame({"text": texts, **columns("{}", logits(seed)[order])})
    table.to_csv(folder / f"{model}.csv", index=False)
    return read_here(folder, [f"{model}.csv"], Hints(**hints))


def test_a_student_whose_rows_have_another_order_than_the_teachers(library, tmp_path):
    rows = np.arange(N)
    [big] = create_runs(with_texts(tmp_path, "big", rows), library, teacher="big")
    shuffled = with_texts(tmp_path, "small", rows[::-1])
    with pytest.raises(PredictionsError, match="40 of 40 samples have another text in these files"):
        create_runs(shuffled, library, teacher="big")
    assert left_in(library.own) == ["big"]
    [small] = create_runs(with_texts(tmp_path, "small", rows), library, teacher="big")
    [other] = create_runs(with_texts(tmp_path, "third", rows[::-1]), library, teacher="third")
    assert small.info().dataset == big.info().dataset != other.info().dataset


def test_validation_in_another_order_than_the_teachers(library, tmp_path):
    rows = np.arange(N)
    create_runs(with_texts(tmp_path, "big", rows), library, teacher="big")
    create_runs(with_texts(tmp_path, "small", rows), library, teacher="big")
    validation = {"seed": 3, "rows_of": "validation"}
    add_validation(with_texts(tmp_path, "big", rows, **validation), library)
    with pytest.raises(PredictionsError, match="another text in these files than in run 'big'"):
        add_validation(with_texts(tmp_path, "small", rows[::-1], **validation), library)
    [small] = add_validation(with_texts(tmp_path, "small", rows, **validation), library)
    assert np.allclose(small.predictions("validation").logits, logits(3), atol=1e-5)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"teacher": "teachr"}, "got 'teachr'; did you mean 'teacher'?"),
        (
            {"teacher": "teacher", "names": {"other": "x"}},
            "there is no model 'other' in these files",
        ),
        (
            {"teacher": "teacher", "names": {"student": " "}},
            "a model's name must have 1 to 80 printable",
        ),
        ({"teacher": "teacher", "names": {"student": "x", "teacher": "x"}}, "'x' already exists"),
        ({"teacher": "teacher", "dataset": " "}, "the data label must have 1 to 200 printable"),
        ({"teacher": "teacher", "images": Path("/nowhere")}, "'/nowhere', which is not a folder"),
    ],
)
def test_refusals_leave_nothing(options, words, two, library):
    with pytest.raises((PredictionsError, RunError), match=words.replace("?", r"\?")):
        create_runs(two, library, **options)
    assert left_in(library.own) == []


def test_names_with_spaces_are_kept_and_keys_are_made_from_them(two, library):
    names = {"teacher": "Big BERT (v2)", "student": "häns  net"}
    runs = create_runs(two, library, teacher="teacher", names=names)
    assert [run.key for run in runs] == ["Big-BERT-v2", "hans-net"]
    assert [run.info().title for run in runs] == ["Big BERT (v2)", "häns  net"]
    again = create_runs(two, library, teacher="teacher", names=names)
    assert [run.key for run in again] == ["Big-BERT-v2-2", "hans-net-2"]


def test_failure_in_the_second_run_takes_the_first_back(two, library, monkeypatch):
    def fail(*_: object) -> str:
        raise OSError(28, "No space left on device")

    calls = iter([lambda *_: "card", fail])
    monkeypatch.setattr(prediction_runs, "predictions_card", lambda *given: next(calls)(*given))
    with pytest.raises(OSError, match="No space"):
        create_runs(two, library, teacher="teacher")
    assert left_in(library.own) == []


def test_name_taken_meanwhile_takes_everything_back(two, library, monkeypatch):
    real = prediction_runs._make

    def make_and_take(*given):
        if given[1].name == "student":
            (library.own / "student").mkdir()
        return real(*given)

    monkeypatch.setattr(prediction_runs, "_make", make_and_take)
    with pytest.raises(RunError, match="'student' already exists"):
        create_runs(two, library, teacher="teacher")
    assert left_in(library.own) == ["student"]


def test_images_are_found_by_path_in_the_folder_alone(library, tmp_path):
    for path in paths()[:5]:
        file = tmp_path / "pictures" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (20, 10), "red").save(file)
    imported = read_here(tmp_path, LAYOUTS["two csv files with paths"](tmp_path))
    runs = create_runs(imported, library, teacher="teacher", images=tmp_path / "pictures")
    samples = runs[0].samples()
    assert len(samples.paths) == 5
    assert all(Path(path).is_relative_to(tmp_path / "pictures") for path in samples.paths.values())
    pictures = Thumbnails.of_samples(samples)
    sample = next(iter(samples.paths))
    assert pictures.png(sample).startswith(b"\x89PNG")
    assert pictures.png("nobody") is None
    Path(samples.paths[sample]).write_bytes(b"no image")
    from bickd_core.runs import thumbnails

    thumbnails._from_path.cache_clear()
    assert pictures.png(sample) is None


def test_images_are_found_by_id(two, library, tmp_path):
    folder = tmp_path / "by-id"
    folder.mkdir()
    Image.new("L", (8, 8)).save(folder / "img003.png")
    runs = create_runs(two, library, teacher="teacher", images=folder)
    assert runs[0].samples().paths == {"img003": str(folder / "img003.png")}


@pytest.mark.parametrize("column", ["id", "image", ""])
def test_images_are_found_by_ids_with_leading_zeros(column, library, tmp_path):
    (tmp_path / "by-id").mkdir()
    Image.new("L", (8, 8)).save(tmp_path / "by-id" / "000007.png")
    table = {column: [f"{i:06d}" for i in range(N)], **columns("{}", logits())}
    pd.DataFrame(table).to_csv(tmp_path / "net.csv", index=False)
    (run,) = create_runs(
        read_here(tmp_path, ["net.csv"]), library, teacher="net", images=tmp_path / "by-id"
    )
    assert run.samples().paths == {"000007": str(tmp_path / "by-id" / "000007.png")}


def test_folder_without_matching_images_is_refused(two, library, tmp_path):
    Image.new("L", (8, 8)).save(tmp_path / "other.png")
    with pytest.raises(PredictionsError, match="none of the 40 samples has an image"):
        create_runs(two, library, teacher="teacher", images=tmp_path)


def test_texts_stand_where_pictures_would(library, tmp_path):
    imported = read_here(tmp_path, LAYOUTS["tsv with a text column"](tmp_path))
    (run,) = create_runs(imported, library, teacher="net")
    pictures = read_report_data(library, run.key).pictures
    assert pictures.texts[3] == "sentence 3"
    assert not pictures.any


def test_damaged_sample_file_is_named(library, tmp_path):
    imported = read_here(tmp_path, LAYOUTS["tsv with a text column"](tmp_path))
    (run,) = create_runs(imported, library, teacher="net")
    np.savez(run.samples_path("test"), ids=np.arange(3))
    with pytest.raises(PredictionsError, match=r"net/samples-test\.npz: expected the arrays"):
        run.samples()
    texts, ends = pack(["ab", "c"])
    np.savez(
        run.samples_path("test"),
        ids=np.arange(2),
        texts=texts,
        texts_end=ends + 5,
        paths=texts,
        paths_end=ends,
    )
    with pytest.raises(PredictionsError, match="ends that do not fit its length"):
        run.samples()


def test_sample_file_keeps_both_kinds_of_ids(tmp_path):
    for file in (SampleFile({1: "ä", 3: "b"}, {3: "/x.png"}), SampleFile({"a": "t"}, {})):
        file.save(tmp_path / "s.npz")
        assert SampleFile.load(tmp_path / "s.npz") == file


def test_large_predictions_are_saved_without_compression(tmp_path):
    """12 s of compression would save 8 % of 50,000 x 1,000 logits."""
    import zipfile

    from bickd_core.runs.predictions import LARGE_BYTES, Predictions

    rows = LARGE_BYTES // 4000 + 1
    names = tuple(map(str, range(1000)))
    Predictions(np.zeros((rows, 1000), np.float32), names, np.arange(rows)).save(
        tmp_path / "large.npz"
    )
    with zipfile.ZipFile(tmp_path / "large.npz") as archive:
        assert {member.compress_type for member in archive.infolist()} == {zipfile.ZIP_STORED}
    assert len(Predictions.load(tmp_path / "large.npz")) == rows


def test_command_shows_the_layout_and_imports(tmp_path, library, monkeypatch, capsys):
    from bickd_cli.import_predictions import ImportPredictions

    np.savez(
        tmp_path / "both.npz",
        teacher_logits=logits(),
        kd=softmax(logits(1)),
        labels=labels(),
        ids=ids(),
    )
    files = (tmp_path / "both.npz",)
    assert ImportPredictions(files, dry_run=True).run(library) == 0
    shown = capsys.readouterr().out
    assert "scores of teacher" in shown
    assert "Nothing was imported" in shown
    assert left_in(library.own) == []
    with pytest.raises(PredictionsError, match="--teacher must be one of teacher, kd, got none"):
        ImportPredictions(files).run(library)
    with pytest.raises(
        PredictionsError, match="--names must hold one name for each of the 2 models"
    ):
        ImportPredictions(files, teacher="teacher", names=("a",)).run(library)
    with pytest.raises(
        PredictionsError, match="expected one or several files of predictions, got none"
    ):
        ImportPredictions(()).run(library)
    with pytest.raises(PredictionsError, match="got a folder; name the files in it"):
        ImportPredictions((tmp_path,)).run(library)
    assert ImportPredictions(files, teacher="teacher", names=("a", "b")).run(library) == 0
    assert left_in(library.own) == ["a", "b"]


def test_packed_text_survives():
    texts = ["", "häß", "日本", "a\nb"]
    assert unpack(*pack(texts)) == texts
    assert unpack(*pack(["abcd", "abc", None], longest=3)) == ["ab…", "abc", ""]


def test_command_takes_class_names_and_names_with_spaces(tmp_path, library, capsys):
    from bickd_cli.import_predictions import ImportPredictions, _class_names

    many = tuple(f"class {i}" for i in range(100))
    assert _class_names(",".join(many)) == many  # too long for a file's name
    np.savez(tmp_path / "log reg.npz", logits=logits(), labels=np.array(labels()))
    files = (tmp_path / "log reg.npz",)
    assert ImportPredictions(files, classes="bird,cat , dog").run(library) == 0
    run = library.find("log-reg")
    assert run.info().title == "log reg"
    assert run.predictions("test").class_names == ("bird", "cat", "dog")
    (tmp_path / "classes.txt").write_text("b\nc\nd\n")
    own = {"classes": str(tmp_path / "classes.txt"), "names": ("my net",), "teacher": "my net"}
    assert ImportPredictions(files, **own).run(library) == 0
    assert library.find("my-net").predictions("test").class_names == ("b", "c", "d")
    with pytest.raises(
        PredictionsError, match="--classes must be a file or names such as a,b,c, got 'cat'"
    ):
        ImportPredictions(files, classes="cat").run(library)
    with pytest.raises(
        PredictionsError, match=r"log reg.npz: expected 3 class names, one for each column"
    ):
        ImportPredictions(files, classes="cat,dog").run(library)
    with pytest.raises(PredictionsError, match="got a file without class names"):
        ImportPredictions(files, classes=str(files[0])).run(library)


def test_command_warns_of_few_shared_ids(tmp_path, library, capsys):
    from bickd_cli.import_predictions import ImportPredictions

    for name, first in (("a", 0), ("b", 30)):
        np.savez(tmp_path / f"{name}.npz", logits=logits(), ids=np.arange(40) + first)
    assert (
        ImportPredictions((tmp_path / "a.npz", tmp_path / "b.npz"), dry_run=True).run(library) == 0
    )
    said = " ".join(capsys.readouterr().out.split())
    assert "warning: Only 10 of 40 samples of a.npz are in every model." in said


def test_a_dry_run_checks_the_teacher_that_it_is_given(tmp_path, library):
    from bickd_cli.import_predictions import ImportPredictions

    np.savez(tmp_path / "net.npz", logits=logits(), labels=np.array(labels()), ids=ids())
    files = (tmp_path / "net.npz",)
    with pytest.raises(PredictionsError, match="must be one of the imported models .net. or an ex"):
        ImportPredictions(files, teacher="teachr", dry_run=True).run(library)
    assert ImportPredictions(files, teacher="net", dry_run=True).run(library) == 0
    assert not library.runs()


def on_validation(folder: Path, seed: int = 5):
    """What `--split validation` makes of a file of the two models on other samples."""
    table = {"id": [f"val{i}" for i in range(N)], "label": [CLASSES[c] for c in labels()]}
    table |= {**columns("teacher_{}", logits(seed)), **columns("student_{}", logits(seed + 1))}
    pd.DataFrame(table).to_csv(folder / "val.csv", index=False)
    return read_here(folder, ["val.csv"], Hints(rows_of="validation"))


def test_validation_is_added_to_runs_that_were_imported(two, library, tmp_path):
    create_runs(two, library, teacher="teacher")
    imported = on_validation(tmp_path)
    with pytest.raises(PredictionsError, match="these files hold only validation predictions"):
        create_runs(imported, library, teacher="teacher")
    runs = add_validation(imported, library)
    assert [run.key for run in runs] == ["teacher", "student"]
    found = runs[1].predictions("validation")
    assert found.class_names == runs[1].predictions("test").class_names
    assert np.allclose(found.logits, logits(6), atol=1e-5)
    with pytest.raises(
        PredictionsError, match="run 'teacher' already has predictions on validation"
    ):
        add_validation(imported, library)


def test_validation_goes_to_the_run_that_is_called_so(two, library, tmp_path):
    create_runs(two, library, teacher="teacher", names={"teacher": "教师", "student": "学生"})
    assert {run.key for run in library.runs()} == {"model", "model-2"}
    imported = on_validation(tmp_path)
    (tmp_path / "val.csv").rename(tmp_path / "v.csv")
    runs = add_validation(imported, library, names={"teacher": "教师", "student": "学生"})
    assert {run.key: run.info().title for run in runs} == {"model": "教师", "model-2": "学生"}
    for run, seed in zip(runs, (5, 6), strict=True):
        assert np.allclose(run.predictions("validation").logits, logits(seed), atol=1e-5)


def test_validation_of_a_name_that_several_runs_have_is_refused(two, library, tmp_path):
    for _ in range(2):
        create_runs(two, library, teacher="teacher")
    imported = on_validation(tmp_path)
    with pytest.raises(PredictionsError, match=r"runs are called 'teacher' \(teacher, teacher-2\)"):
        add_validation(imported, library)
    with pytest.raises(PredictionsError, match="two models have the name of run 'teacher-2'"):
        add_validation(imported, library, names={"teacher": "teacher-2", "student": "teacher-2"})
    assert not any(run.has_predictions("validation") for run in library.runs())
    names = {"teacher": "teacher", "student": "student-2"}  # keys, though one is the file's name
    runs = add_validation(imported, library, names=names)
    assert [run.key for run in runs] == ["teacher", "student-2"]


def test_validation_without_class_names_takes_those_of_its_run(two, library, tmp_path):
    create_runs(two, library, teacher="teacher")
    np.savez(
        tmp_path / "val.npz", teacher_logits=logits(5), student_logits=logits(6), labels=labels()
    )
    add_validation(read_here(tmp_path, ["val.npz"], Hints(rows_of="validation")), library)
    assert library.find("teacher").predictions("validation").class_names == CLASSES
    np.savez(tmp_path / "two.npz", a_logits=logits()[:, :2], b_logits=logits()[:, :2])
    imported = read_here(tmp_path, ["two.npz"], Hints(rows_of="validation"))
    create_runs(two, library, teacher="teacher", names={"teacher": "a", "student": "b"})
    with pytest.raises(
        PredictionsError, match=r"expected the classes of run 'a' \(bird, cat, dog\), got 0, 1"
    ):
        add_validation(imported, library)


def test_validation_comes_with_test_where_a_column_tells_them_apart(library, tmp_path):
    imported = read_here(tmp_path, LAYOUTS["csv, a `split` column"](tmp_path))
    (run,) = create_runs(imported, library, teacher="net")
    assert run.has_predictions("test")
    assert np.allclose(run.predictions("validation").logits, logits(2), atol=1e-5)


@pytest.mark.parametrize(
    ("names", "words"),
    [
        ({"student": "other"}, "there is no run 'other' to add validation predictions to"),
        ({"student": "trained"}, "run 'trained' was not imported as predictions"),
    ],
)
def test_validation_without_its_run_leaves_nothing(names, words, two, library, tmp_path, make_run):
    create_runs(two, library, teacher="teacher")
    make_run("trained")
    with pytest.raises(PredictionsError, match=words):
        add_validation(on_validation(tmp_path), library, names=names)
    assert not library.find("teacher").has_predictions("validation")


def test_test_predictions_are_not_taken_for_validation(two, library, tmp_path):
    create_runs(two, library, teacher="teacher")
    with pytest.raises(PredictionsError, match="got those of run 'teacher' on test"):
        add_validation(replace(two, split="validation"), library)


def test_failure_while_adding_validation_takes_everything_back(two, library, tmp_path, monkeypatch):
    create_runs(two, library, teacher="teacher")
    real, calls = Predictions.save, []

    def fail_second(self, path, **options):
        calls.append(path)
        if len(calls) == 2:
            raise OSError(28, "No space left on device")
        return real(self, path, **options)

    monkeypatch.setattr(Predictions, "save", fail_second)
    with pytest.raises(OSError, match="No space"):
        add_validation(on_validation(tmp_path), library)
    assert not library.find("teacher").has_predictions("validation")


def test_command_adds_validation(two, library, tmp_path, capsys):
    from bickd_cli.import_predictions import ImportPredictions

    create_runs(two, library, teacher="teacher")
    on_validation(tmp_path)
    assert ImportPredictions((tmp_path / "val.csv",), split="validation").run(library) == 0
    assert "validation predictions added to" in capsys.readouterr().out
    assert library.find("student").has_predictions("validation")


def test_evaluate_uses_the_temperature_of_the_pages(tmp_path, library, capsys):
    from bickd_cli.import_predictions import ImportPredictions
    from bickd_cli.main import Evaluate

    file = tmp_path / "net.npz"
    np.savez(file, logits=logits(), labels=np.arange(40) % 3)
    assert ImportPredictions((file,)).run(library) == 0
    assert Evaluate("net").run(library) == 0
    assert "net on test, T = 1, n = 40" in " ".join(capsys.readouterr().out.split())
    assert Evaluate("net", temperature=4.0).run(library) == 0
    assert "ECE (T = 1)" in capsys.readouterr().out


def test_a_student_with_row_numbers_joins_a_teacher_with_paths_without_them(library, tmp_path):
    table = {"image name": paths(), "label": labels(), **columns("{}", logits())}
    pd.DataFrame(table).to_csv(tmp_path / "teacher.csv", index=False)
    pd.DataFrame(table).to_csv(tmp_path / "kd.csv", index=True)
    create_runs(read_here(tmp_path, ["teacher.csv"]), library, teacher="teacher")
    with pytest.raises(PredictionsError, match=r"numbers as ids and run 'teacher' has texts"):
        create_runs(read_here(tmp_path, ["kd.csv"]), library, teacher="teacher")
    student = read_here(tmp_path, ["kd.csv"], Hints(id=""))
    assert create_runs(student, library, teacher="teacher")[0].key == "kd"
