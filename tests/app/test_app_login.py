"""Who is asked to sign in: visitors of a server that names an identity provider, and nobody
else."""

import pytest
import streamlit
from streamlit.testing.v1 import AppTest


def page():
    from app import login
    from app.plain import st

    login.require()
    st.write("inside")
    login.offer_to_leave()


@pytest.mark.parametrize(
    ("user", "inside", "buttons"),
    [
        ({}, True, []),
        ({"is_logged_in": False}, False, ["Sign in"]),
        ({"is_logged_in": True, "email": "a@lab.example"}, True, ["Sign out"]),
    ],
)
def test_a_visitor_gets_in_when_signed_in_or_when_nobody_is_asked(
    monkeypatch, user, inside, buttons
):
    monkeypatch.setattr(streamlit, "user", user)
    shown = AppTest.from_function(page, default_timeout=60).run()
    assert not shown.exception
    assert ("inside" in [each.value for each in shown.markdown]) == inside
    assert [button.label for button in shown.button] == buttons
