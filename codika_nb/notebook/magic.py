"""What a magic is: options, a line that is read, an outcome that is shown once, failures in a line or two."""

from __future__ import annotations

import difflib
import functools
import re
import sys
from argparse import Namespace
from collections.abc import Callable, Mapping
from typing import Any, NoReturn

from IPython.core.error import UsageError
from IPython.core.interactiveshell import InteractiveShell
from IPython.core.magic_arguments import MagicArgumentParser
from IPython.display import display

from ..client.deployed import latest
from ..display.place import next_step
from ..display.text import json_text, plain
from ..errors import CodikaError, Interrupted, InvalidRequestError, PermissionDeniedError
from ..profiles import ProfileStore, same_host
from ..profiles.credential import resolve
from ..redaction import redact
from ..signin.outcome import refusal_document
from .history import refuse_keys
from .reading import Line, payload_of

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
        parser = _Parser(self.name, description=self._body.__doc__)  # type: ignore[no-untyped-call]
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
        arguments: Namespace | None = None
        try:
            refuse_keys(shell, text)
            arguments = self._read(text, {**shell.user_ns, **local_ns})
            if arguments is None:
                print(self.help)
                return None
            return self._body(shell, arguments)
        except UsageError as error:
            # A variable may have held a key, and been given in the wrong place.
            error.args = (redact(str(error)),)
            if "--json" in text.split() and "--json" in self.parser.format_usage():
                refused = InvalidRequestError(str(error), code="INVALID_REQUEST")
                print(json_text(refusal_document(refused)))
            raise
        except Interrupted:
            raise
        except KeyboardInterrupt:
            raise Interrupted("Stopped.", next_action="Repeat the cell to try again.") from None
        except CodikaError as error:
            if isinstance(error, PermissionDeniedError) and not error.next_action:
                error.next_action = _who_is_meant(getattr(arguments, "instance", None)) or None
            elif error.code == "workflow-not-found" and len(ProfileStore().list()) > 1:
                error.next_action = f"{error.next_action} {_who_is_meant(None)}".strip()
            lines = [plain(f"{type(error).__name__}: {error.message}", 1000)]
            # Choices stand below each other there.
            said = (error.next_action or "").splitlines()[:_MOST_LINES]
            lines += (each[: len(each) - len(each.lstrip())] + plain(each, 1000) for each in said)
            # IPython prints what this returns instead of a traceback.
            error._render_traceback_ = lambda: lines  # type: ignore[method-assign]
            raise

    def _read(self, text: str, names: Mapping[str, Any]) -> Namespace | None:
        """What the line says; None where it only asks for help."""
        line = Line(text, names, payload=self._payload)
        if "--help" in line.words or "-h" in line.words:
            return None
        arguments: Namespace = self.parser.parse_intermixed_args(line.words)
        arguments.payload = line.payload
        if self._payload and line.payload is None:
            arguments.payload = payload_of(arguments.extra, names)
            if arguments.payload is not None:
                arguments.extra = []
        return arguments


#: How many lines say what to do next at most: a list of choices, and what is said of it.
_MOST_LINES = 25


#: Options under other names that people know: ``--instance prod`` is the one in production.
_ALSO_CALLED = {"env": "instance", "environment": "instance"}


class _Parser(MagicArgumentParser):
    """Says of an option that there is not which one may have been meant."""

    def error(self, message: str) -> NoReturn:
        unknown = re.match(r"unrecognized arguments: -+([^\s=]+)", message)
        options = *(name for action in self._actions for name in action.option_strings), "--help"
        there = [name.lstrip("-") for name in options]
        typed = unknown[1].lower() if unknown else ""
        near = [name for name in there if typed and name.startswith(typed)]
        near = near or difflib.get_close_matches(_ALSO_CALLED.get(typed, typed), there, n=1)
        if near:
            raise UsageError(f"{message}: did you mean --{near[0]}?")
        example = re.search(r"^ *(Example: .+)", self.description or "", re.MULTILINE)
        raise UsageError(f"{message}. {example[1]}" if example else message)


def magic(*options: Option, payload: bool = False) -> Callable[[Body], Magic]:
    """Makes a function a `Magic` of its name; arguments as there."""
    return lambda body: Magic(body, options, payload=payload)


def _who_is_meant(instance: str | None) -> str:
    """Who is in use, and who may be meant: who has deployed it here, or this server's only other profile."""
    profile = resolve().profile
    if profile is None or not profile.name:
        return ""
    made = [each.account.profile for each in latest() if each.instance == instance]
    others = made or [each for each in ProfileStore().list() if same_host(each.host, profile.host)]
    names = {each.name for each in others if each and each.name} - {profile.name}
    other = names.pop() if len(names) == 1 else "NAME"
    return next_step("use-another-profile", profile=profile.name, other=other)


# --- showing the outcome ---------------------------------------------------------------------------


class _ShownOnce:
    """IPython's display hook for the rest of a cell, which leaves out what a magic has shown already."""

    def __init__(self, shell: InteractiveShell, otherwise: Callable[[object], Any]) -> None:
        self._shell, self._otherwise = shell, otherwise
        self.shown: list[object] = []
        self._cards = 0

    def __call__(self, result: object) -> None:
        if any(result is value for value in self.shown):
            self._shell.displayhook.update_user_ns(result)
            self._shell.displayhook.fill_exec_result(result)
        else:
            self._otherwise(result)

    def fit(self, bundle: dict[str, str]) -> dict[str, str]:
        """What is displayed: of a cell that displays very much, as plain text, so that its notebook opens."""
        self._cards += 1
        return bundle if self._cards <= MOST_CARDS else {"text/plain": bundle["text/plain"]}


#: Outputs of one cell that are more than plain text: of a loop, nobody reads all.
MOST_CARDS = 50


def show(shell: InteractiveShell, value: Any, bundle: dict[str, str] | None) -> None:
    """Display `bundle` (or a form) now, and not once more when `value` ends the cell.

    A magic returns its value so that it can be assigned, and shows it even then; without this
    a line that is not assigned would show it twice.
    """
    hook = sys.displayhook
    if hook is not sys.__displayhook__ and not isinstance(hook, _ShownOnce):
        # IPython puts its own hook back when the cell has ended.
        sys.displayhook = hook = _ShownOnce(shell, hook)
    this_cell = hook if isinstance(hook, _ShownOnce) else None
    if bundle is None:
        value.show()
    elif bundle:
        display(this_cell.fit(bundle) if this_cell else bundle, raw=True)
    if value is not None and this_cell:
        this_cell.shown[:] = [*this_cell.shown[-99:], value]
