"""What the choice list of models holds and says."""

import doctest

import pytest

from app.distill import model_choice
from app.distill.model_choice import (
    Choice,
    Size,
    choices,
    cost_sentence,
    cost_table,
    millions,
    milliseconds,
)
from bickd_core.models import latencies
from bickd_core.models.catalogue import MODELS
from bickd_core.models.latencies import Latency


def test_families_stand_together_and_sizes_rise_in_each():
    found = choices(100, 3, 32)
    assert set(found) == set(MODELS)
    families = [choice.info.family for choice in found.values()]
    for family in set(families):
        places = [i for i, other in enumerate(families) if other == family]
        assert places == list(range(places[0], places[0] + len(places)))
        sizes = [choice.parameters for choice in found.values() if choice.info.family == family]
        assert sizes == sorted(sizes)
    firsts = [
        min(c.parameters for c in found.values() if c.info.family == f)
        for f in dict.fromkeys(families)
    ]
    assert firsts == sorted(firsts)


def test_a_model_larger_than_the_teacher_in_everything_is_left_out_and_one_is_always_there():
    large = MODELS["resnet14x2"]
    most = Size(large.parameters(95), large.macs(95))
    found = choices(95, 3, 32, most=most)
    assert "resnet14x2" in found
    left_out = set(choices(95, 3, 32)) - set(found)
    assert "resnet32x4" in left_out
    for name in left_out:
        info = MODELS[name]
        assert info.parameters(95) > most.parameters
        assert info.macs(95) > most.macs
    assert list(choices(95, 3, 32, most=Size(10, 10))) == ["resnet8"]


def test_a_model_with_fewer_multiply_adds_than_the_teacher_is_offered():
    teacher, light = MODELS["resnet14"], MODELS["mobilenetv2"]
    assert light.parameters(95) > teacher.parameters(95)  # what hid it
    most = Size(teacher.parameters(95), teacher.macs(95))
    assert "mobilenetv2" in choices(95, 3, 32, most=most)


def test_a_line_says_parameters_and_multiply_adds_for_the_size_of_the_data():
    small, large = (choices(100, 3, size)["resnet20"] for size in (32, 64))
    assert small.label == "ResNet-20 · 0.28 M parameters, 41 M multiply-adds"
    assert large.label == "ResNet-20 · 0.28 M parameters, 163 M multiply-adds"


def test_the_sentence_names_the_cpu_or_says_that_the_time_is_not_known():
    choice = Choice(
        MODELS["resnet20"],
        278_324,
        40_818_944,
        Latency(2.234, 66.7, "AMD EPYC, 1 thread", "2026-11-25"),
    )
    assert cost_sentence(choice, 32) == (
        "82 M floating-point operations per image. On AMD EPYC, 1 thread, at 32 × 32: "
        "2.23 ms for one image, 66.7 ms for 64."
    )
    unknown = Choice(MODELS["resnet20"], 278_324, 40_818_944, None)
    assert cost_sentence(unknown, 48) == (
        "82 M floating-point operations per image. The latency is measured when training ends."
    )
    (row,) = cost_table({"resnet20": unknown})
    assert row["64 images"] is None
    assert row["Parameters"] == pytest.approx(0.278324)


def test_sizes_and_times_keep_two_or_three_digits():
    assert [millions(n) for n in (83_892, 2_255_156, 23_705_252, 41e6, 1_298_014_208)] == [
        "0.08 M",
        "2.3 M",
        "23.7 M",
        "41 M",
        "1,298 M",
    ]
    assert [milliseconds(t) for t in (0.809, 22.8, 1240.0)] == ["0.809 ms", "22.8 ms", "1,240 ms"]
    assert doctest.testmod(model_choice).failed == 0


def test_stored_latencies_name_their_cpu_and_rise_with_the_batch():
    measured = [name for name in MODELS if latencies.latency(name, 32) is not None]
    assert len(measured) >= 25
    for name in measured:
        for size in (8, 28, 32, 64):
            found = latencies.latency(name, size)
            assert 0 < found.one_ms < found.batch_ms
            assert "thread" in found.cpu
    assert latencies.latency("resnet8", 33) is None
