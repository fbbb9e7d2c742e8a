"""The app in a real Chromium: a server of our own, and pages that are waited for by state, never by
time.

Used by the browser tests, by `benchmarks/startup.py` and by `docs/screenshots.py`.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlencode

from playwright.sync_api import Browser, BrowserContext, Locator, Page, Playwright, expect

ROOT = Path(__file__).resolve().parents[2]
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
TIMEOUT = 60.0
"""Seconds that a page may take before we call it stuck; two busy cores are slow, a wait ends when
the state is there."""
QUIET_MS = 150
"""The page counts as settled when its script has been at rest this long."""
POLL_MS = 50
"""How often a waiting test looks at the page. Playwright's default is every frame, which makes
Chromium draw frames that nobody needs."""


def find_chromium() -> str | None:
    """Path of a Chromium or Chrome: the CHROMIUM variable, else the usual names; None where there
    is none."""
    if wanted := os.environ.get("CHROMIUM"):
        return shutil.which(wanted)
    for name in ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable"):
        if found := shutil.which(name):
            return found
    return None


def launch(playwright: Playwright, *, shell: bool = False) -> Browser:
    """A headless Chromium with a new, empty profile.

    Args:
        shell: use Debian's `chromium-headless-shell` if it is installed and CHROMIUM is not set.
            It is the same engine without windows, and loads a page in three quarters of the time.
    """
    path = find_chromium()
    if shell and not os.environ.get("CHROMIUM"):
        path = shutil.which("chromium-headless-shell") or path
    if path is None:
        raise RuntimeError(
            "no Chromium was found; install Debian's `chromium`, or set CHROMIUM to its path."
        )
    return playwright.chromium.launch(executable_path=path, args=list(FLAGS))


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def until(what: str, condition: Callable[[], Any], seconds: float = TIMEOUT) -> Any:
    """Ask until the answer is true; a TimeoutError names what was waited for."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if answer := condition():
            return answer
        time.sleep(0.02)
    raise TimeoutError(f"waited {seconds:.0f} s for: {what}")


class AppServer:
    """`streamlit run` on a free port of 127.0.0.1, with run folders of its own.

    Args:
        script: another script than the app, as a benchmark needs for comparison.
        variables: more environment variables for the process.
    """

    def __init__(
        self,
        runs: Path,
        shelf: Path | None = None,
        script: str | Path = "app/main.py",
        variables: Mapping[str, str] | None = None,
    ) -> None:
        self.runs = runs
        self.script = str(script)
        self.shelf = ROOT / "pretrained" if shelf is None else shelf
        self.port = free_port()
        self.front = self.port
        """The port that browsers use: another one if there is a proxy in front of the app."""
        self.variables = dict(variables or {})
        self.process: subprocess.Popen[bytes] | None = None
        self.log = runs.parent / f"{runs.name}-app.log"
        self.contexts: dict[tuple[int, int, str, float], BrowserContext] = {}

    @property
    def address(self) -> str:
        base = self.variables.get("STREAMLIT_SERVER_BASE_URL_PATH", "")
        return f"http://127.0.0.1:{self.front}" + (f"/{base}" if base else "")

    def url(self, page: str = "", query: Mapping[str, str] | None = None) -> str:
        return f"{self.address}/{page}" + (f"?{urlencode(query)}" if query else "")

    def launch(self) -> None:
        """Start the process and return at once."""
        self.runs.mkdir(parents=True, exist_ok=True)
        command = [
            sys.executable,
            "-m",
            "streamlit",
            "run",
            self.script,
            "--server.headless",
            "true",
        ]
        command += ["--server.address", "127.0.0.1", "--server.port", str(self.port)]
        folders = {
            "BICKD_RUNS": str(self.runs),
            "BICKD_SHELF": str(self.shelf),
            "BICKD_CACHE": str(self.runs.parent / "cache"),
            "COLUMNS": "110",
            # the app draws images with the Chromium of the tests
            "BROWSER_PATH": os.environ.get("BROWSER_PATH", find_chromium() or ""),
        }
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                command,
                cwd=ROOT,
                stdout=log,
                stderr=log,
                env={**os.environ, **folders, **self.variables},
                start_new_session=True,
            )

    def start(self) -> None:
        """Start the process and wait until it answers."""
        self.launch()
        try:
            until("the app's health check", self.healthy)
        except TimeoutError as error:
            self.stop()
            raise RuntimeError(f"the app did not start:\n{self.log_tail()}") from error

    def healthy(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.address}/_stcore/health", timeout=5) as answer:
                return answer.status == 200
        except (urllib.error.URLError, OSError):
            return False

    def log_tail(self, characters: int = 3000) -> str:
        """The end of what the app printed, without colours."""
        return re.sub(r"\x1b\[[0-9;]*m", "", self.log.read_text())[-characters:]

    def stop(self) -> None:
        """End the app, and nothing else: workers that it started go on."""
        if self.process is not None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
            self.process = None

    def restart(self) -> None:
        """The same address and run folders, another process."""
        self.stop()
        self.start()


@contextlib.contextmanager
def serving(runs: Path, shelf: Path | None = None) -> Iterator[AppServer]:
    server = AppServer(runs, shelf)
    server.start()
    try:
        yield server
    finally:
        for context in server.contexts.values():
            context.close()
        server.stop()


class AppPage:
    """One browser tab on the app, which remembers what went wrong in it.

    Args:
        animated: run CSS animations and transitions, and look at the page in every frame, as a
            benchmark needs. Without a GPU, drawing them takes much of the time of a test.
    """

    def __init__(self, page: Page, server: AppServer, *, animated: bool = False) -> None:
        self.page = page
        self.server = server
        self.problems: list[str] = []
        self.polling: float | Literal["raf"] = "raf" if animated else POLL_MS
        page.set_default_timeout(TIMEOUT * 1000)
        expect.set_options(timeout=TIMEOUT * 1000)  # playwright's own 5 s are few on a busy machine
        page.on("pageerror", lambda error: self.problems.append(f"page error: {error}"))
        page.on("console", self._on_console)
        page.add_init_script(_COUNT_RUNS)
        if not animated:
            page.add_init_script(_NO_ANIMATIONS)

    def _on_console(self, message: Any) -> None:
        if message.type == "error" and not _foreign(message.text, message.location):
            self.problems.append(f"console: {message.text} ({message.location.get('url', '')})")

    # -- going somewhere ---------------------------------------------------------------------------
    def open(self, page: str = "", query: Mapping[str, str] | None = None) -> AppPage:
        """Load a page of the app by its address, as a link or a bookmark does."""
        self.page.goto(self.server.url(page, query), wait_until="commit")
        return self.settle()

    def reload(self) -> AppPage:
        self.page.reload(wait_until="commit")
        return self.settle()

    def visit(self, title: str) -> AppPage:
        """Go to a page by its link in the sidebar."""
        self.sidebar()
        with self.rerun():
            self.page.get_by_test_id("stSidebarNavLink").filter(has_text=title).click()
        return self

    def sidebar(self) -> Locator:
        """The sidebar, opened first where the window is narrow."""
        bar = self.page.get_by_test_id("stSidebar")
        if bar.get_attribute("data-collapsed") == "true":
            self.page.get_by_test_id("stExpandSidebarButton").click()
            expect(bar).to_have_attribute("data-collapsed", "false")
        return bar

    # -- waiting and finding -----------------------------------------------------------------------
    @contextlib.contextmanager
    def rerun(self) -> Iterator[None]:
        """Around an action that makes the script run: wait for that run to begin, and to end."""
        before = self.page.evaluate("[window.__runs, window.__ends]")
        yield
        self.page.wait_for_function(_RAN, arg=before, timeout=TIMEOUT * 1000, polling=self.polling)
        unseen = self.page.evaluate("before => window.__runs === before[0]", before)
        self.settle()
        if unseen:  # it ended with its last message
            self.page.evaluate("window.__rest = window.__heard")

    def settle(self) -> AppPage:
        """Wait until the script has run to its end and every chart is drawn."""
        self.page.evaluate("window.__rest = undefined")
        self.page.wait_for_function(
            _SETTLED, arg=QUIET_MS, timeout=TIMEOUT * 1000, polling=self.polling
        )
        return self

    def key(self, key: str) -> Locator:
        """The widget or container with this key."""
        return self.page.locator(f".st-key-{key}")

    def field(self, key: str) -> Locator:
        """The widget of a form's field, whatever choice or version its key carries besides."""
        return self.page.locator(f'.st-key-{key}, [class*="st-key-{key}-"]')

    def title(self) -> str:
        return self.page.locator("h1").first.inner_text()

    def query(self) -> dict[str, str]:
        """What the address bar says after the question mark."""
        return self.page.evaluate("Object.fromEntries(new URLSearchParams(location.search))")

    def points(self, key: str) -> int:
        """How many points the chart with this key draws, over all its traces."""
        return self.page.evaluate(_POINTS, f".st-key-{key} .js-plotly-plot")

    def sideways(self) -> int:
        """Pixels by which the page is wider than its window: 0 means no sideways scrolling."""
        return self.page.evaluate(_SIDEWAYS)

    # -- judging -----------------------------------------------------------------------------------
    def check(self) -> None:
        """Fail on a traceback on the page or an error in the console."""
        broken = self.page.get_by_test_id("stException")
        assert broken.count() == 0, (
            f"{self.page.url}: {broken.first.inner_text()}\n{self.server.log_tail()}"
        )
        assert not self.problems, f"{self.page.url}: {self.problems}"


@contextlib.contextmanager
def tab(
    browser: Browser,
    server: AppServer,
    *,
    width: int = 1280,
    height: int = 900,
    scheme: str = "light",
    scale: float = 1,
    animated: bool = False,
) -> Iterator[AppPage]:
    """Open a tab without cookies or stored values.

    Tabs of one server and one look share a browser context, so that only the first one downloads
    and compiles Streamlit's scripts.

    Args:
        scheme: the colour scheme that the system prefers, "light" or "dark".
        scale: device pixels per CSS pixel.
        animated: run CSS animations and transitions, as a user sees them.
    """
    look = (width, height, scheme, scale)
    if look not in server.contexts:
        server.contexts[look] = browser.new_context(
            viewport={"width": width, "height": height},
            color_scheme=scheme,  # type: ignore[arg-type]
            device_scale_factor=scale,
        )
    context = server.contexts[look]
    before = list(context.pages)
    page = context.new_page()
    try:
        yield AppPage(page, server, animated=animated)
    finally:
        stored = {"origin": server.address, "storageTypes": "cookies,local_storage,indexeddb"}
        context.new_cdp_session(page).send("Storage.clearDataForOrigin", stored)
        context.clear_permissions()
        for opened in context.pages:
            if opened not in before:
                opened.close()


# What Chromium and Streamlit write while a test restarts the server under an open tab.
_SERVER_IS_DOWN = (
    "WebSocket connection",
    "ERR_CONNECTION_REFUSED",
    "disconnected from server",
    "No response received when attempting to reach /_stcore/health",
    "Streamlit server is not responding",
)


def _foreign(words: str, location: Mapping[str, Any]) -> bool:
    """Errors that are not ours: a connection cut by a restart, and Streamlit's search for its own
    base path."""
    url = str(location.get("url", ""))
    cut = any(sign in words for sign in _SERVER_IS_DOWN)
    return cut or url.endswith(("/_stcore/health", "/_stcore/host-config"))


# At rest: connected, its script not running, no skeleton or stale element, each chart drawn, for a
# while on end.
_SETTLED = """
quiet => {
  const app = document.querySelector('[data-testid="stApp"]');
  const rest = app !== null
    && app.dataset.testConnectionState === 'CONNECTED'
    && app.dataset.testScriptState === 'notRunning'
    && document.querySelector('[data-testid="stMain"] [data-testid="stElementContainer"]') !== null
    && document.querySelector('[data-testid="stAppSkeleton"], [data-testid="stSkeleton"]') === null
    && document.querySelector('[data-testid="stMain"] [data-stale="true"]') === null
    && [...document.querySelectorAll('[data-testid="stPlotlyChart"]')].every(
         chart => chart.querySelector('.js-plotly-plot .main-svg') !== null)
    && [...document.querySelectorAll('[data-testid="stBidiComponentIsolated"]')].every(
         part => part.shadowRoot !== null && part.shadowRoot.childElementCount > 0);
  const now = performance.now();
  if (!rest) { window.__rest = undefined; return false; }
  window.__rest ??= now;
  return now - window.__rest >= quiet;
}
"""
# A run was seen; or one was heard to end without the page's attribute telling of it, because its
# first and last message were drawn in one go.
_RAN = """
([runs, ends]) => window.__runs > runs
  || (window.__ends > ends && performance.now() - window.__heard > 500)
"""
# Counts the runs of the script, as the page's own attribute tells of them, and their ends, as the
# server's messages do: field 6 of a message is script_finished, whose value 2 is "early, for
# another run".
_COUNT_RUNS = """
  window.__runs = window.__ends = window.__heard = 0;
  const ended = bytes => {
    let at = 0;
    const varint = () => {
      let value = 0;
      for (let factor = 1; ; factor *= 128) {
        const byte = bytes[at++];
        value += (byte & 127) * factor;
        if (byte < 128) return value;
      }
    };
    while (at < bytes.length) {
      const tag = varint(), value = varint();
      if (tag >> 3 === 6) return value !== 2;
      if ((tag & 7) === 2) at += value;
    }
    return false;
  };
  window.WebSocket = class extends WebSocket {
    constructor(...words) {
      super(...words);
      this.addEventListener('message', ({data}) => {
        window.__heard = performance.now();
        if (ended(new Uint8Array(data))) window.__ends += 1;
      });
    }
  };
  new MutationObserver(changes => {
    for (const change of changes) {
      const app = change.target;
      if (app.dataset?.testid === 'stApp' && app.dataset.testScriptState === 'running') window.__runs += 1;
    }
  }).observe(document, {subtree: true, attributes: true, attributeFilter: ['data-test-script-state']});
"""
_NO_ANIMATIONS = """
  document.addEventListener('DOMContentLoaded', () => {
    const style = document.createElement('style');
    style.textContent = '*, *::before, *::after { animation: none !important; transition: none !important; }';
    document.head.append(style);
  });
"""
_POINTS = """
where => {
  const chart = document.querySelector(where);
  return chart === null ? 0 : chart._fullData
    .filter(trace => trace.type.startsWith('scatter') && trace.visible === true)
    .reduce((sum, trace) => sum + [...(trace.x ?? [])].filter(Number.isFinite).length, 0);
}
"""
# Streamlit scrolls its own main area, so that both it and the document are asked.
_SIDEWAYS = """
() => Math.max(...[document.scrollingElement, document.querySelector('[data-testid="stMain"]')]
  .filter(part => part !== null).map(part => part.scrollWidth - part.clientWidth))
"""
