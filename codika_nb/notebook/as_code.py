"""What a form holds as a call from elsewhere: shown, copied, and hidden again."""

from __future__ import annotations

import html
from collections.abc import Callable
from uuid import uuid4

from ..errors import CodikaError
from .controls import Parts

#: What a browser does with code that it shows: copies it, if a page may do so after a click, and says so
#: then; not when the same is drawn again.
_COPY = """
const [told, code] = this.parentElement.children, copied = (window.codikaCopied ??= new Set());
if (navigator.userActivation?.isActive && !copied.has('THIS')) {
  copied.add('THIS');
  navigator.clipboard?.writeText(code.textContent).then(
    () => { told.textContent = 'Copied. Your key is not in it.'; }, () => {});
}
"""


class AsCode:
    """The code, once somebody has asked for it, and the two buttons that ask.

    Args:
        parts: make its widgets.
        write: what the form holds now as ``"python"`` or ``"curl"``.
        complain: says why that cannot be written.

    Attributes:
        python, curl: the buttons; a second click hides the code.
        box: where the code is seen.
    """

    def __init__(self, parts: Parts, write: Callable[[str], str], complain: Callable[[str], None]) -> None:
        self._write = write
        self._complain = complain
        self._shown = ""
        self.python = parts.button("Copy as Python", lambda: self._clicked("python"), "codika-link")
        self.curl = parts.button("Copy as curl", lambda: self._clicked("curl"), "codika-link")
        self.box = parts.markup("", "codika-code")

    def hide(self) -> None:
        """Show it no longer: it was asked for again, or is of another input."""
        self.box.value = self._shown = ""

    def _clicked(self, how: str) -> None:
        if how == self._shown:
            self.hide()
            return
        self._shown = how
        try:
            written = self._write(how)
        except (CodikaError, ValueError) as error:
            self._complain(str(error))
            return
        about = "A click selects all of it. Your key is not in it."
        copy = html.escape(_COPY.replace("THIS", uuid4().hex))
        # In reach of the keyboard, as it may be scrolled.
        text = f'<pre tabindex="0">{html.escape(written)}</pre>'
        self.box.value = f'<p role="status">{about}</p>{text}<style onload="{copy}">p {{}}</style>'
