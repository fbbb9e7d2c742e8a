"""Form fields keep their values while their widgets are away, and start anew when code writes
them."""

from __future__ import annotations

from streamlit.testing.v1 import AppTest


def page():
    import streamlit as st

    from app.components.fields import Fields

    fields = Fields("form")
    shown = st.toggle("Shown", value=fields.start("shown", True), key=fields.key("shown"))
    fields.store("shown", shown)
    st.button("Write 7", on_click=lambda: fields.set(number=7.0, choice="c"))
    if not shown:
        return
    number = st.number_input(
        "Number", value=fields.start("number", 3.0), step=0.5, key=fields.key("number")
    )
    fields.store("number", number)
    options = ["a", "b", "c"] if number < 10 else ["a", "b"]
    begin = fields.start("choice", "b", options)
    choice = st.selectbox("Choice", options, index=options.index(begin), key=fields.key("choice"))
    fields.store("choice", choice)


def values(app: AppTest) -> tuple[float, str]:
    return app.number_input[0].value, app.selectbox[0].value


def checked(app: AppTest) -> AppTest:
    assert not app.exception, app.exception
    return app


def test_a_value_outlives_its_widget():
    app = checked(AppTest.from_function(page, default_timeout=60).run())
    assert values(app) == (3.0, "b")
    app.number_input[0].set_value(4.5).run()
    app.selectbox[0].set_value("a").run()
    app.toggle[0].set_value(False).run()
    assert not app.number_input
    checked(app.toggle[0].set_value(True).run())
    assert values(app) == (4.5, "a")


def test_the_element_itself_starts_from_the_value_and_nothing_is_sent_after_it():
    """What the browser falls back to when it was never told of a value that code wrote."""
    app = checked(AppTest.from_function(page, default_timeout=60).run())
    app.number_input[0].set_value(4.5).run()
    app.toggle[0].set_value(False).run()
    app.toggle[0].set_value(True).run()
    sent = app.number_input[0].proto
    assert sent.default == 4.5
    assert not sent.set_value


def test_what_code_writes_starts_a_new_widget():
    app = checked(AppTest.from_function(page, default_timeout=60).run())
    before = app.number_input[0].id
    checked(app.button[0].click().run())
    assert values(app) == (7.0, "c")
    assert app.number_input[0].id != before
    assert app.number_input[0].proto.default == 7.0


def test_a_choice_that_is_not_offered_any_more_starts_at_the_default():
    app = checked(AppTest.from_function(page, default_timeout=60).run())
    app.selectbox[0].set_value("c").run()
    checked(app.number_input[0].set_value(12.0).run())
    assert values(app) == (12.0, "b")
