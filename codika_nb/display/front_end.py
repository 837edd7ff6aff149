"""What the front end can do: whether anybody sees a widget, or can answer a prompt."""

from __future__ import annotations

import os
import sys
from typing import Any


def in_kernel() -> bool:
    """Whether this runs in a kernel, whose outputs are shown elsewhere, and not in a terminal."""
    return _kernel() is not None


def somebody_sees_widgets() -> bool:
    """Whether a person could click: exactly what the front end has told the kernel, no guessing by brand."""
    # Voilà offers no prompts, but its widgets work.
    in_voila = os.environ.get("SERVER_SOFTWARE", "").startswith("voila/")
    return in_kernel() and (can_answer_prompts() or in_voila)


def can_answer_prompts() -> bool:
    """Whether a question at a prompt could be answered: in a terminal, or where the front end says so."""
    return not in_kernel() or bool(getattr(_kernel(), "_allow_stdin", False))


def somebody_is_there() -> bool:
    """Whether a person reads along and takes the next step; else what is wrong has to be an error."""
    if in_kernel():
        return somebody_sees_widgets()
    application = getattr(shell(), "parent", None)
    return sys.stdin.isatty() and bool(getattr(application, "interact", True))


def updates_arrive() -> bool:
    """Whether what is displayed now can be updated: what an Output widget takes in stays as it is."""
    widgets = sys.modules.get("ipywidgets")
    if widgets is None:
        return True
    alive = list(getattr(sys.modules.get("ipywidgets.widgets.widget"), "_instances", {}).values())
    return not any(isinstance(each, widgets.Output) and each.msg_id for each in alive)


def shell() -> Any:
    """IPython's shell, or what a server of dashboards has put in its place; None where IPython is not used."""
    ipython = sys.modules.get("IPython")
    return ipython and ipython.get_ipython()


def _kernel() -> Any:
    return getattr(shell(), "kernel", None)
