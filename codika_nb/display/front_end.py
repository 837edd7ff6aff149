"""What the front end can do: whether anybody sees a widget, or can answer a prompt."""

from __future__ import annotations

import os
import sys


def somebody_sees_widgets() -> bool:
    """Whether a person could click: exactly what the front end has told the kernel, no guessing by brand."""
    ipython = sys.modules.get("IPython")
    kernel = getattr(ipython and ipython.get_ipython(), "kernel", None)
    # Voilà offers no prompts, but its widgets work.
    in_voila = os.environ.get("SERVER_SOFTWARE", "").startswith("voila/")
    return kernel is not None and (bool(getattr(kernel, "_allow_stdin", False)) or in_voila)
