"""The app under a path, alone and behind nginx as docs/deploy.md configures it, for users who each
have a folder of runs."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from browser_harness import ROOT, AppPage, AppServer, free_port, tab, until
from playwright.sync_api import Browser, expect
from streamlit.web.server.starlette.starlette_app_utils import create_signed_value

from app.data.access import folder_name
from bickd_core.runs.library import USERS, Library

SECRET = "a long text that only this test knows"
ISSUER = "https://id.example"
PATH = "bickd"
NGINX = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")


def nginx_configuration(port: int, front: int, folder: Path) -> str:
    """The configuration of docs/deploy.md, in a server on `front`."""
    page = (ROOT / "docs" / "deploy.md").read_text()
    (location,) = re.findall(
        rf"^    location /{PATH}/ \{{.*?^    \}}", page, re.MULTILINE | re.DOTALL
    )
    assert "127.0.0.1:8501" in location
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    temporary = "".join(f"{kind}_temp_path {folder}/{kind};\n" for kind in kinds)
    user = "user root;\n" if os.geteuid() == 0 else ""
    return (
        f"{user}daemon off; worker_processes 1; pid {folder}/pid; error_log {folder}/error.log;\n"
        f"events {{}}\nhttp {{ access_log off;\n{temporary}server {{ listen 127.0.0.1:{front};\n"
        f"{location.replace('127.0.0.1:8501', f'127.0.0.1:{port}')}\n}} }}\n"
    )


@pytest.fixture(params=["alone", "behind nginx"])
def hosted(request, tmp_path, shelf, browser) -> Iterator[AppServer]:
    """The app at /bickd, with sign-in and a folder for each user."""
    proxied = request.param != "alone"
    if proxied and NGINX is None:
        pytest.skip("nginx is not installed; install Debian's `nginx-light` to test the proxy")
    secrets = tmp_path / "secrets.toml"
    variables = {
        "STREAMLIT_SERVER_BASE_URL_PATH": PATH,
        "STREAMLIT_SECRETS_FILES": str(secrets),
        "BICKD_USER_FOLDERS": "1",
    }
    server = AppServer(tmp_path / "runs", shelf, variables=variables)
    server.front = free_port() if proxied else server.port
    secrets.write_text(
        f'[auth]\nredirect_uri = "{server.address}/oauth2callback"\ncookie_secret = "{SECRET}"\n'
    )
    proxy = None
    if proxied:
        assert NGINX is not None
        configuration = tmp_path / "nginx.conf"
        configuration.write_text(nginx_configuration(server.port, server.front, tmp_path))
        proxy = subprocess.Popen(
            [NGINX, "-c", str(configuration), "-e", str(tmp_path / "error.log")]
        )
    try:
        server.start()
        yield server
    finally:
        for context in server.contexts.values():
            context.close()
        server.stop()
        if proxy is not None:
            proxy.terminate()
            proxy.wait(timeout=10)


def claims(subject: str) -> dict[str, object]:
    return {"is_logged_in": True, "iss": ISSUER, "sub": subject, "name": f"user {subject}"}


def sign_in(opened: AppPage, subject: str) -> None:
    """Give the tab the cookie that Streamlit sets after a sign-in."""
    origin = f"http://127.0.0.1:{opened.server.front}"
    content = json.dumps(claims(subject) | {"origin": origin})
    value = create_signed_value(SECRET, "_streamlit_user", content).decode()
    opened.page.context.add_cookies([{"name": "_streamlit_user", "value": value, "url": origin}])


def test_users_under_a_path_see_their_own_runs_and_no_others(
    browser: Browser, hosted: AppServer, shelf: Path
):
    ann = Library(shelf, hosted.runs / USERS / folder_name(claims("ann")))
    shutil.copytree(shelf / "caltech95" / "kd-s0", ann.own / "anns-run")
    run = ann.find("anns-run")
    run.write_info(run.info().model_copy(update={"name": run.key, "title": "Anns secret"}))
    link = {"teacher": "caltech95/teacher", "students": run.key, "run": run.key}

    with tab(browser, hosted) as visitor:
        visitor.page.goto(hosted.url("runs", link))
        expect(visitor.page.get_by_role("button", name="Sign in")).to_be_visible()
        assert "Anns secret" not in visitor.page.content()
        visitor.check()

    with tab(browser, hosted) as opened:
        sign_in(opened, "ann")
        opened.open("runs", link)
        expect(opened.key("runs-details").get_by_text("Rename")).to_be_visible()
        opened.visit("Overview")
        assert "Anns secret" in opened.page.get_by_test_id("stMain").inner_text()
        opened.visit("Bring your own")
        table = "id,label,teacher:a,teacher:b,note\n" + "".join(
            f"{i},a,0.9,0.1,{'x' * 40}\n" for i in range(30_000)
        )  # 1.6 MB: nginx alone takes 1 MB
        upload = {"name": "models.csv", "mimeType": "text/csv", "buffer": table.encode()}
        with opened.rerun():
            opened.page.get_by_test_id("stFileUploaderDropzoneInput").set_input_files(upload)  # type: ignore[arg-type]
        expect(opened.page.get_by_text("30,000 rows")).to_be_visible()
        opened.check()
    profile = ann.own / ".user.json"
    assert json.loads(until("the profile", lambda: profile.exists() and profile.read_text())) == {
        "iss": ISSUER,
        "sub": "ann",
        "name": "user ann",
    }

    with tab(browser, hosted) as other:
        sign_in(other, "bob")
        other.open("runs", link)
        assert (
            "The run 'anns-run' no longer exists"
            in other.page.get_by_test_id("stMain").inner_text()
        )
        other.visit("Overview")
        assert other.title() == "This comparison cannot be shown"
        assert "Anns secret" not in other.page.content()
        other.check()
