"""One output that is updated in place while something goes on, and holds the outcome after."""

from __future__ import annotations

import shutil
import sys
from typing import Any

from IPython.core.interactiveshell import InteractiveShell
from IPython.display import DisplayHandle, display

from ..display.front_end import in_kernel, updates_arrive
from .magic import show


class Card:
    """A card for the outcome of a cell."""

    def __init__(self, shell: InteractiveShell) -> None:
        self._shell = shell
        self._handle: DisplayHandle | None = None
        self._line = False

    def update(self, bundle: dict[str, str]) -> None:
        """Show how it stands; where nothing can be updated, on the terminal's last line or not at all."""
        if not in_kernel():
            if sys.stdout.isatty():
                text = " · ".join(part.strip() for part in bundle["text/plain"].splitlines())
                # No wider than the window: a line that wraps could not be taken back.
                print(f"\r\x1b[K{text[: shutil.get_terminal_size().columns - 1]}", end="", flush=True)
                self._line = True
        elif self._handle:
            self._handle.update(bundle, raw=True)
        elif updates_arrive():
            self._handle = display(bundle, raw=True, display_id=True)

    def give_up(self, bundle: dict[str, str]) -> None:
        """Show how it stood at the end; the error that follows says why."""
        if self._line:
            print("\r\x1b[K", end="", flush=True)
            self._line = False
        if self._handle:
            self._handle.update(bundle, raw=True)

    def finish(self, value: Any, bundle: dict[str, str]) -> None:
        """Show the outcome, and the value no second time."""
        self.give_up(bundle)
        show(self._shell, value, {} if self._handle else bundle)
