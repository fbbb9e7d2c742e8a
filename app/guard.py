"""What every answer of the server must pass: a known host, and headers that keep other pages out.

Without a check of the Host header a page whose name is made to resolve to 127.0.0.1 would be given a session, and could
start trainings and delete runs. Streamlit checks `server.allowedHosts` for its websocket alone; this checks every request.
"""

from __future__ import annotations

import base64
import hashlib
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

import streamlit
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.websockets import WebSocketClose
from streamlit import config
from streamlit.web.server.starlette.starlette_websocket import is_host_allowed

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

OWN_HOSTS = ("localhost", "127.0.0.1", "::1")
"""This machine's own names, which the app always answers to."""


def _inline_scripts() -> list[str]:
    """Hashes of the scripts that stand in Streamlit's own page."""
    page = (Path(streamlit.__file__).parent / "static" / "index.html").read_text(encoding="utf-8")
    scripts = re.findall(r"<script>(.*?)</script>", page, re.DOTALL)
    digests = [hashlib.sha256(script.encode()).digest() for script in scripts]
    return [f"'sha256-{base64.b64encode(digest).decode()}'" for digest in digests]


def framing_sites() -> list[str]:
    """Return the sites that BICKD_FRAMES allows to show the app in a frame, such as `https://huggingface.co`.

    Raises:
        ValueError: something in the variable is not the address of a site.
    """
    sites = os.environ.get("BICKD_FRAMES", "").split()
    for site in sites:
        if not re.fullmatch(r"https?://(\*\.)?[A-Za-z0-9.-]+(:\d+)?", site):
            raise ValueError(
                "BICKD_FRAMES must name sites such as https://huggingface.co, separated by spaces, got "
                f"'{site[:200]}'."
            )
    return sites


def content_policy() -> str:
    """Scripts, styles, pictures and connections come from this server alone.

    Streamlit loads the scripts of components from blob addresses, compiles WebAssembly and sets styles in elements, so these
    three stay open; text is never run as a script.
    """
    rules = {
        "default-src": "'self'",
        "script-src": " ".join(["'self'", "blob:", "'wasm-unsafe-eval'", *_inline_scripts()]),
        "style-src": "'self' 'unsafe-inline'",
        "img-src": "'self' data: blob:",
        "font-src": "'self' data:",
        "connect-src": "'self' data: blob:",
        "worker-src": "'self' blob:",
        "object-src": "'none'",
        "base-uri": "'self'",
        "form-action": "'self'",
        "frame-ancestors": " ".join(framing_sites()) or "'none'",
    }
    return "; ".join(f"{name} {value}" for name, value in rules.items())


class Guard:
    """ASGI middleware that refuses unknown hosts with 403 and adds the headers to each answer."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self.headers = {
            "Content-Security-Policy": content_policy(),
            "X-Content-Type-Options": "nosniff",
            "Referrer-Policy": "same-origin",
        }
        if not framing_sites():
            self.headers["X-Frame-Options"] = "DENY"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        host = Headers(scope=scope).get("host")
        if not is_known(host):
            answer = WebSocketClose(code=1008) if scope["type"] == "websocket" else refusal(host)
            await answer(scope, receive, send)
            return

        async def sent(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in self.headers.items():
                    headers[name] = value
            await send(message)

        await self.app(scope, receive, sent)


def answer_own_names() -> None:
    """Add this machine's names to `server.allowedHosts`, which Streamlit asks for its websocket."""
    named = config.get_option("server.allowedHosts")
    config.set_option("server.allowedHosts", list(dict.fromkeys([*named, *OWN_HOSTS])))


def is_known(host: str | None) -> bool:
    """Whether the app answers to this Host header: this machine's own names, and those of `server.allowedHosts`."""
    if config.get_option("server.allowedHosts") and is_host_allowed(host):
        return True
    name = re.sub(r":\d+$", "", (host or "").strip().lower()).strip("[]")
    return name in OWN_HOSTS  # the container's health check asks 127.0.0.1 whatever its public name is


def refusal(host: str | None) -> PlainTextResponse:
    """The answer to a request for another host."""
    known = ", ".join(dict.fromkeys([*OWN_HOSTS, *config.get_option("server.allowedHosts")]))
    return PlainTextResponse(
        f"This app answers to {known}, and the request was for {(host or 'no host')[:200]}. If that is the app's own "
        "name, start it with --server.allowedHosts and this name.\n",
        status_code=403,
        headers={"X-Content-Type-Options": "nosniff"},
    )
