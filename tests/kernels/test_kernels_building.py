"""Compiling: once for many processes, never half, and with a reason where it cannot be done."""

import os
import shutil
import signal
import subprocess
import sys
import time

import pytest

from bickd_core.kernels import building
from bickd_core.kernels.building import KernelError, built

COMPILER = shutil.which(os.environ.get("CXX", "g++"))


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("BICKD_KERNELS", str(tmp_path / "kernels"))
    return tmp_path / "kernels"


def compiler(tmp_path, monkeypatch, script):
    path = tmp_path / "compiler"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    monkeypatch.setenv("CXX", str(path))


WRITES = """while [ "$1" != "-o" ]; do shift; done; echo made >> "$2"; echo once >> {count}"""


def test_without_a_compiler_the_reason_says_so(folder, monkeypatch):
    monkeypatch.setenv("CXX", "no-such-compiler")
    with pytest.raises(KernelError, match="no C\\+\\+ compiler 'no-such-compiler'"):
        built()
    monkeypatch.setattr(building, "_answers", [])
    assert building.load_kernels() == "no C++ compiler 'no-such-compiler'"
    assert not folder.exists()


def test_a_compiler_that_fails_is_asked_once_and_its_words_are_kept(folder, tmp_path, monkeypatch):
    compiler(
        tmp_path, monkeypatch, f"echo asked >> {tmp_path}/count; echo 'this is broken' >&2; exit 1"
    )
    for _ in range(2):
        with pytest.raises(KernelError, match="did not compile, see .*failed; ") as error:
            built()
    said = str(error.value).split("see ")[1].split("; ")[0]
    with open(said) as file:
        assert "this is broken" in file.read()
    assert (tmp_path / "count").read_text() == "asked\n"
    assert not list(folder.glob("*.so"))
    assert not list(folder.glob("compiling-*"))


def test_the_command_line_lists_and_clears_them(folder, tmp_path, monkeypatch, capsys):
    from bickd_cli.main import main

    def bickd(*arguments):
        with pytest.raises(SystemExit) as ended:
            main(["cache", *arguments])
        assert ended.value.code == 0

    compiler(tmp_path, monkeypatch, "exit 1")
    with pytest.raises(
        KernelError, match="`bickd cache clear kernels` lets the next run try again"
    ):
        built()
    bickd("list")
    assert f"kernels: 0 compiled, 0.0 MB in {folder}" in capsys.readouterr().out
    bickd("clear", "kernels")
    assert not list(folder.glob("*.failed"))
    compiler(tmp_path, monkeypatch, WRITES.format(count=tmp_path / "count"))
    path = built()
    bickd("list")
    assert "kernels: 1 compiled, 0.0 MB in" in capsys.readouterr().out
    bickd("clear")  # views alone
    assert path.exists()
    bickd("clear", "kernels")
    assert not path.exists()


def test_what_is_there_needs_no_compiler(folder, tmp_path, monkeypatch):
    said = []
    compiler(tmp_path, monkeypatch, WRITES.format(count=tmp_path / "count"))
    path = built(said.append)
    assert said == ["compiling kernels for this CPU, once, some 20 s"]
    assert path.read_text() == "made\n"
    monkeypatch.setenv("CXX", "no-such-compiler")
    assert built(said.append) == path
    assert len(said) == 1


def test_processes_that_want_them_at_once_compile_once(folder, tmp_path, monkeypatch):
    compiler(tmp_path, monkeypatch, "sleep 1; " + WRITES.format(count=tmp_path / "count"))
    code = "from bickd_core.kernels.building import built; print(built().read_text())"
    started = [
        subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    assert [process.communicate(timeout=120)[0] for process in started] == ["made\n\n"] * 3
    assert (tmp_path / "count").read_text() == "once\n"


def test_a_kill_while_compiling_leaves_nothing_that_is_taken_for_a_library(
    folder, tmp_path, monkeypatch
):
    compiler(tmp_path, monkeypatch, f"touch {tmp_path}/begun; sleep 60")
    code = "from bickd_core.kernels.building import built; built()"
    process = subprocess.Popen([sys.executable, "-c", code], start_new_session=True)
    while not (tmp_path / "begun").exists():
        assert process.poll() is None
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert len(list(folder.glob("compiling-*"))) == 1
    assert not list(folder.glob("*.so"))
    compiler(tmp_path, monkeypatch, WRITES.format(count=tmp_path / "count"))
    assert built().read_text() == "made\n"
    assert not list(folder.glob("compiling-*"))


def test_a_folder_that_cannot_be_made_is_a_reason(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("BICKD_KERNELS", str(tmp_path / "file" / "kernels"))
    compiler(tmp_path, monkeypatch, "exit 1")
    with pytest.raises(KernelError, match="cannot be written to"):
        built()


def test_a_library_that_does_not_load_is_a_reason(folder, tmp_path, monkeypatch):
    compiler(tmp_path, monkeypatch, WRITES.format(count=tmp_path / "count"))
    built()
    monkeypatch.setattr(building, "_answers", [])
    assert str(building.load_kernels()).startswith("the compiled kernels do not load (")


def test_the_key_follows_source_torch_and_cpu(monkeypatch):
    key = building._key()
    assert building._key() == key
    monkeypatch.setattr(building, "_cpu_features", lambda: ["flags: less"])
    assert building._key() != key
    monkeypatch.undo()
    monkeypatch.setattr(building.torch, "__version__", "0.1")
    assert building._key() != key


@pytest.mark.skipif(COMPILER is None, reason="no C++ compiler here")
def test_the_real_compiler_makes_what_loads(monkeypatch):
    code = "from bickd_core.kernels.building import load_kernels; print(load_kernels())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=300)
    assert done.stdout == "None\n", done.stderr
