"""The wheel, installed outside the clone: `bickd explore` shows the bundled comparison, and runs go
to the user's folder."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from browser_harness import AppServer, tab
from playwright.sync_api import Browser, expect
from wheel_helpers import ROOT, build_wheel, clean_environment, install


class InstalledServer(AppServer):
    """`bickd explore`, started in a folder of the user's own."""

    def __init__(self, bin_folder: Path, folder: Path) -> None:
        super().__init__(folder / "runs")
        self.bin_folder, self.folder = bin_folder, folder

    def launch(self) -> None:
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                [str(self.bin_folder / "bickd"), "explore", "--port", str(self.port)],
                cwd=self.folder,
                stdout=log,
                stderr=log,
                env=clean_environment(),
                start_new_session=True,
            )


@pytest.fixture(scope="module")
def bin_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return install(
        build_wheel(tmp_path_factory.mktemp("dist")), tmp_path_factory.mktemp("outside") / "venv"
    )


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, bin_folder: Path) -> Iterator[AppServer]:
    running = InstalledServer(bin_folder, tmp_path_factory.mktemp("mine"))
    running.start()
    yield running
    running.stop()


def test_the_clone_is_out_of_reach(bin_folder: Path, tmp_path: Path):
    """Or the other tests of this file would try the clone."""
    look = (
        "import sys, bickd_core, importlib.util as u; print(bickd_core.__file__,"
        " u.find_spec('app'), sys.path)"
    )
    command = [str(bin_folder / "python"), "-c", look]
    answer = subprocess.run(
        command, cwd=tmp_path, capture_output=True, text=True, check=True, env=clean_environment()
    )
    assert str(bin_folder.parent) in answer.stdout.split()[0]
    assert answer.stdout.split()[1] == "None"
    assert f"'{ROOT}'" not in answer.stdout


def test_the_bundled_comparison_is_shown(browser: Browser, server: AppServer):
    with tab(browser, server) as opened:
        opened.open()
        main = opened.page.get_by_test_id("stMain")
        expect(main).to_contain_text("BicKD")
        expect(main).to_contain_text("1,208 test images")
        opened.check()


def test_runs_belong_to_the_folder_where_the_command_is_called(bin_folder: Path, tmp_path: Path):
    command = [str(bin_folder / "bickd"), "runs"]
    answer = subprocess.run(
        command, cwd=tmp_path, capture_output=True, text=True, check=True, env=clean_environment()
    )
    assert "caltech95/bickd-s0" in answer.stdout
    assert f"There are no runs in {tmp_path / 'runs'} yet" in answer.stdout
