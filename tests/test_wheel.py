"""The wheel holds the app, the bundled runs and every data file, and claims three top-level
names."""

import tomllib
import zipfile
from pathlib import Path

import pytest
from wheel_helpers import ROOT, build_wheel

PYPI_LIMIT = 100e6


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    return build_wheel(tmp_path_factory.mktemp("dist"))


@pytest.fixture(scope="module")
def names(wheel):
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


def files_of(folder):
    """Paths of the files in a folder of the clone, relative to the clone, without what Python
    compiled."""
    return {
        file.relative_to(ROOT).as_posix()
        for file in (ROOT / folder).rglob("*")
        if file.is_file() and "__pycache__" not in file.parts
    }


def test_what_is_installed_claims_no_foreign_name(names):
    tops = {name.partition("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == {
        "bickd_core",
        "bickd_cli",
        "bickd_viz",
        "bickd_explorer",
    }


@pytest.mark.parametrize("folder", ["bickd_core", "bickd_viz"])
def test_every_file_of_a_library_is_in_the_wheel(names, folder):
    assert files_of(folder) <= names


def test_the_app_is_whole_with_its_configuration(names):
    app = {f"bickd_explorer/{name}" for name in files_of("app")}
    assert "bickd_explorer/app/.streamlit/config.toml" in app
    assert app <= names


def test_the_bundled_runs_are_whole_and_the_scripts_that_made_them_are_not_there(names):
    shelves = [file.parents[1] for file in (ROOT / "pretrained").glob("*/*/run.yaml")]
    runs = set().union(*(files_of(shelf) for shelf in set(shelves)))
    assert {f"bickd_explorer/{name}" for name in runs} == {
        name for name in names if name.startswith("bickd_explorer/pretrained/")
    }


def test_the_wheel_is_small_enough_for_pypi(wheel):
    assert wheel.stat().st_size < PYPI_LIMIT


def test_the_command_and_its_libraries_are_named(wheel):
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    folder = f"{Path(wheel).name.split('-py3')[0]}.dist-info"
    with zipfile.ZipFile(wheel) as archive:
        metadata = archive.read(f"{folder}/METADATA").decode()
        assert "bickd = bickd_cli.main:main" in archive.read(f"{folder}/entry_points.txt").decode()
    for dependency in project["dependencies"]:
        assert f"Requires-Dist: {dependency}\n" in metadata
