"""What an import does first, and what it warns of."""

import subprocess
import sys

import pytest
import torch
from safetensors.torch import save_file
from weights_helpers import import_weights, made_model

from bickd_cli.main import main
from bickd_core.importing import weights
from bickd_core.importing.hints import chance_note
from bickd_core.importing.weights import ImportRequest

REFUSED_WITHOUT_TORCH = """
import sys
from pathlib import Path
from bickd_core.importing.weights import ImportRequest, import_weights
from bickd_core.runs.library import Library

file, own = map(Path, sys.argv[1:])
request = ImportRequest(arch="resnet18", dataset="digits", name="mine")
try:
    import_weights(file, request, Library(shelf=own, own=own))
except ValueError as error:
    print(error)
loaded = [name for name in sys.modules if name in ("torch", "sklearn", "bickd_core.data.digits")]
sys.exit(len(loaded))
"""


@pytest.mark.parametrize("suffix", ["pth", "safetensors"])
def test_another_network_is_refused_before_torch_and_the_data_are_loaded(tmp_path, suffix):
    file = tmp_path / f"w.{suffix}"
    (save_file if suffix == "safetensors" else torch.save)(
        made_model(in_channels=1).state_dict(), file
    )
    done = subprocess.run(
        [sys.executable, "-c", REFUSED_WITHOUT_TORCH, file, tmp_path / "runs"],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0
    assert done.stdout.endswith(
        "they belong to resnet8 with 10 classes, so choose that architecture.\n"
    )


def test_the_warning_names_the_images_that_it_rests_on():
    assert "of 500 test images are right" in chance_note(0.1, 500, 10, "500 test images")
    assert chance_note(0.55, 500, 2, "x").startswith("Its accuracy is at chance level: 55.0%")
    assert chance_note(0.6, 500, 2, "x") == ""


@pytest.mark.usefixtures("quick_umap")
def test_a_network_at_chance_level_is_imported_with_a_warning(library, tmp_path):
    save_file(
        made_model("convnet-small", in_channels=1, num_classes=10).state_dict(),
        tmp_path / "w.safetensors",
    )
    request = ImportRequest(
        arch="convnet-small", dataset="digits", name="mine", normalisation="data"
    )
    run = import_weights(tmp_path / "w.safetensors", request, library)
    (note,) = run.info().source.notes
    assert note.startswith("Its accuracy is at chance level: ")
    assert (
        "% of 144 validation and 356 train images are right, among 10 classes. Either the network"
        in note
    )
    assert note in (run.path / "README.md").read_text()


def test_the_command_refuses_recognised_weights_for_other_data_at_the_first_look(
    tmp_path, monkeypatch, capsys
):
    save_file(made_model(num_classes=95).state_dict(), tmp_path / "w.safetensors")
    monkeypatch.setattr(weights, "import_weights", None)
    with pytest.raises(SystemExit):
        main(["import", str(tmp_path / "w.safetensors"), "--dataset", "digits"])
    said = capsys.readouterr()
    assert said.out == "network: resnet8\n"
    assert (
        said.err == "bickd: These weights of resnet8 are for other data: fc.weight has 95 rows, but"
        " dataset digits has 10 classes.\n"
    )
