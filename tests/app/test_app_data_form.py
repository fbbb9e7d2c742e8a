"""The box that asks for a person's own data: what it says of what was found, and of what cannot be
used."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import numpy as np
import pytest
from run_helpers import random_predictions
from streamlit.testing.v1 import AppTest

from app.distill.form_values import build_config, data_sentences, form_of, order_labels
from bickd_core.config import TrainConfig
from bickd_core.data.registry import dataset_info

sys.path.append(str(Path(__file__).parents[1] / "data"))
from own_files import made_images, write_folder, write_parquet

SHELF = Path(__file__).parents[2] / "pretrained"


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("BICKD_RUNS", str(tmp_path / "own"))
    monkeypatch.setenv("BICKD_SHELF", str(SHELF))
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


def page(typed: str) -> None:
    from app.components import data_form
    from app.components.fields import Fields
    from app.plain import st

    fields = Fields("box")
    fields.set(dataset=data_form.OWN, own=typed)
    about = data_form.choose(fields, "caltech95")
    if about is not None:
        st.text(f"order: {data_form.class_order(fields, about)}")
        st.text(f"resize: {data_form.resize(fields, about)}")


def shown(typed: str) -> AppTest:
    app = AppTest.from_function(page, args=(typed,), default_timeout=60).run()
    assert not app.exception, app.exception
    return app


def captions(app: AppTest) -> str:
    return " ".join(re.sub(r"[\\\u2060]", "", caption.value) for caption in app.caption)


def test_images_that_are_all_test_are_said_to_be_so(home):
    write_folder(home / "val", {"a": 3, "b": 3}, made_images(6))
    app = shown(f"all-test:{home / 'val'}")
    assert "2 classes, RGB: 6 images, all for test, so you cannot train on this data." in captions(
        app
    )


def test_the_way_of_resizing_is_asked_for_and_goes_into_the_config(home):
    write_folder(home / "pets", {"a": 6, "b": 6}, made_images(12))
    app = shown("~/pets")
    assert "resize: crop" in [text.value for text in app.text]
    choice = next(one for one in app.button_group if one.label == "Non-square images")
    assert choice.options == ["Crop", "Stretch", "Pad"]
    name = dataset_info(f"folder:{home / 'pets'}").name
    form = form_of(TrainConfig(dataset=name, role="teacher", resize="pad"))
    form |= {"preset": "ce", "options": {}, "seed": 0}
    assert build_config(form).resize == "pad"
    assert "Non-square images" not in [one.label for one in shown("digits").button_group]


def test_the_classes_found_are_listed(home):
    counts = {
        f"{part}/{name}": 4
        for part in ("Training", "Testing")
        for name in ("glioma", "*any*", "<b>x")
    }
    counts.pop("Testing/*any*")
    write_folder(home / "mri", counts, made_images(20))
    app = shown("~/mri")
    assert "Classes: *any*, <b>x, glioma." in captions(app)
    assert "3 classes, RGB: 9 training, 3 validation and 8 test images." in captions(app)
    assert "Classes without test images: *any*. Test figures do not cover them." in captions(app)
    assert [text.value for text in app.text] == ["order: None", "resize: crop"]


def test_the_order_of_numbered_classes_is_asked_for_and_goes_into_the_config(home):
    write_folder(home / "signs", {str(c): 3 for c in range(12)}, made_images(36))
    app = shown("~/signs")
    assert "Classes: 0, 1, 2, 3" in captions(app)
    assert "The names are whole numbers. New runs sort them by value" in captions(app)
    control = next(one for one in app.button_group if one.label == "Order of the classes")
    assert control.value == "natural"
    about = dataset_info(f"folder:{home / 'signs'}")
    assert order_labels(about) == {"natural": "by value (0, 1, 2)", "text": "as text (0, 1, 10)"}
    form = {
        **form_of(TrainConfig(dataset=about.name, role="teacher")),
        "preset": "ce", "options": {}, "seed": 0, "class_order": "text",
    }  # fmt: skip
    assert build_config(form).class_order == "text"
    assert form_of(build_config(form))["class_order"] == "text"


def test_whatever_is_typed_ends_in_a_sentence(home):
    write_folder(home / "one", {"a": 4}, made_images(4))
    path = write_parquet(home / "d.parquet", made_images(6), np.arange(6) % 2)
    (home / "d.parquet").write_bytes(path.read_bytes()[:-30])
    np.savez(home / "logits.npz", logits=np.zeros((4, 2)), labels=np.zeros(4, int))
    for typed, words in (
        ("~/one", "must have at least two classes"),
        ("~/d.parquet", "cannot be read as parquet"),
        ("~/logits.npz", "holds a network's predictions"),
        ("/" + "x" * 300, "cannot be read (File name too long)"),
        ("~nobody-of-this-name/x", "begins with a home folder that does not exist"),
        ("/dev/zero", "must be a folder of class folders"),
        ("npz:/dev/zero", "got a pipe or a device"),
    ):
        (error,) = shown(typed).error
        assert words in re.sub(r"[\\\u2060]", "", error.value), typed


def test_more_classes_than_a_sentence_can_name(home):
    write_folder(home / "many", {f"c{i:02}": 3 for i in range(20)}, made_images(60))
    assert "c11 and 8 more." in data_sentences(dataset_info(f"folder:{home / 'many'}"))[1]


def refilled(teacher=None):
    import streamlit

    from app.components.fields import Fields
    from app.pages.distill import form
    from bickd_core.config import TrainConfig

    fields, names = Fields("distill"), [f"{name}-folder:/x" for name in ("resize", "class_order")]
    fields.set(**dict(zip(names, ("pad", "natural"), strict=True)))
    form.fill(TrainConfig(dataset="folder:/x", teacher=teacher))
    streamlit.text(" ".join(fields.get(name) for name in names))


@pytest.mark.parametrize(("teacher", "values"), [(None, "crop text"), ("t", "pad natural")])
def test_settings_without_a_way_of_resizing_or_an_order_reset_these_fields(home, teacher, values):
    app = AppTest.from_function(refilled, args=(teacher,)).run()
    assert not app.exception, app.exception
    assert [text.value for text in app.text] == [values]


def reused_teacher():
    import streamlit

    from app.components.fields import Fields
    from app.pages.distill import form
    from bickd_core.config import TrainConfig

    fields = Fields("distill")
    fields.set(methods=["kd", "dist"], own_rates=True)
    form.fill(TrainConfig(dataset="digits", role="teacher"))
    form.distil_from("t", "digits", 8)
    streamlit.text(f"{fields.get('role')} {fields.get('methods')} {fields.get('own_rates')}")
    form.fill(TrainConfig(dataset="digits", optimizer={"kind": "adamw"}))  # type: ignore[arg-type]
    streamlit.text(f"{fields.get('methods')} {fields.get('own_rates')}")


def test_a_teachers_settings_leave_the_students_methods_and_rates():
    app = AppTest.from_function(reused_teacher, default_timeout=60).run()
    assert not app.exception, app.exception
    assert [text.value for text in app.text] == ["student ['kd', 'dist'] True", "['ce'] True"]


def distilled(dataset: str, image_size: int):
    import streamlit

    from app.pages.distill import form

    if "begun" not in streamlit.session_state:
        streamlit.session_state["begun"] = True
        form.distil_from("t", dataset, image_size)
    values = form.show()
    streamlit.text(values and f"{values['image_size']} {values['teacher']}")


@pytest.mark.parametrize("chosen", [224, 32])
def test_a_teacher_of_any_image_size_can_be_chosen(home, make_run, library, monkeypatch, chosen):
    monkeypatch.setenv("BICKD_RUNS", str(library.own))
    write_folder(home / "pets", {"a": 6, "b": 6}, made_images(12))
    name = dataset_info(f"folder:{home / 'pets'}").name
    info = {"dataset": name, "role": "teacher", "image_size": 224, "num_classes": 2}
    run = make_run("t", info={**info, "in_channels": 3})
    run.weights_path.touch()
    random_predictions(4, 2).save(run.predictions_path("validation"))
    app = AppTest.from_function(distilled, args=(name, chosen), default_timeout=60).run()
    assert not app.exception, app.exception
    (sizes,) = [one for one in app.button_group if one.label == "Image size"]
    assert "224 × 224" in sizes.options
    assert [text.value for text in app.text] == (["224 t"] if chosen == 224 else ["None"])
