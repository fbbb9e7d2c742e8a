"""Images of one's own at another path: they are the same data if their content is the same."""

import shutil

import numpy as np
import pytest
from PIL import Image
from run_helpers import small_config

from bickd_cli.main import main
from bickd_core.comparing.report_data import read_report_data
from bickd_core.comparing.seeds import on_other_data, recipe
from bickd_core.config import TrainConfig
from bickd_core.data.external import cached_content
from bickd_core.runs.create import create_run, same_settings
from bickd_core.runs.info import Source
from bickd_core.runs.library import RunError
from bickd_core.runs.same_data import is_data_of, relocate, relocate_all, same_data
from bickd_core.runs.status import Status, Worker
from bickd_core.runs.thumbnails import Thumbnails
from bickd_core.training.engine import fit
from bickd_core.training.setup import build_job
from bickd_core.training.worker import work

pytestmark = pytest.mark.usefixtures("quick_umap")
RUN = {"train_limit": None, "batch_size": 16, "epochs": 1}


@pytest.fixture
def shapes(tmp_path):
    """Sixty images of 12 pixels in three classes."""
    rng = np.random.default_rng(0)
    root = tmp_path / "job1" / "shapes"
    for c, name in enumerate(("bar", "disc", "ring")):
        (root / name).mkdir(parents=True)
        for i in range(20):
            pixels = rng.integers(0, 60, (12, 12, 3), dtype=np.uint8) + np.uint8(60 * c)
            Image.fromarray(pixels).save(root / name / f"{i:02}.png")
    return root


@pytest.fixture
def teacher(shapes, library):
    config = small_config(dataset=f"folder:{shapes}", role="teacher", image_size=16, **RUN)
    run = create_run(config, library, name="teacher")
    assert work(run, library) == "finished"
    return run


def student_on(folder, **changes):
    return small_config(
        dataset=f"folder:{folder}", teacher="teacher", objective={"kind": "kd"},
        **{"image_size": 16, **RUN, **changes},
    )  # fmt: skip


def test_a_student_learns_from_a_teacher_on_the_same_images_elsewhere(
    shapes, tmp_path, library, teacher
):
    copy, link = tmp_path / "job2" / "copied", tmp_path / "link"
    shutil.copytree(shapes, copy)
    link.symlink_to(shapes)
    assert not is_data_of(teacher.info(), f"folder:{copy}", decode=False)  # not decoded yet
    assert cached_content(f"folder:{copy}", 16) is None
    runs = [
        create_run(student_on(folder, seeds={"weights": seed}), library, name=f"s{seed}")
        for seed, folder in enumerate((copy, link))
    ]
    assert is_data_of(teacher.info(), f"folder:{copy}", decode=False)
    shutil.rmtree(shapes.parent)
    (tmp_path / "link").unlink()
    link.symlink_to(copy)
    assert [work(run, library) for run in runs] == ["finished", "finished"]
    first, second = (run.info() for run in runs)
    assert same_data(first, second)
    assert same_data(first, teacher.info())
    assert recipe(first) == recipe(second)
    assert on_other_data(first, [second]) == []
    assert same_settings(
        first, second.model_copy(update={"config": first.config, "dataset": second.dataset})
    )
    assert len(read_report_data(library, "teacher", ["s0", "s1"]).comparison.models) == 3


def test_other_images_at_another_path_are_refused_and_make_no_run(
    shapes, tmp_path, library, teacher
):
    other = tmp_path / "other"
    shutil.copytree(shapes, other)
    Image.new("RGB", (12, 12)).save(other / "bar" / "00.png")
    with pytest.raises(RunError, match="whose images differ; choose a teacher on the same data"):
        create_run(student_on(other), library, name="student")
    with pytest.raises(RunError, match="the student learns digits, which is other data"):
        create_run(small_config(teacher="teacher", objective={"kind": "kd"}), library)
    shutil.rmtree(other / "ring")
    assert not is_data_of(teacher.info(), f"folder:{other}")
    teacher.write_info(teacher.info().model_copy(update={"data_content": None}))
    with pytest.raises(RunError, match="there is no record of the teacher's images"):
        create_run(student_on(other), library)
    assert not library.taken("student")


def test_another_image_size_is_named_with_the_option_that_mends_it(shapes, library, teacher):
    with pytest.raises(RunError) as refused:
        create_run(student_on(shapes, image_size=12), library)
    assert str(refused.value) == (
        "teacher 'teacher' was made for images of 16 pixels, but the student's have 12; use"
        " `--image-size 16`, or choose a teacher for 12 pixels."
    )


def test_a_relative_path_is_the_teachers_data_too(shapes, library, teacher, monkeypatch):
    monkeypatch.chdir(shapes.parent)
    config = TrainConfig.model_validate(
        student_on(shapes).model_dump(exclude={"image_size"}) | {"dataset": f"folder:{shapes.name}"}
    )
    assert create_run(config, library).info().image_size == 16


def test_a_run_is_resumed_where_its_data_is_now(shapes, tmp_path, library, capsys, monkeypatch):
    monkeypatch.setenv("BICKD_RUNS", str(library.own))
    run = create_run(small_config(dataset=f"folder:{shapes}", **RUN), library, name="i1")
    job = build_job(run.info().config, library)
    run.write_info(run.info().model_copy(update={"data_content": job.dataset.content}))
    assert fit(job, run, stop_after=(0, 1)) == "stopped"
    run.write_status(Status("stopped"))
    moved, changed = tmp_path / "job2" / "shapes", tmp_path / "changed"
    shutil.copytree(shapes, changed)
    (changed / "bar" / "19.png").unlink()
    shutil.move(shapes, moved)
    for arguments, message in (
        ([], f"must be at folder:{shapes}, but that path does not exist; put the data back, or"),
        ([], "bickd relocate i1 --dataset folder:PATH"),
        (["--dataset", f"folder:{changed}"], "but they differ; name the path of the same images"),
        (["--dataset", "digits"], "but they differ"),
    ):
        with pytest.raises(SystemExit) as ended:
            main(["train", "--resume", "i1", *arguments])
        assert ended.value.code == 2
        assert message in capsys.readouterr().err
        assert run.status().state == "stopped"
    with pytest.raises(SystemExit) as ended:
        main(["train", "--resume", "i1", "--dataset", f"folder:{moved}"])
    assert ended.value.code == 0
    info = run.info()
    assert info.dataset == info.config.dataset == f"folder:{moved}"
    with pytest.raises(SystemExit):
        main(["train", "--resume", "i1", "--dataset", f"folder:{changed}"])
    assert "finished and cannot be resumed" in capsys.readouterr().err
    assert run.info() == info


def test_finished_runs_are_relocated_to_where_their_images_are_now(
    shapes, tmp_path, library, teacher, capsys, monkeypatch
):
    monkeypatch.setenv("BICKD_RUNS", str(library.own))
    student = create_run(student_on(shapes), library, name="student")
    assert work(student, library) == "finished"
    before = teacher.info()
    moved, changed = tmp_path / "laptop", tmp_path / "changed"
    shutil.copytree(shapes, changed)
    Image.new("RGB", (12, 12)).save(changed / "bar" / "00.png")
    shutil.move(shapes, moved)
    monkeypatch.setenv("BICKD_CACHE", str(tmp_path / "another-machine"))
    pictures = Thumbnails.for_dataset(before.dataset, "test")
    assert pictures.png(0) is None
    assert "call `bickd relocate --dataset folder:PATH`" in pictures.reason

    def relocated(*arguments):
        with pytest.raises(SystemExit) as ended:
            main(["relocate", *arguments])
        return ended.value.code, capsys.readouterr()

    for arguments, message in (
        ([f"folder:{changed}"], "none of the runs whose images have moved has these"),
        ([f"folder:{changed}", "teacher"], "but they differ; name the path of the same images"),
        ([f"folder:{tmp_path / 'nowhere'}"], "nowhere does not exist"),
        (["digits", "teacher"], "but they differ"),
    ):
        code, said = relocated("--dataset", *arguments)
        assert (code, message in said.err) == (2, True), said.err
    assert teacher.info() == before
    for needed in (["extend", "student", "--epochs", "1"], ["stages", "student"]):
        with pytest.raises(SystemExit):
            main(needed)
        assert "name its new path: bickd relocate student --dataset" in capsys.readouterr().err
    code, said = relocated("--dataset", f"folder:{moved}")
    assert code == 0
    assert said.out.splitlines() == [f"{run}: folder:{moved}" for run in ("student", "teacher")]
    for run in (student, teacher):
        info = run.info()
        assert info.dataset == info.config.dataset == f"folder:{moved}"
        assert info.data_content == before.data_content
    pictures = Thumbnails.for_dataset(teacher.info().dataset, "test")
    assert pictures.png(0) is not None
    again = build_job(student.info().config, library).dataset  # it can be extended and evaluated
    assert again.content == before.data_content


def test_a_run_that_a_worker_has_is_not_relocated(shapes, library, teacher):
    teacher.write_status(Status("running", worker=Worker.this()))
    with pytest.raises(RunError, match="run 'teacher' is running; stop it before"):
        relocate(teacher, f"folder:{shapes}")
    assert relocate_all(library, f"folder:{shapes}") == []


def test_an_imported_network_is_relocated(shapes, tmp_path, library, teacher):
    info = teacher.info().model_copy(update={"config": None, "source": Source(kind="imported")})
    teacher.write_info(info)
    link = tmp_path / "link"
    link.symlink_to(shapes)
    relocate(teacher, f"folder:{link}")
    assert teacher.info() == info.model_copy(update={"dataset": f"folder:{link}"})
