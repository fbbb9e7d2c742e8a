"""What `deploy/` and docs/deploy.md name exists: ports, volumes, options of Streamlit, variables of
ours."""

import re
from pathlib import Path

import pytest
import yaml
from streamlit import config

ROOT = Path(__file__).resolve().parents[1]
DOCKERFILE = (ROOT / "Dockerfile").read_text()
COMPOSE = yaml.safe_load((ROOT / "deploy" / "compose.yaml").read_text())["services"]["explorer"]
PAGES = {
    name: (ROOT / name).read_text()
    for name in ("docs/deploy.md", "deploy/space/README.md", "deploy/compose.yaml")
}
PORT = re.search(r"^EXPOSE (\d+)$", DOCKERFILE, re.MULTILINE)[1]


def test_compose_opens_the_containers_port_on_this_machine_alone_and_keeps_runs():
    assert COMPOSE["ports"] == [f"127.0.0.1:{PORT}:{PORT}"]
    (volume,) = COMPOSE["volumes"]
    assert f"BICKD_RUNS={volume.partition(':')[2]} " in DOCKERFILE
    assert (ROOT / "deploy" / COMPOSE["build"] / "Dockerfile").is_file()


@pytest.mark.parametrize("path", ["", "bickd", "/a/b/"])
def test_the_health_check_asks_below_the_apps_path(path, monkeypatch):
    (code,) = re.findall(r'CMD \["python", "-c", "(import os.*?)"\]', DOCKERFILE)
    asked = []
    monkeypatch.setattr("urllib.request.urlopen", lambda url, timeout: asked.append(url))
    monkeypatch.setenv("STREAMLIT_SERVER_BASE_URL_PATH", path)
    exec(code, {})
    inner = f"{path.strip('/')}/" if path else ""
    assert asked == [f"http://127.0.0.1:{PORT}/{inner}_stcore/health"]


def test_the_spaces_front_matter_is_read_and_names_the_containers_port():
    _, front, _ = PAGES["deploy/space/README.md"].split("---\n", 2)
    fields = yaml.safe_load(front)
    assert (fields["sdk"], str(fields["app_port"])) == ("docker", PORT)
    assert len(fields["short_description"]) <= 60  # the hub's limit


@pytest.mark.parametrize("page", PAGES)
def test_every_variable_is_one_that_is_read(page):
    options = {option.env_var for option in config.get_config_options().values()}
    for name in set(re.findall(r"\bSTREAMLIT_[A-Z_]+", PAGES[page])):
        assert name in options, name
    code = "".join(
        file.read_text()
        for package in ("bickd_core", "app")
        for file in (ROOT / package).rglob("*.py")
    )
    compose = (ROOT / "deploy" / "compose.yaml").read_text()
    for name in set(re.findall(r"\bBICKD_[A-Z_]+", PAGES[page])):
        assert f'"{name}"' in code or f"${{{name}:-" in compose, name
