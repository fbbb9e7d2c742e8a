"""Overview: figures of overlap never stand without their temperature, and a newcomer finds the words explained."""

from __future__ import annotations

from pathlib import Path

from streamlit.testing.v1 import AppTest

from app.components.figure_tables import CARDS
from app.state import ViewState
from bickd_core.predictions import Predictions

ROOT = Path(__file__).resolve().parents[2]


def page() -> None:
    from app.views import overview

    overview.show()


def accuracy(name: str) -> float:
    own = Predictions.load(ROOT / "pretrained" / "caltech95" / name / "predictions-test.npz")
    assert own.labels is not None
    return float((own.predicted == own.labels).mean())


def test_title_note_and_card_name_the_temperature_and_the_rival(monkeypatch):
    monkeypatch.setenv("BICKD_SHELF", str(ROOT / "pretrained"))
    app = AppTest.from_function(page, default_timeout=60)
    app.session_state["view"] = ViewState(
        teacher="caltech95/teacher", students=("caltech95/kd-s0", "caltech95/bickd-s0"), temperature=2.0
    )
    app.run()
    assert not app.exception, app.exception
    teacher, kd, bickd = (
        Predictions.load(ROOT / "pretrained" / "caltech95" / name / "predictions-test.npz").predicted
        for name in ("teacher", "kd-s0", "bickd-s0")
    )
    ours, theirs = (f"{(own == teacher).mean():.0%}" for own in (bickd, kd))
    assert app.title[0].value.endswith(f"agrees with the teacher on {ours} of the images (KD {theirs}).")
    assert app.caption[0].value.startswith("Overlap at T = 2, 95% intervals over 1,208 test images")
    over = {
        method: sum(map(accuracy, (f"{method}-s{seed}" for seed in range(3)))) / 3
        for method in ("bickd", "kd")
    }
    said = app.caption[0].value.split("Over 3 seeds of each: ")[1]
    assert f"{over['bickd']:.1%} against {over['kd']:.1%} (" in said
    cards = {e.value: e.proto.help for e in app.markdown if "bk-card-title" in e.value}
    assert any("<b>Class overlap</b><br><span>T = 2, " in card for card in cards)
    assert len(cards) == len(CARDS)
    assert all(cards.values()), "every card explains its figure"
