"""The single files of a use case: read, checked and written."""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn

from pydantic import BaseModel, ConfigDict, ValidationError

from .. import files
from ..errors import UseCaseError


def inside(folder: Path, name: str) -> Path:
    """Where a file of the folder is: links are followed, but not out of the folder.

    Raises:
        UseCaseError: a link leads out, or nowhere; names the file.
    """
    place = None
    with suppress(OSError, RuntimeError):
        place = (folder / name).resolve()
    if place is None or place.is_symlink():
        raise UseCaseError(
            f"{folder / name} is, or is reached by, a link that leads to itself.",
            next_action="Put the file itself there.",
        )
    if not place.is_relative_to(folder.resolve()):
        raise UseCaseError(
            f"{folder / name} is, or is reached by, a link that leads out of the folder.",
            next_action="Put the file itself there; a use case reads and writes in its own folder only.",
        )
    return place


def read(folder: Path, name: str) -> bytes:
    """A text file of the folder, as the platform gets it.

    Raises:
        UseCaseError: it cannot be read, or a link leads out of the folder.
    """
    place = inside(folder, name)
    if place.exists() and not place.is_file():  # reading a pipe may wait for ever
        raise UseCaseError(
            f"{folder / name} cannot be read: it is no file.",
            next_action="Move it away; nothing was changed.",
        )
    try:
        return without_mark(place.read_bytes())
    except OSError as error:
        raise UseCaseError(f"{folder / name} cannot be read: {error.strerror}.") from error


def without_mark(content: bytes) -> bytes:
    """The content without the byte order mark that some editors on Windows begin a file with."""
    return content.removeprefix(codecs.BOM_UTF8)


#: The same in base64: three bytes are four letters, so that what follows is not touched by it.
ENCODED_MARK = "77u/"


def text(content: bytes, name: str) -> str:
    """The content as text.

    Raises:
        UseCaseError: it is not UTF-8; names the line.
    """
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise UseCaseError(
            f"{name}, line {line}: not UTF-8.", next_action="Save the file with the encoding UTF-8."
        ) from error


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def json_object(written: str, name: str) -> dict[str, Any]:
    """The JSON object in a text.

    Raises:
        UseCaseError: it is something else; names the place.
    """
    return _object(json_value(written, name), name)


def _object(value: Any, name: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise UseCaseError(f"{name}: an object in braces is expected, not {_kind(value)}.")
    return value


def json_value(written: str, name: str) -> Any:
    """The JSON value in a text.

    Raises:
        UseCaseError: it is none; names the place.
    """
    try:
        return json.loads(written, parse_constant=_no_constant)
    except json.JSONDecodeError as error:
        raise UseCaseError(
            f"{name}, line {error.lineno}, column {error.colno}: not JSON ({error.msg}).",
            next_action="Correct it; nothing was changed.",
        ) from error
    except ValueError as error:
        raise UseCaseError(f"{name}: {error}.", next_action="Write null instead.") from error
    except RecursionError as error:
        raise UseCaseError(f"{name}: nested too deeply.") from error


def _kind(value: Any) -> str:
    return {list: "a list", str: "a text", type(None): "null"}.get(type(value), "a number or truth value")


def read_object(folder: Path, name: str) -> dict[str, Any] | None:
    """The JSON object in a file of the folder, or None when there is no such file."""
    if not inside(folder, name).exists():
        return None
    return json_object(text(read(folder, name), name), name)


class _AnyObject(BaseModel):
    model_config = ConfigDict(extra="ignore")


def check_stored_path(name: str) -> None:
    """Refuse a path that would not stay in the folder in which a deployment's files are fetched again.

    Raises:
        UseCaseError: it is none inside of the folder.
    """
    parts = name.split("/")
    if "\\" in name or ":" in parts[0] or any(part in ("", ".", "..") for part in parts):
        raise UseCaseError(
            f'"{name}" is no path inside of a use case.', next_action='Give one as in "docs/notes.md".'
        )


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


_BARE_PARAMETER = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"|\{\{(INSTPARM_[A-Z0-9_]+_MRAPTSNI)\}\}', re.DOTALL)


def parse_workflow(content: bytes, name: str) -> dict[str, Any]:
    """A workflow file, parsed; deployment parameters may stand in it as values, without quotes.

    Raises:
        UseCaseError: it is no JSON object; names the place.
    """
    written = text(content, name)
    if "{{INSTPARM_" in written:
        # Replaced by a string of the same length, so that a complaint still names the right column.
        written = _BARE_PARAMETER.sub(lambda m: f'"{{{m[1]}}}"' if m[1] else m[0], written)
    value = json_value(written, name)
    if isinstance(value, list) and value and all(isinstance(each, dict) for each in value):
        what = "one workflow" if len(value) == 1 else f"{len(value)} workflows"
        raise UseCaseError(
            f"{name}: a list with {what}, as some exports are.",
            next_action="Give each a file of its own, without the brackets, or import the file: "
            "UseCase.from_n8n.",
        )
    return _object(value, name)


def check_path_segment(segment: str, what: str) -> None:
    """Refuse a name from elsewhere that could lead out of the folder."""
    if not re.fullmatch(r"[A-Za-z0-9_-][A-Za-z0-9_.-]*", segment):
        raise UseCaseError(f'"{segment}" cannot be a {what}.')


def write(folder: Path, name: str, content: bytes) -> None:
    """Replace a file of the folder as a whole: whoever reads it, even after a crash, sees the old or the new.

    Raises:
        UseCaseError: it cannot be written, or a link leads out of the folder; the old one is still there.
    """
    file = inside(folder, name)
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        # A new file is as open to others as its folder is.
        mode = (file if file.exists() else file.parent).stat().st_mode & 0o666
        with files.temporary(file, lambda: content, mode) as temporary:
            files.replace(temporary, file)
        files.sync(file.parent)
    except OSError as error:
        raise UseCaseError(
            f"{folder / name} cannot be written: {error.strerror}.",
            next_action="Make room or give write access.",
        ) from error


def json_file(value: Any, name: str, *, end: str = "\n") -> bytes:
    """A value as the content of a JSON file, laid out as the codika tool does it.

    Raises:
        UseCaseError: JSON has no form for something in it; names the place.
    """
    try:
        return (json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + end).encode()
    except (TypeError, ValueError, RecursionError) as error:
        place = ""
        with suppress(RecursionError):  # what contains itself is nowhere in particular
            place = _no_json(value)
        raise UseCaseError(f"{name}{place}: not JSON ({error}).") from error


def _no_json(value: Any) -> str:
    """Where in a value the first thing is that JSON has no form for."""
    parts: Iterable[tuple[str, Any]] = ()
    if isinstance(value, dict):
        parts = ((f".{name}", part) for name, part in value.items())
    elif isinstance(value, list | tuple):
        parts = ((f"[{n}]", part) for n, part in enumerate(value))
    return next((place + _no_json(part) for place, part in parts if not _is_json(part)), "")


def _is_json(value: Any) -> bool:
    try:
        json.dumps(value, allow_nan=False, ensure_ascii=False).encode()
    except (TypeError, ValueError):
        return False
    return True
