"""What ``%load_ext codika_nb`` does: it registers the magics, each with a name and nothing more.

Loading imports nothing heavier than IPython itself: the module of a magic is imported when it first runs, or
when somebody asks for its help.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any

from IPython.core.getipython import get_ipython
from IPython.core.interactiveshell import InteractiveShell

if TYPE_CHECKING:
    from IPython.core.completer import CompletionContext
    from IPython.core.interactiveshell import ExecutionResult

    from .magic import Magic

#: Where each magic lives.
HOMES = {
    "account_magics": ("signup", "login", "logout", "use", "whoami"),
    "sandbox_magics": ("sandbox",),
    "deploy_magics": ("deploy",),
    "listing_magics": ("projects", "instances"),
    "import_magics": ("import",),
    "run_magics": ("trigger", "executions", "playground"),
}
#: Those that take a cell as well.
CELL_MAGICS = ("codika_trigger",)
MAGICS = {f"codika_{name}": home for home, names in HOMES.items() for name in names}

#: The name of a workflow, as a client's method takes it: ``client.workflow("gr``.
CALL = re.compile(r"""\.(?:workflow|\w+_workflow|run_many|list_executions)\(\s*["']([^"'\s]*)$""")


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

    def __call__(self, line: str = "", cell: str = "", local_ns: Mapping[str, Any] | None = None) -> Any:
        shell = get_ipython()
        assert shell is not None, "a magic runs in a shell"  # noqa: S101
        # What stands below a line is more of it.
        return magic_of(self.__name__).run(shell, f"{line} {cell}" if cell else line, local_ns or {})

    @property
    def __doc__(self) -> str:  # type: ignore[override]
        return magic_of(self.__name__).help


def load(shell: InteractiveShell) -> None:
    """Register the magics and their completion; loading them again changes nothing that runs."""
    for name in MAGICS:
        registered: Any = _Registered(name)
        shell.register_magic_function(registered, "line", name)
        if name in CELL_MAGICS:
            shell.register_magic_function(registered, "cell", name)
    matchers = shell.Completer.custom_matchers if shell.Completer else []
    if complete not in matchers:
        matchers.append(complete)
    # Those of before the package was reloaded are other functions of the same names.
    _unhook(shell)
    shell.input_transformers_cleanup.append(refuse_secrets)
    shell.events.register("post_run_cell", forget_secrets)


def unload(shell: InteractiveShell) -> None:
    """Take the magics away again; a sandbox goes on, and ends with the kernel."""
    for name in MAGICS:
        for kind in ("line", "cell"):
            shell.magics_manager.magics[kind].pop(name, None)
    if shell.Completer and complete in shell.Completer.custom_matchers:
        shell.Completer.custom_matchers.remove(complete)
    _unhook(shell)


def _unhook(shell: InteractiveShell) -> None:
    hooks: tuple[list[Any], ...] = (shell.input_transformers_cleanup, shell.events.callbacks["post_run_cell"])
    for registered in hooks:
        registered[:] = [hook for hook in registered if getattr(hook, "__module__", "") != __name__]


def _names_a_magic(text: str) -> bool:
    # What only imports the package is a program, with whatever stands in it.
    return "codika_" in text and "codika_" in text.replace("codika_nb", "")


def refuse_secrets(lines: list[str]) -> list[str]:
    """Refuse a cell that names our magics and a key in a form that IPython would answer, not we."""
    if _names_a_magic("".join(lines)):
        import_module(".history", __package__).refuse_cell("".join(lines))
    return lines


# IPython is not to ask it whether what is being typed is complete.
refuse_secrets.has_side_effects = True  # type: ignore[attr-defined]


def forget_secrets(result: ExecutionResult) -> None:
    """Take the keys of a cell that names us out of IPython's memory and history."""
    if result.info is not None and _names_a_magic(cell := result.info.raw_cell or ""):
        import_module(".history", __package__).forget_cell(get_ipython(), cell, result)


def complete(context: CompletionContext) -> dict[str, Any]:
    """Complete the options of our magics, and values that this machine knows by itself."""
    if "%codika_" not in context.text_until_cursor and not CALL.search(context.text_until_cursor):
        return {"completions": [], "suppress": False}
    completion = import_module(".completion", __package__)
    completed: dict[str, Any] = completion.complete(context, MAGICS, magic_of)
    return completed


# What IPython asks of a matcher; its own decorator would import what most sessions never need.
complete.matcher_api_version = 2  # type: ignore[attr-defined]
complete.matcher_identifier = "codika_nb"  # type: ignore[attr-defined]
complete.matcher_priority = 0  # type: ignore[attr-defined]
