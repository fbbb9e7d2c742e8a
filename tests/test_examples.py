"""The scripts in `examples/` run, each where the library that it is about is installed."""

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
BLOCKED = ("streamlit", "plotly", "umap", "kaleido", "bickd_viz", "app")


def example(name):
    spec = importlib.util.spec_from_file_location(
        f"example_{name}", ROOT / "examples" / f"{name}.py"
    )
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_plain_loop_distils_a_student_that_has_learnt():
    figures = example("plain_loop").main(epochs=6)
    assert set(figures) == {"teacher", "kd", "bickd"}
    assert min(figures.values()) > 0.7  # chance is 0.1


@pytest.mark.filterwarnings("ignore")
def test_lightning_distils():
    pytest.importorskip("lightning", reason="lightning is not installed: pip install lightning")
    assert example("lightning_loop").main() > 0.7


@pytest.mark.filterwarnings("ignore")
def test_hugging_faces_trainer_distils():
    pytest.importorskip(
        "transformers", reason="transformers is not installed: pip install transformers"
    )
    pytest.importorskip("accelerate", reason="accelerate is not installed: pip install accelerate")
    assert example("huggingface_trainer").main() > 0.3  # chance is 0.1


IMPORT_ALL = """
import importlib, pkgutil, sys
for name in {blocked!r}:
    sys.modules[name] = None  # importing it raises ImportError
import bickd_core
names = [module.name for module in pkgutil.walk_packages(bickd_core.__path__, "bickd_core.")]
for name in names:
    importlib.import_module(name)
print(len(names))
"""


def test_the_whole_library_is_imported_without_streamlit_plotly_and_umap():
    command = [sys.executable, "-c", IMPORT_ALL.format(blocked=BLOCKED)]
    answer = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
    assert answer.returncode == 0, answer.stderr[-2000:]
    assert int(answer.stdout) > 100
