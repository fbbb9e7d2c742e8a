"""torch.export and ONNX files become runs that only predict; nothing in them runs that is not
arithmetic."""

import pickle
import re
import subprocess
import sys

import numpy as np
import pytest
import torch
from program_files import Softmax, Tokens, changed, exported, onnx_with_external
from run_helpers import small_config
from torch import nn
from weights_helpers import import_weights, made_model

from bickd_cli.main import main
from bickd_core.exporting.export import export
from bickd_core.exporting.network import network_of
from bickd_core.importing.afterwards import complete
from bickd_core.importing.identify import identify
from bickd_core.importing.inspect_weights import RefusedFile
from bickd_core.importing.programs.network import ProgramNetwork
from bickd_core.importing.programs.onnx_external import check_external, external_names
from bickd_core.importing.programs.program import ProgramError, input_of
from bickd_core.importing.programs.pt2_file import read_pt2
from bickd_core.importing.weights import ImportRequest
from bickd_core.runs.checkpoints import WeightsError, read_weights
from bickd_core.runs.create import create_run
from bickd_core.runs.library import RunError
from bickd_core.runs.program_kinds import missing, program_kind


def read(file):
    return read_pt2(file, max_bytes=2**30)


@pytest.fixture(scope="module")
def tokens(tmp_path_factory):
    """A program and the network that it was made of."""
    torch.manual_seed(0)
    model = Tokens().eval()
    return exported(model, tmp_path_factory.mktemp("programs") / "tokens.pt2"), model


# -- torch.export ----------------------------------------------------------------------------------
@pytest.mark.parametrize("count", [1, 5])
def test_a_graph_gives_the_networks_logits_and_features(tokens, count):
    file, model = tokens
    program = read(file)
    assert (program.input.batch, program.input.channels, program.input.height) == (None, 1, 8)
    images = torch.rand(count, 1, 8, 8)
    for _ in range(2):
        logits, features = program.run(images.numpy())
        np.testing.assert_allclose(logits, model(images).detach(), atol=1e-5)
    np.testing.assert_allclose(model.head(torch.from_numpy(features)).detach(), logits, atol=1e-5)


@pytest.mark.parametrize("arch", ["convnet-small", "shufflenetv2"])
def test_networks_of_the_catalogue_are_run(arch, tmp_path):
    model = made_model(arch, in_channels=1).eval()
    program = read(exported(model, tmp_path / "net.pt2", images=torch.rand(2, 1, 16, 16)))
    images = torch.rand(3, 1, 16, 16)
    np.testing.assert_allclose(program.run(images.numpy())[0], model(images).detach(), atol=1e-5)


def test_training_mode_is_refused(tmp_path):
    file = exported(made_model("convnet-small", in_channels=1).train(), tmp_path / "net.pt2")
    with pytest.raises(
        ProgramError, match=r"was exported in training mode \(batch_norm.default\); call model.eval"
    ):
        read(file)


class Harm:
    """Unpickled by pickle itself, it would make a file."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


@pytest.mark.parametrize("where", ["opaque_obj_0", "custom_obj_0", "tensor_7"])
def test_pickled_objects_are_refused_and_not_opened(tokens, tmp_path, where):
    def change(name, content):
        if name.endswith("constants_config.json"):
            meta = {"path_name": where, "is_param": False, "use_pickle": True, "tensor_meta": None}
            content["config"]["harm"] = meta
        return content

    harm = pickle.dumps(Harm(tmp_path / "harm"))
    file = changed(tokens[0], tmp_path / "x.pt2", change, [(f"data/constants/{where}", harm)])
    with pytest.raises(
        ProgramError,
        match="holds harm as a pickled object, which is refused because it could run code",
    ):
        read(file)
    assert not (tmp_path / "harm").exists()


def test_pickled_example_inputs_are_passed_over(tokens, tmp_path):
    harm = pickle.dumps(Harm(tmp_path / "harm"))
    file = changed(tokens[0], tmp_path / "x.pt2", more=[("data/sample_inputs/other.pt", harm)])
    read(file).run(np.zeros((1, 1, 8, 8), np.float32))
    assert not (tmp_path / "harm").exists()


def test_text_in_the_graph_is_not_evaluated(tokens, tmp_path):
    """torch's own reader hands such text to sympy, which evaluates it."""
    code = f"open('{tmp_path}/harm', 'w')"

    def change(name, content):
        text = re.sub(r"s\d+", "SYMBOL", str(content))
        if "SYMBOL" in text and "graph_module" in content:
            for value in content["graph_module"]["graph"]["tensor_values"].values():
                for side in value["sizes"]:
                    if "as_expr" in side:
                        side["as_expr"]["expr_str"] = code
        return content

    read(changed(tokens[0], tmp_path / "x.pt2", change)).run(np.zeros((1, 1, 8, 8), np.float32))
    assert not (tmp_path / "harm").exists()


@pytest.mark.parametrize(
    "target",
    ["torch.ops.aten.from_file.default", "torch.ops.other.add.Tensor", "os.system", "torch.ops.aten.add.nothing",
     "_operator.attrgetter", "x.torch.ops.aten.add.Tensor", "torch.ops.aten.set_.source_Storage"],
)  # fmt: skip
def test_other_operations_are_refused_before_anything_runs(tokens, tmp_path, target):
    def change(name, content):
        if "graph_module" in content:
            content["graph_module"]["graph"]["nodes"][-1]["target"] = target
        return content

    with pytest.raises(ProgramError, match="uses the operation .*, which is not supported"):
        read(changed(tokens[0], tmp_path / "x.pt2", change))


def test_odd_graphs_end_in_a_sentence(tokens, tmp_path):
    def without(*keys):
        def change(name, content):
            if "graph_module" in content:
                inner = content
                for key in keys[:-1]:
                    inner = inner[key]
                del inner[keys[-1]]
            return content

        return change

    def other(name, content):
        return {**content, "schema_version": {"major": 9}} if "graph_module" in content else content

    def view_beyond(name, content):
        for about in content.get("config", {}).values():
            about["tensor_meta"]["sizes"] = [{"as_int": 10**6}]
            about["tensor_meta"]["strides"] = [{"as_int": 1}]
        return content

    def other_output(name, content):
        if "graph_module" in content:
            content["graph_module"]["graph"]["nodes"][-1]["outputs"][0]["as_tensor"]["name"] = (
                "other"
            )
        return content

    cases = (
        (without("graph_module", "graph", "nodes"), "of a known form"),
        (without("graph_module", "signature", "input_specs"), "of a known form"),
        (other, "has version 9 of torch.export's format, but only version 8 is read"),
        (view_beyond, "is not a complete torch.export file"),
    )
    for change, words in cases:
        with pytest.raises(ProgramError, match=words):
            read(changed(tokens[0], tmp_path / "x.pt2", change))
    with pytest.raises(ProgramError, match="does not compute its output"):
        read(changed(tokens[0], tmp_path / "x.pt2", other_output)).run(
            np.zeros((1, 1, 8, 8), np.float32)
        )
    (tmp_path / "x.pt2").write_bytes(tokens[0].read_bytes()[:-400])
    with pytest.raises(ProgramError, match="is not a complete torch.export file: it is cut short"):
        read(tmp_path / "x.pt2")


# -- ONNX ------------------------------------------------------------------------------------------
def test_files_outside_the_folder_are_not_read(tmp_path):
    folder = tmp_path / "net"
    folder.mkdir()
    (tmp_path / "secret").write_bytes(b"x")
    (folder / "weights").write_bytes(b"x")
    (folder / "link").symlink_to(tmp_path / "secret")
    file = folder / "net.onnx"
    for location in ("../secret", str(tmp_path / "secret"), "link", "a/../../secret"):
        file.write_bytes(onnx_with_external(location))
        assert external_names(file.read_bytes()) == {location}
        with pytest.raises(ProgramError, match="which is outside its folder and is not read"):
            check_external(file)
    file.write_bytes(onnx_with_external("weights"))
    check_external(file)
    file.write_bytes(onnx_with_external("absent"))
    with pytest.raises(
        ProgramError, match="has its weights in the file absent, which is missing; copy both"
    ):
        check_external(file)


@pytest.mark.parametrize("data", [b"\x0f", b"\x3a\xff\x01", b"\x80" * 20, b"\x3b", b"\x39\x00"])
def test_damaged_onnx_is_a_sentence(data):
    with pytest.raises(ProgramError, match="is not a complete ONNX file"):
        external_names(data)


def test_without_onnxruntime_the_line_that_installs_it_is_said(tmp_path, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert missing("pt2") == ""
    (tmp_path / "net.onnx").write_bytes(b"\x08\x09")
    with pytest.raises(
        RefusedFile,
        match="needs the package onnxruntime, which is not installed: run `pip install onnx",
    ):
        ProgramNetwork(tmp_path / "net.onnx", "onnx")


# -- the process, and the run ----------------------------------------------------------------------
def test_a_program_in_its_process_answers_as_the_network(tokens):
    file, model = tokens
    images = torch.rand(70, 1, 8, 8)  # more than one batch
    with ProgramNetwork(file, "pt2") as program:
        program.check(classes=10, channels=1, size=8, dataset="digits")
        outputs = program.outputs(images, features=True)
        torch.testing.assert_close(outputs.logits, model(images), atol=1e-5, rtol=0)
        assert outputs.features.shape == (70, 8)
        with pytest.raises(ValueError, match="returns only logits"):
            program.outputs(images, maps=True)
        refusals = (
            (
                dict(classes=2, channels=1, size=8, class_names=("Dataset", "Examples")),
                r"is for other data: it has 10 classes, but dataset d has 2 classes \(Dataset, Examples\).",
            ),
            (
                dict(classes=10, channels=3, size=8),
                "takes images with 1 channels, but dataset d has 3; choose other data.",
            ),
            (
                dict(classes=10, channels=1, size=9),
                "takes images of 8 x 8 pixels, got 9 x 9; leave the input size out, or give 8.",
            ),
        )
        for data, words in refusals:
            with pytest.raises(RefusedFile, match=words):
                program.check(**data, dataset="d")
    assert program._process.poll() is not None


def test_a_fixed_batch_and_a_softmax(tmp_path):
    model = Tokens().eval()
    file = exported(Softmax(model).eval(), tmp_path / "net.pt2", dynamic=False)
    images = torch.rand(5, 1, 8, 8)
    with ProgramNetwork(file, "pt2") as program:
        assert program.input.batch == 2
        logits = program.outputs(images).logits
        torch.testing.assert_close(logits, model(images).log_softmax(1), atol=1e-4, rtol=0)
        assert program.note.startswith("The program ends in a softmax")


def round_trip(kind, teacher, library, tmp_path):
    """Export a run, import the file, and compare."""
    folder = export(teacher, kind, tmp_path / "out", library)
    found = identify(folder)
    assert (found.file.name, found.arch, found.inputs["normalisation"]) == (
        f"model.{kind}",
        "",
        "none",
    )
    request = ImportRequest(dataset="digits", name="mine", teacher="teacher", normalisation="none")
    run = import_weights(found.file, request, library)
    complete(run, library)
    for split in ("validation", "test"):
        own, other = run.predictions(split), teacher.predictions(split)
        np.testing.assert_array_equal(own.ids, other.ids)
        np.testing.assert_allclose(own.logits, other.logits, atol=1e-4)
    return run


@pytest.mark.usefixtures("quick_umap")
def test_an_exported_program_comes_back_as_a_run_that_only_predicts(
    teacher, library, tmp_path, capsys
):
    run = round_trip("pt2", teacher, library, tmp_path)
    info = run.info()
    assert (info.arch, info.image_size, info.source.kind, info.cost) == ("", 8, "program", None)
    assert not run.weights_path.exists()
    assert not run.stages_path.exists()
    np.testing.assert_allclose(
        run.predictions("test").features, teacher.predictions("test").features, atol=1e-4
    )
    assert (
        "Its predictions were made by the program model.pt2" in (run.path / "README.md").read_text()
    )
    with pytest.raises(
        RunError, match="teacher 'mine' has only predictions and no weights, so it cannot teach"
    ):
        create_run(small_config(teacher="mine", objective={"kind": "kd"}), library)
    student = import_weights(
        teacher.weights_path,
        ImportRequest(arch="convnet-small", dataset="digits", name="s", teacher="mine"),
        library,
    )
    assert student.info().teacher.key == "mine"
    with pytest.raises(ValueError, match="has no weights, so there is no network to export"):
        network_of(run)


@pytest.mark.usefixtures("quick_umap")
def test_an_exported_onnx_program_comes_back(teacher, library, tmp_path):
    for name in ("onnx", "onnxscript", "onnxruntime"):
        pytest.importorskip(
            name, reason=f"{name} is not installed: pip install 'bickd-explorer[onnx]'"
        )
    run = round_trip("onnx", teacher, library, tmp_path)
    assert run.predictions("test").features is None


def test_an_architecture_beside_a_program_is_refused(tokens, library):
    with pytest.raises(
        RunError,
        match="is a torch.export program that contains its network; leave the architecture out",
    ):
        import_weights(
            tokens[0], ImportRequest(arch="resnet8", dataset="digits", name="m"), library
        )


def test_a_program_among_weights_is_named(tokens, tmp_path):
    (tmp_path / "no-suffix").write_bytes(tokens[0].read_bytes())
    assert program_kind(tmp_path / "no-suffix") == "pt2"
    with pytest.raises(
        WeightsError,
        match="is a torch.export program, not weights: the command `bickd import no-suffix",
    ):
        read_weights(tmp_path / "no-suffix")


def test_the_command_says_what_it_is_and_why_not(tokens, capsys):
    with pytest.raises(SystemExit):
        main(["import", str(tokens[0]), "--dataset", "caltech95"])
    said = capsys.readouterr()
    assert said.out == "network: a torch.export program\n"
    assert said.err == (
        "bickd: tokens.pt2 is for other data: it has 10 classes, but dataset caltech95 has 95"
        " classes.\n"
    )


def test_what_a_program_does_to_its_process_is_a_sentence(tmp_path):
    class Large(nn.Module):
        def forward(self, images):
            return images.new_ones(40_000_000_000).sum() + images.flatten(1)

    file = exported(Large(), tmp_path / "net.pt2")
    with ProgramNetwork(file, "pt2") as program, pytest.raises(RefusedFile) as caught:
        program.check(classes=64, channels=1, size=8, dataset="d")
    assert (
        str(caught.value)
        == "net.pt2 needs more memory than is available; choose a smaller image size."
    )


def test_forms_of_an_input():
    with pytest.raises(ProgramError, match="takes an input with 2 dimensions"):
        input_of([None, 784])
    assert input_of([None, 3, None, None]).channels_last is False
    assert input_of([None, None, None, None]).channels_last is False
    assert input_of([None, None, None, 3]).channels_last is True


def test_nothing_of_torch_is_imported_to_tell_a_program():
    code = (
        "import sys; from bickd_core.runs.program_kinds import program_kind; sys.exit('torch' in"
        " sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
