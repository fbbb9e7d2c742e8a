"""Only this machine drives the app: other host names are refused, and other pages cannot frame it.

test_browser_pages.py opens every page under the content policy."""

from __future__ import annotations

import http.client
from contextlib import closing

import pytest
from browser_harness import AppServer

WEBSOCKET = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
    "Sec-WebSocket-Protocol": "streamlit",
}


def ask(server: AppServer, path: str, headers: dict[str, str]) -> tuple[int, dict[str, str]]:
    """Status and headers of the answer."""
    with closing(http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)) as connection:
        connection.request("GET", path, headers=headers)
        with connection.getresponse() as answer:
            return answer.status, dict(answer.getheaders())


@pytest.mark.parametrize(
    "host",
    ["evil.example", "127.0.0.1.evil.example", "localhost.evil.example:8501", "user@localhost"],
)
@pytest.mark.parametrize("path", ["/", "/_stcore/health", "/_stcore/stream"])
def test_a_foreign_host_is_refused(server: AppServer, host, path):
    """What a browser sends whose page's name was made to resolve to 127.0.0.1 (DNS rebinding)."""
    upgrade = WEBSOCKET | {"Origin": f"http://{host}"} if path.endswith("stream") else {}
    assert ask(server, path, {"Host": host} | upgrade)[0] == 403


@pytest.mark.parametrize("name", ["localhost", "127.0.0.1", "[::1]"])
def test_this_machine_is_answered(server: AppServer, name):
    host = f"{name}:{server.port}"
    status, headers = ask(server, "/", {"Host": host})
    assert status == 200
    assert headers["x-frame-options"] == "DENY"
    assert headers["x-content-type-options"] == "nosniff"
    policy = headers["content-security-policy"]
    assert "frame-ancestors 'none'" in policy
    assert " 'unsafe-eval'" not in policy
    assert "'unsafe-inline'" not in policy.split("style-src")[0]
    upgrade = {"Host": host, "Origin": f"http://{host}"} | WEBSOCKET
    assert ask(server, "/_stcore/stream", upgrade)[0] == 101
    assert ask(server, "/_stcore/stream", upgrade | {"Origin": "http://evil.example"})[0] == 403
