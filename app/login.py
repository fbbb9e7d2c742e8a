"""Sign-in with Streamlit's own authentication, if `.streamlit/secrets.toml` has a section `[auth]`.

docs/deploy.md has an example. Every signed-in user may do everything in the app.
"""

from __future__ import annotations

from app.plain import st


def require() -> None:
    """Show only a sign-in button to a visitor who is not signed in."""
    if st.user.get("is_logged_in", True):
        return
    st.title("BicKD Explorer")
    st.write("Sign in to see the runs on this server.")
    st.button("Sign in", type="primary", on_click=st.login)
    st.stop()


def offer_to_leave() -> None:
    """Show a sign-out button at the end of the sidebar to a signed-in user."""
    if st.user.get("is_logged_in", False):
        with st.sidebar:
            st.button("Sign out", on_click=st.logout, width="stretch")
