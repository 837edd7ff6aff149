"""Controls that keep to themselves: what is typed, ticked or picked is in no other client, and in no repr.

ipywidgets repeats what a browser sends to every client of the kernel; these do not. And `Parts`, which makes
all the widgets of a form.
"""

from __future__ import annotations

import html
import re
import time
from collections import deque
from collections.abc import Callable, Iterable
from functools import cache
from itertools import pairwise
from typing import Any, TypeVar
from weakref import WeakSet

import ipywidgets as widgets
from ipywidgets.widgets.trait_types import Date, date_serialization
from traitlets import Bool, Int, Unicode

from . import background

#: Seconds that one more message from a browser is waited for, at least and at most.
ENTER_AFTER = 0.25
LONGEST_ENTER = 2.0


W = TypeVar("W", bound=widgets.Widget)

#: What a browser makes a widget from; it knows what all the rest is at first.
_KIND = {f"_{part}_{name}" for part in ("model", "view") for name in ("name", "module", "module_version")}


class Lean(widgets.Widget):
    """A widget that a browser is told of without what is as it is of every widget of its kind."""

    def get_state(self, key: Any = None, drop_defaults: bool = False) -> dict[str, Any]:
        """What is sent to browsers."""
        state: dict[str, Any] = super().get_state(key, drop_defaults or key is None)
        return state if key else super().get_state(_KIND & {*self.keys}) | state


class _Private(Lean):
    description: str

    def __repr__(self) -> str:
        # A playground's labels are markup.
        return f"{type(self).__name__}({html.unescape(re.sub('<[^>]*>', '', self.description))!r})"


class LineField(_Private, widgets.Text):
    """A text field of one line; Enter in it does something."""

    value = Unicode("").tag(sync=True, echo_update=False)

    def __init__(self, *, on_enter: Callable[[], None], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.on_typed: Callable[[], None] | None = None
        self._on_enter = on_enter
        self._last_enter: object = None
        self._arrivals: deque[float] = deque(maxlen=8)
        self.on_msg(lambda _, content, __: self._entered() if content.get("event") == "submit" else None)

    def set_state(self, sync_data: dict[str, Any]) -> None:
        """Take over what a browser sends (code that sets ``value`` does not come through here)."""
        super().set_state(sync_data)
        if "value" in sync_data:
            self._arrivals.append(time.monotonic())
            if self._last_enter:
                self._entered()
            if self.on_typed:
                self.on_typed()

    def _entered(self) -> None:
        """Enter was pressed: act once what was typed before it has arrived.

        A browser holds keystrokes back until the kernel has answered earlier ones, but not Enter, which
        therefore overtakes them by one way there and back. On a machine that does the same all the time
        that is at most the shortest time that has lain between two messages of keystrokes; on a busy one
        it may be any of them.
        """
        self._last_enter = this = object()

        def act() -> None:
            if self._last_enter is this:
                self._last_enter = None
                self._on_enter()

        between = sorted(late - early for early, late in pairwise(self._arrivals)) or [0.0]
        usual = between[len(between) // 2]
        background.call_later(min(max(ENTER_AFTER, 3 * between[0], usual), LONGEST_ENTER), act)

    def __repr__(self) -> str:
        return super().__repr__().replace(type(self).__name__, "Text", 1)


class SecretField(LineField):
    """A field that a browser can fill, and that no message from the kernel ever repeats."""

    def get_state(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """What is sent to browsers, and saved with notebooks: never what the field holds."""
        state: dict[str, Any] = super().get_state(*args, **kwargs)
        return state | {"value": ""} if "value" in state else state


class KeyField(SecretField):
    """The same, with dots in place of what is typed."""

    _view_name = Unicode("PasswordView").tag(sync=True)
    _model_name = Unicode("PasswordModel").tag(sync=True)


class Textarea(_Private, widgets.Textarea):
    """A text of several lines."""

    value = Unicode("").tag(sync=True, echo_update=False)


class Checkbox(_Private, widgets.Checkbox):
    """Yes or no."""

    value = Bool(False).tag(sync=True, echo_update=False)


class DatePicker(_Private, widgets.DatePicker):
    """A day."""

    value = Date(None, allow_none=True).tag(sync=True, echo_update=False, **date_serialization)


class Dropdown(_Private, widgets.Dropdown):
    """One of several options, the first one at first."""

    index = Int(None, allow_none=True).tag(sync=True, echo_update=False)

    def __init__(self, *, options: Any = (), **kwargs: Any) -> None:
        # Left to itself, ipywidgets sets index, label and value in the order of a set, and an option whose
        # value is None then has an index or has none.
        super().__init__(options=options, **{"index": 0 if options else None} | kwargs)


class RadioButtons(_Private, widgets.RadioButtons):
    """One of several options, all in view."""

    index = Int(None, allow_none=True).tag(sync=True, echo_update=False)


@cache
def _lean(kind: type) -> Any:
    """The same kind of widget, of which no more is told than is needed."""
    return kind if issubclass(kind, Lean) else type(kind.__name__, (Lean, kind), {})


class Parts:
    """Makes the widgets of a form, which share a layout, and a style for each kind.

    Each of these is a message of its own before a browser can show the form, and so is a class that a widget
    gets later.

    Args:
        others: those that they share with.
    """

    def __init__(self, others: Parts | None = None) -> None:
        self.layout: widgets.Layout = others.layout if others else _lean(widgets.Layout)(width="auto")
        self._styles: dict[type, widgets.Widget] = others._styles if others else {}
        self._made: list[widgets.Widget] = []
        self._further: WeakSet[Parts] = WeakSet()

    def further(self) -> Parts:
        """For widgets that may be closed before the others, and share what these share."""
        made = Parts(self)
        self._further.add(made)
        return made

    def make(self, kind: type[W], *classes: str, **state: Any) -> W:
        """A widget of this kind, with these classes."""
        if style := getattr(kind, "style", None):
            if style.klass not in self._styles:
                self._styles[style.klass] = _lean(style.klass)()
            state["style"] = self._styles[style.klass]
        made: W = _lean(kind)(_dom_classes=classes, layout=self.layout, **state)  # type: ignore[arg-type]
        self._made.append(made)
        return made

    def markup(self, value: str, *classes: str) -> widgets.HTML:
        """A text, given as HTML."""
        return self.make(widgets.HTML, *classes, value=value)

    def stack(self, children: Iterable[widgets.Widget], *classes: str) -> widgets.VBox:
        """A box of widgets, one below the other."""
        return self.make(widgets.VBox, *classes, children=tuple(children))

    def row(self, children: Iterable[widgets.Widget], *classes: str) -> widgets.HBox:
        """A box of widgets, one beside the other."""
        return self.make(widgets.HBox, *classes, children=tuple(children))

    def button(
        self, label: str, on_click: Callable[[], None], *classes: str, kind: str = "", tooltip: str = ""
    ) -> widgets.Button:
        """A button that calls this when it is clicked."""
        made = self.make(widgets.Button, *classes, description=label, button_style=kind, tooltip=tooltip)
        made.on_click(lambda _: on_click())
        return made

    def close(self) -> None:
        """Close all that has been made here, but not what is shared: ipywidgets would keep it."""
        for each in (*self._further, *self._made):
            each.close()
        self._made.clear()
