"""Refuse requests for unknown hosts and uploads to a read-only server, and add security headers to
every response.

Without a check of the Host header, a web site whose name resolves to 127.0.0.1 could open a
session, start trainings and delete runs (DNS rebinding). Streamlit checks `server.allowedHosts`
only for its websocket; this checks every request.
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

from app import settings

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

OWN_HOSTS = ("localhost", "127.0.0.1", "::1")
"""This machine's own names, which are always allowed."""


def _inline_scripts() -> list[str]:
    """Return the hashes of the inline scripts in Streamlit's own page."""
    page = (Path(streamlit.__file__).parent / "static" / "index.html").read_text(encoding="utf-8")
    scripts = re.findall(r"<script>(.*?)</script>", page, re.DOTALL)
    digests = [hashlib.sha256(script.encode()).digest() for script in scripts]
    return [f"'sha256-{base64.b64encode(digest).decode()}'" for digest in digests]


def framing_sites() -> list[str]:
    """Return the sites that may show the app in a frame: those in BICKD_FRAMES, such as
    `https://huggingface.co`.

    Raises:
        ValueError: part of the variable is not the address of a site.
    """
    sites = os.environ.get("BICKD_FRAMES", "").split()
    for site in sites:
        if not re.fullmatch(r"https?://(\*\.)?[A-Za-z0-9.-]+(:\d+)?", site):
            raise ValueError(
                "BICKD_FRAMES must name sites such as https://huggingface.co, separated by spaces,"
                f" got '{site[:200]}'."
            )
    return sites


def content_policy() -> str:
    """Return the content security policy: scripts, styles, images and connections only from this
    server.

    Streamlit loads components' scripts from blob URLs, compiles WebAssembly and sets inline styles,
    so these three are allowed. Text is never run as a script.
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
    """ASGI middleware that refuses unknown hosts, and uploads to a read-only server, with 403. It
    adds the headers to every response."""

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

        if is_upload(scope) and settings.read_only():
            answer = PlainTextResponse(settings.refusal("upload files"), status_code=403)
            await answer(scope, receive, send)
            return

        async def sent(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in self.headers.items():
                    headers[name] = value
            await send(message)

        await self.app(scope, receive, sent)


def is_upload(scope: Scope) -> bool:
    """Return whether this request sends a file for `st.file_uploader`."""
    sends = scope["type"] == "http" and scope["method"] in ("PUT", "POST")
    return sends and "/_stcore/upload_file/" in scope["path"]


def answer_own_names() -> None:
    """Add this machine's names to `server.allowedHosts`, which Streamlit checks for its
    websocket."""
    named = config.get_option("server.allowedHosts")
    config.set_option("server.allowedHosts", list(dict.fromkeys([*named, *OWN_HOSTS])))


def is_known(host: str | None) -> bool:
    """Return whether this Host header is one of this machine's names or in
    `server.allowedHosts`."""
    if config.get_option("server.allowedHosts") and is_host_allowed(host):
        return True
    name = re.sub(r":\d+$", "", (host or "").strip().lower()).strip("[]")
    return name in OWN_HOSTS  # the container's health check always uses 127.0.0.1


def refusal(host: str | None) -> PlainTextResponse:
    """Return the response to a request for an unknown host."""
    known = ", ".join(dict.fromkeys([*OWN_HOSTS, *config.get_option("server.allowedHosts")]))
    return PlainTextResponse(
        f"This app only answers requests for {known}, but this request was for"
        f" {(host or 'no host')[:200]}. If that is the app's own name, set"
        " STREAMLIT_SERVER_ALLOWED_HOSTS to it before you start the app.\n",
        status_code=403,
        headers={"X-Content-Type-Options": "nosniff"},
    )
