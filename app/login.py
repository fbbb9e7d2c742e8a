"""Sign-in, on a server whose `.streamlit/secrets.toml` has a section `[auth]`; without one nobody is asked.

Streamlit does the work: docs/deploy.md has an example. Whoever is signed in may do everything that the app does.
"""

from __future__ import annotations

from app.plain import st


def require() -> None:
    """Show a button to sign in, and nothing else, to a visitor who has not signed in."""
    if st.user.get("is_logged_in", True):
        return
    st.title("BicKD Explorer")
    st.write("This server asks who you are before it shows runs.")
    st.button("Sign in", type="primary", on_click=st.login)
    st.stop()


def offer_to_leave() -> None:
    """Show a button to sign out at the foot of the sidebar, to somebody who has signed in."""
    if st.user.get("is_logged_in", False):
        with st.sidebar:
            st.button("Sign out", on_click=st.logout, width="stretch")
