"""An imported network gets its inputs as it got them in its training, wherever it is used."""

import errno

import numpy as np
import pytest
import torch
from run_helpers import small_config
from safetensors.torch import load_file, save_file
from weights_helpers import import_weights

from bickd_core.data.base import Augmentation
from bickd_core.data.normalisation import CHOICES, TRIED, Normalisation, applied, usual
from bickd_core.data.preprocessing import Preprocessing
from bickd_core.data.registry import load_dataset
from bickd_core.importing import weights as importing
from bickd_core.importing.inputs import OtherNormalisation, clearly_better, similar_to_best
from bickd_core.importing.weights import ImportRequest
from bickd_core.models.factory import create_model
from bickd_core.models.renormalised import Renormalised
from bickd_core.runs.create import create_run
from bickd_core.runs.folder import RunFolder
from bickd_core.runs.inputs import undecided_inputs
from bickd_core.training.evaluate import predict, predict_stages
from bickd_core.training.finish import add_stages
from bickd_core.training.setup import build_job, build_race, load_run_model, renormalised, view_key

pytestmark = pytest.mark.usefixtures("quick_umap")
HALF = Preprocessing(name="half", mean=(0.5,), std=(0.5,))
NONE = Preprocessing(name="none", mean=(0.0,), std=(1.0,), input_size=8)


def request(**changes):
    fields = {
        "arch": "convnet-small",
        "dataset": "digits",
        "name": "mine",
        "role": "teacher",
        **changes,
    }
    return ImportRequest(**fields)


def for_none(weights, data):
    """The same network for inputs from 0 to 1: the change of scale is folded into its first two
    layers.

    Equal but for the zeros that a convolution pads with.
    """
    state, (mean,), (std,) = load_file(weights), data.mean, data.std
    stem, norm = "body.0.weight", "body.1.running_mean"
    state[norm] = state[norm] + state[stem].sum((1, 2, 3)) * mean / std
    state[stem] = state[stem] / std
    return state


@pytest.fixture
def expects_none(teacher, tmp_path):
    save_file(for_none(teacher.weights_path, load_dataset("digits")), tmp_path / "w.safetensors")
    return tmp_path / "w.safetensors"


def accuracy(predictions):
    return float((predictions.predicted == predictions.labels).mean())


def test_another_normalisation_is_found_named_and_recorded(teacher, library, expects_none):
    with pytest.raises(OtherNormalisation) as caught:
        import_weights(expects_none, request(), library)
    assert caught.value.better == "none"
    assert caught.value.tried["none"] > caught.value.tried["data"] + 0.1
    assert "with no normalisation (values from 0 to 1), " in str(caught.value)
    assert "the normalisation 'none'." in str(caught.value)
    assert not (library.own / "mine").exists()

    run = import_weights(expects_none, request(normalisation="none"), library)
    info = run.info()
    assert info.preprocessing == NONE
    assert info.source.tried == caught.value.tried
    assert list(info.source.tried) == list(TRIED)
    assert (info.source.tried_on, info.source.tried_train) == (500, 356)
    assert info.source.undecided == ()  # it was requested
    assert (
        "of 144 validation and 356 train images are right" in (run.path / "README.md").read_text()
    )
    ours, theirs = run.predictions("test"), teacher.predictions("test")
    assert (ours.predicted == theirs.predicted).mean() > 0.9
    assert "Inputs were not normalised" in (run.path / "README.md").read_text()


def test_its_normalisation_is_applied_wherever_the_run_is_used(teacher, library, expects_none):
    run = import_weights(expects_none, request(normalisation="none"), library)
    data = load_dataset("digits")
    plain = create_model("convnet-small", num_classes=10, in_channels=1)
    plain.load_state_dict(load_file(run.weights_path))
    plain.eval()
    images = torch.tensor(data.test.images[:64]).float() / 255
    with torch.inference_mode():
        expected = plain(images).numpy()
    np.testing.assert_allclose(run.predictions("test").logits[:64], expected, atol=1e-4)

    loaded = load_run_model(run, data)
    np.testing.assert_allclose(predict(loaded, data.test, data).logits[:64], expected, atol=1e-4)
    assert loaded.state_dict().keys() == plain.state_dict().keys()
    before = run.stages().features
    run.stages_path.unlink()
    add_stages(run)
    for old, new in zip(before, run.stages().features, strict=True):
        np.testing.assert_array_equal(old, new)

    # as the teacher of a student that has the data's own: live, and by the pass that fills the
    # store of views
    for way in ("live", "stored"):
        config = small_config(
            objective={"kind": "kd"}, teacher="mine", teacher_outputs=way, augment=False
        )
        job = build_job(config, library)
        picked = torch.arange(20)
        for _ in job.batches.prepare(0):
            pass
        batch = job.batches.get(picked, 0, 0)
        views = torch.tensor(job.dataset.train.images[:20]).float() / 255
        with torch.inference_mode():
            wanted = plain(views)
        torch.testing.assert_close(batch.teacher.logits.float(), wanted, atol=2e-2, rtol=2e-2)
        own = (views - job.dataset.mean[0]) / job.dataset.std[0]
        torch.testing.assert_close(batch.inputs, own, atol=1e-5, rtol=1e-5)


def test_views_of_one_file_under_two_normalisations_have_keys_of_their_own(teacher, library):
    runs = [
        import_weights(teacher.weights_path, request(name=name, normalisation=name), library)
        for name in ("data", "none")
    ]
    data = load_dataset("digits")
    config = small_config(objective={"kind": "kd"}, teacher="data")
    hardware = build_job(config, library).hardware
    keys = [view_key(config, run, data, hardware, frozenset()) for run in (teacher, *runs)]
    assert keys[0].mean == keys[1].mean
    assert keys[1].teacher_sha256 == keys[2].teacher_sha256
    assert keys[1].digest != keys[2].digest
    assert (keys[2].mean, keys[2].std) == ((0.0,), (1.0,))


def test_a_run_that_goes_on_from_an_imported_one_keeps_its_normalisation(
    library, expects_none, teacher
):
    import_weights(expects_none, request(normalisation="none"), library)
    config = small_config(role="teacher", extends="mine")
    run = create_run(config, library, name="further")
    assert run.info().preprocessing == NONE
    job = build_job(run.info().config, library)
    assert isinstance(job.student, Renormalised)
    assert accuracy(predict(job.student, job.dataset.test, job.dataset)) > 0.8


def test_the_datas_own_is_taken_where_none_is_clearly_better(teacher, library):
    run = import_weights(teacher.weights_path, request(), library)
    data = load_dataset("digits")
    assert run.info().preprocessing == Preprocessing(
        name="data", mean=data.mean, std=data.std, input_size=8
    )
    np.testing.assert_allclose(
        run.predictions("test").logits, teacher.predictions("test").logits, atol=1e-5
    )


def test_clearly_better_means_more_than_chance_on_the_same_images():
    own = np.zeros(500, dtype=bool)
    own[:400] = True

    def other(gained, lost):
        right = own.copy()
        right[400 : 400 + gained] = True
        right[:lost] = False
        return {"data": own, "half": right}

    assert clearly_better(other(0, 0), "data") is None
    assert clearly_better(other(20, 8), "data") is None  # 12 against three times the root of 28
    assert clearly_better(other(20, 0), "data") == "half"
    assert clearly_better(other(5, 0), "data") is None  # 1 %
    assert clearly_better(other(0, 50), "data") is None


def test_a_difference_that_may_be_chance_does_not_decide():
    def answers(lost, gained):
        best = np.arange(40) >= gained
        other = best.copy()
        other[:gained] = True
        other[gained : gained + lost] = False
        return {"data": best, "half": other}

    assert similar_to_best(answers(0, 0), "data") == ["data", "half"]
    assert similar_to_best(answers(4, 0), "data") == ["data", "half"]  # 4 against twice root 4
    assert similar_to_best(answers(5, 0), "data") == ["data"]
    assert similar_to_best(answers(12, 6), "data") == ["data", "half"]  # 6 against twice root 18
    assert similar_to_best(answers(5, 0), "half") == ["half", "data"]  # worse, but not clearly


@pytest.fixture
def few_images(monkeypatch):
    """Trials on ten images, on which the usual normalisations of the digits are all right."""
    monkeypatch.setattr(importing, "TRIED_ON", 10)


def test_on_a_tie_the_likeliest_is_taken_and_said(teacher, library, few_images):
    run = import_weights(teacher.weights_path, request(), library)
    source, data = run.info().source, load_dataset("digits")
    part, of_train = importing._trial(data)
    assert (len(part), of_train) == (10, 0)
    chosen = run.info().preprocessing.name
    assert source.undecided
    assert chosen not in source.undecided
    loss = {
        name: -torch.tensor(
            predict(
                renormalised(
                    load_run_model(teacher, data),
                    Preprocessing(**usual(data.mean, data.std)[name].model_dump()),
                    data,
                ),
                part,
                data,
            ).logits
        )
        .log_softmax(1)[torch.arange(10), torch.tensor(part.labels)]
        .mean()
        for name in (chosen, *source.undecided)
    }
    assert min(loss, key=loss.get) == chosen
    card = (run.path / "README.md").read_text()
    assert "These images do not decide between " in card
    assert "because the network gives the true classes a higher likelihood with it" in card


def test_on_a_tie_a_student_gets_its_teachers(teacher, library, few_images):
    import_weights(teacher.weights_path, request(), library)
    tied = RunFolder(library.own / "mine", key="mine").info()
    other = tied.source.undecided[0]
    import_weights(teacher.weights_path, request(name="t", normalisation=other), library)
    asked = request(name="s", role="student", teacher="t")
    info = import_weights(teacher.weights_path, asked, library).info()
    assert info.preprocessing.name == other != tied.preprocessing.name
    assert tied.preprocessing.name in info.source.undecided
    assert info.source.teachers_inputs
    assert "The first was taken, because its teacher has it." in undecided_inputs(info)
    numbers = {"normalisation": "given", "mean": (0.3,), "std": (0.4,)}
    import_weights(teacher.weights_path, request(name="t2", **numbers), library)
    asked = request(name="s2", role="student", teacher="t2")
    info = import_weights(teacher.weights_path, asked, library).info()
    assert (info.preprocessing.name, info.preprocessing.mean) == ("given", (0.3,))


def test_a_trial_never_uses_test_images(monkeypatch):
    monkeypatch.setattr(importing, "TRIED_ON", 10**6)
    data = load_dataset("digits")
    part, of_train = importing._trial(data)
    assert of_train == len(data.train)
    assert sorted(part.ids) == sorted([*data.train.ids, *data.validation.ids])


@pytest.mark.parametrize("channels", [1, 3])
def test_the_presets_for_grey_and_for_colour(channels):
    found = usual((0.3,) * channels, (0.2,) * channels)
    assert tuple(found) == CHOICES
    assert found["imagenet"].mean == ((0.449,) if channels == 1 else (0.485, 0.456, 0.406))
    assert found["none"].std == (1.0,) * channels


def test_what_was_applied_is_said_with_what_the_others_give():
    tried = {"data": 0.444, "half": 0.926}
    assert "The accuracy is higher" not in applied(HALF, tried, "500 validation images")
    own = usual((0.3,), (0.2,))["data"]
    assert applied(own, tried, "500 validation images").endswith(
        "The accuracy is higher with mean 0.5 and std 0.5. To use it, import the file again under"
        " another name with the normalisation 'half'."
    )


@pytest.mark.parametrize(
    "fields",
    [
        {"mean": (), "std": ()},
        {"mean": (0.5,), "std": (0.0,)},
        {"mean": (float("nan"),), "std": (1.0,)},
        {"mean": (0.5,), "std": (0.5, 0.5)},
    ],
)
def test_a_normalisation_that_cannot_be_is_refused(fields):
    with pytest.raises(ValueError, match="expected"):
        Normalisation(name="half", **fields)


def test_names_are_compared_before_any_image_is_read(teacher, library, monkeypatch):
    def no_data(*args, **kwargs):
        pytest.fail("the data was loaded")

    monkeypatch.setattr("bickd_core.data.registry.load_dataset", no_data)
    with pytest.raises(ValueError, match="These are not weights of resnet8"):
        import_weights(teacher.weights_path, request(arch="resnet8"), library)


def test_the_end_of_memory_and_errors_of_ours_are_told_as_such():
    assert "too little memory" in importing.explain(RuntimeError("could not create a primitive"))
    assert "too little memory" in importing.explain(MemoryError())
    assert "load the file again" in importing.explain(
        OSError(errno.EDQUOT, "Disk quota exceeded", "/runs")
    )
    words = importing.explain(KeyError("x"))
    assert words.startswith("the import failed because of an error in this program (KeyError: 'x')")
    assert "log" not in words
    assert importing.explain(ValueError("a sentence.")) == "a sentence."


def test_augmentation_pads_before_any_normalisation():
    """A teacher of another normalisation sees the border as black in its own scale."""
    data = load_dataset("digits")
    net = renormalised(torch.nn.Identity(), HALF, data)
    black = torch.full((1, 1, 2, 2), -data.mean[0] / data.std[0])
    torch.testing.assert_close(net.own_inputs(black), torch.full((1, 1, 2, 2), -1.0))
    assert Augmentation(pad=1, flip=False).pad == 1


def test_stages_of_a_renormalised_network_have_its_names(teacher):
    data = load_dataset("digits")
    model = renormalised(load_run_model(teacher, data), HALF, data)
    assert predict_stages(model, data).names == ("stage 1", "stage 2", "stage 3")


def test_each_model_of_a_race_gets_its_own_inputs(library, expects_none, teacher):
    """Teacher with another normalisation than its students: outputs in the race are those of each
    alone."""
    data = load_dataset("digits")
    run = import_weights(expects_none, request(normalisation="none"), library)
    student = small_config(arch="convnet-small", teacher="mine", objective={"kind": "kd"})
    (job,) = build_race([student], library, lambda words: None)
    stored = job.batches.teacher
    list(stored.prepare(0))
    picked = torch.arange(16)
    inputs = job.batches.views.inputs(picked, 0)
    alone = create_model("convnet-small", num_classes=10, in_channels=1).eval()
    alone.load_state_dict(load_file(run.weights_path))
    values = inputs * data.std[0] + data.mean[0]  # from 0 to 1, as it had them in its training
    with torch.inference_mode():
        torch.testing.assert_close(
            stored.outputs(picked, inputs).logits, alone(values), atol=1e-5, rtol=1e-5
        )
        own = create_model("convnet-small", num_classes=10, in_channels=1).eval()
        own.load_state_dict(job.student.state_dict())
        job.student.eval()
        torch.testing.assert_close(
            job.outputs(inputs, features=False, maps=False).logits,
            own(inputs),
            atol=1e-5,
            rtol=1e-5,
        )
    key = view_key(job.config, run, data, job.hardware, frozenset())
    assert (key.mean, key.std) == ((0.0,), (1.0,))
