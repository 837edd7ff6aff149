"""What ``%load_ext codika_nb`` does: it registers the magics, each with a name and nothing more.

Loading imports nothing heavier than IPython itself: the module of a magic is imported when it first runs, or
when somebody asks for its help.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any

from IPython.core.getipython import get_ipython
from IPython.core.interactiveshell import InteractiveShell

if TYPE_CHECKING:
    from IPython.core.completer import CompletionContext

    from .magic import Magic

#: Where each magic lives.
HOMES = {
    "account_magics": ("signup", "login", "logout", "use", "whoami"),
    "sandbox_magics": ("sandbox",),
    "deploy_magics": ("deploy",),
    "run_magics": ("trigger", "executions", "playground"),
}
MAGICS = {f"codika_{name}": home for home, names in HOMES.items() for name in names}


def magic_of(name: str) -> Magic:
    """The magic of this name."""
    found: Magic = getattr(import_module(f".{MAGICS[name]}", __package__), name)
    return found


class _Registered:
    """What IPython knows of a magic."""

    # `$` and `{}` occur in addresses, names and JSON: IPython is not to replace them, and a variable may be
    # local to the function in which the line stands.
    _ipython_magic_no_var_expand = True
    needs_local_scope = True

    def __init__(self, name: str) -> None:
        self.__name__ = name

    def __call__(self, line: str = "", local_ns: Mapping[str, Any] | None = None) -> Any:
        shell = get_ipython()
        assert shell is not None, "a magic runs in a shell"  # noqa: S101
        return magic_of(self.__name__).run(shell, line, local_ns or {})

    @property
    def __doc__(self) -> str:  # type: ignore[override]
        return magic_of(self.__name__).help


def load(shell: InteractiveShell) -> None:
    """Register the magics and their completion; loading them again changes nothing that runs."""
    for name in MAGICS:
        registered: Any = _Registered(name)
        shell.register_magic_function(registered, "line", name)
    matchers = shell.Completer.custom_matchers if shell.Completer else []
    if complete not in matchers:
        matchers.append(complete)


def unload(shell: InteractiveShell) -> None:
    """Take the magics away again; a sandbox goes on, and ends with the kernel."""
    for name in MAGICS:
        shell.magics_manager.magics["line"].pop(name, None)
    if shell.Completer and complete in shell.Completer.custom_matchers:
        shell.Completer.custom_matchers.remove(complete)


def complete(context: CompletionContext) -> dict[str, Any]:
    """Complete the options of our magics, and values that this machine knows by itself."""
    if "%codika_" not in context.text_until_cursor:
        return {"completions": [], "suppress": False}
    completion = import_module(".completion", __package__)
    completed: dict[str, Any] = completion.complete(context, MAGICS, magic_of)
    return completed


# What IPython asks of a matcher; its own decorator would import what most sessions never need.
complete.matcher_api_version = 2  # type: ignore[attr-defined]
complete.matcher_identifier = "codika_nb"  # type: ignore[attr-defined]
complete.matcher_priority = 0  # type: ignore[attr-defined]
