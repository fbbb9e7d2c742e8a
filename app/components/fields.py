"""Form fields that keep their values while their widgets are not on the page.

Streamlit forgets the value of a widget that is not drawn in one run of the script. It also loses a
value that code wrote to `st.session_state` if the next run starts before the browser receives it;
the widget then starts at 0. So a form stores its values in its own dictionary, every widget starts
from there, and no code writes to a widget's key.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal, TypeVar

from app.plain import st

Value = TypeVar("Value")
Number = TypeVar("Number", int, float)
Width = int | Literal["stretch"]


class Fields:
    """The values of one form, by the names of its fields.

    `select`, `segmented`, `text`, `text_area`, `number` and `toggle` draw the usual widgets. Other
    widgets get their initial value from `start` and their key from `key`, and their return value
    goes to `store`:

        chosen = st.multiselect(
            "Classes", names, default=fields.start("classes", []), key=fields.key("classes")
        )
        fields.store("classes", chosen)

    A field that depends on another one has the other's value in its name
    (`fields.scoped("epochs", dataset)`), so each choice has its own value.
    """

    def __init__(self, prefix: str) -> None:
        """Open the form whose widgets' keys begin with `prefix`."""
        self.prefix = prefix
        form = st.session_state.setdefault(f"{prefix}-fields", {"values": {}, "versions": {}})
        self._values: dict[str, Any] = form["values"]
        self._versions: dict[str, int] = form["versions"]

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

    def store(self, name: str, value: Value) -> Value:
        """Store what the widget returned, and return it."""
        self._values[name] = value
        return value

    def set(self, **values: Any) -> None:
        """Write fields from code. Their widgets restart from these values."""
        for name, value in values.items():
            self._values[name] = value
            self._versions[name] = self._versions.get(name, 0) + 1

    # -- widgets: each draws a field, stores its value and returns it ------------------------------
    def select(
        self,
        name: str,
        label: str,
        options: Sequence[Value],
        *,
        default: Value | None = None,
        title: Callable[[Value], str] = str,
        help: str | None = None,
    ) -> Value:
        """Draw a list to choose from.

        Args:
            default: the first option if None.
            title: returns the text of an option.
        """
        start = self.start(name, options[0] if default is None else default, options)
        chosen = st.selectbox(
            label,
            options,
            index=list(options).index(start),
            key=self.key(name),
            format_func=title,
            help=help,
        )
        return self.store(name, chosen)

    def segmented(
        self,
        name: str,
        label: str,
        options: Sequence[Value],
        *,
        default: Value | None = None,
        title: Callable[[Value], str] = str,
        help: str | None = None,
        width: Literal["content", "stretch"] = "content",
    ) -> Value:
        """Draw buttons to choose from; the arguments are those of `select`."""
        start = self.start(name, options[0] if default is None else default, options)
        chosen = st.segmented_control(
            label,
            options,
            default=start,
            key=self.key(name),
            format_func=title,
            required=True,
            help=help,
            width=width,
        )
        return self.store(name, chosen)

    def text(
        self,
        name: str,
        label: str,
        *,
        default: str = "",
        placeholder: str | None = None,
        help: str | None = None,
        max_chars: int | None = None,
        width: Width = "stretch",
    ) -> str:
        """Draw a line of text. Returns it without the space around it."""
        typed = st.text_input(
            label,
            value=self.start(name, default),
            key=self.key(name),
            placeholder=placeholder,
            help=help,
            max_chars=max_chars,
            width=width,
        )
        return self.store(name, typed).strip()

    def text_area(
        self, name: str, label: str, *, placeholder: str | None = None, help: str | None = None
    ) -> str:
        """Draw a box for a few lines of text."""
        typed = st.text_area(
            label,
            value=self.start(name, ""),
            key=self.key(name),
            placeholder=placeholder,
            height=68,
            help=help,
        )
        return self.store(name, typed)

    def number(
        self,
        name: str,
        label: str,
        *,
        default: Number | None,
        step: Number,
        limits: tuple[Number, Number] | None = None,
        format: str | None = None,
        placeholder: str | None = None,
        help: str | None = None,
    ) -> Number | None:
        """Draw a number. Returns None if the box is empty.

        Args:
            limits: the smallest and the largest number.
            format: a printf format.
        """
        low, high = limits or (None, None)
        draw: Callable[..., Number | None] = st.number_input  # its overloads take no `Number`
        value = draw(
            label,
            min_value=low,
            max_value=high,
            value=self.start(name, default),
            step=step,
            format=format,
            key=self.key(name),
            placeholder=placeholder,
            help=help,
        )
        return self.store(name, value)

    def toggle(self, name: str, label: str, *, default: bool, help: str | None = None) -> bool:
        """Draw a switch."""
        chosen = st.toggle(label, value=self.start(name, default), key=self.key(name), help=help)
        return self.store(name, chosen)
