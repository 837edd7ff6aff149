"""What a magic is: options, a line that is read, an outcome that is shown once, failures in a line or two."""

from __future__ import annotations

import ast
import functools
import json
import re
import shlex
import sys
from argparse import Namespace
from collections.abc import Callable, Mapping
from typing import Any

from IPython.core.error import UsageError
from IPython.core.interactiveshell import InteractiveShell
from IPython.core.magic_arguments import MagicArgumentParser
from IPython.display import display

from ..display.text import plain
from ..errors import CodikaError, Interrupted, PermissionDeniedError
from ..profiles.credential import resolve
from .history import refuse_keys

Body = Callable[[InteractiveShell, Namespace], Any]
Option = tuple[tuple[str, ...], dict[str, Any]]


def option(*names: str, **settings: Any) -> Option:
    """An option or an argument, as in `argparse.ArgumentParser.add_argument`."""
    return names, settings


class Magic:
    """A line magic.

    Args:
        body: what it does: gets the shell and the parsed line.
        options: what may stand on the line.
        payload: whether an object, or the name of a variable that holds one, may stand anywhere on the line;
            it becomes ``arguments.payload``.
    """

    def __init__(self, body: Body, options: tuple[Option, ...], *, payload: bool) -> None:
        self.name = body.__name__
        self._body = body
        self._options = options
        self._payload = payload

    @functools.cached_property
    def parser(self) -> MagicArgumentParser:
        """Reads the words of the line."""
        parser = MagicArgumentParser(self.name, description=self._body.__doc__)
        parser.allow_abbrev = False
        for names, settings in self._options:
            parser.add_argument(*names, **settings)
        return parser

    @property
    def help(self) -> str:
        """What ``?`` shows."""
        return self.parser.format_help()

    def run(self, shell: InteractiveShell, text: str, local_ns: Mapping[str, Any]) -> Any:
        """Read the line, do it; an expected failure is shown in a line or two."""
        try:
            refuse_keys(shell, text)
            return self._body(shell, self._read(text, {**shell.user_ns, **local_ns}))
        except Interrupted:
            raise
        except KeyboardInterrupt:
            raise Interrupted("Stopped.", next_action="Repeat the cell to try again.") from None
        except CodikaError as error:
            if isinstance(error, PermissionDeniedError) and not error.next_action:
                error.next_action = _who_is_refused()
            lines = [plain(f"{type(error).__name__}: {error.message}", 1000)]
            lines += [plain(error.next_action, 1000)] if error.next_action else []
            # IPython prints what this returns instead of a traceback.
            error._render_traceback_ = lambda: lines  # type: ignore[attr-defined]
            raise

    def _read(self, text: str, names: Mapping[str, Any]) -> Namespace:
        found, rest = _take_object(text) if self._payload else (None, text)
        try:
            words = shlex.split(rest)
        except ValueError as error:
            raise UsageError(f"The line cannot be read: {error}.") from None
        values = [_value(word, names) for word in words]
        if self._payload and found is None:
            found = next((value for value in values if isinstance(value, dict)), None)
        arguments: Namespace = self.parser.parse_args([str(value) for value in values if value is not found])
        arguments.payload = found
        return arguments


def magic(*options: Option, payload: bool = False) -> Callable[[Body], Magic]:
    """Makes a function a `Magic` of its name; arguments as there."""
    return lambda body: Magic(body, options, payload=payload)


def _who_is_refused() -> str | None:
    profile = resolve().profile
    if profile is None or not profile.name:
        return None
    return f"In use is profile {profile.name}; %codika_use NAME takes another one."


# --- reading the line ------------------------------------------------------------------------------


def _value(word: str, names: Mapping[str, Any]) -> Any:
    """`word`, or what the variable holds that it names as ``$name`` or ``{name}``."""
    named = re.fullmatch(r"\$([A-Za-z_]\w*)|\{([A-Za-z_]\w*)\}", word)
    if named is None:
        return word
    name = named[1] or named[2]
    if name not in names:
        raise UsageError(f"There is no variable {name!r} here.")
    if names[name] is None:
        raise UsageError(f"{name} is None.")
    return names[name]


def _take_object(line: str) -> tuple[dict[str, Any] | None, str]:
    """The object on the line, JSON or Python literal and quoted or not, and the line without it."""
    start = next(
        (m.start() for m in re.finditer(r"\{", line) if not re.match(r"\{\w+\}", line[m.start() :])), -1
    )
    if start < 0:
        return None, line
    text = line[start:]
    try:
        value, end = json.JSONDecoder().raw_decode(text)
    except ValueError as error:
        end = text.rfind("}") + 1
        try:
            value = ast.literal_eval(text[:end])
        except (ValueError, SyntaxError):
            raise UsageError(f"The payload is not JSON: {error}.") from None
    before, after = line[:start], text[end:]
    if before[-1:] == after[:1] and after[:1] in ("'", '"'):
        before, after = before[:-1], after[1:]
    if not isinstance(value, dict):
        raise UsageError(f"The payload has to be an object (a dict), not {type(value).__name__}.")
    return value, f"{before} {after}"


# --- showing the outcome ---------------------------------------------------------------------------


class _ShownOnce:
    """IPython's display hook for the rest of a cell, which leaves out what a magic has shown already."""

    def __init__(self, shell: InteractiveShell, otherwise: Callable[[object], Any]) -> None:
        self._shell, self._otherwise = shell, otherwise
        self.shown: list[object] = []

    def __call__(self, result: object) -> None:
        if any(result is value for value in self.shown):
            self._shell.displayhook.update_user_ns(result)
            self._shell.displayhook.fill_exec_result(result)
        else:
            self._otherwise(result)


def show(shell: InteractiveShell, value: Any, bundle: dict[str, str] | None) -> None:
    """Display `bundle` (or a form) now, and not once more when `value` ends the cell.

    A magic returns its value so that it can be assigned, and shows it even then; without this
    a line that is not assigned would show it twice.
    """
    if bundle is None:
        value.show()
    elif bundle:
        display(bundle, raw=True)
    hook = sys.displayhook
    if value is None or hook is sys.__displayhook__:
        return
    if not isinstance(hook, _ShownOnce):
        # IPython puts its own hook back when the cell has ended.
        sys.displayhook = hook = _ShownOnce(shell, hook)
    hook.shown[:] = [*hook.shown[-99:], value]
