"""What an export holds can be used: the lines in its README run, and give what the run's own
predictions say."""

import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
import yaml
from PIL import Image
from safetensors.torch import load_file

from bickd_cli.main import main
from bickd_core.data.preprocessing import Preprocessing
from bickd_core.data.registry import load_dataset
from bickd_core.exporting.export import export
from bickd_core.exporting.kinds import FORMATS, KINDS
from bickd_core.exporting.network import ExportError, largest_difference, network_of
from bickd_core.exporting.upload import upload
from bickd_core.exporting.usage import usage_code
from bickd_core.models.factory import create_model
from bickd_core.runs.checkpoints import read_weights, save_weights
from bickd_core.runs.info import RunError
from bickd_core.runs.records import scalars
from bickd_core.training.setup import load_run_data

ROOT = Path(__file__).resolve().parents[2]
NETWORKS = ("safetensors", "hub", "pt2", "onnx")


def skip_without(kind, *more):
    for name in (*FORMATS[kind].needs, *more):
        pytest.importorskip(
            name, reason=f"{name} is not installed: pip install 'bickd-explorer[{kind}]'"
        )


def run_readme(folder, **variables):
    """The last line that the README's Python prints, run in the folder by an interpreter of its
    own."""
    (code,) = re.findall(r"```python\n(.*?)```", (folder / "README.md").read_text(), re.DOTALL)
    environment = {**os.environ, "PYTHONPATH": str(ROOT), **variables}
    answer = subprocess.run(
        [sys.executable, "-c", code],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert answer.returncode == 0, answer.stderr[-3000:]
    return answer.stdout.splitlines()[-1]


@pytest.fixture
def image_and_class(teacher):
    """A test image [8, 8] of which the stored predictions are sure, and the name of its class."""
    predictions = teacher.predictions("test")
    row = int(predictions.probabilities(1.0).max(axis=1).argmax())
    test = load_dataset("digits", image_size=8).test
    assert test.ids[row] == predictions.ids[row]
    return test.images[row, 0], predictions.class_names[predictions.logits[row].argmax()]


@pytest.mark.parametrize("kind", NETWORKS)
def test_the_lines_in_the_readme_say_what_the_run_says(
    teacher, library, tmp_path, kind, image_and_class
):
    skip_without(kind, *(["onnxruntime"] if kind == "onnx" else []))
    folder = export(teacher, kind, tmp_path / kind, library)
    pixels, name = image_and_class
    Image.fromarray(pixels).save(folder / "image.png")
    assert run_readme(folder) == name
    assert len(usage_code(kind, network_of(teacher).preprocessing, 8).splitlines()) <= 15


def test_another_normalisation_than_the_datas_goes_with_the_weights(teacher, library, tmp_path):
    own = Preprocessing(name="half", mean=(0.5,), std=(0.25,))
    teacher.write_info(teacher.info().model_copy(update={"preprocessing": own}))
    config = json.loads(
        (export(teacher, "safetensors", tmp_path / "a", library) / "config.json").read_text()
    )
    assert (config["mean"], config["std"]) == ([0.5], [0.25])
    file = export(teacher, "pt2", tmp_path / "b", library) / "model.pt2"
    with zipfile.ZipFile(file) as archive:
        assert not any(bytes(ROOT) in archive.read(name) for name in archive.namelist()), (
            "paths of this machine"
        )
    program = torch.export.load(file).module()
    model = create_model(**config["model"]).eval()
    model.load_state_dict(load_file(tmp_path / "a" / "model.safetensors"))
    images = torch.rand(5, 1, 8, 8)
    torch.testing.assert_close(program(images), model((images - 0.5) / 0.25), atol=1e-4, rtol=1e-4)


def test_config_holds_what_a_use_needs(teacher, library, tmp_path):
    config = json.loads(
        (export(teacher, "safetensors", tmp_path / "a", library) / "config.json").read_text()
    )
    dataset = load_dataset("digits", image_size=8)
    assert config["model"] == {"name": teacher.info().arch, "num_classes": 10, "in_channels": 1}
    assert (config["size"], config["mode"]) == ([8, 8], "L")
    assert tuple(config["class_names"]) == dataset.class_names
    assert np.allclose(config["mean"], dataset.mean)
    assert np.allclose(config["std"], dataset.std)


def test_the_hub_card_has_the_runs_figures(teacher, library, tmp_path):
    folder = export(teacher, "hub", tmp_path / "hub", library)
    metadata = yaml.safe_load((folder / "README.md").read_text().split("---\n", 2)[1])
    (model,) = metadata["model-index"]
    (result,) = model["results"]
    predictions = teacher.predictions("test")
    accuracy = (predictions.logits.argmax(1) == predictions.labels).mean()
    assert result["metrics"] == [
        {"type": "accuracy", "name": "accuracy", "value": round(float(accuracy), 4)}
    ]
    assert metadata["pipeline_tag"] == "image-classification"
    assert (folder / "predictions-test.npz").read_bytes() == teacher.predictions_path(
        "test"
    ).read_bytes()


def test_tensorboard_reads_the_events(teacher, library, tmp_path):
    skip_without("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    folder = export(teacher, "tensorboard", tmp_path / "events", library)
    events = EventAccumulator(str(folder)).Reload()
    records = teacher.metrics()
    assert set(events.Tags()["scalars"]) == set(scalars(records[0]))
    values = events.Scalars("validation_accuracy")
    assert [event.step for event in values] == [record["epoch"] + 1 for record in records]
    assert [event.value for event in values] == pytest.approx(
        [r["validation_accuracy"] for r in records]
    )


def test_a_converted_network_with_other_logits_is_refused():
    logits = torch.tensor([[10.0, -3.0]])
    assert largest_difference(logits, logits + 5e-4) < 1e-4
    with pytest.raises(ExportError, match=r"differ from the original's by 2\.0e-04 of the largest"):
        largest_difference(logits, logits + 2e-3)
    with pytest.raises(ExportError, match="differ"):
        largest_difference(logits, logits * torch.nan)


def test_a_refused_export_leaves_nothing(teacher, library, tmp_path, make_run, monkeypatch):
    (tmp_path / "out" / "there").mkdir(parents=True)
    with pytest.raises(ExportError, match="already exists; name another folder with --out"):
        export(teacher, "safetensors", tmp_path / "out" / "there", library)
    with pytest.raises(RunError, match="has no weights"):
        export(make_run("empty"), "hub", tmp_path / "out" / "hub", library)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(
        ExportError,
        match=r"onnx and onnxscript are not installed: run pip install 'bickd-explorer\[onnx\]'",
    ):
        export(teacher, "onnx", tmp_path / "out" / "onnx", library)
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["there"]


def test_the_command_writes_beside_where_it_is_called(
    teacher, library, tmp_path, monkeypatch, capsys
):
    monkeypatch.setenv("BICKD_RUNS", str(library.own))
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as ended:
        main(["export", "teacher", "--to", "safetensors"])
    assert ended.value.code == 0
    assert "export: teacher-safetensors" in capsys.readouterr().out
    assert {file.name for file in (tmp_path / "teacher-safetensors").iterdir()} == {
        "README.md",
        "config.json",
        "model.safetensors",
    }


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--to", "onnx", "--upload", "alice/a"], "--upload needs --to hub, got --to onnx"),
        (
            ["--to", "hub", "--upload", "alice/a"],
            "huggingface_hub is not installed|You are not signed in",
        ),
    ],
)
def test_an_upload_that_cannot_be_made_is_refused_first(
    teacher, library, tmp_path, monkeypatch, capsys, arguments, sentence
):
    monkeypatch.setenv("BICKD_RUNS", str(library.own))
    monkeypatch.delenv("HF_TOKEN", raising=False)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as ended:
        main(["export", "teacher", *arguments])
    assert ended.value.code == 2
    assert re.search(sentence, capsys.readouterr().err)
    assert list(tmp_path.glob("teacher-*")) == []


def test_every_kind_has_a_title_and_its_extra_is_in_pyproject():
    import tomllib

    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"][
        "optional-dependencies"
    ]
    assert set(FORMATS) == set(KINDS)
    for form in FORMATS.values():
        assert form.title
        assert not form.needs or {name.replace("_", "-") for name in form.needs} <= {
            re.split("[><=]", requirement)[0].replace("_", "-")
            for requirement in extras[form.extra]
        }


def test_the_best_epochs_weights_are_exported_where_they_are_asked_for(teacher):
    last = read_weights(teacher.weights_path)
    save_weights({name: value * 2 for name, value in last.items()}, teacher.best_path, metadata={})
    name = next(iter(last))
    for best, factor in ((False, 1), (True, 2)):
        exported = network_of(teacher, best=best).model.state_dict()
        torch.testing.assert_close(exported[name], factor * last[name])


def test_weights_of_a_best_epoch_that_are_gone_or_do_not_fit_are_refused(
    teacher, library, tmp_path
):
    shutil.rmtree(teacher.best_path.parent, ignore_errors=True)
    records = [
        {**teacher.metrics()[0], "epoch": epoch, "validation_accuracy": share}
        for epoch, share in enumerate((0.3, 0.5, 0.4))
    ]
    metrics = teacher.path / "metrics.jsonl"
    metrics.write_text("".join(json.dumps(record) + "\n" for record in records))
    with pytest.raises(ExportError, match="no longer has the weights of its best epoch, 2; leave"):
        network_of(teacher, best=True)
    metrics.write_text("".join(json.dumps(record) + "\n" for record in records[:2]))
    network_of(teacher, best=True)  # the last epoch is the best
    with pytest.raises(ExportError, match="figures and predictions of the last weights"):
        export(teacher, "hub", tmp_path / "hub", library, best=True)
    assert not (tmp_path / "hub").exists()


def test_a_run_whose_images_have_changed_is_not_exported(tmp_path, library, make_run):
    """Its columns would get the names of today's folders."""
    for name in ("cat", "tabby"):
        for part in ("train", "test"):
            (tmp_path / "pets" / part / name).mkdir(parents=True)
            for number in range(4):
                colour = (40 * number, 90, 50 * number)
                Image.new("RGB", (8, 8), colour).save(
                    tmp_path / "pets" / part / name / f"{number}.png"
                )
    dataset = f"folder:{tmp_path / 'pets'}"
    run = make_run(
        "pets",
        info={
            "dataset": dataset,
            "in_channels": 3,
            "num_classes": 2,
            "data_content": load_dataset(dataset, image_size=8).content,
        },
    )
    load_run_data(run.info())
    for part in ("train", "test"):
        (tmp_path / "pets" / part / "tabby").rename(tmp_path / "pets" / part / "british")
    with pytest.raises(RunError, match="have changed since run 'pets' was made"):
        load_run_data(run.info())


def test_a_network_of_the_users_own_module_comes_with_what_it_needs(
    make_run, library, tmp_path, monkeypatch
):
    code = (
        "from torch import nn\n\n\ndef net():\n    return nn.Sequential(nn.Flatten(), nn.Linear(64,"
        " 10))\n"
    )
    (tmp_path / "own_flat_net.py").write_text(code)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("BICKD_MODULES", "own_flat_net")
    weights = {"1.weight": torch.zeros(10, 64), "1.bias": torch.eye(10)[7]}  # says 7 of every image
    run = make_run("own", info={"arch": "own_flat_net:net"})
    save_weights(weights, run.weights_path, metadata={})
    folder = export(run, "safetensors", tmp_path / "out", library)
    assert "BICKD_MODULES=own_flat_net" in (folder / "README.md").read_text()
    (folder / "own_flat_net.py").write_text(code)
    Image.new("L", (8, 8)).save(folder / "image.png")
    assert (
        run_readme(folder, BICKD_MODULES="own_flat_net")
        == load_dataset("digits", image_size=8).class_names[7]
    )


def test_a_hub_that_cannot_be_reached_is_a_sentence(monkeypatch, tmp_path):
    class HfApi:
        def create_repo(self, *args: object, **options: object) -> str:
            raise ConnectionRefusedError(111, "Connection refused")

    errors = SimpleNamespace(
        HfHubHTTPError=type("HfHubHTTPError", (Exception,), {}), HFValidationError=ValueError
    )
    monkeypatch.setitem(sys.modules, "huggingface_hub", SimpleNamespace(HfApi=HfApi))
    monkeypatch.setitem(sys.modules, "huggingface_hub.errors", errors)
    with pytest.raises(
        ExportError,
        match=r"cannot be reached .* alice/kd was not uploaded; the folder .* is complete",
    ):
        upload(tmp_path, "alice/kd", public=False)
