"""Form fields that keep their values while their widgets are not on the page.

Streamlit forgets the value of a widget that is not drawn in one run of the script. It also loses a
value that code wrote to `st.session_state` if the next run starts before the browser receives it;
the widget then starts at 0. So a form stores its values in its own dictionary, every widget starts
from there, and no code writes to a widget's key.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

import streamlit as st

Value = TypeVar("Value")


class Fields:
    """The values of one form, by the names of its fields.

    A widget gets its initial value from `start` and its key from `key`. Its return value goes to
    `keep`:

        chosen = st.number_input(
            "Epochs", value=fields.start("epochs", 40), key=fields.key("epochs")
        )
        fields.keep("epochs", chosen)

    A field that depends on another one has the other's value in its name
    (`fields.scoped("epochs", dataset)`), so each choice has its own value.
    """

    def __init__(self, prefix: str) -> None:
        """Open the form whose widgets' keys begin with `prefix`."""
        self.prefix = prefix
        store = st.session_state.setdefault(f"{prefix}-fields", {"values": {}, "versions": {}})
        self._values: dict[str, Any] = store["values"]
        self._versions: dict[str, int] = store["versions"]

    @staticmethod
    def scoped(name: str, *choices: object) -> str:
        """Return the name of a field that has a separate value for each of these choices."""
        return "-".join([name, *(str(choice) for choice in choices)])

    def key(self, name: str) -> str:
        """Return the widget's key. It changes when `set` writes the field, so that the browser
        resets the widget."""
        version = self._versions.get(name, 0)
        return f"{self.prefix}-{name}" + (f"-v{version}" if version else "")

    def get(self, name: str, default: Any = None) -> Any:
        """Return the newest value: the widget's if it is on the page, else the stored one."""
        return st.session_state.get(self.key(name), self._values.get(name, default))

    def start(self, name: str, default: Value, options: Sequence[Value] | None = None) -> Value:
        """Return the widget's initial value.

        Args:
            default: used if the field has no value, or one that is no longer among the options.
            options: the values that can be chosen; None for free input.
        """
        value = self._values.get(name, default)
        if options is None or value in options:
            return value
        self.set(**{name: default})
        return default

    def keep(self, name: str, value: Value) -> Value:
        """Store what the widget returned, and return it."""
        self._values[name] = value
        return value

    def set(self, **values: Any) -> None:
        """Write fields from code. Their widgets restart from these values."""
        for name, value in values.items():
            self._values[name] = value
            self._versions[name] = self._versions.get(name, 0) + 1
