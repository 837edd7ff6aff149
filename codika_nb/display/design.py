"""The one look: tokens and components as style sheets, and what is around everything that is shown."""

from __future__ import annotations

import pkgutil
import re
from functools import cache

#: Text from elsewhere is never mathematics: front ends that typeset it leave out what has these classes.
AS_WRITTEN = "tex2jax_ignore mathjax_ignore"


def output(markup: str) -> str:
    """What a cell shows: the markup, and as much of the style sheet as it has use for.

    Args:
        markup: escaped, with the classes of `design.css`.
    """
    return f'<div class="codika {AS_WRITTEN}"><style>{sheet(markup)}</style>{markup}</div>'


def sheet(markup: str) -> str:
    """The tokens, and the sections of the style sheet whose class or element occurs in the markup."""
    return "".join(rules for name, rules in _sections().items() if name in markup or name == "codika")


def form_style(form: str, more: str = "", *, shows: str | None = None) -> str:
    """The style of a form, which reaches that form alone.

    Args:
        form: the class of the form's box, which has the class ``codika``, too.
        more: rules beside those that forms have in common.
        shows: the classes and elements that will be within it; None where that is not known yet.
    """
    # By one class stronger than what front ends bring for all widgets, which in some of them comes later.
    rules = re.sub(rf"\.(codika-form|{form})\b", f".codika.{form}", _read("controls.css") + _short(more))
    within = "".join(_sections().values()) if shows is None else sheet(shows)
    return f"<style>{within}{rules}</style>"


@cache
def _sections() -> dict[str, str]:
    parts = re.split(r"^/\* (codika[\w-]*|<\w+)(?=[\s:])", _source("design.css"), flags=re.MULTILINE)[1:]
    # What is left of a heading's comment goes, too.
    return {name: _short(f"/* {rules}") for name, rules in zip(parts[::2], parts[1::2], strict=True)}


@cache
def _read(name: str) -> str:
    return _short(_source(name))


def _source(name: str) -> str:
    # Not by `importlib.resources`, whose readers take longer to import than the form takes to be drawn.
    return (pkgutil.get_data(__package__, name) or b"").decode()


def _short(rules: str) -> str:
    """The same without comments and indentation: it goes along with every output."""
    without_comments = re.sub(r"/\*.*?\*/", "", rules, flags=re.DOTALL)
    # A text in quotation marks stays as it is.
    return re.sub(r'("[^"]*")|\s*\n\s*|(?<=[:;{},])\s+', lambda found: found[1] or "", without_comments)
