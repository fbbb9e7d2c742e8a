"""`bickd train` on images of one's own, from files to a run in the library with pictures; streamed
and held."""

import shutil

import numpy as np
import pytest
from PIL import Image
from run_helpers import small_config
from weights_helpers import import_weights

from bickd_cli.main import main
from bickd_core.comparing.report_data import read_report_data
from bickd_core.data.registry import load_dataset
from bickd_core.data.rows import Rows
from bickd_core.importing.weights import ImportRequest
from bickd_core.runs.create import create_run, extension, settle_data
from bickd_core.runs.library import Library, RunError
from bickd_core.training.engine import fit
from bickd_core.training.finish import add_stages
from bickd_core.training.setup import build_job
from bickd_core.training.worker import work

pytestmark = pytest.mark.usefixtures("quick_umap")


@pytest.fixture
def flags(tmp_path):
    """A folder of four classes, each of a colour: 24 images to train on and 6 to test, 16 x 16."""
    rng = np.random.default_rng(0)
    root = tmp_path / "My flags"
    for part, count in (("train", 24), ("test", 6)):
        for name, colour in (("blue", 2), ("green", 1), ("grey", None), ("red", 0)):
            (root / part / name).mkdir(parents=True)
            for i in range(count):
                pixels = rng.integers(0, 80, (16, 16, 3), dtype=np.uint8)
                if colour is not None:
                    pixels[..., colour] += 150
                Image.fromarray(pixels).save(root / part / name / f"{i:02}.png")
    return root


def test_an_image_folder_trains_and_its_run_opens_with_pictures(flags, library, monkeypatch):
    monkeypatch.setenv("BICKD_SHELF", str(library.shelf))
    monkeypatch.setenv("BICKD_RUNS", str(library.own))
    options = ["--arch", "convnet-small", "--epochs", "1", "--precision", "fp32", "--threads", "1"]
    with pytest.raises(SystemExit) as left:
        main(["train", "--dataset", f"folder:{flags}", *options])
    assert not left.value.code
    run = Library(shelf=library.shelf, own=library.own).find("My-flags-convnet-small-ce-s0")
    info = run.info()
    assert (info.dataset, info.num_classes, info.image_size) == (f"folder:{flags}", 4, 16)
    assert run.predictions("test").class_names == ("blue", "green", "grey", "red")
    assert len(run.predictions("validation").labels) == 10
    card = (run.path / "README.md").read_text()
    assert "on My flags (image folder) at 16 pixels" in card
    assert "datasets: [My-flags]" in card
    pictures = read_report_data(library, run.key).pictures
    assert pictures.data_uri(0).startswith("data:image/png;base64,")
    assert pictures.reason is None


def test_streamed_and_held_images_train_the_same_weights(flags, library, monkeypatch):
    states = []
    for megabytes in ("0", "100"):
        monkeypatch.setenv("BICKD_RESIDENT_MB", megabytes)
        config = small_config(dataset=f"folder:{flags}", train_limit=None, batch_size=16)
        run = create_run(config, library, name=f"run-{megabytes}")
        job = build_job(config, library)
        assert isinstance(job.train.images, Rows) == (megabytes != "100")
        assert fit(job, run) == "finished"
        states.append(job.student.state_dict())
    for name, value in states[0].items():
        assert value.equal(states[1][name]), name


def test_a_folder_that_disappeared_fails_in_one_sentence_and_can_be_resumed(flags, library):
    config = small_config(dataset=f"folder:{flags}", train_limit=None)
    run = create_run(config, library, name="gone")
    shutil.move(flags, flags.parent / "elsewhere")
    assert work(run, library) == "failed"
    assert (
        run.status().error
        == f"the data of run 'gone' must be at folder:{flags}, but that path does not exist; put the"
        " data back, or name its new path: bickd relocate gone --dataset folder:PATH"
    )
    shutil.move(flags.parent / "elsewhere", flags)
    assert work(run, library) == "finished"


def repaint(path):
    """Another picture in the place of this one; returns what puts it back."""
    before = path.read_bytes()
    Image.fromarray(np.full((16, 16, 3), 200, dtype=np.uint8)).save(path)
    return lambda: path.write_bytes(before)


def test_a_run_notes_its_images_and_is_not_resumed_on_others(flags, library):
    config = small_config(dataset=f"folder:{flags}", train_limit=None, batch_size=16)
    run = create_run(config, library, name="a")
    assert run.info().data_content is None
    assert fit(build_job(config, library), run, stop_after=(1, 2)) == "stopped"
    settle_data(run, load_dataset(config.dataset).content, library)
    noted = run.info().data_content
    assert noted is not None
    put_back = repaint(flags / "train" / "red" / "03.png")
    assert work(run, library) == "failed"
    assert (
        run.status().error
        == f"the images in folder:{flags} have changed since this run began; restore them and"
        " resume, "
        "or start a new run."
    )
    put_back()  # at another time: what is in them counts
    assert work(run, library) == "finished"
    assert run.info().data_content == noted


@pytest.fixture
def taught(flags, library):
    config = small_config(
        dataset=f"folder:{flags}", train_limit=None, batch_size=16, epochs=1, role="teacher"
    )
    run = create_run(config, library, name="master")
    assert work(run, library) == "finished"
    return run


def test_a_student_on_other_images_than_its_teachers_is_refused(flags, library, taught):
    config = small_config(
        dataset=f"folder:{flags}", teacher="master", objective={"kind": "kd"}, epochs=1, batch_size=16,
        train_limit=40, validation_seed=3,
    )  # fmt: skip
    same = create_run(config, library, name="same")
    assert work(same, library) == "finished"
    assert (
        same.info().data_content == taught.info().data_content
    )  # whatever part of them is for what

    repaint(flags / "test" / "red" / "03.png")
    other = create_run(config, library, name="other")
    assert work(other, library) == "failed"
    assert (
        other.status().error
        == f"the images in folder:{flags} differ from those of teacher 'master'; restore them, or "
        "train a teacher on them as they are."
    )
    request = ImportRequest(
        arch="convnet-small",
        dataset=f"folder:{flags}",
        teacher="master",
        role="student",
        name="brought",
    )
    with pytest.raises(RunError, match="differ from those of teacher 'master'"):
        import_weights(same.weights_path, request, library)
    longer = create_run(extension(same, 1), library, name="longer")
    assert work(longer, library) == "failed"

    taught.write_info(
        taught.info().model_copy(update={"data_content": None})
    )  # as of an older version
    assert work(other, library) == "finished"
    imported = import_weights(same.weights_path, request, library)
    assert imported.info().data_content == other.info().data_content != same.info().data_content


def test_sets_that_come_along_need_no_such_note(library):
    run = create_run(small_config(epochs=1), library, name="digits")
    assert work(run, library) == "finished"
    assert run.info().data_content is None


@pytest.fixture
def numbered(tmp_path):
    """Twelve classes of images named 0 to 11, 8 to train on and 2 to test."""
    rng = np.random.default_rng(1)
    root = tmp_path / "signs"
    for part, count in (("train", 8), ("test", 2)):
        for c in range(12):
            (root / part / str(c)).mkdir(parents=True)
            for i in range(count):
                pixels = rng.integers(0, 40, (8, 8, 3), dtype=np.uint8) + np.uint8(15 * c)
                Image.fromarray(pixels).save(root / part / str(c) / f"{i}.png")
    return f"folder:{root}"


BY_VALUE = tuple(str(c) for c in range(12))


def test_the_order_of_numbered_classes_is_noted_and_followed_by_students(numbered, library, capfd):
    shared = {"dataset": numbered, "train_limit": None, "batch_size": 16, "epochs": 1}
    runs = {}
    for order in (None, "text"):
        config = small_config(**shared, role="teacher", class_order=order)
        runs[order] = create_run(config, library, name=f"teacher-{order}")
        assert work(runs[order], library) == "finished"
    natural, text = runs[None], runs["text"]
    assert "12 classes: 0, 1, 2, 3" in (log := capfd.readouterr().out)
    assert "in the order 'natural'" in log
    assert (natural.info().class_order, text.info().class_order) == ("natural", "text")
    assert natural.predictions("test").class_names == BY_VALUE
    assert text.predictions("test").class_names == tuple(sorted(BY_VALUE))
    assert natural.info().data_content == text.info().data_content

    kd = {**shared, "objective": {"kind": "kd"}}
    for teacher, order in (("teacher-None", "natural"), ("teacher-text", "text")):
        student = create_run(small_config(**kd, teacher=teacher), library)
        assert student.info().class_order == student.info().config.class_order == order
        longer = create_run(extension(library.locate(teacher), 2), library)
        assert longer.info().class_order == longer.info().config.class_order == order
    with pytest.raises(
        RunError,
        match="'teacher-text' has its classes in the order 'text', but 'natural' was requested",
    ):
        create_run(small_config(**kd, teacher="teacher-text", class_order="natural"), library)

    found = read_report_data(library, "teacher-None", ["teacher-text"]).comparison
    assert found.class_names == BY_VALUE  # aligned by the classes' names


def test_runs_from_before_keep_their_order_as_text(numbered, library):
    config = small_config(
        dataset=numbered, train_limit=None, batch_size=16, epochs=1, role="teacher"
    )
    before = create_run(config, library, name="before")
    info = before.info()
    assert info.config is not None
    older = info.config.model_copy(update={"class_order": None})
    before.write_info(info.model_copy(update={"class_order": None, "config": older}))
    assert work(before, library) == "finished"
    assert before.predictions("test").class_names == tuple(sorted(BY_VALUE))
    student = small_config(
        dataset=numbered,
        teacher="before",
        objective={"kind": "kd"},
        batch_size=16,
        train_limit=None,
    )
    assert create_run(student, library).info().class_order == "text"
    add_stages(before)
    stages, test = before.stages(), before.predictions("test")
    assert stages.labels.tolist() == [
        dict(zip(test.ids, test.labels, strict=True))[id] for id in stages.ids
    ]

    request = ImportRequest(
        arch="convnet-small", dataset=numbered, role="student", name="as-text", class_order="text"
    )
    same = import_weights(before.weights_path, request, library)
    assert same.info().class_order == "text"
    np.testing.assert_array_equal(
        same.predictions("test").logits, before.predictions("test").logits
    )
    other = import_weights(
        before.weights_path,
        request.model_copy(update={"name": "natural", "class_order": None}),
        library,
    )
    assert other.info().class_order == "natural"
    assert other.predictions("test").class_names == BY_VALUE
