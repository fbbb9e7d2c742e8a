"""Overview: figures of overlap never stand without their temperature, and a newcomer finds the
words explained."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
from streamlit.testing.v1 import AppTest

from app.distill.which_method import which_method
from app.state import ViewState
from bickd_core.comparing.figures import CARDS
from bickd_core.runs.library import Library
from bickd_core.runs.predictions import Predictions

ROOT = Path(__file__).resolve().parents[2]


def page() -> None:
    from app.pages.overview import page as overview

    overview.show()


SHELF = ROOT / "pretrained" / "caltech95"


def predictions(name: str) -> Predictions:
    return Predictions.load(SHELF / name / "predictions-test.npz")


def overview(
    monkeypatch,
    teacher: str,
    *students: str,
    own: Path | None = None,
    pair: tuple[str, str] | None = None,
) -> AppTest:
    monkeypatch.setenv("BICKD_SHELF", str(ROOT / "pretrained"))
    if own is not None:
        monkeypatch.setenv("BICKD_RUNS", str(own))
    app = AppTest.from_function(page, default_timeout=60)
    app.session_state["view"] = ViewState(
        teacher=teacher, students=students, temperature=2.0, pair=pair
    )
    app.run()
    assert not app.exception, app.exception
    return app


def test_title_note_and_cards_rest_on_all_seeds_that_the_library_has(monkeypatch):
    app = overview(monkeypatch, "caltech95/teacher", "caltech95/kd-s0", "caltech95/bickd-s0")
    teacher = predictions("teacher")
    means = {}
    for method in ("kd", "bickd"):
        runs = [predictions(f"{method}-s{seed}") for seed in range(3)]
        means[method] = [
            np.mean([(run.predicted == other).mean() for run in runs])
            for other in (teacher.labels, teacher.predicted)
        ]
    assert (
        app.title[0].value
        == "BicKD's classes overlap less than KD's at matched entropy; no accuracy difference seen"
    )
    (ours, alike), (theirs, their_own) = means["bickd"], means["kd"]
    assert app.caption[0].value.startswith(
        f"BicKD against KD, means of 3 seeds each: accuracy {ours:.1%} against {theirs:.1%},"
        f" agreement with the teacher {alike:.1%} against {their_own:.1%}, overlap matched per"
        " image (T = 2) "
    )
    assert "Overlap depends on T" not in app.caption[0].value, "they were distilled here"
    assert which_method().lines[1] in app.caption[1].value.replace("\\", "")
    assert (
        "with 95% intervals over seeds and 1,208 test images together" in app.caption[0].proto.help
    )
    cards = {e.value: e.proto.help for e in app.markdown if "bk-card-title" in e.value}
    assert any("<b>Overlap, unmatched</b><br><span>T = 2, " in card for card in cards)
    assert len(cards) == len(CARDS)
    assert all(cards.values()), "every card explains its figure"
    corrected = [card for card, help in cards.items() if "Corrected for the number of" in help]
    assert len(corrected) == 2
    assert all("Overlap" in card for card in corrected)
    shown = next(e.proto.body for e in app.get("html") if "bkw-row" in e.proto.body)
    assert f'title="BicKD: mean of 3 seeds {ours:.1%}, standard deviation' in shown
    assert shown.count("bkw-spread") == 2
    captions = [caption.value for caption in app.caption]
    assert any(
        caption.startswith(
            "One run of each model (teacher, kd-s0, bickd-s0), all at T = 2, not matched. Colour"
        )
        for caption in captions
    )
    (pair,) = [caption for caption in app.caption if "Cosine of the two classes" in caption.value]
    assert pair.value.startswith("Cosine of the two classes at T = 2: teacher ")
    assert pair.proto.help.startswith("The pair is chosen on these images")
    differences = app.dataframe[-1].value
    assert differences["BicKD minus"].tolist() == ["KD", "the teacher"]
    gap = 100 * (ours - (teacher.predicted == teacher.labels).mean())
    assert differences["accuracy"][1].startswith(f"{gap:+.1f} points [".replace("-", "−"))


def test_with_one_run_it_speaks_of_these_two_networks(monkeypatch):
    app = overview(
        monkeypatch, "fashion-mnist/teacher", "fashion-mnist/dist-s0", "fashion-mnist/bickd-s0"
    )
    assert app.title[0].value.startswith("One run each: BicKD is more accurate than DIST")
    assert "one run each" in app.caption[0].value
    assert "hold for these two models" in app.caption[0].proto.help
    assert any(caption.value.startswith("Dot: one run.") for caption in app.caption)


def test_a_run_on_images_that_changed_is_left_out_and_named(monkeypatch, tmp_path):
    library = Library(ROOT / "pretrained", tmp_path)
    for seed, content in ((0, "a" * 16), (1, "b" * 16)):
        shutil.copytree(SHELF / f"kd-s{seed}", tmp_path / f"mine{seed}")
        run = library.find(f"mine{seed}")
        run.write_info(
            run.info().model_copy(update={"name": f"mine{seed}", "data_content": content})
        )
    app = overview(monkeypatch, "caltech95/teacher", "mine0", "caltech95/bickd-s0", own=tmp_path)
    assert app.title[0].value.startswith("One run each: ")
    (warning,) = [w.value for w in app.warning if "Left out of the seeds" in w.value]
    assert "mine1" in warning
    assert "the images changed between these runs and the ones shown" in warning


def test_one_class_in_focus_is_no_pair(monkeypatch):
    app = overview(monkeypatch, "caltech95/teacher", "caltech95/kd-s0", pair=("crab", "crab"))
    assert "In focus: crab" in [each.value for each in app.subheader]
    assert not [each.value for each in app.caption if "Cosine of the two classes" in each.value]


def test_a_link_with_unknown_classes_explains_the_pair_that_is_shown_instead(monkeypatch):
    app = overview(monkeypatch, "caltech95/teacher", "caltech95/kd-s0", pair=("cat", "unicorn"))
    assert not [each.value for each in app.subheader if "In focus" in each.value]
