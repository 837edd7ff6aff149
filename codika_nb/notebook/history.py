"""Keys that stand on a line: refused, and taken out of IPython's memory and history."""

from __future__ import annotations

import re

from IPython.core.error import UsageError
from IPython.core.interactiveshell import InteractiveShell


def refuse_keys(shell: InteractiveShell, line: str) -> None:
    """Refuse a key that stands on the line, and take it out of IPython's memory and history.

    Raises:
        UsageError: there is one.
    """
    found = re.findall(r"ck[oap]?_[A-Za-z0-9_-]{16,}", line)
    if not found:
        return
    for key in found:
        _scrub(shell, key)
    raise UsageError(
        "A key on the line stays in the notebook: give a variable, --api-key $key, or nothing to be "
        "asked. It has been taken out of the history; delete it from the cell too."
    )


def _scrub(shell: InteractiveShell, secret: str) -> None:
    """Take `secret` out of ``In``, ``_i…`` and the history database."""
    history = shell.history_manager
    for lines in (shell.user_ns.get("In"), getattr(history, "input_hist_raw", None)):
        if isinstance(lines, list):
            lines[:] = [text.replace(secret, "***") for text in lines]
    for name, value in list(shell.user_ns.items()):
        if re.fullmatch(r"_i{1,3}|_i\d+", name) and isinstance(value, str):
            shell.user_ns[name] = value.replace(secret, "***")
    if history is None or not history.enabled:
        return
    for name in ("_i", "_ii", "_iii", "_i00"):
        if isinstance(value := getattr(history, name, None), str):
            setattr(history, name, value.replace(secret, "***"))
    history.writeout_cache()
    with history.db:
        # Overwrites what it frees, so that the file doesn't keep it either.
        history.db.execute("PRAGMA secure_delete = ON")
        history.db.execute(
            "UPDATE history SET source = replace(source, ?, '***'), "
            "source_raw = replace(source_raw, ?, '***')",
            (secret, secret),
        )
