"""Files as the platform takes them in a payload."""

from __future__ import annotations

import base64
import binascii
import html
import mimetypes
import os
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from ..errors import ConfigError
from ..files import path_of

#: What stands for a file in Python: its path, or its content.
FILES = (os.PathLike, bytes, bytearray, memoryview)

#: The kind of a file that may be anything.
UNKNOWN = "application/octet-stream"

LARGEST_IMAGE = 4 * 1024**2


class File(NamedTuple):
    """A file in a payload or a result."""

    name: str
    kind: str
    size: int
    content: str
    """In base64."""

    @classmethod
    def read(cls, value: Any) -> File | None:
        """The file that a value stands for; None if it is none, or not there in full.

        Understood are the names that the platform itself uses for files, the shorter ones that workflows
        of n8n use, and ``data:`` addresses.
        """
        if isinstance(value, str):
            inline = re.fullmatch(r"data:([\w.+/-]*)(?:;[\w=.-]+)*;base64,([\w+/=\s]*)", value, re.ASCII)
            value = {"mimeType": inline[1], "contentBase64": inline[2]} if inline else None
        if not isinstance(value, Mapping):
            return None
        name, kind, content = (
            next((value[key] for key in keys if isinstance(value.get(key), str)), None) for keys in _FILE_KEYS
        )
        if content is None:
            return None
        content = "".join(content.split())
        try:
            size = len(base64.b64decode(content, validate=True))
        except (binascii.Error, ValueError):
            return None
        return cls(name or "file", (kind or "").lower().partition(";")[0].strip(), size, content)

    @classmethod
    def of(cls, name: str, kind: str, content: bytes) -> File:
        """A file to send."""
        return cls(name, kind, len(content), base64.b64encode(content).decode())

    def to_json(self) -> dict[str, Any]:
        """As it travels in a payload."""
        return {
            "fileName": self.name,
            "mimeType": self.kind,
            "fileSize": self.size,
            "contentBase64": self.content,
        }

    @property
    def is_picture(self) -> bool:
        """Whether a browser can show it as a picture, and no larger one than a notebook should hold."""
        return self.kind in _PICTURES and self.size <= LARGEST_IMAGE

    def picture(self, about: str) -> str:
        """The picture in HTML; what an SVG file says about scripts has no effect in such an element."""
        source = html.escape(f"data:{self.kind};base64,{self.content}")
        return f'<img alt="{html.escape(about)}" src="{source}">'


def file_at(key: str, value: str | os.PathLike[str] | bytes | bytearray | memoryview) -> dict[str, Any]:
    """A file of this machine as it travels in a payload.

    Args:
        key: the member that it is given for; its name, where it has none itself.
        value: its path, or its content.

    Raises:
        ConfigError: the path leads nowhere.
    """
    if not isinstance(value, str | os.PathLike):
        content = bytes(value)
        kind = next((kind for start, kind in _BEGINNINGS.items() if content.startswith(start)), UNKNOWN)
        return File.of(key + (mimetypes.guess_extension(kind) or ""), kind, content).to_json()
    path = path_of(value)
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ConfigError(
            f"{key}: {path} cannot be read: {error.strerror or error}.",
            next_action="Give the path of a file, or its content as bytes.",
        ) from None
    return File.of(path.name, mimetypes.guess_type(path.name)[0] or UNKNOWN, content).to_json()


def holds_files(value: Any) -> bool:
    """Whether a path, or the content of a file, is anywhere in a value."""
    waiting, seen = [value], set[int]()
    while waiting:
        each = waiting.pop()
        if isinstance(each, FILES):
            return True
        if isinstance(each, Mapping | list | tuple) and id(each) not in seen:  # it may contain itself
            seen.add(id(each))
            waiting += each.values() if isinstance(each, Mapping) else each
    return False


def with_files_read(value: Any, key: str = "file") -> Any:
    """The same value, with files in the place of paths and of contents.

    Raises:
        ConfigError: a path leads nowhere.
    """
    if isinstance(value, FILES):
        return file_at(key, value)
    if isinstance(value, Mapping) and holds_files(value):
        return {name: with_files_read(each, str(name)) for name, each in value.items()}
    if isinstance(value, list | tuple) and holds_files(value):
        return [with_files_read(each, key) for each in value]
    return value


#: How files begin that are passed as bytes, which have no name to tell their kind.
_BEGINNINGS = {
    b"\x89PNG": "image/png",
    b"\xff\xd8\xff": "image/jpeg",
    b"GIF8": "image/gif",
    b"%PDF": "application/pdf",
    b"PK\x03\x04": "application/zip",
}

_FILE_KEYS = (
    ("fileName", "name"),
    ("mimeType", "contentType", "type"),
    ("contentBase64", "base64", "data"),
)

_PICTURES = ("image/png", "image/jpeg", "image/gif", "image/webp", "image/svg+xml")
