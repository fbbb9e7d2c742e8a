"""The sentence on the learning rates of several methods."""

from bickd_core.config import TrainConfig
from bickd_core.training.rates import have_own_rates, rates_sentence


def config(kind: str, rate: float, optimizer: str = "sgd") -> TrainConfig:
    return TrainConfig.model_validate(
        {"teacher": "t", "objective": {"kind": kind}, "optimizer": {"kind": optimizer, "lr": rate}}
    )


def test_the_sentence_tells_own_rates_from_one_for_all_and_from_a_mixture():
    own = {"KD": config("kd", 0.4), "DIST": config("dist", 0.025)}
    assert rates_sentence(own) == "Each method had its own learning rate: KD 0.4; DIST 0.025."
    one = {"KD": config("kd", 0.05), "DIST": config("dist", 0.05)}
    assert rates_sentence(one).startswith(
        "All methods had the same learning rate, 0.05. This favours"
    )
    mixed = {"KD": config("kd", 0.4), "DIST": config("dist", 0.1)}
    assert rates_sentence(mixed) == (
        "The learning rates differ, and not all are the tuned ones: KD 0.4; DIST 0.1."
    )


def test_two_methods_whose_own_rates_are_alike_have_their_own():
    same = {"KD": config("kd", 0.4), "PKT": config("pkt", 0.4)}
    assert rates_sentence(same).startswith("Each method had its own")


def test_a_rate_of_another_optimiser_is_nobodys_own():
    assert not have_own_rates([config("kd", 0.4, "adamw")])
