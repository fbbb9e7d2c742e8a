"""The server answers before it has imported what pages need, and the first chart needs no pandas."""

import subprocess
import sys

from app.main import FIRST_PAGE


def imported(code: str) -> set[str]:
    """Run code in a new process, and return the names of the modules that it has imported."""
    result = subprocess.run(
        [sys.executable, "-c", f"{code}\nimport sys\nprint(*sys.modules)"],
        capture_output=True,
        text=True,
        check=True,
    )
    return set(result.stdout.split())


def test_the_server_imports_little_before_it_answers():
    extra = imported("import app.guard, app.settings") - imported("import streamlit.starlette")
    ours = {name for name in extra if name.startswith(("app", "bickd"))}
    assert ours == {
        "app", "app.guard", "app.settings",
        "bickd_core", "bickd_core.data", "bickd_core.data.memory", "bickd_core.places",
    }  # fmt: skip
    assert not extra & {"numpy", "pydantic", "yaml"}


def test_modules_of_the_first_chart_do_not_import_what_comes_later():
    names = imported(f"import importlib\nfor n in {FIRST_PAGE}: importlib.import_module(n)")
    assert set(FIRST_PAGE) <= names
    extra = names - imported("import streamlit")
    assert not extra & {"pandas", "pyarrow", "scipy", "scipy.special", "torch", "umap"}
