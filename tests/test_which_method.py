"""What the Distill page answers to "which method?"."""

from test_method_choice_page import runs
from test_sweep_results_page import TEACHER

from app.distill.which_method import which_method
from pretrained import which_method as made
from pretrained.method_choice import Choice
from pretrained.rate_results import by_rate


def test_the_committed_answer_is_fresh():
    assert made.TARGET.read_text(encoding="utf-8") == made.content(made.answer())
    assert which_method().lines == tuple(made.answer()["lines"])
    assert len(which_method().lines) == 3


def test_a_better_method_is_named_and_a_tie_is_not():
    first, second, third = made.three_lines(Choice.of(by_rate(runs()), TEACHER))
    assert first.startswith("Start with KD: on caltech95, none of 3 other methods is significantly")
    assert "KD minus labels only is +20.0 [" in second
    assert "BicKD (reconstruction) minus KD is +0.0 [" in second
    assert third.startswith("This is one data set")
    first, *_ = made.three_lines(Choice.of(by_rate(runs(bickd=0.9)), TEACHER))
    assert first.startswith("On caltech95, BicKD (reconstruction) is more accurate than KD over 3")
