"""`bickd train` on images of one's own, from files to a run in the library with pictures; streamed and held."""

import shutil

import numpy as np
import pytest
from PIL import Image
from run_helpers import small_config

from bickd_core.cli import main
from bickd_core.comparing import measure
from bickd_core.runs import Library
from bickd_core.training.engine import fit
from bickd_core.training.setup import build_job
from bickd_core.training.start import create_run
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
    pictures = measure(library, run.key).pictures
    assert pictures.data_uri(0).startswith("data:image/png;base64,")
    assert pictures.reason is None


def test_streamed_and_held_images_train_the_same_weights(flags, library, monkeypatch):
    states = []
    for megabytes in ("0", "100"):
        monkeypatch.setenv("BICKD_RESIDENT_MB", megabytes)
        config = small_config(dataset=f"folder:{flags}", train_limit=None, batch_size=16)
        run = create_run(config, library, name=f"run-{megabytes}")
        job = build_job(config, library)
        assert job.train.resident == (megabytes == "100")
        assert fit(job, run) == "finished"
        states.append(job.student.state_dict())
    for name, value in states[0].items():
        assert value.equal(states[1][name]), name


def test_a_folder_that_disappeared_fails_in_one_sentence_and_can_be_resumed(flags, library):
    config = small_config(dataset=f"folder:{flags}", train_limit=None)
    run = create_run(config, library, name="gone")
    shutil.move(flags, flags.parent / "elsewhere")
    assert work(run, library) == "failed"
    assert run.status().error == (f"the folder {flags} is not there; was it moved, or is a disk not mounted?")
    shutil.move(flags.parent / "elsewhere", flags)
    assert work(run, library) == "finished"
