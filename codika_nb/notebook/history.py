"""Keys and webhook secrets in a cell: refused, and taken out of IPython's memory and history.

A secret on a line of our magics is refused, whichever form the line has. What stands in a cell that names
one of them (``codika_…``) is taken out of what this session remembers and has written to
``history.sqlite``; sessions before it stay as they are, and so does all but the secret itself.

What cannot be done: cells that name none (``!curl -H "X-API-Key: ck_…"``, ``key = "cko_…"``) are not
looked at, the log of ``%logstart`` is IPython's, and the cell itself is the notebook's: delete it there, too.
"""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING, Any

from IPython.core.error import UsageError
from IPython.core.interactiveshell import InteractiveShell

from ..redaction import secrets_in, without_secrets

if TYPE_CHECKING:
    from IPython.core.interactiveshell import ExecutionResult

_REFUSED = (
    "A key on the line stays in the notebook: give a variable, --api-key $key, or nothing to be "
    "asked. It has been taken out of the history; delete it from the cell too."
)
_FORGOTTEN = "The key in this cell has been taken out of IPython's history; delete it from the cell too."

# What IPython answers itself, and may repeat: a magic for cells, help in its forms, a line without its %.
_CELL = re.compile(r"\s*%%codika_\w")
_HELP = re.compile(r"\s*(?:(?:\?|%p\w+\s).*codika_|(?:[\w, ]+=\s*)?%+codika_\w*(?:\?|.*\?\s*$))")
#: What stands where a key is given, and begins as one: it may have been cut off in copying.
_CUT_OFF = re.compile(r"--api-key[=\s]+[\"']?(ck[opa]?_\w+)")
_BARE = re.compile(r"\s*codika_\w+[ \t]+(?:--?)?[\w\"'$]")


def refuse_keys(shell: InteractiveShell, line: str) -> None:
    """Refuse a secret that stands on the line, and take it out of IPython's memory and history.

    Raises:
        UsageError: there is one.
    """
    if secrets := secrets_in(line) or _CUT_OFF.findall(line):
        _scrub(shell, secrets)
        raise UsageError(_REFUSED)


def refuse_cell(cell: str) -> None:
    """Refuse a cell with a secret on a line of ours that IPython would answer without asking us.

    Raises:
        UsageError: it is one. It is forgotten when it has ended (`forget_cell`).
    """
    if not secrets_in(cell):
        return
    lines = [line for line in cell.splitlines() if "codika_" in line and secrets_in(line)]
    if _CELL.match(cell) or any(form.match(line) for line in lines for form in (_HELP, _BARE)):
        raise UsageError(_REFUSED)


def forget_cell(shell: InteractiveShell, cell: str, result: ExecutionResult) -> None:
    """Take the secrets of a cell that has ended out of IPython's memory and history, and say so."""
    secrets = secrets_in(cell)
    if not secrets:
        return
    try:
        _scrub(shell, secrets)
    except Exception as error:
        print(f"The key in this cell could not be taken out of the history: {error}", file=sys.stderr)
        return
    if _REFUSED not in str(result.error_before_exec or result.error_in_exec or ""):
        print(_FORGOTTEN, file=sys.stderr)


def _scrub(shell: InteractiveShell, secrets: list[str]) -> None:
    """Take the secrets out of ``In``, ``_i…`` and this session's rows of the history database."""
    history = shell.history_manager
    for lines in (shell.user_ns.get("In"), getattr(history, "input_hist_raw", None)):
        if isinstance(lines, list):
            lines[:] = [without_secrets(text, secrets) for text in lines]
    for name, value in list(shell.user_ns.items()):
        if re.fullmatch(r"_i{1,3}|_i\d+", name) and isinstance(value, str):
            shell.user_ns[name] = without_secrets(value, secrets)
    if history is None:
        return
    for number, told in list(getattr(history, "exceptions", {}).items()):
        history.exceptions[number] = _cleaned(told, secrets)
    if not history.enabled:
        return
    for name in ("_i", "_ii", "_iii", "_i00"):
        if isinstance(value := getattr(history, name, None), str):
            setattr(history, name, without_secrets(value, secrets))
    history.writeout_cache()
    with history.db:
        # Overwrites what it frees, so that the file doesn't keep it either.
        history.db.execute("PRAGMA secure_delete = ON")
        rows = history.db.execute(
            "SELECT line, source, source_raw FROM history WHERE session = ?", (history.session_number,)
        ).fetchall()
        for line, *texts in rows:
            clean = [text and without_secrets(text, secrets) for text in texts]
            if clean != texts:
                history.db.execute(
                    "UPDATE history SET source = ?, source_raw = ? WHERE session = ? AND line = ?",
                    (*clean, history.session_number, line),
                )


def _cleaned(value: Any, secrets: list[str]) -> Any:
    """What IPython has kept of an exception, which may quote the line."""
    if isinstance(value, str):
        return without_secrets(value, secrets)
    if isinstance(value, dict):
        return {name: _cleaned(member, secrets) for name, member in value.items()}
    return [_cleaned(item, secrets) for item in value] if isinstance(value, list) else value
