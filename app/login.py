"""Sign-in with Streamlit's own authentication, if `.streamlit/secrets.toml` has a section `[auth]`.

docs/deploy.md has an example. `app/data/access.py` decides what a signed-in user may do.
"""

from __future__ import annotations

from app.data import access
from app.distill.form_values import sentence
from app.plain import st
from bickd_core.runs.library import RunError


def require() -> None:
    """Show only a sign-in button to a visitor who is not signed in, and only the reason to a user
    whose runs cannot be opened."""
    if access.claims().get("is_logged_in", True):
        try:
            access.enter()
        except (RunError, OSError) as error:
            st.title("BicKD Explorer")
            st.error(f"Your runs cannot be opened. {sentence(error)}")
            offer_to_leave()
            st.stop()
        return
    st.title("BicKD Explorer")
    st.write("Sign in to see the runs on this server.")
    st.button("Sign in", type="primary", on_click=st.login)
    st.stop()


def offer_to_leave() -> None:
    """Show a sign-out button at the end of the sidebar to a signed-in user."""
    if access.claims().get("is_logged_in", False):
        with st.sidebar:
            st.button("Sign out", on_click=st.logout, width="stretch")
