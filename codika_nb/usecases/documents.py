"""The single files of a use case: read, checked and written."""

from __future__ import annotations

import json
import re
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn

from pydantic import BaseModel, ConfigDict, ValidationError

from .. import files
from ..errors import UseCaseError


def read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise UseCaseError(f"{file} cannot be read: {error.strerror}.") from error


def _text(content: bytes, name: str) -> str:
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise UseCaseError(
            f"{name}, line {line}: not UTF-8.", next_action="Save the file with the encoding UTF-8."
        ) from error


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def json_object(text: str, name: str) -> dict[str, Any]:
    try:
        value = json.loads(text, parse_constant=_no_constant)
    except json.JSONDecodeError as error:
        raise UseCaseError(
            f"{name}, line {error.lineno}, column {error.colno}: not JSON ({error.msg}).",
            next_action="Correct it; nothing was changed.",
        ) from error
    except ValueError as error:
        raise UseCaseError(f"{name}: {error}.", next_action="Write null instead.") from error
    except RecursionError as error:
        raise UseCaseError(f"{name}: nested too deeply.") from error
    if not isinstance(value, dict):
        raise UseCaseError(f"{name}: an object in braces is expected, not {_kind(value)}.")
    return value


def _kind(value: Any) -> str:
    return {list: "a list", str: "a text", type(None): "null"}.get(type(value), "a number or truth value")


def read_object(file: Path) -> dict[str, Any] | None:
    """The JSON object in one of the folder's own files, or None when there is no such file."""
    if not file.exists():
        return None
    # A byte order mark is what some editors on Windows begin a file with.
    return json_object(_text(read(file), file.name).removeprefix("\ufeff"), file.name)


class _AnyObject(BaseModel):
    model_config = ConfigDict(extra="ignore")


def check_workflow(content: bytes, name: str) -> None:
    """Refuse what is no JSON object, as `parse_workflow` does; as a rule without making Python objects of it.

    A use case may have a hundred megabytes of workflows, and sending them takes no look inside.

    Raises:
        UseCaseError: names the place.
    """
    # The quick parser reads NaN and Infinity, too. What it does not take is left to the other one to judge.
    if b"NaN" not in content and b"Infinity" not in content:
        with suppress(ValidationError):
            _AnyObject.model_validate_json(content)
            return
    parse_workflow(content, name)


_BARE_PARAMETER = re.compile(r'"(?:[^"\\]|\\.)*"|\{\{(INSTPARM_[A-Z0-9_]+_MRAPTSNI)\}\}', re.DOTALL)


def parse_workflow(content: bytes, name: str) -> dict[str, Any]:
    """A workflow file, parsed; deployment parameters may stand in it as values, without quotes.

    Raises:
        UseCaseError: it is no JSON object; names the place.
    """
    text = _text(content, name)
    if "{{INSTPARM_" in text:
        # Replaced by a string of the same length, so that a complaint still names the right column.
        text = _BARE_PARAMETER.sub(lambda m: f'"{{{m[1]}}}"' if m[1] else m[0], text)
    return json_object(text, name)


def check_path_segment(text: str, what: str) -> None:
    """Refuse a name from elsewhere that could lead out of the folder."""
    if not re.fullmatch(r"[A-Za-z0-9_-][A-Za-z0-9_.-]*", text):
        raise UseCaseError(f'"{text}" cannot be a {what}.')


def write(file: Path, content: bytes) -> None:
    """Replace a file as a whole: whoever reads it, even after a crash, sees the old one or the new one.

    Raises:
        UseCaseError: it cannot be written; the old one is still there.
    """
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        # A new file is as open to others as its folder is.
        mode = (file if file.exists() else file.parent).stat().st_mode & 0o666
        with files.temporary(file, lambda: content) as temporary:
            temporary.chmod(mode)
            files.replace(temporary, file)
        files.sync(file.parent)
    except OSError as error:
        raise UseCaseError(
            f"{file} cannot be written: {error.strerror}.", next_action="Make room or give write access."
        ) from error
