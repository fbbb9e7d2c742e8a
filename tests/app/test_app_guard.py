"""The names of this machine stay allowed, and frames are refused but for the sites that the server
names."""

import pytest
from streamlit import config
from streamlit.web.server.starlette.starlette_websocket import is_host_allowed

from app.guard import Guard, answer_own_names, is_known


@pytest.mark.parametrize("named", [[], ["lab.example"], ["127.0.0.1", "lab.example"]])
def test_own_names_are_added_to_the_allowed_hosts(named):
    before = config.get_option("server.allowedHosts")
    config.set_option("server.allowedHosts", named)
    try:
        answer_own_names()
        for host in ("localhost:8501", "127.0.0.1:8501", "[::1]:8501", *named):
            assert is_host_allowed(host)
            assert is_known(host)
        assert not is_host_allowed("evil.example:8501")
        assert not is_known("evil.example:8501")
    finally:
        config.set_option("server.allowedHosts", before)


@pytest.mark.parametrize(
    ("named", "ancestors", "option"),
    [
        ("", "'none'", "DENY"),
        ("https://huggingface.co", "https://huggingface.co", None),
        (
            "https://a.example http://b.example:8000",
            "https://a.example http://b.example:8000",
            None,
        ),
    ],
)
def test_only_named_sites_may_frame_the_app(monkeypatch, named, ancestors, option):
    monkeypatch.setenv("BICKD_FRAMES", named)
    headers = Guard(None).headers
    assert headers["Content-Security-Policy"].endswith(f"frame-ancestors {ancestors}")
    assert headers.get("X-Frame-Options") == option


@pytest.mark.parametrize(
    "named", ["*", "https://a.example; script-src *", "javascript:1", "'self'"]
)
def test_what_is_no_site_is_refused(monkeypatch, named):
    monkeypatch.setenv("BICKD_FRAMES", named)
    with pytest.raises(
        ValueError, match="BICKD_FRAMES must name sites such as https://huggingface.co"
    ):
        Guard(None)
