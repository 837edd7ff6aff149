"""Fields that people type into, and buttons."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import ipywidgets as widgets
from traitlets import Unicode

from .background import network

#: Seconds, both times enough for one more message to a browser or from it.
FOCUS_AFTER = 0.15


ENTER_AFTER = 0.25


class LineField(widgets.Text):
    """A text field whose content stays between this kernel and the browser that types into it."""

    # ipywidgets repeats every keystroke to every client of the kernel; not these.
    value = Unicode("").tag(sync=True, echo_update=False)

    def __init__(self, *, on_enter: Callable[[], None], **kwargs: Any) -> None:
        super().__init__(**{"layout": {"width": "auto"}} | kwargs)
        self.on_typed: Callable[[], None] | None = None
        self._on_enter = on_enter
        self._enter: asyncio.TimerHandle | None = None
        self.on_msg(lambda _, content, __: self._entered() if content.get("event") == "submit" else None)

    def set_state(self, sync_data: dict[str, Any]) -> None:
        """Take over what a browser sends (code that sets ``value`` does not come through here)."""
        super().set_state(sync_data)
        if "value" in sync_data:
            if self._enter:
                self._entered()
            if self.on_typed:
                self.on_typed()

    def _entered(self) -> None:
        """Enter was pressed: act once what was typed before it has arrived.

        A browser holds keystrokes back while the kernel is busy with earlier ones, but not Enter, which
        therefore overtakes them.
        """
        loop = network.loop

        def wait() -> None:
            if self._enter:
                self._enter.cancel()
            self._enter = loop.call_later(ENTER_AFTER, act)

        def act() -> None:
            self._enter = None
            self._on_enter()

        loop.call_soon_threadsafe(wait)

    def __repr__(self) -> str:
        return f"Text({self.description!r})"


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


def action_button(label: str, kind: str, on_click: Callable[[], None], **kwargs: Any) -> widgets.Button:
    button = widgets.Button(description=label, button_style=kind, **{"layout": {"width": "auto"}} | kwargs)
    button.on_click(lambda _: on_click())
    return button
